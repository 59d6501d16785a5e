/**
 * What to do with a batch of observations, decided from values alone.
 *
 * State is threaded per record: each observation is judged against what the ones
 * before it left, and has a decision, a patch, and a revision of its own; only the
 * writes are folded, one per record. So histories do not depend on batch size.
 *
 * **Laws**
 *
 * - batch-free: planning in pieces, each over the state the last one left, decides
 *   the same;
 * - quiet: planning again over the state it produced changes nothing;
 * - greatest wins: the final state is that of the greatest version, whatever the
 *   order and repetition;
 * - one chain: the patches of a record follow on each other, revisions rise by one.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Entry from "../model/Entry.ts"
import * as FieldPatch from "../model/FieldPatch.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Outcome from "../model/Outcome.ts"
import type * as Row from "../model/Row.ts"
import * as Version from "../model/Version.ts"
import * as Write from "../model/Write.ts"
import * as Cell from "./Cell.ts"
import * as Contract from "./Contract.ts"
import type * as FieldDiffer from "./FieldDiffer.ts"
import * as Gate from "./Gate.ts"
import * as Refusal from "./Refusal.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is here of one record. @category models @since 0.1.0 */
export interface State<A> {
  readonly entry: Entry.Entry | undefined
  readonly row: Row.Row<A> | undefined
  readonly refused: ReadonlyArray<Refusal.Refused>
}

/** What reading a record by id answered. @category models @since 0.1.0 */
export type Resolution<A> =
  | { readonly _tag: "Found"; readonly record: A; readonly version: Version.Version }
  | { readonly _tag: "Missing" }

/** What planning depends on beside the observations and the state. @category models @since 0.1.0 */
export interface Rules<A> {
  readonly differ: FieldDiffer.FieldDiffer<A>
  /** The entity's version domain. */
  readonly domain: string
  /** How late a row may become visible, in ms. */
  readonly settle: number
  /** Whether the source can read records by id. */
  readonly canFetch: boolean
  /** Why a record cannot be stored, as far as values tell. */
  readonly check: (record: A) => Write.Rejection | undefined
  /** Tries also what waits in quarantine. Default: `false`. */
  readonly isRedriving?: boolean
  /** What becomes of what the schema does not know. Default: it is taken as it comes. */
  readonly contract?: Contract.Contract
}

/** What one observation comes to. `Resolve`: read the record by id, then plan again. @category models @since 0.1.0 */
export type Decision =
  | Change
  | (Told & { readonly _tag: "Skip"; readonly reason: Outcome.SkipReason })
  | { readonly _tag: "Refuse"; readonly rejection: Write.Rejection }
  | { readonly _tag: "Resolve" }

interface Told {
  /** What the observation told that the schema does not know; `undefined` when it knows all of it. */
  readonly unknown?: Contract.Unknown
}

/** A change of local state. @category models @since 0.1.0 */
export interface Change extends Told {
  readonly _tag: "Change"
  readonly operation: Outcome.Operation
  /** The ledger revision it brings the record to. */
  readonly revision: number
  readonly patch: FieldPatch.FieldPatch
}

/** A write of a ledger row; a record that was never here has no local id yet. @category models @since 0.1.0 */
export interface Advance extends Omit<Entry.Advance, "localId"> {
  readonly localId: string | undefined
}

/** All that a plan does to one record. @category models @since 0.1.0 */
export interface Move<A> {
  readonly advance: Advance
  /** `undefined` when the sink is not written. */
  readonly write: { readonly _tag: "Put"; readonly record: A } | { readonly _tag: "Remove" } | undefined
  /** Adoption and drift: found on the way, before the first observation of the record. */
  readonly findings: ReadonlyArray<Change>
  /** Refusals that a newer version has made void. */
  readonly voided: ReadonlyArray<string>
}

/** @category models @since 0.1.0 */
export interface Plan<out A, out C = unknown> {
  /** One per observation, in order. */
  readonly decisions: ReadonlyArray<Decision>
  /** What each observation was taken for: itself or, for a hint whose record was found, the read of the record. */
  readonly readings: ReadonlyArray<Observation.Observation<A, C>>
  /** What an observation settled of its record; `undefined` where it settled nothing. */
  readonly settled: ReadonlyArray<Gate.Known | undefined>
  /** At most one per record, sorted by external id. */
  readonly moves: ReadonlyArray<Move<A>>
  /** What waits in quarantine of a record after the batch, where anything does. */
  readonly refused: ReadonlyMap<Observation.ExternalId, ReadonlyArray<Refusal.Refused>>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Nothing is here of a record. @category constructors @since 0.1.0 */
export const noState: State<never> = { entry: undefined, row: undefined, refused: [] }

/**
 * Plans observations, in arrival order, against what is here of their records.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends object, C>(
  rules: Rules<A>,
  observations: ReadonlyArray<Observation.Observation<A, C>>,
  states: ReadonlyMap<Observation.ExternalId, State<A>>,
  resolutions: ReadonlyMap<Observation.ExternalId, Resolution<A>> = new Map()
): Plan<A, C> => {
  const draft = begin<A, C>(rules, states, resolutions)
  for (const observation of observations) observe(draft, observation)
  return end(draft)
}

/**
 * A plan in the making, one observation at a time, for a caller who has to let
 * others run in between: `begin`, `observe` each, `end`. Mutable.
 *
 * @category models
 * @since 0.1.0
 */
export interface Draft<A, C> {
  readonly rules: Rules<A>
  readonly states: ReadonlyMap<Observation.ExternalId, State<A>>
  readonly resolutions: ReadonlyMap<Observation.ExternalId, Resolution<A>>
  readonly cells: Map<Observation.ExternalId, Cell.Cell<A>>
  readonly decisions: Array<Decision>
  readonly readings: Array<Observation.Observation<A, C>>
  readonly settled: Array<Gate.Known | undefined>
}

/** @category constructors @since 0.1.0 */
export const begin = <A, C>(
  rules: Rules<A>,
  states: ReadonlyMap<Observation.ExternalId, State<A>>,
  resolutions: ReadonlyMap<Observation.ExternalId, Resolution<A>>
): Draft<A, C> => ({ rules, states, resolutions, cells: new Map(), decisions: [], readings: [], settled: [] })

/** Plans the next observation. @category combinators @since 0.1.0 */
export const observe = <A extends object, C>(draft: Draft<A, C>, observation: Observation.Observation<A, C>): void => {
  const { cells, resolutions, rules, states } = draft
  const id = observation.externalId
  const cell = cells.get(id) ?? Cell.open(rules, id, states.get(id) ?? noState)
  const reading = toReading(rules, cell, observation, resolutions.get(id))
  const [next, decision] = decide(rules, cell, reading, resolutions.get(id))
  cells.set(id, next)
  draft.decisions.push(decision)
  draft.readings.push(reading)
  draft.settled.push(next.settled === cell.settled ? undefined : next.settled)
}

/** @category constructors @since 0.1.0 */
export const end = <A, C>({ cells, decisions, readings, rules, settled }: Draft<A, C>): Plan<A, C> => {
  const moves = Array.from(cells.values())
    .filter((cell) => cell.hasMoved)
    .map((cell) => Cell.toMove(rules, cell))
    .toSorted((a, b) => (a.advance.externalId < b.advance.externalId ? -1 : 1))
  const refused = new Map<Observation.ExternalId, ReadonlyArray<Refusal.Refused>>()
  for (const [id, cell] of cells) if (cell.refused.length > 0) refused.set(id, cell.refused)
  return { decisions, readings, settled, moves, refused }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Step<A> = readonly [Cell.Cell<A>, Decision]

const skip = <A>(cell: Cell.Cell<A>, reason: Outcome.SkipReason, unknown?: Contract.Unknown): Step<A> => [
  cell,
  { _tag: "Skip", reason, ...(unknown === undefined ? {} : { unknown }) }
]
const resolve = <A>(cell: Cell.Cell<A>): Step<A> => [cell, { _tag: "Resolve" }]

/** A hint whose record was found is a read of the whole record. */
const toReading = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A>,
  observation: Observation.Observation<A, C>,
  resolution: Resolution<A> | undefined
): Observation.Observation<A, C> => {
  if (resolution?._tag !== "Found" || !isHint(rules, cell, observation)) return observation
  const { eventId, externalId, origin, position } = observation
  const { record, version } = resolution
  return {
    _tag: "Upsert",
    externalId,
    position,
    origin,
    ...(eventId === undefined ? {} : { eventId }),
    record,
    version
  }
}

/** Whether an observation says nothing until the record is read by id. */
const isHint = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A>,
  observation: Observation.Observation<A, C>
): boolean => {
  switch (observation._tag) {
    case "Touch":
      return true
    case "Upsert":
      return observation.version.domain !== rules.domain
    case "Patch":
      return !Cell.isAt(cell, observation.follows)
    case "Delete":
      return isDoubtful(rules, cell, observation.version)
    case "Unreadable":
      return false
  }
}

/**
 * Whether a deletion is believed only once the record is not found. A record that
 * is gone already is not asked for: what revives it is a later read of its own,
 * and a deletion told at every poll would be asked about at every poll.
 */
const isDoubtful = <A>(rules: Rules<A>, { known }: Cell.Cell<A>, version: Version.Version | undefined): boolean =>
  rules.canFetch && version?.domain !== rules.domain && (known === undefined || known.existence === "Present")

const decide = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A>,
  observation: Observation.Observation<A, C>,
  resolution: Resolution<A> | undefined
): Step<A> => {
  if (rules.isRedriving !== true && Refusal.isWaiting(cell.refused, rules, observation))
    return skip(cell, "Quarantined")
  const fault = Refusal.idFault(cell.externalId)
  if (fault !== undefined)
    return refuse(rules, cell, observation, new Write.Rejection({ code: "Invalid", message: fault }))
  switch (observation._tag) {
    case "Upsert":
      return observation.version.domain === rules.domain ? upsert(rules, cell, observation) : ask(cell, resolution)
    case "Patch":
      return Cell.isAt(cell, observation.follows) ? patch(rules, cell, observation) : ask(cell, resolution)
    case "Delete":
      if (observation.version?.domain === rules.domain) return remove(rules, cell, observation.version)
      return isDoubtful(rules, cell, observation.version) && resolution === undefined
        ? resolve(cell)
        : removeWeakly(rules, cell, observation.observedAt, resolution !== undefined)
    case "Touch":
      return ask(cell, resolution)
    case "Unreadable":
      return Gate.judge(cell.known, observation.version) === "Accept"
        ? refuse(rules, cell, observation, new Write.Rejection({ code: "Unreadable", message: observation.message }))
        : skip(cell, "Stale")
  }
}

/** A hint whose record was not found says nothing. */
const ask = <A>(cell: Cell.Cell<A>, resolution: Resolution<A> | undefined): Step<A> =>
  resolution === undefined ? resolve(cell) : skip(cell, "Absent")

const upsert = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A>,
  observation: Observation.Upsert<A, C>
): Step<A> => {
  const { record, version } = observation
  const verdict = Gate.judge(cell.known, version)
  if (verdict === "Stale") return skip(cell, "Stale")
  const merged = merge(rules, cell.record, record)
  if (Result.isFailure(merged))
    return verdict === "Repeat" ? skip(cell, "Stale") : refuse(rules, cell, observation, merged.failure)
  const { record: after, unknown } = merged.success
  const isCreated = cell.record === undefined
  const change = cell.record === undefined ? rules.differ.create(after) : rules.differ.diff(cell.record, after)
  const isUnchanged = !isCreated && FieldPatch.isEmpty(change)
  if (verdict === "Repeat") return skip(cell, isUnchanged ? "Unchanged" : "Stale")
  if (isUnchanged) {
    const isNoted = cell.known === undefined || Gate.isWorthNoting(cell.known.version, version, rules.settle)
    return skip(isNoted ? Cell.settle(cell, version, "Present") : cell, "Unchanged", unknown)
  }
  const rejection = rules.check(after)
  if (rejection !== undefined) return refuse(rules, cell, observation, rejection)
  const [next, decision] = apply(
    Cell.settle(cell, version, "Present"),
    isCreated ? "Created" : "Updated",
    after,
    change
  )
  return [next, unknown === undefined ? decision : { ...decision, unknown }]
}

/** Absent is not null: a field the source could not see keeps its value. */
const merge = <A extends object>(
  { contract }: Rules<A>,
  before: A | undefined,
  reading: Partial<A>
): Result.Result<Contract.Merged<A>, Write.Rejection> =>
  contract === undefined
    ? Result.succeed({ record: (before === undefined ? reading : { ...before, ...reading }) as A, unknown: undefined }) // whole when nothing is here: an upsert
    : Contract.merge(contract, before, reading)

const patch = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A> & Cell.Here<A>,
  observation: Observation.Patch<A, C>
): Step<A> => {
  const before = cell.record
  const known = cell.known.version
  const merged = merge(rules, before, observation.fields)
  if (Result.isFailure(merged)) return refuse(rules, cell, observation, merged.failure)
  const { record: after, unknown } = merged.success
  const change = rules.differ.diff(before, after)
  const version = { ...known, observedAt: Math.max(known.observedAt, observation.observedAt) }
  // What was refused stays: a patch covers some fields of a version, and does not come after it.
  const noted: Cell.Cell<A> = { ...cell, known: { version, existence: "Present" }, hasMoved: true }
  if (FieldPatch.isEmpty(change)) {
    const isNoted = version.observedAt > known.observedAt && Gate.isWorthNoting(known, version, rules.settle)
    return skip(isNoted ? noted : cell, "Unchanged", unknown)
  }
  const rejection = rules.check(after)
  if (rejection !== undefined) return refuse(rules, cell, observation, rejection)
  const [next, decision] = apply(noted, "Updated", after, change)
  return [next, unknown === undefined ? decision : { ...decision, unknown }]
}

const remove = <A>(rules: Rules<A>, cell: Cell.Cell<A>, version: Version.Version): Step<A> => {
  const verdict = Gate.judge(cell.known, version)
  const isTie =
    verdict === "Repeat" && cell.known?.existence === "Present" && cell.known.version.observedAt === version.observedAt
  // Of a read and a deletion at exactly the same version the deletion wins, whichever comes first.
  if (verdict !== "Accept" && !isTie) return skip(cell, cell.record === undefined ? "Absent" : "Stale")
  const known = cell.known?.version
  if (known !== undefined && cell.known?.existence === "Deleted" && !Gate.isWorthNoting(known, version, rules.settle))
    return skip(cell, "Absent")
  const isOlder = known !== undefined && known.domain === version.domain && Version.compare(version, known) < 0
  return take(rules, Cell.settle(cell, isOlder ? { ...known, observedAt: version.observedAt } : version, "Deleted"))
}

const removeWeakly = <A>(rules: Rules<A>, cell: Cell.Cell<A>, observedAt: number, isConfirmed: boolean): Step<A> => {
  if (cell.known?.existence === "Deleted") return skip(cell, "Absent")
  // The record was looked for after the deletion was told: of a read at the same time the deletion is the later.
  const isTie = isConfirmed && cell.known?.existence === "Present" && cell.known.version.observedAt === observedAt
  if (Gate.judgeTime(cell.known, observedAt) !== "Accept" && !isTie)
    return skip(cell, cell.record === undefined ? "Absent" : "Stale")
  return take(
    rules,
    Cell.settle(cell, { ...(cell.known?.version ?? Version.lowest(rules.domain)), observedAt }, "Weak")
  )
}

const take = <A>(rules: Rules<A>, cell: Cell.Cell<A>): Step<A> =>
  cell.record === undefined
    ? skip(cell, "Absent")
    : apply(cell, "Deleted", undefined, FieldPatch.invert(rules.differ.create(cell.record)))

const apply = <A>(
  cell: Cell.Cell<A>,
  operation: Outcome.Operation,
  record: A | undefined,
  change: FieldPatch.FieldPatch
): readonly [Cell.Cell<A>, Change] => {
  const revision = cell.revision + 1
  return [
    { ...cell, record, revision, hasChanged: true },
    { _tag: "Change", operation, revision, patch: change }
  ]
}

/** The refusal is remembered: reading the same again is no new attempt, in this batch and later. */
const refuse = <A, C>(
  rules: Rules<A>,
  cell: Cell.Cell<A>,
  observation: Observation.Observation<A, C>,
  rejection: Write.Rejection
): Step<A> => [Cell.remember(cell, Refusal.of(rules, observation)), { _tag: "Refuse", rejection }]
