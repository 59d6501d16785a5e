/**
 * What the engine knows of one record: a row of the ledger.
 *
 * @since 0.1.0
 */
import type * as Observation from "./Observation.ts"
import type * as Version from "./Version.ts"

/**
 * `Weak`: gone by absence, or by a deletion that carried no version; any read
 * that began later revives the record.
 *
 * @category models
 * @since 0.1.0
 */
export type Existence = "Present" | "Deleted" | "Weak"

/** @category models @since 0.1.0 */
export interface Entry {
  readonly externalId: Observation.ExternalId
  /** The record's id here. Kept when the record is deleted and comes back. */
  readonly localId: string
  /** +1 on every write of this row, whatever its reason. The compare-and-set is on it. Starts at 1. */
  readonly token: number
  /** Number of applied changes; 0 for a record that was never here. */
  readonly revision: number
  readonly version: Version.Version
  readonly existence: Existence
  /** Of the compared fields of the record as last written; `undefined` when there is none. */
  readonly fingerprint: string | undefined
}

/**
 * A write of one ledger row. It takes effect only while the row still has the
 * token it was planned against, and leaves `expected + 1` there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Advance extends Omit<Entry, "token"> {
  /** Token of the row this was planned against; 0 when there was none. */
  readonly expected: number
}
