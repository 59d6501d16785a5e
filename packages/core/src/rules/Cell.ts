/**
 * The state of one record while a batch is planned.
 *
 * A cell is opened from what is here of the record, and each observation leaves a
 * new one; what it came to in the end is the record's move.
 *
 * @since 0.1.0
 */
import type * as Entry from "../model/Entry.ts"
import * as FieldPatch from "../model/FieldPatch.ts"
import type * as Observation from "../model/Observation.ts"
import * as Version from "../model/Version.ts"
import type * as Gate from "./Gate.ts"
import type * as Plan from "./Plan.ts"
import * as Refusal from "./Refusal.ts"

/** @category models @since 0.1.0 */
export interface Cell<A> {
  readonly externalId: Observation.ExternalId
  readonly expected: number
  readonly localId: string | undefined
  readonly revision: number
  readonly known: Gate.Known | undefined
  /** What was last settled in this batch. A new object each time. */
  readonly settled: Gate.Known | undefined
  /** The record as it is here; `undefined` when it is absent. */
  readonly record: A | undefined
  readonly refused: ReadonlyArray<Refusal.Refused>
  readonly voided: ReadonlyArray<string>
  readonly findings: ReadonlyArray<Plan.Change>
  /** The ledger row is to be advanced. */
  readonly hasMoved: boolean
  /** The sink is to be written. */
  readonly hasChanged: boolean
}

/** Of a cell whose record is here. @category models @since 0.1.0 */
export interface Here<A> {
  readonly known: Gate.Known
  readonly record: A
}

/** The cell of a record before the first observation: adoption and drift are found here. @category constructors @since 0.1.0 */
export const open = <A extends object>(
  rules: Plan.Rules<A>,
  externalId: Observation.ExternalId,
  { entry, refused, row }: Plan.State<A>
): Cell<A> => {
  const cell: Cell<A> = {
    externalId,
    expected: entry?.token ?? 0,
    localId: entry?.localId ?? row?.localId,
    revision: entry?.revision ?? 0,
    known: entry && { version: entry.version, existence: entry.existence },
    settled: undefined,
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

/** @category combinators @since 0.1.0 */
export const toMove = <A>(rules: Plan.Rules<A>, cell: Cell<A>): Plan.Move<A> => {
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

/** Moves what the ledger knows; refusals up to that version are void. @category combinators @since 0.1.0 */
export const settle = <A>(cell: Cell<A>, version: Version.Version, existence: Entry.Existence): Cell<A> => {
  const known = { version, existence }
  const isVoid = (refusal: Refusal.Refused) => Refusal.isVoid(refusal, known)
  return {
    ...cell,
    known,
    settled: known,
    hasMoved: true,
    ...(cell.refused.length === 0
      ? {}
      : {
          refused: cell.refused.filter((refusal) => !isVoid(refusal)),
          voided: [...cell.voided, ...cell.refused.filter(isVoid).flatMap(({ id }) => (id === undefined ? [] : [id]))]
        })
  }
}

/** Adds a refusal of this batch; it has no row to close yet. @category combinators @since 0.1.0 */
export const remember = <A>(cell: Cell<A>, refused: Refusal.Refused): Cell<A> => ({
  ...cell,
  refused: [...cell.refused, refused]
})

/** Whether the record is here at exactly this provider version. @category guards @since 0.1.0 */
export const isAt = <A>(cell: Cell<A>, version: Version.Version): cell is Cell<A> & Here<A> =>
  cell.record !== undefined && cell.known !== undefined && Version.isSameReading(cell.known.version, version)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

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
