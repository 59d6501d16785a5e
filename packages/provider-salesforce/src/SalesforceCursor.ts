/**
 * Where a read of a Salesforce object stands: a stamp, and an Id within it.
 *
 * Many records share one `SystemModstamp` (bulk updates stamp thousands alike),
 * so a stamp alone would lose or repeat records. The pair is unique. Which of two
 * Ids comes first is known to the server only: Ids are base-62 and case-sensitive,
 * and their order is not that of JavaScript strings. Therefore positions of one
 * stamp cannot be compared here.
 *
 * @since 0.1.0
 */
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Schema from "effect/Schema"
import * as Stamp from "./Stamp.ts"

/** @category schemas @since 0.1.0 */
export const SalesforceCursor = Schema.Struct({
  /** `SystemModstamp` of the last record read, canonical. */
  at: Stamp.Stamp,
  /**
   * Id of the last record read; what follows has a greater Id or a later stamp.
   * `null` stands before all records of the stamp: everything stamped at or after
   * `at` follows.
   */
  id: Schema.NullOr(Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/)))
})
/** @category models @since 0.1.0 */
export type SalesforceCursor = typeof SalesforceCursor.Type

/** @category constructors @since 0.1.0 */
export const make = (at: string, id: string | null): SalesforceCursor => ({ at, id })

/** Source time of a position, in ms since the epoch. @category getters @since 0.1.0 */
export const millis = (cursor: SalesforceCursor): number => Stamp.toMillis(cursor.at)

/**
 * `order` answers for different stamps and for equal positions, and not for two
 * Ids of one stamp.
 *
 * @category models
 * @since 0.1.0
 */
export const rule: CursorRule.CursorRule<SalesforceCursor> = {
  codec: SalesforceCursor,
  codecVersion: 1,
  equals: (a, b) => a.at === b.at && a.id === b.id,
  positions: "Unique",
  resume: "Exclusive",
  emission: "Ascending",
  order: (a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id === b.id ? 0 : undefined)
}
