/**
 * Whether an observation is news to the ledger.
 *
 * **Laws**
 *
 * - whatever the order and repetition of versioned reads, the greatest version is
 *   the last one accepted;
 * - against a weak tombstone only the time of the read counts.
 *
 * @since 0.1.0
 */
import type * as Entry from "../model/Entry.ts"
import * as Version from "../model/Version.ts"

/** What the ledger knows of a record's version. @category models @since 0.1.0 */
export interface Known {
  readonly version: Version.Version
  readonly existence: Entry.Existence
}

/**
 * `Repeat`: the same provider version, read no later than the one that is here.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = "Accept" | "Repeat" | "Stale"

/**
 * Judges a read of the whole record, or a deletion with a version of its own. A
 * known version of another domain says nothing, so it is always older.
 *
 * @category combinators
 * @since 0.1.0
 */
export const judge = (known: Known | undefined, version: Version.Version): Verdict => {
  if (known === undefined || known.version.domain !== version.domain) return "Accept"
  if (known.existence === "Weak") return judgeTime(known, version.observedAt)
  if (Version.compare(version, known.version) > 0) return "Accept"
  return Version.isSameReading(version, known.version) ? "Repeat" : "Stale"
}

/**
 * Judges a deletion without a version, which only its time orders.
 *
 * @category combinators
 * @since 0.1.0
 */
export const judgeTime = (known: Known | undefined, observedAt: number): Verdict =>
  known === undefined || observedAt > known.version.observedAt ? "Accept" : "Stale"

/**
 * Whether a later read of the same version with the same content must be
 * remembered: while two edits may still share the stamp, or when nothing but the
 * time of the read orders the record's versions.
 *
 * @param settle how late a row may become visible, in ms
 * @category guards
 * @since 0.1.0
 */
export const isWorthNoting = (known: Version.Version, later: Version.Version, settle: number): boolean => {
  if (!Version.isSameReading(known, later)) return true
  if (later.value === "") return true
  return later.at !== undefined && known.observedAt <= later.at + settle
}
