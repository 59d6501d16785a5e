/**
 * The records a detection wants, as a source of changes: read by `SalesforceSource`,
 * decided by `Detecting`, mapped.
 *
 * **What becomes of a record that no longer matches.**
 *
 * - `Delete`: every changed record is read, and one that does not match is a
 *   deletion at its own version. The copy is the records that match.
 * - `Keep`: Salesforce is asked for what matches, as far as it can tell. The copy is
 *   the records that matched when they were read, and were not deleted since, each
 *   as it was when it was last read matching.
 *
 * Deletions are told of all records, whether they matched or not: they may be here.
 * What is left out is covered by a mark, so that a resumed run does not read it
 * again.
 *
 * A query names its fields, so a row has no others: fields that are new since the
 * describe come with none, whatever `unknownFields` says, and are known to the next
 * source that is made.
 *
 * @since 0.1.0
 */
import type * as Detection from "@tidemark/core/model/Detection"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Page from "@tidemark/core/model/Page"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Detecting from "@tidemark/core/rules/Detecting"
import * as Matching from "@tidemark/core/rules/Matching"
import * as Pushdown from "@tidemark/core/rules/Pushdown"
import * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Canonical from "./Canonical.ts"
import * as Describe from "./Describe.ts"
import type * as Detected from "./Detected.ts"
import * as DetectedFilter from "./DetectedFilter.ts"
import * as DetectedRecord from "./DetectedRecord.ts"
import type * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceCursor from "./SalesforceCursor.ts"
import * as SalesforceDeletes from "./SalesforceDeletes.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as SalesforceSource from "./SalesforceSource.ts"
import type * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface DetectedSource extends ChangeSource.Fetching<
  DetectedRecord.Record,
  SalesforceCursor.SalesforceCursor
> {
  /** Of the records it emits; what a sink makes its columns from. */
  readonly schema: DetectedRecord.RecordSchema
  readonly detection: Detection.Detection
  /** What Salesforce is asked for, beside the position; `undefined` when that is every record. */
  readonly where: Soql.Expression | undefined
  /** What is evaluated here alone, and why. */
  readonly staying: ReadonlyArray<Detecting.Staying>
  /** Formula fields it maps or filters by: their changes move no timestamp, and arrive with the record's next edit. */
  readonly unstamped: ReadonlyArray<string>
  /** How late rows may become visible, as the detection says. */
  readonly settle: Duration.Duration
  /** The records as Salesforce has them, matching or not. */
  readonly records: SalesforceSource.SalesforceSource
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  readonly detected: Detected.Detected
  /** Most rows of a page, 200 to 2000; the server's choice when not given. */
  readonly pageSize?: number | undefined
}

type Cursor = SalesforceCursor.SalesforceCursor
type Observed = Observation.Definite<DetectedRecord.Record, Cursor>
type Emitted = Page.Page<DetectedRecord.Record, Cursor, Observed>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Fails as `SalesforceSource.make` does. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* ({
  client,
  detected,
  pageSize
}: Options): Effect.fn.Return<DetectedSource, ChangeSource.SourceError> {
  const { compiled, describe } = detected
  const { detection } = compiled
  const { left, where } = DetectedFilter.make(compiled.pushed, (name) => Describe.field(describe, name))
  const records = yield* SalesforceSource.make({
    client,
    object: detection.object,
    fields: compiled.select,
    epoch: detection.epoch,
    where,
    pageSize
  })
  const decide = decider(compiled, describe, records.label)
  return {
    label: records.label,
    rule: records.rule,
    domain: records.domain,
    epoch: records.epoch,
    account: records.account,
    read: (options) => read(client, records, detection, decide, options),
    fetch: (ids) => fetch(records, compiled, ids),
    schema: DetectedRecord.schema(detection, describe),
    detection,
    where,
    staying: [...compiled.staying, ...left.flatMap(unasked)],
    unstamped: compiled.select.filter((name) => Describe.field(describe, name)?.calculated === true),
    settle: detection.window.settle,
    records
  }
})

/** A source of deletions, for the lane `SalesforceDeletes.lane`. @category models @since 0.1.0 */
export type DetectedDeletes = ChangeSource.Fetching<DetectedRecord.Record, SalesforceDeletes.Cursor>

/**
 * The deletions of the records of a source. Fails with `Invalid` when the object
 * has no such feed.
 *
 * Of a record that came back from the recycle bin and does not match, `fetch` knows
 * nothing. That must not make it gone where it is to be kept, so it is looked for
 * first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deletes = Effect.fnUntraced(function* (options: {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  readonly source: DetectedSource
  /** Longest window of one request, see `SalesforceDeletes`. */
  readonly window?: Duration.Input | undefined
}): Effect.fn.Return<DetectedDeletes, ChangeSource.SourceError> {
  const { client, source, window } = options
  const all = yield* SalesforceDeletes.make({ client, source: source.records, window })
  const { account, domain, epoch, label, read, rule } = all
  const common = { account, domain, epoch, label, rule, fetch: source.fetch }
  if (source.detection.leaves === "Delete") return { ...common, read }
  return { ...common, read: (asked) => Stream.mapEffect(read(asked), (page) => gone(source.records, page)) }
})

// -----------------------------------------------------------------------------
// internal: deciding
// -----------------------------------------------------------------------------

const unasked = (filter: Pushdown.Normal): ReadonlyArray<Detecting.Staying> =>
  Pushdown.predicates(filter).map((predicate) => ({
    predicate,
    reason: "with it the condition does not fit into the address of a query"
  }))

type Told = Observation.Observation<Canonical.Record, Cursor>

/** `undefined` for what is left out. */
type Decide = (observation: Told) => Result.Result<Observed | undefined, ChangeSource.SourceError>

const decider = (compiled: Detecting.Compiled, describe: Describe.Describe, label: string): Decide => {
  const { detection } = compiled
  const isWanted = wantedAmong(compiled, describe)
  const left = (of: { readonly version: Observation.Upsert<never, never>["version"] } & Base): Observed | undefined => {
    if (detection.leaves === "Keep") return undefined
    const { externalId, origin, position, version } = of
    const { observedAt } = version
    return { _tag: "Delete", externalId, origin, position, version, observedAt, evidence: { _tag: "Left" } }
  }
  return (told) => {
    if (told._tag === "Delete") return Result.succeed(told)
    if (told._tag === "Unreadable") return Result.succeed(isWanted(told.raw) ? told : left(told))
    if (told._tag !== "Upsert") return Result.fail(SalesforceError.malformed(label, `It told a ${told._tag}`))
    const { record, ...common } = told
    const decision = compiled.decide(record)
    switch (decision._tag) {
      case "Admit":
        return Result.succeed({ ...common, record: DetectedRecord.fromMapped(detection, decision.mapped) })
      case "Leave":
        return Result.succeed(left(told))
      case "Pass":
        return Result.succeed(undefined)
      case "Raise":
        return Result.fail(SalesforceError.malformed(label, decision.message))
      case "Refuse":
        return Result.succeed({
          ...common,
          _tag: "Unreadable",
          raw: { ...record },
          message: decision.rejection.message
        })
    }
  }
}

type Base = Pick<Observation.Upsert<never, Cursor>, "externalId" | "origin" | "position">

/**
 * Whether a row that cannot be read as a whole may be wanted: the fields that the
 * filters name decide, unless it is one of them that cannot be read.
 */
const wantedAmong = (
  { pushed, rest }: Detecting.Compiled,
  describe: Describe.Describe
): ((raw: unknown) => boolean) => {
  const names = new Set([pushed, rest].flatMap(Pushdown.predicates).map(({ field }) => field))
  const read = Canonical.reader(describe.fields.filter(({ name }) => names.has(name)))
  return (raw) => {
    const row = read(raw as Canonical.Row)
    return Result.isFailure(row) || (Matching.matches(pushed, row.success) && Matching.matches(rest, row.success))
  }
}

// -----------------------------------------------------------------------------
// internal: reading
// -----------------------------------------------------------------------------

const read = (
  client: Options["client"],
  records: SalesforceSource.SalesforceSource,
  detection: Detection.Detection,
  decide: Decide,
  options: ChangeSource.ReadOptions<Cursor>
): Stream.Stream<Emitted, ChangeSource.SourceError> =>
  Stream.unwrap(
    Effect.map(startOf(client, detection, options.from), (from) =>
      records.read({ ...options, from }).pipe(
        Stream.mapEffect((page) => emit(decide, page)),
        Stream.filter((page) => page.observations.length > 0 || page.mark !== undefined)
      )
    )
  )

const startOf = (client: Options["client"], detection: Detection.Detection, from: Cursor | undefined) => {
  if (from !== undefined || detection.window.first === "Everything") return Effect.succeed(from)
  return Effect.map(client.time, (now) => {
    const at = Stamp.fromMillis(Detecting.startOf(detection, now) ?? Number.NaN)
    return at === undefined ? undefined : SalesforceCursor.make(at, null)
  })
}

/** Most records decided at a stretch, as `SalesforceSource` reads them. */
const turn = 200

const emit = Effect.fnUntraced(function* (
  decide: Decide,
  page: Page.Page<Canonical.Record, Cursor>
): Effect.fn.Return<Emitted, ChangeSource.SourceError> {
  const observations: Array<Observed> = []
  let passed: Cursor | undefined
  for (const [index, told] of page.observations.entries()) {
    if (index % turn === 0) yield* Effect.yieldNow
    const decided = decide(told)
    if (Result.isFailure(decided)) return yield* decided.failure
    if (decided.success === undefined) passed = told.position
    else {
      observations.push(decided.success)
      passed = undefined
    }
  }
  return { observations, mark: page.mark ?? (passed === undefined ? undefined : { position: passed }) }
})

// -----------------------------------------------------------------------------
// internal: reading by id
// -----------------------------------------------------------------------------

type Ids = Arr.NonEmptyReadonlyArray<Observation.ExternalId>
type Fetched = ReadonlyMap<Observation.ExternalId, ChangeSource.Fetched<DetectedRecord.Record>>

const fetch = Effect.fnUntraced(function* (
  records: SalesforceSource.SalesforceSource,
  { decide, detection }: Detecting.Compiled,
  ids: Ids
): Effect.fn.Return<Fetched, ChangeSource.SourceError> {
  const found = new Map<Observation.ExternalId, ChangeSource.Fetched<DetectedRecord.Record>>()
  for (const [id, { record, version }] of yield* records.fetch(ids)) {
    const decision = decide(record)
    if (decision._tag === "Admit")
      found.set(id, { record: DetectedRecord.fromMapped(detection, decision.mapped), version })
    // Left out, a record that is wanted would seem not to exist.
    else if (decision._tag === "Refuse")
      return yield* SalesforceError.malformed(records.label, `${id} cannot be mapped (${decision.rejection.message})`)
    else if (decision._tag === "Raise") return yield* SalesforceError.malformed(records.label, decision.message)
  }
  return found
})

const gone = Effect.fnUntraced(function* (
  records: SalesforceSource.SalesforceSource,
  page: SalesforceDeletes.Emitted
): Effect.fn.Return<SalesforceDeletes.Emitted, ChangeSource.SourceError> {
  const ids = page.observations.map(({ externalId }) => externalId)
  if (!Arr.isReadonlyArrayNonEmpty(ids)) return page
  const there = yield* records.fetch(ids)
  return { ...page, observations: page.observations.filter(({ externalId }) => !there.has(externalId)) }
})
