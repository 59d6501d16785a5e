/**
 * Change events as Salesforce sends them: the header, and which fields it marks
 * (Change Data Capture Developer Guide, "Change Event Fields").
 *
 * An event has null for every field that did not change, so a null means nothing
 * unless a bitmap of the header marks the field. Bit 0 of a bitmap is the first
 * field of the event's schema, which is the header itself; `4-0x01` marks fields
 * within the compound field at place 4.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SalesforceError from "./SalesforceError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** `GAP_*`: something happened that the event does not tell. @category schemas @since 0.1.0 */
export const ChangeType = Schema.Literals([
  "CREATE",
  "UPDATE",
  "DELETE",
  "UNDELETE",
  "GAP_CREATE",
  "GAP_UPDATE",
  "GAP_DELETE",
  "GAP_UNDELETE",
  "GAP_OVERFLOW"
])

const Bitmaps = Schema.Array(Schema.String)

/** @category schemas @since 0.1.0 */
export const Header = Schema.Struct({
  entityName: Schema.String,
  /** Equal changes of several records come as one event. */
  recordIds: Schema.NonEmptyArray(Schema.String),
  changeType: ChangeType,
  /** Who made the change, such as `com/salesforce/api/rest/66.0;client=NAME`. */
  changeOrigin: Schema.String,
  transactionKey: Schema.String,
  /** Within the transaction. Starts at 1. */
  sequenceNumber: Schema.Int,
  /** In ms since the epoch. */
  commitTimestamp: Schema.Int,
  /** Beyond the exactness of a number. */
  commitNumber: Schema.BigInt,
  commitUser: Schema.String,
  nulledFields: Bitmaps,
  /** Fields whose value is a unified diff, and not the text. */
  diffFields: Bitmaps,
  changedFields: Bitmaps
})
/** @category models @since 0.1.0 */
export type Header = typeof Header.Type

/** A field in the order of the event's schema, the header first. `fields`: of a compound one. @category models @since 0.1.0 */
export interface Place {
  readonly name: string
  readonly fields?: ReadonlyArray<string> | undefined
}

/** Longest bitmap, in digits: 8,192 fields. @category constants @since 0.1.0 */
export const digitsMax = 2048

// -----------------------------------------------------------------------------
// decoding
// -----------------------------------------------------------------------------

/**
 * The names of the fields that bitmaps mark, those within a compound field as
 * `BillingAddress.Street`. `Malformed` when a text is no bitmap, or marks a field
 * that the order does not have: then the order is that of another schema.
 *
 * @category decoding
 * @since 0.1.0
 */
export const marked = (
  source: string,
  bitmaps: ReadonlyArray<string>,
  order: ReadonlyArray<Place>
): Result.Result<ReadonlyArray<string>, ChangeSource.SourceError> => {
  const names: Array<string> = []
  for (const bitmap of bitmaps) {
    const refuse = (why: string) =>
      Result.fail(SalesforceError.malformed(source, `The bitmap "${SalesforceError.excerpt(bitmap)}" ${why}`))
    const [, at, digits] = form.exec(bitmap) ?? []
    if (digits === undefined || digits.length > digitsMax) return refuse("is none")
    const compound = at === undefined ? undefined : order[Number(at)]
    const fields = at === undefined ? order.map(({ name }) => name) : compound?.fields
    if (fields === undefined) return refuse("is that of a field that is not compound")
    const bits = BigInt(`0x${digits}`)
    if (bits >> BigInt(fields.length) !== 0n) return refuse(`marks more than the ${fields.length} fields there are`)
    for (const [index, name] of fields.entries()) {
      if ((bits >> BigInt(index)) & 1n) names.push(compound === undefined ? name : `${compound.name}.${name}`)
    }
  }
  return Result.succeed(names)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const form = /^(?:(\d{1,4})-)?0x([0-9a-fA-F]+)$/
