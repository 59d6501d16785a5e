/**
 * One exchange over HTTP: a request, and the whole answer as text.
 *
 * Bodies are bounded in size, and an exchange in time, both as a whole and
 * between two pieces of the body. Half a body is a lost connection, never a short
 * answer. Any status is an answer here; what it means is decided elsewhere.
 *
 * `retrying` repeats reads that failed for a moment only, a bounded number of
 * times, with growing, jittered, capped delays.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SalesforceError from "./SalesforceError.ts"
import * as Stamp from "./Stamp.ts"

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
  /** Longest delay. A `Retry-After` above it ends the read with `RateLimited` at once. Defaults to 10 seconds. */
  readonly retryDelayMax?: Duration.Input | undefined
}

/** @category constants @since 0.1.0 */
export const bodyMax = 64 * 1024 * 1024

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
    const idle = timeouts.idle ?? "30 seconds"
    return Effect.gen(function* () {
      const response = yield* http.execute(request)
      const serverTime = response.headers["date"] === undefined ? undefined : Stamp.fromHeader(response.headers["date"])
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
        retryAfter: retryAfter(response.headers["retry-after"], serverTime)
      }
    }).pipe(
      Effect.timeoutOrElse({
        duration: timeouts.request ?? "150 seconds",
        orElse: () => Effect.fail(SalesforceError.disconnected(source, "timed out", host))
      }),
      Effect.catchTag("HttpClientError", (error) => Effect.fail(fromHttp(source, host, error)))
    )
  }

/**
 * Repeats a read while it fails for a moment only, see `SalesforceError.isTransient`.
 *
 * @category exchange
 * @since 0.1.0
 */
export const retrying = (
  limits: Limits = {}
): (<A>(read: Effect.Effect<A, ChangeSource.SourceError>) => Effect.Effect<A, ChangeSource.SourceError>) => {
  const most = Duration.fromInputUnsafe(limits.retryDelayMax ?? "10 seconds")
  const schedule = Schedule.min([
    Schedule.jittered(Schedule.exponential(limits.retryDelay ?? "200 millis")),
    Schedule.spaced(most)
  ]).pipe(
    Schedule.upTo({ times: limits.retries ?? 4 }),
    Schedule.setInputType<ChangeSource.SourceError>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(input.retryAfter ?? 0)))
    )
  )
  return Effect.retry({
    schedule,
    while: (error: ChangeSource.SourceError) =>
      SalesforceError.isTransient(error) && (error.retryAfter ?? 0) <= Duration.toMillis(most)
  })
}

/**
 * `Retry-After` in ms: seconds, or an HTTP date relative to the server's own
 * clock. Anything else is `undefined`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const retryAfter = (header: string | undefined, serverTime: number | undefined): number | undefined => {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const until = Stamp.fromHeader(header)
  return until === undefined || serverTime === undefined ? undefined : Math.max(0, until - serverTime)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

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
const fromHttp = (source: string, host: string, error: HttpClientError.HttpClientError): ChangeSource.SourceError =>
  error.reason._tag === "InvalidUrlError" || error.reason._tag === "EncodeError"
    ? SalesforceError.invalid(
        source,
        "The address is not valid: give the org's address, https://NAME.my.salesforce.com."
      )
    : SalesforceError.disconnected(source, systemCode(error.reason.cause, 3), host)

// Clients wrap the system's error: its code may sit a few causes down.
const systemCode = (cause: unknown, depth: number): string => {
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return cause.code.slice(0, 60)
  return depth > 0 && Predicate.hasProperty(cause, "cause") ? systemCode(cause.cause, depth - 1) : ""
}
