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
import type * as Entry from "../model/Entry.ts"
import * as FieldPatch from "../model/FieldPatch.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Outcome from "../model/Outcome.ts"
import type * as Row from "../model/Row.ts"
import * as Version from "../model/Version.ts"
import * as Write from "../model/Write.ts"
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
}

/** What one observation comes to. `Resolve`: read the record by id, then plan again. @category models @since 0.1.0 */
export type Decision =
  | Change
  | { readonly _tag: "Skip"; readonly reason: Outcome.SkipReason }
  | { readonly _tag: "Refuse"; readonly rejection: Write.Rejection }
  | { readonly _tag: "Resolve" }

/** A change of local state. @category models @since 0.1.0 */
export interface Change {
  readonly _tag: "Change"
  readonly operation: Outcome.Operation
  /** The ledger revision it brings the record to. */
  readonly revision: number
  readonly patch: FieldPatch.FieldPatch
}

/** All that a plan does to one record. @category models @since 0.1.0 */
export interface Move<A> {
  readonly advance: Entry.Advance
  /** `undefined` when the sink is not written. */
  readonly write: { readonly _tag: "Put"; readonly record: A } | { readonly _tag: "Remove" } | undefined
  /** Adoption and drift: found on the way, before the first observation of the record. */
  readonly findings: ReadonlyArray<Change>
  /** Refusals that a newer version has made void. */
  readonly voided: ReadonlyArray<string>
}

/** @category models @since 0.1.0 */
export interface Plan<A> {
  /** One per observation, in order. */
  readonly decisions: ReadonlyArray<Decision>
  /** At most one per record, sorted by external id. */
  readonly moves: ReadonlyArray<Move<A>>
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
): Plan<A> => {
  const cells = new Map<Observation.ExternalId, Cell<A>>()
  const decisions = observations.map((observation) => {
    const id = observation.externalId
    const cell = cells.get(id) ?? open(rules, id, states.get(id) ?? noState)
    const [next, decision] = decide(rules, cell, observation, resolutions.get(id))
    cells.set(id, next)
    return decision
  })
  const moves = Array.from(cells.values())
    .filter((cell) => cell.hasMoved)
    .map((cell) => toMove(rules, cell))
    .toSorted((a, b) => (a.advance.externalId < b.advance.externalId ? -1 : 1))
  return { decisions, moves }
}

// -----------------------------------------------------------------------------
// internal: the state of one record while a batch is planned
// -----------------------------------------------------------------------------

interface Cell<A> {
  readonly externalId: Observation.ExternalId
  readonly expected: number
  readonly localId: string | undefined
  readonly revision: number
  readonly known: Gate.Known | undefined
  /** The record as it is here; `undefined` when it is absent. */
  readonly record: A | undefined
  readonly refused: ReadonlyArray<Refusal.Refused>
  readonly voided: ReadonlyArray<string>
  readonly findings: ReadonlyArray<Change>
  /** The ledger row is to be advanced. */
  readonly hasMoved: boolean
  /** The sink is to be written. */
  readonly hasChanged: boolean
}

type Step<A> = readonly [Cell<A>, Decision]

const open = <A extends object>(
  rules: Rules<A>,
  externalId: Observation.ExternalId,
  { entry, refused, row }: State<A>
): Cell<A> => {
  const cell: Cell<A> = {
    externalId,
    expected: entry?.token ?? 0,
    localId: entry?.localId ?? row?.localId,
    revision: entry?.revision ?? 0,
    known: entry && { version: entry.version, existence: entry.existence },
    // A record the ledger calls deleted is absent, whatever the sink still holds.
    record: entry === undefined || entry.existence === "Present" ? row?.record : undefined,
    refused,
    voided: [],
    findings: [],
    hasMoved: false,
    hasChanged: false
  }
  if (entry === undefined)
    return row === undefined ? cell : find(cell, "Adopted", "Present", rules.differ.create(row.record), rules.domain)
  if (entry.existence !== "Present") return cell
  if (row === undefined) return find(cell, "Drift", "Weak", FieldPatch.empty, rules.domain)
  return entry.fingerprint === undefined || entry.fingerprint === rules.differ.fingerprint(row.record)
    ? cell
    : find(cell, "Drift", "Present", FieldPatch.empty, rules.domain)
}

const find = <A>(
  cell: Cell<A>,
  operation: "Adopted" | "Drift",
  existence: Entry.Existence,
  patch: FieldPatch.FieldPatch,
  domain: string
): Cell<A> => {
  const revision = cell.revision + 1
  return {
    ...cell,
    revision,
    known: { version: cell.known?.version ?? Version.lowest(domain), existence },
    findings: [{ _tag: "Change", operation, revision, patch }],
    hasMoved: true
  }
}

const toMove = <A>(rules: Rules<A>, cell: Cell<A>): Move<A> => {
  const { version, existence } = cell.known ?? { version: Version.lowest(rules.domain), existence: "Weak" }
  return {
    advance: {
      externalId: cell.externalId,
      expected: cell.expected,
      localId: cell.localId,
      revision: cell.revision,
      version,
      existence,
      fingerprint: cell.record === undefined ? undefined : rules.differ.fingerprint(cell.record)
    },
    write: !cell.hasChanged
      ? undefined
      : cell.record === undefined
        ? { _tag: "Remove" }
        : { _tag: "Put", record: cell.record },
    findings: cell.findings,
    voided: cell.voided
  }
}

// -----------------------------------------------------------------------------
// internal: one observation
// -----------------------------------------------------------------------------

const skip = <A>(cell: Cell<A>, reason: Outcome.SkipReason): Step<A> => [cell, { _tag: "Skip", reason }]
const resolve = <A>(cell: Cell<A>): Step<A> => [cell, { _tag: "Resolve" }]

const decide = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell<A>,
  observation: Observation.Observation<A, C>,
  resolution: Resolution<A> | undefined
): Step<A> => {
  if (!Refusal.isStorable(cell.externalId)) {
    const message = "the external id holds a NUL character or half of a surrogate pair"
    return [cell, { _tag: "Refuse", rejection: new Write.Rejection({ code: "Invalid", message }) }]
  }
  if (observation._tag !== "Touch" && Refusal.isWaiting(cell.refused, rules, observation))
    return skip(cell, "Quarantined")
  switch (observation._tag) {
    case "Upsert":
      return observation.version.domain === rules.domain
        ? upsert(rules, cell, observation.record, observation.version)
        : resolved(rules, cell, resolution)
    case "Patch":
      return cell.record !== undefined &&
        cell.known !== undefined &&
        Version.isSameReading(cell.known.version, observation.follows)
        ? patch(rules, cell, cell.record, cell.known.version, observation)
        : resolved(rules, cell, resolution)
    case "Delete":
      if (observation.version?.domain === rules.domain) return remove(rules, cell, observation.version)
      if (isGone(cell.known, observation.observedAt)) return skip(cell, "Absent")
      if (resolution?._tag === "Found") return resolved(rules, cell, resolution)
      return rules.canFetch && resolution === undefined
        ? resolve(cell)
        : removeWeakly(rules, cell, observation.observedAt)
    case "Touch":
      return resolved(rules, cell, resolution)
    case "Unreadable":
      return Gate.judge(cell.known, observation.version) === "Accept"
        ? refuse(rules, cell, observation, new Write.Rejection({ code: "Unreadable", message: observation.message }))
        : skip(cell, "Stale")
  }
}

/** Whether a deletion without a version tells nothing new. */
const isGone = (known: Gate.Known | undefined, observedAt: number): boolean =>
  known?.existence === "Deleted" || (known?.existence === "Weak" && Gate.judgeTime(known, observedAt) !== "Accept")

/** A hint, once its record was read by id. */
const resolved = <A extends object>(rules: Rules<A>, cell: Cell<A>, resolution: Resolution<A> | undefined): Step<A> => {
  if (resolution === undefined) return resolve(cell)
  return resolution._tag === "Found" ? upsert(rules, cell, resolution.record, resolution.version) : skip(cell, "Absent")
}

const upsert = <A extends object>(rules: Rules<A>, cell: Cell<A>, record: A, version: Version.Version): Step<A> => {
  const verdict = Gate.judge(cell.known, version)
  // Absent is not null: a field the source could not see keeps its value.
  const after = cell.record === undefined ? record : { ...cell.record, ...record }
  if (verdict === "Stale") return skip(cell, "Stale")
  const isCreated = cell.record === undefined
  const change = cell.record === undefined ? rules.differ.create(after) : rules.differ.diff(cell.record, after)
  const isUnchanged = !isCreated && FieldPatch.isEmpty(change)
  if (verdict === "Repeat") return skip(cell, isUnchanged ? "Unchanged" : "Stale")
  if (isUnchanged) {
    const isNoted = cell.known === undefined || Gate.isWorthNoting(cell.known.version, version, rules.settle)
    return skip(isNoted ? settle(cell, version, "Present") : cell, "Unchanged")
  }
  const rejection = rules.check(after)
  if (rejection !== undefined)
    return [remember(cell, version, rules.differ.fingerprint(record)), { _tag: "Refuse", rejection }]
  return apply(settle(cell, version, "Present"), isCreated ? "Created" : "Updated", after, change)
}

const patch = <A extends object, C>(
  rules: Rules<A>,
  cell: Cell<A>,
  before: A,
  known: Version.Version,
  observation: Observation.Patch<A, C>
): Step<A> => {
  const after = { ...before, ...observation.fields }
  const change = rules.differ.diff(before, after)
  const version = { ...known, observedAt: Math.max(known.observedAt, observation.observedAt) }
  // What was refused stays: a patch covers some fields of a version, and does not come after it.
  const noted: Cell<A> = { ...cell, known: { version, existence: "Present" }, hasMoved: true }
  if (FieldPatch.isEmpty(change)) {
    const isNoted = version.observedAt > known.observedAt && Gate.isWorthNoting(known, version, rules.settle)
    return skip(isNoted ? noted : cell, "Unchanged")
  }
  const rejection = rules.check(after)
  if (rejection !== undefined) return refuse(rules, cell, observation, rejection)
  return apply(noted, "Updated", after, change)
}

const remove = <A>(rules: Rules<A>, cell: Cell<A>, version: Version.Version): Step<A> => {
  const verdict = Gate.judge(cell.known, version)
  const isTie =
    verdict === "Repeat" && cell.known?.existence === "Present" && cell.known.version.observedAt === version.observedAt
  // Of a read and a deletion at exactly the same version the deletion wins, whichever comes first.
  if (verdict !== "Accept" && !isTie) return skip(cell, cell.record === undefined ? "Absent" : "Stale")
  const known = cell.known?.version
  if (known !== undefined && cell.known?.existence === "Deleted" && !Gate.isWorthNoting(known, version, rules.settle))
    return skip(cell, "Absent")
  const isOlder = known !== undefined && known.domain === version.domain && Version.compare(version, known) < 0
  return take(rules, settle(cell, isOlder ? { ...known, observedAt: version.observedAt } : version, "Deleted"))
}

const removeWeakly = <A>(rules: Rules<A>, cell: Cell<A>, observedAt: number): Step<A> => {
  if (Gate.judgeTime(cell.known, observedAt) !== "Accept")
    return skip(cell, cell.record === undefined ? "Absent" : "Stale")
  return take(rules, settle(cell, { ...(cell.known?.version ?? Version.lowest(rules.domain)), observedAt }, "Weak"))
}

const take = <A>(rules: Rules<A>, cell: Cell<A>): Step<A> =>
  cell.record === undefined
    ? skip(cell, "Absent")
    : apply(cell, "Deleted", undefined, FieldPatch.invert(rules.differ.create(cell.record)))

/** Moves what the ledger knows; refusals up to that version are void. */
const settle = <A>(cell: Cell<A>, version: Version.Version, existence: Entry.Existence): Cell<A> => {
  const isVoid = (refusal: Refusal.Refused) => Refusal.isVoid(refusal, version)
  return {
    ...cell,
    known: { version, existence },
    hasMoved: true,
    ...(cell.refused.length === 0
      ? {}
      : {
          refused: cell.refused.filter((refusal) => !isVoid(refusal)),
          voided: [...cell.voided, ...cell.refused.filter(isVoid).flatMap(({ id }) => (id === undefined ? [] : [id]))]
        })
  }
}

const apply = <A>(
  cell: Cell<A>,
  operation: Outcome.Operation,
  record: A | undefined,
  change: FieldPatch.FieldPatch
): Step<A> => {
  const revision = cell.revision + 1
  return [
    { ...cell, record, revision, hasChanged: true },
    { _tag: "Change", operation, revision, patch: change }
  ]
}

const refuse = <A, C>(
  rules: Rules<A>,
  cell: Cell<A>,
  observation: Observation.Observation<A, C>,
  rejection: Write.Rejection
): Step<A> => [
  remember(cell, Refusal.versionOf(rules.domain, observation), Refusal.fingerprintOf(rules.differ, observation)),
  { _tag: "Refuse", rejection }
]

/** A refusal of this batch; it has no row to close yet. */
const remember = <A>(cell: Cell<A>, version: Version.Version, fingerprint: string): Cell<A> => ({
  ...cell,
  refused: [...cell.refused, { id: undefined, version, fingerprint }]
})
