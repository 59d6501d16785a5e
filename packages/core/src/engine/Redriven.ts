/**
 * What a redrive leaves of the refusals it tries again.
 *
 * A refusal that is refused again stays the same row, with one attempt more. One
 * that is void by what was read or settled is closed as `Redriven`; others that
 * became void on the way are `Superseded`, as in any run.
 *
 * @since 0.1.0
 */
import type * as Observation from "../model/Observation.ts"
import * as Version from "../model/Version.ts"
import type * as Write from "../model/Write.ts"
import type * as Quarantine from "../ports/Quarantine.ts"
import type * as Gate from "../rules/Gate.ts"
import * as Refusal from "../rules/Refusal.ts"
import type * as Apply from "./Apply.ts"
import type * as Sync from "./Sync.ts"

/** @category models @since 0.1.0 */
export interface Settlement {
  readonly recurred: ReadonlyArray<Quarantine.Recurrence>
  readonly redriven: ReadonlyArray<string>
  readonly superseded: ReadonlyArray<string>
}

/** The refusals that an observation of a redrive is about, newest first. @category models @since 0.1.0 */
export type Rows = ReadonlyArray<Quarantine.Open>

/** What a batch of a redrive comes to. @category constructors @since 0.1.0 */
export const settle = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  runId: string,
  observations: ReadonlyArray<Observation.Observation<A, C>>,
  { decisions, readings, voided }: Apply.Applied<A, C>
): Settlement => {
  const recurred: Array<Quarantine.Recurrence> = []
  const redriven = new Set<string>()
  const tried = new Set<string>()
  for (const [index, observation] of observations.entries()) {
    const rows = sync.redriven?.(observation) ?? []
    for (const { id } of rows) tried.add(id)
    const reading = readings[index] ?? observation
    const decision = decisions[index]!
    if (decision._tag === "Refuse") {
      const kept = reading._tag === "Touch" ? undefined : toKept(sync, reading)
      recurred.push(...recurrences(rows, runId, decision.rejection, kept))
    } else for (const id of voidBy(rows, toKnown(sync.source.domain, reading))) redriven.add(id)
  }
  for (const id of voided) if (tried.has(id)) redriven.add(id)
  return { recurred, redriven: [...redriven], superseded: voided.filter((id) => !redriven.has(id)) }
}

/**
 * One attempt more for each of the rows. What was refused, when none of them holds
 * it, is held by the newest from now on: so the lane that meets it again knows it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const recurrences = (
  rows: Rows,
  runId: string,
  rejection: Write.Rejection,
  reading: Quarantine.Recurrence["reading"]
): ReadonlyArray<Quarantine.Recurrence> => {
  const isHeld = reading === undefined || rows.some((row) => isSame(row, reading))
  return rows.map(({ id }, place) => ({
    id,
    runId,
    rejection,
    reading: isHeld || place > 0 ? undefined : reading
  }))
}

/** The rows that no longer matter once `known` was read. @category readers @since 0.1.0 */
export const voidBy = (rows: Rows, known: Gate.Known | undefined): ReadonlyArray<string> =>
  known === undefined ? [] : rows.flatMap((row) => (Refusal.isVoid(row, known) ? [row.id] : []))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const isSame = (row: Quarantine.Open, { fingerprint, version }: NonNullable<Quarantine.Recurrence["reading"]>) =>
  row.fingerprint === fingerprint && Version.isSameReading(row.version, version)

const toKept = <A extends object, C, R>(
  { differ, schema, source }: Sync.Sync<A, C, R>,
  reading: Observation.Observation<A, C>
) => ({
  version: Refusal.versionOf(source.domain, reading),
  fingerprint: Refusal.fingerprintOf(differ, reading),
  observation: Refusal.toJson(schema, reading)
})

/** What a reading that was not refused says of its record; `undefined` when it says nothing of the whole of it. */
const toKnown = <A, C>(domain: string, reading: Observation.Observation<A, C>): Gate.Known | undefined => {
  switch (reading._tag) {
    case "Upsert":
      return { version: reading.version, existence: "Present" }
    case "Delete":
      return reading.version === undefined
        ? { version: Version.lowest(domain, reading.observedAt), existence: "Weak" }
        : { version: reading.version, existence: "Deleted" }
    case "Patch":
    case "Touch":
    case "Unreadable":
      return undefined
  }
}
