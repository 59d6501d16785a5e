/**
 * What became of one observation.
 *
 * @since 0.1.0
 */
import type * as FieldPatch from "./FieldPatch.ts"
import type * as Write from "./Write.ts"

/** @category models @since 0.1.0 */
export type Outcome = Applied | Skipped | Quarantined | Rejected

/**
 * `Adopted`: a local record that existed before the engine came; `Drift`: one
 * that was changed or lost outside the engine. Neither makes an event.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = "Created" | "Updated" | "Deleted" | "Adopted" | "Drift"

/** Local state changed. @category models @since 0.1.0 */
export interface Applied {
  readonly _tag: "Applied"
  readonly operation: Operation
  readonly localId: string
  /** The ledger revision this change brought the record to. */
  readonly revision: number
  readonly patch: FieldPatch.FieldPatch
}

/** Nothing needed to change. @category models @since 0.1.0 */
export interface Skipped {
  readonly _tag: "Skipped"
  readonly reason: SkipReason
}

/** Refused; a durable row keeps it and the cursor may pass. @category models @since 0.1.0 */
export interface Quarantined {
  readonly _tag: "Quarantined"
  readonly rejection: Write.Rejection
}

/** Refused; the cursor waits for it. @category models @since 0.1.0 */
export interface Rejected {
  readonly _tag: "Rejected"
  readonly rejection: Write.Rejection
}

/**
 * Local state already agrees; a newer version is already here; it deletes
 * nothing; the same version is already in quarantine.
 *
 * @category models
 * @since 0.1.0
 */
export type SkipReason = "Unchanged" | "Stale" | "Absent" | "Quarantined"

/** @category constructors @since 0.1.0 */
export const skipped = (reason: SkipReason): Skipped => ({ _tag: "Skipped", reason })

/**
 * Whether the cursor may pass. Only a rejection holds it.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSettled = (outcome: Outcome): boolean => outcome._tag !== "Rejected"
