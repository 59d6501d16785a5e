/**
 * Reads of the REST API: a path in, an answer of status 200 or a typed failure out.
 *
 * A read waits for its turn (`Pace`), is refused where the budget of calls is used
 * up (`ApiBudget`) or the host does not answer (`Circuit`), is sent with a session
 * that is renewed once when it has ended (`Sessions`), and is repeated where a
 * moment may cure it (`Transport.retrying`, `RetryBudget`).
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Address from "./Address.ts"
import * as ApiBudget from "./ApiBudget.ts"
import * as Circuit from "./Circuit.ts"
import type * as Credentials from "./Credentials.ts"
import * as Pace from "./Pace.ts"
import type * as Paths from "./Paths.ts"
import * as RetryBudget from "./RetryBudget.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Sessions from "./Sessions.ts"
import * as Transport from "./Transport.ts"
import * as Versions from "./Versions.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How requests are made. Every bound has a default. @category models @since 0.1.0 */
export interface Options {
  /** The org's My Domain address, `https://NAME.my.salesforce.com`. */
  readonly url: string
  /** `"66.0"`, the default, or `"latest"`: the newest the org has, asked for once. */
  readonly apiVersion?: string | undefined
  readonly credentials: Credentials.Credentials
  /** Times for one exchange. */
  readonly timeouts?: Transport.Timeouts | undefined
  /** Sizes, pages, and the repetitions of one read. */
  readonly limits?: Transport.Limits | undefined
  /** Share of the org's daily calls at which reading stops. */
  readonly apiBudget?: ApiBudget.Options | undefined
  /** Requests at once, and in a span of time. */
  readonly pace?: Pace.Options | undefined
  /** Repetitions of all reads together. */
  readonly retryBudget?: RetryBudget.Options | undefined
  /** When a host that does not answer is left alone. */
  readonly circuit?: Circuit.Options | undefined
  /**
   * Host names that a token may be taken to when the login server names them or a host
   * below them, besides Salesforce's own and those configured. Defaults to none.
   */
  readonly trustedHosts?: ReadonlyArray<string> | undefined
}

type Read<A = Transport.Answer> = Effect.Effect<A, ChangeSource.SourceError>

type Exchange = (request: HttpClientRequest.HttpClientRequest) => Read

/** @category models @since 0.1.0 */
export interface Reader {
  /** With a session. */
  readonly at: (path: Paths.Path, headers?: Paths.Headers) => Read
  /** With a session, even when the budget of calls is used up: what looks how much is left. */
  readonly beyondBudget: (path: Paths.Path) => Read
  /** The list of versions, without a token: any answer that is not a passing fault. */
  readonly open: Read
  /** Where the org lives now, as far as is known. */
  readonly origin: Read<string>
  /** What an answer said about the org's calls in its body. */
  readonly note: (usage: ApiBudget.Usage) => Effect.Effect<void>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const source = "salesforce"

/** Sends nothing yet. Fails with `Invalid` when an option is out of bounds. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  http: HttpClient.HttpClient,
  options: Options
): Effect.fn.Return<Reader, ChangeSource.SourceError> {
  const origin = yield* Effect.fromResult(Address.origin(source, options.url))
  const version = yield* Effect.fromResult(Versions.parse(options.apiVersion ?? "66.0"))
  yield* Transport.check(options.timeouts ?? {}, options.limits ?? {})
  const budget = yield* ApiBudget.make(source, options.apiBudget)
  const pace = yield* Pace.make(options.pace)
  const circuit = yield* Circuit.make(source, options.circuit)
  const exchange = Transport.exchange(http, source, options.timeouts, options.limits)
  const guarded: Exchange = (request) => circuit(new URL(request.url).host, exchange(request))
  const sessions = Sessions.make({
    source,
    origin,
    credentials: options.credentials,
    trustedHosts: options.trustedHosts ?? [],
    exchange: guarded
  })
  const send = sender(pace, budget, guarded)
  const retrying = Transport.retrying(options.limits ?? {}, yield* RetryBudget.make(options.retryBudget))
  const open = retrying(
    Effect.gen(function* () {
      const session = yield* sessions.current
      const answer = yield* pace(guarded(get(`${session.origin}/services/data`)))
      return answer.status === 429 || answer.status >= 500 ? yield* succeed(answer, []) : answer
    })
  )
  const versions = Versions.make(version, Effect.flatMap(open, Versions.decode))
  const read = (path: Paths.Path, headers: Paths.Headers, isCounted: boolean) =>
    Effect.flatMap(versions.base, (base) =>
      Effect.catch(
        retrying(authorized(sessions, (session) => send({ session, base, path, headers, isCounted }))),
        versions.explain
      )
    )
  return {
    at: (path, headers = {}) => read(path, headers, true),
    beyondBudget: (path) => read(path, {}, false),
    open,
    origin: Effect.map(sessions.current, (session) => session.origin),
    note: budget.note
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const get = (address: string) => HttpClientRequest.get(address).pipe(HttpClientRequest.acceptJson)

const succeed = (answer: Transport.Answer, secrets: ReadonlyArray<string>): Read =>
  answer.status === 200
    ? Effect.succeed(answer)
    : Effect.fail(SalesforceError.fromAnswer({ source, ...answer, secrets }))

interface Sent {
  readonly session: Sessions.Session
  readonly base: string
  readonly path: Paths.Path
  readonly headers: Paths.Headers
  readonly isCounted: boolean
}

const sender = (pace: Pace.Pace, budget: ApiBudget.ApiBudget, exchange: Exchange) => {
  const noted = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.tap(exchange(request), ({ usage }) => (usage === undefined ? Effect.void : budget.note(usage)))
  return Effect.fnUntraced(function* ({
    base,
    headers,
    isCounted,
    path,
    session
  }: Sent): Effect.fn.Return<Transport.Answer, ChangeSource.SourceError> {
    const target = yield* Effect.fromResult(path({ origin: session.origin, base }))
    const request = get(`${session.origin}${target}`).pipe(
      HttpClientRequest.bearerToken(session.token),
      HttpClientRequest.setHeaders(headers)
    )
    const sent = noted(request)
    const answer = yield* pace(isCounted ? budget.within(sent) : sent)
    return yield* Effect.tapError(succeed(answer, [Redacted.value(session.token)]), (error) =>
      isDailyLimit(error, answer.usage) ? budget.refused : Effect.void
    )
  })
}

// The same code is answered to too many requests at once, while the day's calls are not used up.
const isDailyLimit = (error: ChangeSource.SourceError, usage: ApiBudget.Usage | undefined): boolean =>
  SalesforceError.code(error) === "REQUEST_LIMIT_EXCEEDED" &&
  error.reason === "QuotaExhausted" &&
  (usage === undefined || usage.used >= usage.limit)

// One renewal per request: a second refusal is a matter for a person.
const authorized = Effect.fnUntraced(function* (
  { current, renew }: Sessions.Sessions,
  send: (session: Sessions.Session) => Read
): Effect.fn.Return<Transport.Answer, ChangeSource.SourceError> {
  const session = yield* current
  if (renew === undefined) return yield* send(session)
  return yield* Effect.catchIf(send(session), SalesforceError.isSessionEnded, () =>
    Effect.flatMap(renew(session), send)
  )
})
