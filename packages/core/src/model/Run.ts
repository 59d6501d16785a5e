/**
 * One execution of a sync, and the record it leaves.
 *
 * @since 0.1.0
 */
import type * as CursorRule from "./CursorRule.ts"
import type * as Observation from "./Observation.ts"
import type * as Outcome from "./Outcome.ts"
import type * as Version from "./Version.ts"
import * as Write from "./Write.ts"

/** What started the run. @category models @since 0.1.0 */
export type Trigger = "Schedule" | "Webhook" | "Manual" | "Backfill" | "Replay"

/**
 * `Partial`: ended early or with refused records, everything before that
 * committed. `Fenced`: another run took the lane over. `Abandoned`: found
 * running without a process. Every status but `Running` is final.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "Running" | "Succeeded" | "Partial" | "Failed" | "Interrupted" | "Fenced" | "Abandoned"

/** The audit row of one observation of a committed batch, or of a record's adoption or drift. @category models @since 0.1.0 */
export interface Item {
  /** Place in the run's arrival order, counted from zero. */
  readonly sequence: number
  /** As `Refusal.heldId` writes it. */
  readonly externalId: Observation.ExternalId
  readonly origin: Observation.Origin
  readonly outcome: Outcome.Outcome
  readonly version: Version.Version | undefined
}

/**
 * How the observations of a run ended; they add up to `read`. Beside them, `adopted`
 * and `drifted` count records that observations found so, `unknownFields` and
 * `unknownValues` what was read that the schema does not know and that refused nobody.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly read: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
  readonly stale: number
  readonly absent: number
  readonly quarantined: number
  /** In quarantine until the record they refer to is there. */
  readonly parked: number
  /** Already in quarantine at this version, so not tried again. */
  readonly stillQuarantined: number
  readonly rejected: number
  readonly adopted: number
  readonly drifted: number
  readonly unknownFields: number
  readonly unknownValues: number
}

/** @category constructors @since 0.1.0 */
export const noCounts: Counts = {
  read: 0,
  created: 0,
  updated: 0,
  deleted: 0,
  unchanged: 0,
  stale: 0,
  absent: 0,
  quarantined: 0,
  parked: 0,
  stillQuarantined: 0,
  rejected: 0,
  adopted: 0,
  drifted: 0,
  unknownFields: 0,
  unknownValues: 0
}

/** @category combinators @since 0.1.0 */
export const addCounts = (a: Counts, b: Counts): Counts => {
  const sum: Record<string, number> = {}
  for (const key of Object.keys(noCounts) as ReadonlyArray<keyof Counts>) sum[key] = a[key] + b[key]
  return sum as unknown as Counts // every key of `noCounts` was just assigned
}

const operations = { Created: "created", Updated: "updated", Deleted: "deleted", Adopted: "adopted", Drift: "drifted" }
const reasons = { Unchanged: "unchanged", Stale: "stale", Absent: "absent", Quarantined: "stillQuarantined" }

/** The counts of some items. @category constructors @since 0.1.0 */
export const countItems = (items: Iterable<{ readonly outcome: Outcome.Outcome }>): Counts => {
  const counts: Record<string, number> = { ...noCounts }
  for (const { outcome } of items) {
    const isBeside = outcome._tag === "Applied" && (outcome.operation === "Adopted" || outcome.operation === "Drift")
    if (!isBeside) counts["read"]! += 1
    const key =
      outcome._tag === "Applied"
        ? operations[outcome.operation]
        : outcome._tag === "Skipped"
          ? reasons[outcome.reason]
          : outcome._tag === "Quarantined"
            ? Write.isParked(outcome.rejection)
              ? "parked"
              : "quarantined"
            : "rejected"
    counts[key]! += 1
  }
  return counts as unknown as Counts // started from `noCounts`, so every key is there
}

/** @category models @since 0.1.0 */
export interface Summary {
  readonly runId: string
  readonly status: Status
  readonly counts: Counts
  /** The lane's cursor after the last commit. */
  readonly cursor: CursorRule.Stored | undefined
  /** Committed batches. */
  readonly batches: number
}
