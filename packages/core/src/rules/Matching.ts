/**
 * Whether a record is one that a filter wants.
 *
 * The meaning of each predicate is stated by `Filter`. A filter within its bounds
 * is evaluated for any record whatsoever: there is no value that cannot be
 * compared.
 *
 * **Laws**
 *
 * - `not`, `ne` and `notIn` are the exact complements of what they deny;
 * - what a record inherits, and keys it has beside those a filter names, do not
 *   matter; nor does whether a field is absent, null, or empty.
 *
 * @since 0.1.0
 */
import * as Calendar from "../model/Calendar.ts"
import * as Decimal from "../model/Decimal.ts"
import type * as Filter from "../model/Filter.ts"
import * as Name from "../model/Name.ts"

/** @category models @since 0.1.0 */
export type Row = Readonly<Record<string, unknown>>

/** @category guards @since 0.1.0 */
export const matches = (filter: Filter.Filter, record: Row): boolean => {
  switch (filter.operator) {
    case "and":
      return filter.terms.every((term) => matches(term, record))
    case "or":
      return filter.terms.some((term) => matches(term, record))
    case "not":
      return !matches(filter.term, record)
    default:
      return holds(filter, Name.follow(record, filter.field))
  }
}

/** Whether a field without a value is all there is: absent, null, or the empty text. @category guards @since 0.1.0 */
export const isNothing = (value: unknown): boolean => value === undefined || value === null || value === ""

/**
 * A text as it is compared where case is ignored: letter by letter, so that the
 * fold of two texts is the fold of one beside that of the other.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fold = (text: string): string =>
  isAscii(text)
    ? text.toLowerCase()
    : // A sigma has two small forms, by its place in a word. Kelvin's K and the dotted I stay: they would become ASCII.
      text.replace(/[^\u212a\u0130]+/g, (part) => part.toLowerCase()).replaceAll("ς", "σ")

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const holds = (predicate: Filter.Predicate, value: unknown): boolean => {
  switch (predicate.operator) {
    case "isNull":
      return isNothing(value)
    case "eq":
      return equals(predicate.value, value, predicate.case)
    case "ne":
      return !equals(predicate.value, value, predicate.case)
    case "in":
      return predicate.values.some((one) => equals(one, value, predicate.case))
    case "notIn":
      return !predicate.values.some((one) => equals(one, value, predicate.case))
    case "contains":
      return texts(predicate.text, value, predicate.case, (text, part) => text.includes(part))
    case "startsWith":
      return texts(predicate.text, value, predicate.case, (text, part) => text.startsWith(part))
    default: {
      const order = compare(predicate.value, value)
      return order !== undefined && stands(predicate.operator, order)
    }
  }
}

const stands = (operator: Filter.Order["operator"], order: number): boolean => {
  switch (operator) {
    case "lt":
      return order < 0
    case "lte":
      return order <= 0
    case "gt":
      return order > 0
    case "gte":
      return order >= 0
  }
}

const equals = (literal: Filter.Literal | null, value: unknown, mode: Filter.Case | undefined): boolean => {
  if (literal === null || isNothing(value)) return literal === null && isNothing(value)
  if (typeof literal === "string") return texts(literal, value, mode, (text, whole) => text === whole)
  return typeof literal === "boolean" ? value === literal : compare(literal, value) === 0
}

const texts = (
  literal: string,
  value: unknown,
  mode: Filter.Case | undefined,
  isRight: (value: string, literal: string) => boolean
): boolean => {
  if (typeof value !== "string" || value === "") return false
  return mode === "Exact" ? isRight(value, literal) : isRight(fold(value), fold(literal))
}

/** Negative when the value comes before the literal; `undefined` when it is of another kind, or nothing. */
const compare = (literal: Filter.Ordered, value: unknown): number | undefined => {
  if (typeof literal === "number") return difference(Decimal.fromNumber(literal), decimalOf(value), Decimal.compare)
  if ("decimal" in literal) return difference(Decimal.fromText(literal.decimal), decimalOf(value), Decimal.compare)
  if (typeof value !== "string") return undefined
  if ("instant" in literal)
    return difference(Calendar.toMillis(literal.instant), Calendar.toMillis(value), (a, b) => a - b)
  return Calendar.isDay(value) ? order(value, literal.date) : undefined
}

const difference = <A>(
  literal: A | undefined,
  value: A | undefined,
  compare: (a: A, b: A) => number
): number | undefined => (literal === undefined || value === undefined ? undefined : compare(value, literal))

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const decimalOf = (value: unknown): Decimal.Decimal | undefined =>
  typeof value === "number"
    ? Decimal.fromNumber(value)
    : typeof value === "string" || typeof value === "bigint"
      ? Decimal.fromText(String(value))
      : undefined

// oxlint-disable-next-line no-control-regex -- ASCII begins there
const isAscii = (text: string): boolean => /^[\u0000-\u007f]*$/.test(text)
