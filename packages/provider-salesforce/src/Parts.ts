/**
 * Long lists of fields, read in parts.
 *
 * A query is asked in an address, and an address has a longest length (REST API
 * guide, "URI length"). What does not fit is split into parts, each with Id and
 * `SystemModstamp`; the first says besides what a row is. Parts are separate reads,
 * and a record may be edited between them: rows of one record are merged only
 * where all bear one stamp.
 *
 * **Laws**
 *
 * - cover: every field is in exactly one part, except for Id and the stamp, which are in all;
 * - fit: a part, with a position or with `idsMax` Ids behind it, fits an address;
 * - whole: a merged row has one stamp, and that of each of its rows.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Option from "effect/Option"
import type * as Canonical from "./Canonical.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One query's share of the fields. @category models @since 0.1.0 */
export interface Part {
  readonly select: Arr.NonEmptyReadonlyArray<string>
  /** Most Ids that one query for records by Id may name. At least 1. */
  readonly idsMax: number
}

/** The first drives: its rows are the page, and the others are asked for the Ids on it. @category models @since 0.1.0 */
export type Parts = Arr.NonEmptyReadonlyArray<Part>

/** What the rows of one record come to, one row per part. @category models @since 0.1.0 */
export type Merged =
  | { readonly _tag: "Whole"; readonly row: Canonical.Row }
  /** No part shows the record. */
  | { readonly _tag: "Gone" }
  /** The record was edited, or came or went, between two of its parts. `newest`: the latest stamp among them. */
  | { readonly _tag: "Torn"; readonly newest: string }

/** Most Ids of one query, however short its list of fields. @category constants @since 0.1.0 */
export const idsMost = 200

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The fewest parts that fit. A list that fits an address as a whole is one part;
 * otherwise a list takes half of what is left for it, and Ids the other half,
 * which makes the fewest requests for a page.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  /** What says what a row is: Id and `SystemModstamp`, and flags. */
  readonly head: ReadonlyArray<string>
  readonly fields: ReadonlyArray<string>
  readonly object: string
  /** Longest address, in bytes. */
  readonly addressMax: number
  /** Bytes of an address that a condition of the caller's own takes. Defaults to 0. */
  readonly reserved?: number
}): Parts => {
  const { addressMax, fields, head, object, reserved = 0 } = options
  const room = addressMax - frame - object.length
  const part = (select: ReadonlyArray<string>): Part => ({
    select: select as Arr.NonEmptyReadonlyArray<string>,
    idsMax: Math.min(idsMost, Math.max(1, Math.floor((room - width(select)) / idWidth)))
  })
  const all = [...head, ...fields]
  if (width(all) + positionWidth + reserved <= room) return [part(all)]
  const [first, rest] = take(head, fields, Math.min(room / 2, room - positionWidth - reserved))
  const others = Arr.unfold(rest, (rest) => {
    if (rest.length === 0) return Option.none()
    const [list, left] = take(["Id", "SystemModstamp"], rest, room / 2, 1)
    return Option.some([part(list), left] as const)
  })
  return [part(first), ...others]
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const merge = (rows: ReadonlyArray<Canonical.Row | undefined>): Merged => {
  const there = rows.filter((row) => row !== undefined)
  if (there.length === 0) return { _tag: "Gone" }
  const stamps = there.map(stampOf)
  const newest = stamps.reduce((a, b) => (a < b ? b : a))
  return there.length === rows.length && stamps.every((stamp) => stamp === newest)
    ? { _tag: "Whole", row: there.reduce((merged, row) => ({ ...merged, ...row })) }
    : { _tag: "Torn", newest }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Fields while they fit, behind those of `head`; `least` of them in any case. The second is what is left. */
const take = (head: ReadonlyArray<string>, fields: ReadonlyArray<string>, most: number, least = 0) => {
  const list = [...head]
  let size = width(list)
  for (const field of fields) {
    size += width([field])
    if (size > most && list.length >= head.length + least) break
    list.push(field)
  }
  return [list, fields.slice(list.length - head.length)] as const
}

const stampOf = (row: Canonical.Row): string => {
  const text = row["SystemModstamp"]
  return (typeof text === "string" ? Stamp.fromText(text) : undefined) ?? ""
}

/** Between two names, and between two Ids: a comma and a space, escaped. */
const comma = 6

/** Bytes of a list of names in an address, with a comma behind each. */
const width = (names: ReadonlyArray<string>): number => names.reduce((sum, { length }) => sum + length + comma, 0)

/** Of an Id: 18 characters and two quotes. */
const idWidth = 18 + 2 + comma

/** `/services/data/v66.0/queryAll?q=SELECT FROM WHERE Id IN ()`, escaped, and some to spare. */
const frame = 100

/** A condition on the position, with the order: two instants and an Id. */
const positionWidth = 320
