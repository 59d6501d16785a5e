/**
 * A store could not be read or written. Every storage port fails with it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * - `Refused`: the values themselves are refused (SQLSTATE classes 22 and 23);
 *   trying again will not help, trying fewer of them may.
 * - `Conflict`: another transaction won (deadlock, serialization, lock timeout);
 *   the whole step may be tried again.
 * - `Unavailable`: anything else.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Literals(["Refused", "Conflict", "Unavailable"])
/** @category models @since 0.1.0 */
export type Reason = typeof Reason.Type

/** @category errors @since 0.1.0 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  reason: Reason,
  /** For example `"Ledger.advance"`. */
  operation: Schema.String,
  /** The store's own code, such as a SQLSTATE. */
  code: Schema.optionalKey(Schema.String),
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
