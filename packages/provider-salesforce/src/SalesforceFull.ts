/**
 * All records of an object, read again from time to time: the lane `full`.
 *
 * Formula fields and roll-ups are worked out when they are read. Their values
 * change without moving a stamp, so no incremental read sees it. This lane reads
 * everything by Id, from the first to the last, and begins anew once `every` has
 * passed since it last began. In between a run asks for the time, and for nothing
 * else.
 *
 * A record that was edited has a greater version than the row read here, whichever
 * comes first; one that only shows another value has the same, and the time of the
 * read decides. A row bears the time before the query that told it, so that it
 * never counts as newer than it is. Nothing this lane does causes it to read again.
 *
 * Each query asks for a limited number of rows, so that rows are as old as their
 * query, and a run that stops goes on behind the last Id. Deletions are not told
 * here.
 *
 * @since 0.1.0
 */
import * as Lane from "@tidemark/core/model/Lane"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import type * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Answer from "./Answer.ts"
import type * as Canonical from "./Canonical.ts"
import * as Rows from "./Rows.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import type * as SalesforceSource from "./SalesforceSource.ts"
import * as Setting from "./Setting.ts"
import * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category schemas @since 0.1.0 */
export const Cursor = Schema.Struct({
  /** When this reading of everything began. Canonical, source time. */
  began: Stamp.Stamp,
  /** Id of the last record read; `null` when all of them were. */
  id: Schema.NullOr(Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/)))
})
/** @category models @since 0.1.0 */
export type Cursor = typeof Cursor.Type

/** Two Ids of one reading are compared by the server only. @category models @since 0.1.0 */
export const rule: CursorRule.CursorRule<Cursor> = {
  codec: Cursor,
  codecVersion: 1,
  equals: (a, b) => a.began === b.began && a.id === b.id,
  positions: "Unique",
  resume: "Exclusive",
  emission: "Ascending",
  order: (a, b) => {
    if (a.began !== b.began) return a.began < b.began ? -1 : 1
    if (a.id === b.id) return 0
    return a.id === null ? 1 : b.id === null ? -1 : undefined
  }
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  /** The object's own source. */
  readonly source: SalesforceSource.SalesforceSource
  /** From one beginning to the next, at most a year. */
  readonly every: Duration.Input
  /** Most rows of a query, at most 2000, which is the default. */
  readonly pageSize?: number | undefined
  /** Most queries of a run; the next run goes on. No bound when not given. */
  readonly queriesMax?: number | undefined
}

/** The lane this source is meant for. @category constructors @since 0.1.0 */
export const lane = (subscription: Subscription.Subscription): Lane.Lane => Lane.make(subscription, "full")

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Fails with `Invalid` when an option is out of bounds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<ChangeSource.Fetching<Canonical.Record, Cursor>, ChangeSource.SourceError> {
  const { client, source } = options
  const reading: Reading = {
    client,
    source,
    label: `${source.label}/full`,
    every: yield* Setting.time("every", options.every, "1 millis", "366 days"),
    limit: yield* Setting.whole("pageSize", options.pageSize ?? 2000, 1, 2000),
    queriesMax: yield* Setting.whole("queriesMax", options.queriesMax ?? 1_000_000, 1, 1_000_000)
  }
  return {
    label: reading.label,
    rule,
    domain: source.domain,
    epoch: source.epoch,
    account: source.account,
    fetch: source.fetch,
    read: ({ from }) => read(reading, from)
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Reading {
  readonly client: Options["client"]
  readonly source: SalesforceSource.SalesforceSource
  readonly label: string
  /** In ms. */
  readonly every: number
  readonly limit: number
  readonly queriesMax: number
}

type Emitted = Page.Page<Canonical.Record, Cursor, Observation.Definite<Canonical.Record, Cursor>>

/** How far a reading has come. */
interface At {
  readonly began: string
  /** The last Id read; `null` before the first. */
  readonly id: string | null
  /** Source time before the next query, in ms. */
  readonly now: number
  readonly queries: number
}

const read = (reading: Reading, from: Cursor | undefined): Stream.Stream<Emitted, ChangeSource.SourceError> =>
  Stream.unwrap(
    Effect.map(reading.client.time, (now) => {
      const at = begin(reading, from, now)
      return at === undefined ? Stream.empty : Stream.paginate(at, (at) => step(reading, at))
    })
  )

/** Where to go on; `undefined` while it is too early to begin anew. */
const begin = ({ every }: Reading, from: Cursor | undefined, now: number): At | undefined => {
  if (from !== undefined && from.id !== null) return { ...from, now, queries: 0 }
  const passed = from === undefined ? Infinity : now - Stamp.toMillis(from.began)
  const began = Stamp.fromMillis(now)
  // Two readings do not begin at one time: their positions could not be told apart.
  return began === undefined || passed <= 0 || passed < every ? undefined : { began, id: null, now, queries: 0 }
}

const byId: ReadonlyArray<Soql.Order> = [{ field: "Id", direction: "ASC" }]

// One query, with all of its pages. One that is not full has told the last record.
const step = Effect.fnUntraced(function* (
  reading: Reading,
  at: At
): Effect.fn.Return<readonly [ReadonlyArray<Emitted>, Option.Option<At>], ChangeSource.SourceError> {
  const { client, limit, source } = reading
  const where = at.id === null ? undefined : Soql.compare("Id", ">", Soql.id(at.id))
  const text = yield* source.rows.query(where, byId, limit)
  const pages: Array<Emitted> = []
  let { id, now } = at
  let count = 0
  yield* Stream.runForEach(
    client.pages(text),
    Effect.fnUntraced(function* (page: Answer.QueryPage) {
      const observations = yield* observe(reading, at, page)
      if (observations.length > 0) pages.push(Page.make(observations))
      const last = page.rows.at(-1)
      if (last !== undefined) ({ id } = yield* Effect.fromResult(source.mapping.place(last)))
      count += page.rows.length
      now = page.serverTime
    })
  )
  if (count < limit) return [[...pages, Page.mark({ began: at.began, id: null })], Option.none()]
  const isEnough = at.queries + 1 >= reading.queriesMax
  return [pages, isEnough ? Option.none() : Option.some({ began: at.began, id, now, queries: at.queries + 1 })]
})

const observe = Effect.fnUntraced(function* (
  { label, source: { mapping, rows } }: Reading,
  at: At,
  page: Answer.QueryPage
): Effect.fn.Return<Emitted["observations"], ChangeSource.SourceError> {
  const wholes = yield* rows.complete(page.rows, false)
  const observations: Array<Emitted["observations"][number]> = []
  for (const [index, row] of page.rows.entries()) {
    if (index % Rows.turn === 0) yield* Effect.yieldNow
    const { id } = yield* Effect.fromResult(mapping.place(row))
    if (id === at.id) return yield* notAdvancing(label, id)
    const whole = wholes[index]
    if (whole === undefined) continue
    const place = yield* Effect.fromResult(mapping.place(whole))
    observations.push(mapping.observe(whole, place, { began: at.began, id }, at.now))
  }
  return observations
})

const notAdvancing = (label: string, id: string) =>
  new ChangeSource.SourceError({
    reason: "NotAdvancing",
    source: label,
    message: `The record ${id} came again, though only greater Ids were asked for. Nothing of this page was taken.`
  })
