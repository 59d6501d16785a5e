/**
 * A Salesforce object as a source of changes, read by its stamps.
 *
 * A run asks once for everything after a position, ordered by `SystemModstamp`
 * and Id, and follows the pages to the present. There is no upper bound: a record
 * that is edited all the time would stay above it for ever. The horizon caps the
 * positions instead: rows become visible late, when their transaction commits, so
 * what is newer than the source's time less `settle` is read again next time.
 *
 * When the server forgets a query half-way, the run asks again from the last row
 * it emitted. Times are the server's, taken before a query is sent, so that
 * nothing a read did not see counts as read.
 *
 * Fields that do not fit one address are read in parts, see `Rows`.
 *
 * **What it does not see.** Formula fields and roll-ups change without moving a
 * stamp, so their changes arrive with the record's next edit, or through
 * `SalesforceFull`. Records that were purged from the recycle bin, and deletions of
 * objects that have none, are seen by `SalesforceDeletes` where the object is
 * replicateable.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Windowing from "@tidemark/core/rules/Windowing"
import type * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Answer from "./Answer.ts"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import * as Discover from "./Discover.ts"
import * as Mapping from "./Mapping.ts"
import * as Parts from "./Parts.ts"
import * as Paths from "./Paths.ts"
import * as Rows from "./Rows.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceCursor from "./SalesforceCursor.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Setting from "./Setting.ts"
import * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface SalesforceSource extends ChangeSource.Fetching<Canonical.Record, SalesforceCursor.SalesforceCursor> {
  /** Of the records it emits; what a sink makes its columns from. */
  readonly schema: Canonical.RecordSchema
  /** As it was when the source was made: make a source per run to follow changes of the object. */
  readonly describe: Describe.Describe
  /** Fields that are not part of the records, and why. */
  readonly leftOut: ReadonlyArray<Canonical.LeftOut>
  /** Formulas and roll-ups: their values change without moving a stamp, see `SalesforceFull`. */
  readonly unstamped: ReadonlyArray<string>
  /** Whether deletions are seen: the object has a recycle bin, and they were not left out by option. */
  readonly includesDeleted: boolean
  /** How its rows are read, for other lanes of the object. */
  readonly rows: Rows.Rows
  readonly mapping: Mapping.Mapping
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  /** API name of the object, for example `"Account"`. */
  readonly object: string
  /** API names of the fields of a record. All that have a canonical value, when not given. */
  readonly fields?: ReadonlyArray<string> | undefined
  /** Names of fields that are no part of records, where the object has them and `fields` is not given. */
  readonly without?: ReadonlySet<string> | undefined
  /** +1 whenever the fields or their meaning change. Starts at 0. */
  readonly epoch?: number | undefined
  /**
   * Which records a read tells. One that stops being among them is told no more;
   * deleted ones are told all the same, and `fetch` knows every record.
   */
  readonly where?: Soql.Expression | undefined
  /** Whether records in the recycle bin are emitted as deletions. Defaults to true where the object has one. */
  readonly includeDeleted?: boolean | undefined
  /** Most rows of a page, 200 to 2000; the server's choice when not given. */
  readonly pageSize?: number | undefined
  /**
   * Longest address of a request, in bytes, 300 to 12,000, which is the default:
   * fields that do not fit one are read in parts.
   */
  readonly addressMax?: number | undefined
}

/**
 * How often one run asks again after the server forgot its query.
 *
 * @category constants
 * @since 0.1.0
 */
export const restartsMax = 16

type Cursor = SalesforceCursor.SalesforceCursor
type Observed = Observation.Definite<Canonical.Record, Cursor>
type Emitted = Page.Page<Canonical.Record, Cursor, Observed>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Describes the object, and checks every name against it. Fails with `Invalid`
 * when a name does not exist or the object cannot be read by its stamps, and with
 * what the client fails with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<SalesforceSource, ChangeSource.SourceError> {
  const { client, object } = options
  const describe = yield* Discover.describe(client, object)
  const selected =
    options.fields === undefined
      ? describe.fields.filter(({ name }) => options.without?.has(name) !== true)
      : yield* Effect.fromResult(Describe.select(describe, options.fields))
  const { kept, leftOut } = Canonical.partition(selected)
  yield* requireStamps(describe)
  const [unfit] = leftOut
  if (options.fields !== undefined && unfit !== undefined) {
    const { field, note } = unfit
    return yield* SalesforceError.invalid(
      `salesforce/${object}`,
      `${object}.${field} cannot be part of a record: ${note}.`
    )
  }
  const schema = Canonical.schemaFromDescribe(kept)
  // Without the flag a record in the recycle bin could not be told from a living one.
  const hasBin = describe.undeletable && Describe.field(describe, "IsDeleted") !== undefined
  const includesDeleted = hasBin && options.includeDeleted !== false
  const mapping = Mapping.make({ describe, fields: kept, schema, epoch: options.epoch ?? 0 })
  const where = options.where === undefined || !includesDeleted ? options.where : orDeleted(options.where)
  const addressMax = yield* Setting.whole("addressMax", options.addressMax ?? Paths.addressMax, 300, Paths.addressMax)
  const parts = Parts.make({ ...mapping, addressMax, reserved: yield* reservedOf(mapping, where) })
  const rows = Rows.make({ client, mapping, parts })
  const reading: Reading = { client, mapping, rows, where, deleted: includesDeleted, pageSize: options.pageSize }
  return {
    label: mapping.label,
    rule: SalesforceCursor.rule,
    domain: Mapping.domain,
    epoch: options.epoch ?? 0,
    account: Effect.map(client.organization, ({ value }) => value),
    read: (asked) => read(reading, asked),
    fetch: (ids) => fetch(reading, ids),
    schema,
    describe,
    leftOut,
    unstamped: kept.flatMap(({ calculated, name }) => (calculated === true ? [name] : [])),
    includesDeleted,
    rows,
    mapping
  }
})

// -----------------------------------------------------------------------------
// internal: describe
// -----------------------------------------------------------------------------

const requireStamps = (describe: Describe.Describe) => {
  return describe.queryable && Discover.isCursor(Describe.field(describe, Discover.cursor))
    ? Effect.void
    : Effect.fail(
        SalesforceError.invalid(
          `salesforce/${describe.name}`,
          `${describe.name} cannot be read by its stamps: it has no SystemModstamp to filter and sort by. Other stamps can be back-dated, so none takes its place.`
        )
      )
}

// -----------------------------------------------------------------------------
// internal: read
// -----------------------------------------------------------------------------

interface Reading {
  readonly client: Options["client"]
  readonly mapping: Mapping.Mapping
  readonly rows: Rows.Rows
  readonly where: Soql.Expression | undefined
  readonly deleted: boolean
  readonly pageSize: number | undefined
}

const read = (
  reading: Reading,
  options: ChangeSource.ReadOptions<Cursor>
): Stream.Stream<Emitted, ChangeSource.SourceError> =>
  Stream.unwrap(
    Effect.map(reading.client.time, (startedAt) => {
      const window = Windowing.make({ startedAt, settle: Duration.toMillis(options.settle) })
      const progress: Progress = {
        reached: options.from,
        // A start above the horizon (settle has grown) must not leave again.
        capped:
          options.from !== undefined && SalesforceCursor.millis(options.from) <= window.horizon
            ? options.from
            : undefined
      }
      return Stream.concat(walk(reading, window, progress, startedAt, 0), mark(window, options.from, progress))
    })
  )

/** How far a run has come. One per run, changed as pages are made. */
interface Progress {
  /** True position of the last row emitted: where a forgotten query is asked again from. */
  reached: Cursor | undefined
  /** The last position that left, at or below the horizon. */
  capped: Cursor | undefined
}

const walk = (
  reading: Reading,
  window: Windowing.Window,
  progress: Progress,
  observedAt: number,
  restarts: number
): Stream.Stream<Emitted, ChangeSource.SourceError> =>
  Stream.unwrap(
    Effect.map(reading.rows.query(both(after(progress.reached), reading.where), keyset), (text) =>
      reading.client.pages(text, { deleted: reading.deleted, pageSize: reading.pageSize }).pipe(
        Stream.mapEffect((page) => emit(reading, window, progress, observedAt, page)),
        Stream.filter((page) => page.observations.length > 0)
      )
    )
  ).pipe(
    Stream.catchIf(SalesforceError.isLocatorExpired, (error) =>
      restarts >= restartsMax
        ? Stream.fail(error)
        : Stream.unwrap(Effect.map(reading.client.time, (now) => walk(reading, window, progress, now, restarts + 1)))
    )
  )

const after = (from: Cursor | undefined): Soql.Expression | undefined => {
  if (from === undefined) return undefined
  const at = Soql.dateTime(from.at)
  if (from.id === null) return Soql.compare("SystemModstamp", ">=", at)
  return Soql.or(
    Soql.compare("SystemModstamp", ">", at),
    Soql.and(Soql.compare("SystemModstamp", "=", at), Soql.compare("Id", ">", Soql.id(from.id)))
  )
}

const both = (a: Soql.Expression | undefined, b: Soql.Expression | undefined): Soql.Expression | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Soql.and(a, b)

const orDeleted = (where: Soql.Expression): Soql.Expression =>
  Soql.or(where, Soql.compare("IsDeleted", "=", Soql.boolean(true)))

/** Bytes of an address that a condition takes. */
const reservedOf = (mapping: Mapping.Mapping, where: Soql.Expression | undefined) =>
  where === undefined
    ? Effect.succeed(0)
    : Soql.format({ select: ["Id"], from: mapping.object, where }).pipe(
        Result.map((text) => encodeURIComponent(text).length),
        Result.mapError(({ message }) => SalesforceError.invalid(mapping.label, message)),
        Effect.fromResult
      )

const keyset: ReadonlyArray<Soql.Order> = [
  { field: "SystemModstamp", direction: "ASC" },
  { field: "Id", direction: "ASC" }
]

// Moves `progress` over the rows of one page. A page is refused whole.
const emit = Effect.fnUntraced(function* (
  { deleted, mapping, rows }: Reading,
  window: Windowing.Window,
  progress: Progress,
  observedAt: number,
  page: Answer.QueryPage
): Effect.fn.Return<Emitted, ChangeSource.SourceError> {
  const observations: Array<Observed> = []
  const wholes = yield* rows.complete(page.rows, deleted)
  let { capped, reached } = progress
  for (const [index, row] of page.rows.entries()) {
    if (index % Rows.turn === 0) yield* Effect.yieldNow
    const place = mapping.place(row)
    if (Result.isFailure(place)) return yield* place.failure
    const position = place.success
    if (reached !== undefined && position.at < reached.at) return yield* outOfOrder(mapping, position, reached)
    reached = position
    capped = Windowing.cap(window, SalesforceCursor.millis, capped, position)
    const whole = wholes[index]
    if (whole === undefined) continue
    // A row that was read again may say something newer than its place on the page.
    const at = whole === row ? position : yield* Effect.fromResult(mapping.place(whole))
    observations.push(mapping.observe(whole, at, capped, observedAt))
  }
  progress.reached = reached
  progress.capped = capped
  return Page.make(observations)
})

const outOfOrder = (mapping: Mapping.Mapping, position: Cursor, before: Cursor) =>
  new ChangeSource.SourceError({
    reason: "OutOfOrder",
    source: mapping.label,
    message: `A row stamped ${position.at} came after one stamped ${before.at}, though rows were asked for in order of their stamps. Nothing of this page was taken.`
  })

// Everything stamped before the horizon was visible when the run began, and has been emitted.
const mark = (window: Windowing.Window, from: Cursor | undefined, progress: Progress): Stream.Stream<Emitted> =>
  Stream.suspend(() => {
    const at = Stamp.fromMillis(Math.floor(window.horizon / 1000) * 1000)
    const before = progress.capped ?? from
    const isBehind =
      at === undefined || (before !== undefined && (at < before.at || (at === before.at && before.id !== null)))
    return isBehind ? Stream.empty : Stream.make(Page.mark(SalesforceCursor.make(at, null)))
  })

// -----------------------------------------------------------------------------
// internal: fetch
// -----------------------------------------------------------------------------

type Fetched = ReadonlyMap<Observation.ExternalId, ChangeSource.Fetched<Canonical.Record>>

// A plain query leaves out the recycle bin, so a deleted record is not found.
const fetch = Effect.fnUntraced(function* (
  reading: Reading,
  ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
): Effect.fn.Return<Fetched, ChangeSource.SourceError> {
  const asked = new Map<string, Observation.ExternalId>()
  for (const id of ids) {
    const canonical = Canonical.id(id)
    if (canonical !== undefined) asked.set(canonical, id)
  }
  const found = new Map<Observation.ExternalId, ChangeSource.Fetched<Canonical.Record>>()
  if (asked.size === 0) return found
  const observedAt = yield* reading.client.time
  for (const row of yield* reading.rows.byId([...asked.keys()])) {
    const { fetched, id } = yield* Effect.fromResult(reading.mapping.fetched(row, observedAt))
    const name = asked.get(id)
    if (name !== undefined) found.set(name, fetched)
  }
  return found
})
