/**
 * What Salesforce answers, decoded: a value of the shape that was asked for,
 * with the server's time, or `Malformed`.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Stamp from "./Stamp.ts"
import type * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What was asked for, and the server's time when it answered, in ms (whole seconds). @category models @since 0.1.0 */
export interface Answer<out A> {
  readonly value: A
  readonly serverTime: number
}

/** One page of a query. Rows are a snapshot made when the query was sent. @category models @since 0.1.0 */
export interface QueryPage {
  readonly rows: ReadonlyArray<Canonical.Row>
  /** Where the next page is; `undefined` on the last one. A page may be short, or empty, and not the last. */
  readonly next: string | undefined
  /** Rows of the whole query; of a `COUNT()`, which has none, what it counted. Not there where nobody told. */
  readonly total?: number
  readonly serverTime: number
}

/** `getDeleted` (REST API guide, "sObject Get Deleted"). @category models @since 0.1.0 */
export interface Deleted {
  readonly records: ReadonlyArray<{ readonly id: string; readonly deletedAt: string }>
  /** Nothing before it can be asked for. */
  readonly earliestDateAvailable: string
  /** All deletions up to here are listed; transactions that are still open hold it back. */
  readonly latestDateCovered: string
}

/** `getUpdated` (REST API guide, "sObject Get Updated"). @category models @since 0.1.0 */
export interface Updated {
  readonly ids: ReadonlyArray<string>
  readonly latestDateCovered: string
}

type Decoded<A> = Effect.Effect<A, ChangeSource.SourceError>

// -----------------------------------------------------------------------------
// decoding
// -----------------------------------------------------------------------------

const source = "salesforce"

const timeless = () => SalesforceError.malformed(source, "The answer has no Date header to tell the server's time")

const decode =
  <A>(what: string, schema: Schema.Codec<A, string>) =>
  (answer: Transport.Answer): Decoded<Answer<A>> => {
    const value = Schema.decodeUnknownResult(schema)(answer.body)
    if (Result.isFailure(value)) {
      return Effect.fail(SalesforceError.malformed(source, `The answer is not ${what}`, answer.body))
    }
    if (answer.serverTime === undefined) {
      return Effect.fail(timeless())
    }
    return Effect.succeed({ value: value.success, serverTime: answer.serverTime })
  }

/** The server's time, in ms: every answer tells it, whatever it answers. @category decoding @since 0.1.0 */
export const time = ({ serverTime }: Transport.Answer): Decoded<number> =>
  serverTime === undefined ? Effect.fail(timeless()) : Effect.succeed(serverTime)

/** @category decoding @since 0.1.0 */
export const describe = decode("a describe", Schema.fromJsonString(Describe.Describe))

/** @category decoding @since 0.1.0 */
export const describeGlobal = decode("the list of objects", Schema.fromJsonString(Describe.Global))

const isRow = (value: unknown): value is Canonical.Row => Predicate.isObject(value) && !Array.isArray(value)

// One check of the whole list: a schema run for every row of thousands says nothing more.
const Rows = Schema.declare(
  (value): value is ReadonlyArray<Canonical.Row> => Array.isArray(value) && value.every(isRow)
)

const PageBody = Schema.fromJsonString(
  Schema.Struct({
    done: Schema.Boolean,
    records: Rows,
    nextRecordsUrl: Schema.optionalKey(Schema.NullOr(Schema.String)),
    totalSize: Schema.optionalKey(Schema.Unknown)
  })
)

/** A page of a query. Only `done` ends a query, never a short page. @category decoding @since 0.1.0 */
export const page = Effect.fnUntraced(function* (
  answer: Transport.Answer
): Effect.fn.Return<QueryPage, ChangeSource.SourceError> {
  const { serverTime, value } = yield* decode("a page of a query", PageBody)(answer)
  const next = value.nextRecordsUrl ?? undefined
  if (value.done !== (next === undefined)) {
    return yield* SalesforceError.malformed(
      source,
      value.done ? "The last page names a next one" : "A page that is not the last names no next one"
    )
  }
  const { records: rows, totalSize } = value
  const isTold = typeof totalSize === "number" && Number.isSafeInteger(totalSize) && totalSize >= 0
  return isTold ? { rows, next, total: totalSize, serverTime } : { rows, next, serverTime }
})

/** The Id of the one row of `Organization`. @category decoding @since 0.1.0 */
export const organization = (page: QueryPage): Decoded<Answer<string>> => {
  const [row, ...others] = page.rows
  const id = typeof row?.["Id"] === "string" ? Canonical.id(row["Id"]) : undefined
  return id === undefined || others.length > 0
    ? Effect.fail(SalesforceError.malformed(source, "The answer does not name one organization"))
    : Effect.succeed({ value: id, serverTime: page.serverTime })
}

const DeletedBody = Schema.fromJsonString(
  Schema.Struct({
    deletedRecords: Schema.Array(Schema.Struct({ id: Schema.String, deletedDate: Schema.String })),
    earliestDateAvailable: Schema.String,
    latestDateCovered: Schema.String
  })
)

/** @category decoding @since 0.1.0 */
export const deleted = Effect.fnUntraced(function* (
  answer: Transport.Answer
): Effect.fn.Return<Answer<Deleted>, ChangeSource.SourceError> {
  const { serverTime, value } = yield* decode("a list of deletions", DeletedBody)(answer)
  const records: Array<Deleted["records"][number]> = []
  for (const { deletedDate, id } of value.deletedRecords) {
    records.push({ id: yield* recordId(id), deletedAt: yield* instant(deletedDate) })
  }
  const earliestDateAvailable = yield* instant(value.earliestDateAvailable)
  return {
    serverTime,
    value: { records, earliestDateAvailable, latestDateCovered: yield* instant(value.latestDateCovered) }
  }
})

const UpdatedBody = Schema.fromJsonString(
  Schema.Struct({ ids: Schema.Array(Schema.String), latestDateCovered: Schema.String })
)

/** @category decoding @since 0.1.0 */
export const updated = Effect.fnUntraced(function* (
  answer: Transport.Answer
): Effect.fn.Return<Answer<Updated>, ChangeSource.SourceError> {
  const { serverTime, value } = yield* decode("a list of updates", UpdatedBody)(answer)
  const ids = yield* Effect.forEach(value.ids, recordId)
  return { serverTime, value: { ids, latestDateCovered: yield* instant(value.latestDateCovered) } }
})

/** One of the org's limits (REST API guide, "Limits"). @category models @since 0.1.0 */
export interface Limit {
  readonly max: number
  readonly remaining: number
}

const LimitsBody = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
const isLimit = Schema.is(Schema.Struct({ Max: Schema.Finite, Remaining: Schema.Finite }))

/** The org's limits by name; what has no maximum and no rest is left out. @category decoding @since 0.1.0 */
export const limits = (answer: Transport.Answer): Decoded<Answer<ReadonlyMap<string, Limit>>> =>
  Effect.map(decode("the list of limits", LimitsBody)(answer), ({ serverTime, value }) => ({
    serverTime,
    value: new Map(
      Object.entries(value).flatMap(([name, limit]) =>
        isLimit(limit) ? [[name, { max: limit.Max, remaining: limit.Remaining }] as const] : []
      )
    )
  }))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const required = <A>(value: A | undefined, what: string, text: string): Decoded<A> =>
  value === undefined
    ? Effect.fail(SalesforceError.malformed(source, `"${SalesforceError.excerpt(text)}" stands where ${what} belongs`))
    : Effect.succeed(value)

const instant = (text: string): Decoded<string> => required(Stamp.fromText(text), "an instant", text)

const recordId = (text: string): Decoded<string> => required(Canonical.id(text), "a record Id", text)
