/**
 * Salesforce's REST API, as far as reading changes needs it.
 *
 * Every answer comes with the server's own time, because only that may be
 * compared with stamps. An answer is what was asked for or an error: a web page,
 * half a JSON text, or an object without `records` is `Malformed`, never an
 * empty page. Reads that fail for a moment are repeated a bounded number of
 * times; a session that ended is renewed once per request.
 *
 * The client never follows an address to another host: what the server calls
 * the next page is asked for on the host the token belongs to, below
 * `/services/data/`, or not at all.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Pagination from "@tidemark/core/ports/Pagination"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as Answer from "./Answer.ts"
import * as Credentials from "./Credentials.ts"
import type * as Describe from "./Describe.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"
import * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface QueryOptions {
  /** Most rows of a page, 200 to 2000. The server may send fewer. */
  readonly pageSize?: number | undefined
}

/** Both ends of a replication feed's window: milliseconds, read as whole seconds. @category models @since 0.1.0 */
export interface Window {
  readonly start: number
  readonly end: number
}

type Read<A> = Effect.Effect<A, ChangeSource.SourceError>

/** @category services @since 0.1.0 */
export class SalesforceClient extends Context.Service<
  SalesforceClient,
  {
    /** The server's time now, in ms, from the Date header of the list of versions, which needs no session. */
    readonly time: Read<number>
    /**
     * Who the session belongs to: the org's Id, 18 characters; for a user who may not
     * read it, the org's host name, which is the org's own.
     */
    readonly organization: Read<Answer.Answer<string>>
    readonly describe: (object: string) => Read<Answer.Answer<Describe.Describe>>
    readonly describeGlobal: Read<Answer.Answer<Describe.Global>>
    readonly query: (soql: string, options?: QueryOptions) => Read<Answer.QueryPage>
    /** Like `query`, with the records in the recycle bin. */
    readonly queryAll: (soql: string, options?: QueryOptions) => Read<Answer.QueryPage>
    /** The page a `QueryPage.next` names. */
    readonly queryMore: (next: string) => Read<Answer.QueryPage>
    /** All pages of a query, each asked for when it is wanted; `NotAdvancing` when a page comes again. */
    readonly pages: (
      soql: string,
      options?: QueryOptions & { readonly deleted?: boolean | undefined }
    ) => Stream.Stream<Answer.QueryPage, ChangeSource.SourceError>
    /** The window's start must be more than a minute before its end. */
    readonly deleted: (object: string, window: Window) => Read<Answer.Answer<Answer.Deleted>>
    /** The window's start must be more than a minute before its end. */
    readonly updated: (object: string, window: Window) => Read<Answer.Answer<Answer.Updated>>
  }
>()("@tidemark/provider-salesforce/SalesforceClient") {}

/** @category models @since 0.1.0 */
export interface Options {
  /** The org's My Domain address, `https://NAME.my.salesforce.com`. */
  readonly url: string
  /** Defaults to `"66.0"`. */
  readonly apiVersion?: string | undefined
  readonly credentials: Credentials.Credentials
  readonly timeouts?: Transport.Timeouts | undefined
  readonly limits?: Transport.Limits | undefined
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const source = "salesforce"

/**
 * Longest address of a request, in bytes. Address and headers together may have
 * 16,384 (REST API guide, "URI length"); the rest is for headers.
 *
 * @category constants
 * @since 0.1.0
 */
export const addressMax = 12_000

/**
 * Sends nothing yet. Fails with `Invalid` when the address cannot be one, would
 * send the token in the clear, or the version has another form than `66.0`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SalesforceClient["Service"], ChangeSource.SourceError, HttpClient.HttpClient> {
  const origin = yield* Effect.fromResult(Credentials.origin(source, options.url))
  const version = options.apiVersion ?? "66.0"
  if (!/^\d{2,3}\.0$/.test(version)) {
    return yield* SalesforceError.invalid(
      source,
      `"${SalesforceError.excerpt(version)}" is no API version: 66.0 is one.`
    )
  }
  const exchange = Transport.exchange(yield* HttpClient.HttpClient, source, options.timeouts, options.limits)
  const sessions = Credentials.sessions({ source, origin, credentials: options.credentials, exchange })
  const read = reader(sessions, exchange, options.limits)
  const base = `/services/data/v${version}`

  const ask =
    (kind: "query" | "queryAll") =>
    (soql: string, asked: QueryOptions = {}) =>
      Effect.flatMap(Effect.fromResult(queryRequest(base, kind, soql, asked)), ({ headers, path }) =>
        Effect.flatMap(read.at(path, headers), Answer.page)
      )
  const query = ask("query")
  const queryAll = ask("queryAll")
  const queryMore = (next: string) =>
    Effect.flatMap(
      read.below((origin) => locator(origin, next)),
      Answer.page
    )
  const within = <A>(
    path: Result.Result<string, ChangeSource.SourceError>,
    decode: (answer: Transport.Answer) => Read<A>
  ): Read<A> =>
    Effect.flatMap(
      read.below(() => path),
      decode
    )

  return {
    time: Effect.flatMap(read.open("/services/data"), Answer.time),
    organization: Effect.flatMap(query("SELECT Id FROM Organization"), Answer.organization).pipe(
      Effect.catchIf(
        ({ reason }) => reason === "Invalid" || reason === "Forbidden",
        () =>
          Effect.all({
            value: Effect.map(sessions.current, (session) => new URL(session.origin).hostname),
            serverTime: Effect.flatMap(read.open("/services/data"), Answer.time)
          })
      )
    ),
    describe: (object) => within(sobject(base, object, "describe"), Answer.describe),
    describeGlobal: Effect.flatMap(read.at(`${base}/sobjects`), Answer.describeGlobal),
    query,
    queryAll,
    queryMore,
    pages: (soql, asked) => {
      const first = asked?.deleted === true ? queryAll : query
      return Pagination.stream({
        source,
        ask: (next) =>
          Effect.map(next === undefined ? first(soql, asked) : queryMore(next), (page) => ({ page, next: page.next })),
        ...(options.limits?.pages === undefined ? {} : { pagesMax: options.limits.pages })
      })
    },
    deleted: (object, window) => within(feed(base, object, "deleted", window), Answer.deleted),
    updated: (object, window) => within(feed(base, object, "updated", window), Answer.updated)
  }
})

/** @category layers @since 0.1.0 */
export const layer = (
  options: Options
): Layer.Layer<SalesforceClient, ChangeSource.SourceError, HttpClient.HttpClient> =>
  Layer.effect(SalesforceClient, make(options))

// -----------------------------------------------------------------------------
// internal: requests
// -----------------------------------------------------------------------------

type Headers = { readonly [name: string]: string }

/** Where to ask, given the origin of the session. */
type Path = (origin: string) => Result.Result<string, ChangeSource.SourceError>

type Exchange = (request: HttpClientRequest.HttpClientRequest) => Read<Transport.Answer>

const reader = (sessions: Credentials.Sessions, exchange: Exchange, limits: Transport.Limits | undefined) => {
  const retrying = Transport.retrying(limits)
  const below = (path: Path, headers: Headers = {}) => retrying(authorized(sessions, exchange, path, headers))
  return {
    /** With a session, at a path that depends on where the org lives. */
    below,
    /** With a session, at a path. */
    at: (path: string, headers?: Headers) => below(() => Result.succeed(path), headers),
    /** Without a token. Any answer will do that is not a passing fault. */
    open: (path: string) =>
      retrying(
        Effect.gen(function* () {
          const { origin } = yield* sessions.current
          const answer = yield* exchange(get(`${origin}${path}`))
          return answer.status === 429 || answer.status >= 500 ? yield* succeed(answer, []) : answer
        })
      )
  }
}

const get = (address: string) => HttpClientRequest.get(address).pipe(HttpClientRequest.acceptJson)

const succeed = (answer: Transport.Answer, secrets: ReadonlyArray<string>): Read<Transport.Answer> =>
  answer.status === 200
    ? Effect.succeed(answer)
    : Effect.fail(SalesforceError.fromAnswer({ source, ...answer, secrets }))

// One renewal per request: a second refusal is a matter for a person.
const authorized = Effect.fnUntraced(function* (
  sessions: Credentials.Sessions,
  exchange: Exchange,
  path: Path,
  headers: Headers
): Effect.fn.Return<Transport.Answer, ChangeSource.SourceError> {
  const send = Effect.fnUntraced(function* (session: Credentials.Session) {
    const target = yield* Effect.fromResult(path(session.origin))
    const request = get(`${session.origin}${target}`).pipe(
      HttpClientRequest.bearerToken(session.token),
      HttpClientRequest.setHeaders(headers)
    )
    return yield* Effect.flatMap(exchange(request), (answer) => succeed(answer, [Redacted.value(session.token)]))
  })
  const { current, renew } = sessions
  const session = yield* current
  if (renew === undefined) return yield* send(session)
  return yield* Effect.catchIf(send(session), SalesforceError.isSessionEnded, () =>
    Effect.flatMap(renew(session), send)
  )
})

const queryRequest = (
  base: string,
  kind: "query" | "queryAll",
  soql: string,
  options: QueryOptions
): Result.Result<{ readonly path: string; readonly headers: Headers }, ChangeSource.SourceError> => {
  const { pageSize } = options
  if (pageSize !== undefined && !(Number.isInteger(pageSize) && pageSize >= 200 && pageSize <= 2000)) {
    return Result.fail(SalesforceError.invalid(source, `A page has 200 to 2000 rows, and ${pageSize} were asked for.`))
  }
  if (!soql.isWellFormed()) return Result.fail(SalesforceError.invalid(source, "The query is not well-formed text."))
  const path = `${base}/${kind}?q=${encodeURIComponent(soql)}`
  return path.length > addressMax
    ? Result.fail(
        SalesforceError.invalid(
          source,
          `The query takes ${path.length} of at most ${addressMax} bytes: name fewer fields.`
        )
      )
    : Result.succeed({
        path,
        headers: pageSize === undefined ? {} : { "Sforce-Query-Options": `batchSize=${pageSize}` }
      })
}

const sobject = (base: string, object: string, rest: string): Result.Result<string, ChangeSource.SourceError> =>
  Soql.isName(object) && !object.includes(".")
    ? Result.succeed(`${base}/sobjects/${object}/${rest}`)
    : Result.fail(
        SalesforceError.invalid(source, `"${SalesforceError.excerpt(object)}" cannot be the name of an object.`)
      )

const feed = (base: string, object: string, kind: string, window: Window) => {
  const [start, end] = [window.start, window.end].map((at) => Stamp.fromMillis(Math.floor(at / 1000) * 1000))
  if (start === undefined || end === undefined || window.end - window.start <= 60_000) {
    return Result.fail(SalesforceError.invalid(source, "A window must begin more than a minute before it ends."))
  }
  const literal = (stamp: string) => encodeURIComponent(stamp.replace(".000Z", "+00:00"))
  return sobject(base, object, `${kind}/?start=${literal(start)}&end=${literal(end)}`)
}

// The server names the next page by a path; an address elsewhere would be handed the token.
const locator = (origin: string, next: string): Result.Result<string, ChangeSource.SourceError> => {
  const shown = SalesforceError.excerpt(next)
  if (!URL.canParse(next, origin)) {
    return Result.fail(SalesforceError.malformed(source, `The next page is no address (${shown})`))
  }
  const url = new URL(next, origin)
  if (url.origin !== origin || url.username !== "" || url.password !== "") {
    return Result.fail(SalesforceError.malformed(source, `The next page lies on another host (${shown})`))
  }
  return url.pathname.startsWith("/services/data/")
    ? Result.succeed(`${url.pathname}${url.search}`)
    : Result.fail(SalesforceError.malformed(source, `The next page lies outside /services/data/ (${shown})`))
}
