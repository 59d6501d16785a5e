/**
 * A record as a sink holds it.
 *
 * @since 0.1.0
 */

/** @category models @since 0.1.0 */
export interface Row<out A> {
  /** The record's id here. */
  readonly localId: string
  /** In canonical shape: mapped fields only, as they would be written again. */
  readonly record: A
}
