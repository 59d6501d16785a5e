/**
 * One exchange over HTTP: a request, and the whole answer as text.
 *
 * Bodies are bounded in size, and an exchange in time, both as a whole and
 * between two pieces of the body. Half a body is a lost connection, never a short
 * answer. Any status is an answer here; what it means is decided elsewhere.
 *
 * Redirections are not followed: they are answers like others, so that a token is
 * never taken to an address that an answer names.
 *
 * `retrying` repeats reads that failed for a moment only, a bounded number of
 * times, with growing, jittered, capped delays, as far as a common budget allows.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as HttpDate from "@tidemark/http/HttpDate"
import * as IpAddress from "@tidemark/http/IpAddress"
import * as RetryAfter from "@tidemark/http/RetryAfter"
import * as SystemCode from "@tidemark/http/SystemCode"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as ApiBudget from "./ApiBudget.ts"
import type * as RetryBudget from "./RetryBudget.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Setting from "./Setting.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** An answer of any status. @category models @since 0.1.0 */
export interface Answer {
  readonly status: number
  readonly body: string
  /** The server's `Date`, in ms since the epoch (whole seconds). */
  readonly serverTime: number | undefined
  /** The server's `Retry-After`, in ms; an HTTP date is taken relative to `serverTime`. */
  readonly retryAfter: number | undefined
  /** The org's calls, where the answer tells them. */
  readonly usage: ApiBudget.Usage | undefined
}

/** @category models @since 0.1.0 */
export interface Timeouts {
  /** For a whole exchange. Salesforce ends a query after 120 s. Defaults to 150 seconds. */
  readonly request?: Duration.Input | undefined
  /** Between two pieces of a body. Defaults to 30 seconds. */
  readonly idle?: Duration.Input | undefined
}

/** @category models @since 0.1.0 */
export interface Limits {
  /** Longest body, in bytes. Defaults to 64 MiB. */
  readonly body?: number | undefined
  /** Most pages of one query. Defaults to 100,000. */
  readonly pages?: number | undefined
  /** How often a read that failed for a moment is repeated. Defaults to 4; 0 never repeats. */
  readonly retries?: number | undefined
  /** Delay before the first repetition, doubled for each further one. Defaults to 200 milliseconds. */
  readonly retryDelay?: Duration.Input | undefined
  /**
   * Longest delay, before up to a tenth is added to a `Retry-After`. One above it
   * ends the read at once, with the time to wait. Defaults to 10 seconds.
   */
  readonly retryDelayMax?: Duration.Input | undefined
}

/** @category constants @since 0.1.0 */
export const bodyMax = 64 * 1024 * 1024

/** Fails with `Invalid` when an option is out of bounds. @category checks @since 0.1.0 */
export const check = Effect.fnUntraced(function* (
  timeouts: Timeouts,
  limits: Limits
): Effect.fn.Return<void, ChangeSource.SourceError> {
  yield* Setting.time("timeouts.request", timeouts.request ?? requestUsual, "1 millis", "1 day")
  yield* Setting.time("timeouts.idle", timeouts.idle ?? idleUsual, "1 millis", "1 day")
  yield* Setting.whole("limits.body", limits.body ?? bodyMax, 1, 1024 * 1024 * 1024)
  yield* Setting.whole("limits.pages", limits.pages ?? 1, 1, 1e9)
  yield* Setting.whole("limits.retries", limits.retries ?? retriesUsual, 0, 100)
  yield* Setting.time("limits.retryDelay", limits.retryDelay ?? retryDelayUsual, "1 millis", "1 hour")
  yield* Setting.time("limits.retryDelayMax", limits.retryDelayMax ?? retryDelayMaxUsual, "1 millis", "1 hour")
})

const requestUsual = "150 seconds"
const idleUsual = "30 seconds"
const retriesUsual = 4
const retryDelayUsual = "200 millis"
const retryDelayMaxUsual = "10 seconds"

// -----------------------------------------------------------------------------
// exchange
// -----------------------------------------------------------------------------

/**
 * Sends a request and reads the whole answer. Fails with `Unavailable` when none
 * comes in time, `Malformed` when it is too large or not UTF-8, `Invalid` when the
 * request has no address.
 *
 * @category exchange
 * @since 0.1.0
 */
export const exchange =
  (http: HttpClient.HttpClient, source: string, timeouts: Timeouts = {}, limits: Limits = {}) =>
  (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Answer, ChangeSource.SourceError> => {
    const host = hostOf(request.url)
    const most = limits.body ?? bodyMax
    const idle = timeouts.idle ?? idleUsual
    return Effect.gen(function* () {
      const response = yield* http.execute(request)
      const serverTime = response.headers["date"] === undefined ? undefined : HttpDate.parse(response.headers["date"])
      const pieces: Array<Uint8Array> = []
      let size = 0
      yield* response.stream.pipe(
        Stream.timeoutOrElse({
          duration: idle,
          orElse: () => Stream.fail(SalesforceError.disconnected(source, "the body stalled", host))
        }),
        Stream.runForEach((piece) => {
          size += piece.length
          pieces.push(piece)
          return size <= most
            ? Effect.void
            : Effect.fail(SalesforceError.malformed(source, `The answer is longer than ${most} bytes`))
        })
      )
      return {
        status: response.status,
        body: yield* decode(source, pieces, size),
        serverTime,
        retryAfter: RetryAfter.fromHeader(response.headers["retry-after"], serverTime),
        usage: ApiBudget.fromHeader(response.headers["sforce-limit-info"])
      }
    }).pipe(
      Effect.updateContext(unredirected),
      Effect.timeoutOrElse({
        duration: timeouts.request ?? requestUsual,
        orElse: () => Effect.fail(SalesforceError.disconnected(source, "timed out", host))
      }),
      Effect.catchTag("HttpClientError", (error) => Effect.fail(fromHttp(source, host, error)))
    )
  }

/**
 * Repeats a read while it fails for a moment only, see `SalesforceError.isTransient`,
 * and while the budget of all repetitions allows it.
 *
 * @category exchange
 * @since 0.1.0
 */
export const retrying = (
  limits: Limits,
  budget: RetryBudget.RetryBudget
): (<A>(read: Effect.Effect<A, ChangeSource.SourceError>) => Effect.Effect<A, ChangeSource.SourceError>) => {
  const retries = limits.retries ?? retriesUsual
  const most = Duration.toMillis(Duration.fromInputUnsafe(limits.retryDelayMax ?? retryDelayMaxUsual))
  const first = Duration.toMillis(Duration.fromInputUnsafe(limits.retryDelay ?? retryDelayUsual))
  const attempt = <A>(
    read: Effect.Effect<A, ChangeSource.SourceError>,
    made: number
  ): Effect.Effect<A, ChangeSource.SourceError> =>
    Effect.catch(
      read,
      Effect.fnUntraced(function* (error) {
        const isWorthIt = SalesforceError.isTransient(error) && (error.retryAfter ?? 0) <= most && made < retries
        if (!isWorthIt || !(yield* budget.withdraw)) return yield* error
        yield* Effect.sleep(delay({ first, most, made, retryAfter: error.retryAfter ?? 0, random: yield* Random.next }))
        return yield* attempt(read, made + 1)
      })
    )
  return (read) => Effect.andThen(budget.deposit, attempt(read, 0))
}

/**
 * How long to wait before a repetition, in ms: doubled for each one made, at most
 * `most`, and up to a fifth less by chance; never less than `retryAfter`, to which
 * up to a tenth is added, so that clients that were told the same do not all come
 * back at once.
 *
 * @category conversions
 * @since 0.1.0
 */
export const delay = (options: {
  readonly first: number
  readonly most: number
  /** Repetitions made before. */
  readonly made: number
  readonly retryAfter: number
  /** From 0 up to 1. */
  readonly random: number
}): number => {
  const { first, made, most, random, retryAfter } = options
  return Math.max(Math.min(most, first * 2 ** made) * (0.8 + 0.2 * random), retryAfter * (1 + 0.1 * random))
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// The client of platform-node follows none by itself; one made of fetch does unless it is told.
const unredirected = (context: Context.Context<never>): Context.Context<never> =>
  Context.add(context, FetchHttpClient.RequestInit, {
    ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
    redirect: "manual"
  })

const hostOf = (address: string): string => (URL.canParse(address) ? new URL(address).host : "the address given")

const decode = (source: string, pieces: ReadonlyArray<Uint8Array>, size: number) => {
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => SalesforceError.malformed(source, "The answer is not UTF-8 text")
  })
}

// The request holds the access token, so only the code of the failure is kept.
const fromHttp = (source: string, host: string, error: HttpClientError.HttpClientError): ChangeSource.SourceError => {
  if (error.reason._tag === "InvalidUrlError" || error.reason._tag === "EncodeError") {
    return SalesforceError.invalid(
      source,
      "The address is not valid: give the org's address, https://NAME.my.salesforce.com."
    )
  }
  const code = SystemCode.of(error.reason.cause)
  return code === IpAddress.notPublic
    ? SalesforceError.invalid(
        source,
        `${host} lies at an address that is not public. Nothing was sent. Check the name, and what this machine's DNS makes of it; a server of your own network is named by its address.`
      )
    : SalesforceError.disconnected(source, code, host)
}
