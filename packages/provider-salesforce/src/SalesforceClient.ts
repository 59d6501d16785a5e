/**
 * Salesforce's REST API, as far as reading changes needs it.
 *
 * Every answer comes with the server's own time, because only that may be
 * compared with stamps. An answer is what was asked for or an error: a web page,
 * half a JSON text, or an object without `records` is `Malformed`, never an
 * empty page. Reads that fail for a moment are repeated a bounded number of
 * times; a session that ended is renewed once per request.
 *
 * The client never follows an address to another host: redirections are not
 * followed, and what the server calls the next page is asked for on the host the
 * token belongs to, below `/services/data/`, or not at all.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Pagination from "@tidemark/core/ports/Pagination"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import * as Answer from "./Answer.ts"
import * as Credentials from "./Credentials.ts"
import type * as Describe from "./Describe.ts"
import * as Organization from "./Organization.ts"
import * as Paths from "./Paths.ts"
import * as Reader from "./Reader.ts"
import * as Versions from "./Versions.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

type Read<A> = Effect.Effect<A, ChangeSource.SourceError>

/** @category services @since 0.1.0 */
export class SalesforceClient extends Context.Service<
  SalesforceClient,
  {
    /** The server's time now, in ms, from the Date header of the list of versions, which needs no session. */
    readonly time: Read<number>
    /**
     * Who the session belongs to, told in one way by one client: the org's Id, 18 characters;
     * for a user who may not read it, the org's host name. See `Organization`.
     */
    readonly organization: Read<Answer.Answer<string>>
    readonly describe: (object: string) => Read<Answer.Answer<Describe.Describe>>
    readonly describeGlobal: Read<Answer.Answer<Describe.Global>>
    readonly query: (soql: string, options?: Paths.QueryOptions) => Read<Answer.QueryPage>
    /** Like `query`, with the records in the recycle bin. */
    readonly queryAll: (soql: string, options?: Paths.QueryOptions) => Read<Answer.QueryPage>
    /** The page a `QueryPage.next` names. */
    readonly queryMore: (next: string) => Read<Answer.QueryPage>
    /** All pages of a query, each asked for when it is wanted; `NotAdvancing` when a page comes again. */
    readonly pages: (
      soql: string,
      options?: Paths.QueryOptions & { readonly deleted?: boolean | undefined }
    ) => Stream.Stream<Answer.QueryPage, ChangeSource.SourceError>
    /** The window's start must be more than a minute before its end. */
    readonly deleted: (object: string, window: Paths.Window) => Read<Answer.Answer<Answer.Deleted>>
    /** The window's start must be more than a minute before its end. */
    readonly updated: (object: string, window: Paths.Window) => Read<Answer.Answer<Answer.Updated>>
    /** The org's limits by name, such as `DailyApiRequests`; asked for even when the budget of calls is used up. */
    readonly limits: Read<Answer.Answer<ReadonlyMap<string, Answer.Limit>>>
  }
>()("@tidemark/provider-salesforce/SalesforceClient") {}

/** @category models @since 0.1.0 */
export type Options = Reader.Options

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const source = "salesforce"

/**
 * Sends nothing yet. Fails with `Invalid` when the address cannot be one or would
 * send the token in the clear, the version has another form than `66.0` or
 * `latest`, or an option is out of bounds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SalesforceClient["Service"], ChangeSource.SourceError, HttpClient.HttpClient> {
  const read = yield* Reader.make(yield* HttpClient.HttpClient, options)
  const ask =
    (kind: "query" | "queryAll") =>
    (soql: string, asked: Paths.QueryOptions = {}) =>
      Effect.flatMap(Effect.fromResult(Paths.queryHeaders(asked)), (headers) =>
        Effect.flatMap(read.at(Paths.query(kind, soql), headers), Answer.page)
      )
  const query = ask("query")
  const queryAll = ask("queryAll")
  const queryMore = (next: string) => Effect.flatMap(read.at(Paths.locator(next)), Answer.page)
  const time = Effect.flatMap(read.open, Answer.time)

  return {
    time,
    organization: Organization.make({
      id: Effect.flatMap(query("SELECT Id FROM Organization"), Answer.organization),
      origin: read.origin,
      time
    }),
    describe: (object) => Effect.flatMap(read.at(Paths.sobject(object, "describe")), Answer.describe),
    describeGlobal: Effect.flatMap(read.at(Paths.below("sobjects")), Answer.describeGlobal),
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
    deleted: (object, window) => Effect.flatMap(read.at(Paths.feed(object, "deleted", window)), Answer.deleted),
    updated: (object, window) => Effect.flatMap(read.at(Paths.feed(object, "updated", window)), Answer.updated),
    limits: Effect.tap(Effect.flatMap(read.beyondBudget(Paths.below("limits")), Answer.limits), ({ value }) => {
      const calls = value.get("DailyApiRequests")
      return calls === undefined || calls.max <= 0
        ? Effect.void
        : read.note({ used: calls.max - calls.remaining, limit: calls.max })
    })
  }
})

/**
 * The versions an org has, the oldest first. Needs no credentials.
 *
 * @category accessors
 * @since 0.1.0
 */
export const versions = Effect.fnUntraced(function* (
  options: Pick<Options, "url" | "timeouts" | "limits">
): Effect.fn.Return<ReadonlyArray<Versions.Version>, ChangeSource.SourceError, HttpClient.HttpClient> {
  const none = Credentials.bearer(Redacted.make(""))
  const read = yield* Reader.make(yield* HttpClient.HttpClient, { ...options, credentials: none })
  return yield* Effect.flatMap(read.open, Versions.decode)
})

/** @category layers @since 0.1.0 */
export const layer = (
  options: Options
): Layer.Layer<SalesforceClient, ChangeSource.SourceError, HttpClient.HttpClient> =>
  Layer.effect(SalesforceClient, make(options))
