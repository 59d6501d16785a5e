/**
 * Deletions of a Salesforce object: the lane `deletes`.
 *
 * The server lists what was deleted in a window, records purged from the recycle
 * bin included, and says up to when its list is complete. It does not say at
 * which stamp: each deletion carries the time of the read, and the engine asks
 * for the record before it believes (it may have been undeleted since).
 *
 * Windows are read to the present; the position is what the server calls covered,
 * capped by the horizon.
 *
 * The server keeps deletions for a limited time. Where the lane has no position, or
 * one that is older, deletions of records that were read before that time may be
 * listed no more. These records are looked for first, by Id, all of them, and those
 * that are not found are deleted; then the list is read from where it begins. When
 * so many are missing that it may rather be a permission, nothing is deleted, and
 * the run fails with `PositionLost`, see `absentMax`. Other records cost nothing.
 *
 * Run the lane once before the first run of the live lane, so that it has a position
 * when the first record arrives: nothing is to be looked for then, ever, as long as
 * no two runs are two weeks apart. The command `sync` of `@tidemark/cli` does so.
 *
 * @since 0.1.0
 */
import * as Lane from "@tidemark/core/model/Lane"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import type * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Answer from "./Answer.ts"
import type * as Canonical from "./Canonical.ts"
import * as Mapping from "./Mapping.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceError from "./SalesforceError.ts"
import type * as SalesforceSource from "./SalesforceSource.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category schemas @since 0.1.0 */
export const Cursor = Schema.Struct({
  /** All deletions before it have been emitted. Canonical. */
  until: Stamp.Stamp
})
/** @category models @since 0.1.0 */
export type Cursor = typeof Cursor.Type

/** Only marks move the cursor: the feed lists deletions in no order. @category models @since 0.1.0 */
export const rule: CursorRule.CursorRule<Cursor> = {
  codec: Cursor,
  codecVersion: 1,
  equals: (a, b) => a.until === b.until,
  positions: "Shared",
  resume: "Inclusive",
  emission: "Unsorted",
  order: (a, b) => (a.until < b.until ? -1 : a.until > b.until ? 1 : 0)
}

/** @category models @since 0.1.0 */
export interface SalesforceDeletes extends ChangeSource.Fetching<Canonical.Record, Cursor> {
  readonly read: (options: ChangeSource.ReadOptions<Cursor>) => Stream.Stream<Emitted, ChangeSource.SourceError>
}

/** Deletions only. @category models @since 0.1.0 */
export type Emitted = Page.Page<never, Cursor, Observation.Delete<Cursor>>

/** @category models @since 0.1.0 */
export interface Options {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  /** The object's own source: its records confirm the deletions. */
  readonly source: SalesforceSource.SalesforceSource
  /** Longest window of one request, more than a minute. Defaults to 1 day. */
  readonly window?: Duration.Input | undefined
  /**
   * Most records that are taken as deleted because they are not found, where the
   * server's list does not reach back. Defaults to a tenth of those looked for, and at
   * least to `absentLeast`.
   */
  readonly absentMax?: number | undefined
}

/**
 * How far back a run without a usable position reads: what the feed keeps, less a
 * day that lasts while records are looked for (SOAP API guide, "getDeleted": 15 days).
 *
 * @category constants
 * @since 0.1.0
 */
export const reach = Duration.days(14)

/** See `absentMax`. @category constants @since 0.1.0 */
export const absentLeast = 20

/** The lane this source is meant for. @category constructors @since 0.1.0 */
export const lane = (subscription: Subscription.Subscription): Lane.Lane => Lane.make(subscription, "deletes")

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Fails with `Invalid` when the object has no such feed, or the window is too short.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SalesforceDeletes, ChangeSource.SourceError> {
  const { client, source } = options
  const { name, replicateable } = source.describe
  const label = `${source.label}/deletes`
  if (!replicateable) {
    return yield* SalesforceError.invalid(
      label,
      `${name} is not replicateable, so Salesforce keeps no list of its deletions.`
    )
  }
  const length = Duration.toMillis(options.window ?? "1 day")
  if (!(length > slack)) return yield* SalesforceError.invalid(label, "A window must be longer than two minutes.")
  return {
    label,
    rule,
    domain: source.domain,
    epoch: source.epoch,
    account: source.account,
    fetch: source.fetch,
    read: (asked) => read({ client, source, object: name, label, length, absentMax: options.absentMax }, asked)
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Reading {
  readonly client: Options["client"]
  readonly source: Options["source"]
  readonly object: string
  readonly label: string
  /** Longest window, in ms. */
  readonly length: number
  readonly absentMax: number | undefined
}

/** Windows must be longer than a minute, and seconds may be ignored: two minutes are enough. */
const slack = 120_000

const read = (
  reading: Reading,
  options: ChangeSource.ReadOptions<Cursor>
): Stream.Stream<Emitted, ChangeSource.SourceError> =>
  Stream.unwrap(
    Effect.map(reading.client.time, (startedAt) => {
      const window = Windowing.make({ startedAt, settle: Duration.toMillis(options.settle) })
      const { from } = options
      const earliest = startedAt - Duration.toMillis(reach)
      const known = from === undefined ? undefined : Stamp.toMillis(from.until)
      const start = Math.max(known ?? earliest, earliest)
      const listed = Stream.paginate({ start, from }, (at) => step(reading, window, at))
      return known === start ? listed : Stream.concat(absent(reading, options, earliest, startedAt), listed)
    })
  )

interface At {
  /** Where the next window begins, in ms. */
  readonly start: number
  /** The position at or before it. */
  readonly from: Cursor | undefined
}

// One window. The run ends at the present, or where the server's list does. A window without deletions is told of with
// the next page or the end: a batch of its own, for each day, would move nothing but the position.
const step = Effect.fnUntraced(function* (
  reading: Reading,
  window: Windowing.Window,
  at: At
): Effect.fn.Return<readonly [ReadonlyArray<Emitted>, Option.Option<At>], ChangeSource.SourceError> {
  const end = Math.min(window.startedAt, at.start + reading.length)
  const { value } = yield* reading.client.deleted(reading.object, { start: Math.min(at.start, end - slack), end })
  const covered = Math.min(end, Stamp.toMillis(value.latestDateCovered))
  const until = Stamp.fromMillis(Math.floor(Math.min(covered, window.horizon) / 1000) * 1000)
  const isAhead = until !== undefined && (at.from === undefined || until > at.from.until)
  const position = at.from !== undefined && Stamp.toMillis(at.from.until) <= window.horizon ? at.from : undefined
  const observations = value.records.map((record) => observe(record, position, window.startedAt))
  // A list that lags a little is read on from where it ends; one that stands still ends the run.
  const isLast = end >= window.startedAt || covered - at.start < slack
  const mark = isAhead && (isLast || observations.length > 0) ? { position: { until } } : undefined
  const pages = mark === undefined && observations.length === 0 ? [] : [{ observations, mark }]
  return [pages, isLast ? Option.none() : Option.some({ start: covered, from: mark?.position ?? at.from })]
})

const observe = (
  record: Answer.Deleted["records"][number],
  position: Cursor | undefined,
  observedAt: number
): Observation.Delete<Cursor> => ({
  _tag: "Delete",
  externalId: Mapping.externalId(record.id),
  position,
  origin: "Poll",
  evidence: { _tag: "Tombstone" },
  version: undefined,
  observedAt
})

// Deletions of records last read before `earliest` may be listed no more. All are looked for before the first is
// deleted: only the number of those missing tells whether they are gone or not to be seen.
const absent = (
  { absentMax, label, object, source }: Reading,
  { unreadSince }: ChangeSource.ReadOptions<Cursor>,
  earliest: number,
  observedAt: number
): Stream.Stream<Emitted, ChangeSource.SourceError> => {
  if (unreadSince === undefined) return Stream.empty
  const missing: Array<Observation.ExternalId> = []
  let count = 0
  const look = Stream.runForEach(
    unreadSince(earliest),
    Effect.fnUntraced(function* (ids) {
      const found = yield* source.fetch(ids)
      count += ids.length
      missing.push(...ids.filter((id) => !found.has(id)))
    })
  )
  const gone = (externalId: Observation.ExternalId): Observation.Delete<Cursor> => ({
    _tag: "Delete",
    externalId,
    position: undefined,
    origin: "Poll",
    evidence: { _tag: "Absent" },
    version: undefined,
    observedAt
  })
  return Stream.unwrap(
    Effect.map(look, () =>
      missing.length > (absentMax ?? Math.max(absentLeast, count / 10))
        ? Stream.fail(tooMany(label, object, missing.length, count))
        : Stream.fromArray(Arr.chunksOf(missing, pageMax).map((ids) => Page.make(ids.map(gone))))
    )
  )
}

/** Observations of one page of absences. */
const pageMax = 200

const tooMany = (source: string, object: string, missing: number, count: number) =>
  new ChangeSource.SourceError({
    reason: "PositionLost",
    source,
    message:
      `Salesforce keeps deletions for 15 days, and this lane was not read for longer, so records read before were looked for: ` +
      `${missing} of ${count} of ${object} are not found, too many to delete them unasked. Check that the user may still see ` +
      `all records; if they are deleted indeed, allow it with absentMax.`
  })
