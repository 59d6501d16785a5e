/**
 * What a column cannot hold, told before it is tried.
 *
 * A database refuses a batch with the first value it cannot hold; checked here,
 * one record is refused and the rest of the batch is written at once. Texts are
 * bounded too: a row must fit into one message to be read again.
 *
 * Sources: PostgreSQL manual, "Numeric Types", "Date/Time Types", "JSON Types".
 *
 * @since 0.1.0
 */
import * as Calendar from "@tidemark/core/model/Calendar"
import * as Refusal from "@tidemark/core/rules/Refusal"
import type * as Schema from "effect/Schema"
import type * as PgColumn from "./PgColumn.ts"

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** Most UTF-16 units of all texts of one record: a row is read in one message of at most 16 MiB. @category constants @since 0.1.0 */
export const sizeMax = 4_000_000

/** Deepest nesting of JSON; the server's parser has a stack of its own. @category constants @since 0.1.0 */
export const depthMax = 500

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/**
 * Why a record cannot be stored, naming the field; `undefined` when it can. Takes
 * each field as its schema encodes it.
 *
 * @category guards
 * @since 0.1.0
 */
export const check = (
  columns: ReadonlyArray<PgColumn.PgColumn>,
  values: { readonly [field: string]: Schema.Json }
): string | undefined => {
  const size = { left: sizeMax }
  for (const column of columns) {
    const value = Object.hasOwn(values, column.field) ? values[column.field] : null
    if (value === null || value === undefined) continue
    const fault = isJson(column) ? json(value, size, depthMax) : single(column, value, size)
    if (fault !== undefined) return `the field ${column.field} ${fault}`
    if (size.left < 0) return `the field ${column.field} brings the record above ${sizeMax} characters`
  }
  return undefined
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What is left of the record's size. Mutable: it is counted down value by value. */
interface Size {
  left: number
}

const isJson = ({ type }: PgColumn.PgColumn): boolean => type === "jsonb"

const single = ({ type }: PgColumn.PgColumn, value: Schema.Json, size: Size): string | undefined => {
  if (typeof value === "string") size.left -= value.length
  switch (type) {
    case "text":
      return text(value)
    case "date":
      return isInstant(`${String(value)}T00:00:00.000Z`) ? undefined : "is no day from 0001-01-01 to 9999-12-31"
    case "timestamptz":
      return isInstant(value) ? undefined : "is no UTC instant such as 2026-05-01T07:25:37.123Z, year 0001 to 9999"
    case "uuid":
      return uuid.test(String(value)) ? undefined : "is no UUID in lower case"
    case "integer":
      return within(value, 31n) ? undefined : "is out of the range of an integer"
    case "bigint":
      return within(value, 63n) ? undefined : "is out of the range of a bigint"
    case "numeric":
      return isNumeric(String(value)) ? undefined : "has more digits than a numeric"
    default:
      return undefined
  }
}

const text = (value: unknown): string | undefined =>
  typeof value !== "string" || Refusal.isStorable(value)
    ? undefined
    : "holds a NUL character or half of a surrogate pair, which no database text can"

const json = (value: Schema.Json, size: Size, depth: number): string | undefined => {
  if (typeof value === "string") {
    size.left -= value.length
    return text(value)
  }
  size.left -= 8
  if (typeof value !== "object" || value === null) return undefined
  if (depth === 0) return `is nested deeper than ${depthMax}`
  for (const key of Object.keys(value)) {
    if (!Array.isArray(value)) size.left -= key.length
    const inner = (value as { readonly [key: string]: Schema.Json })[key]!
    const fault = (Array.isArray(value) ? undefined : text(key)) ?? json(inner, size, depth - 1)
    if (fault !== undefined || size.left < 0) return fault
  }
  return undefined
}

const stamp = /^(?!0000)(\d{4})-(0[1-9]|1[0-2])-(\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Also whether the day exists, such as February 30th. */
const isInstant = (value: Schema.Json): boolean => {
  const parts = typeof value === "string" ? stamp.exec(value) : null
  if (parts === null) return false
  return Calendar.exists(Number(parts[1]), Number(parts[2]), Number(parts[3]))
}

const within = (value: Schema.Json, bits: bigint): boolean => {
  const isWhole = typeof value === "number" ? Number.isInteger(value) : /^-?\d{1,40}$/.test(String(value))
  if (!isWhole) return false
  const whole = BigInt(value as number | string)
  return whole >= -(1n << bits) && whole < 1n << bits
}

/** At most 131,072 digits before the point and 16,383 after it, whichever way it is written. */
const isNumeric = (value: string): boolean => {
  const parts = /^-?(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,9}))?$/i.exec(value)
  if (parts === null) return false
  const exponent = Number(parts[3] ?? 0)
  return parts[1]!.length + exponent <= 131_072 && (parts[2] ?? "").length - exponent <= 16_383
}
