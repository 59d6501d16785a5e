/**
 * What a mapping does to one value.
 *
 * A value is carried here only in a form that can be compared and stored: text,
 * finite number, boolean, null, or the parts of a text. What does not fit is
 * refused with the reason, never replaced.
 *
 * **Laws**
 *
 * - null stays null, whatever the transforms;
 * - `toNumber` and `toDecimalText` leave the number as it was, to the last digit;
 * - each transform takes its own results, and leaves them as they are.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Calendar from "../model/Calendar.ts"
import type * as Catalogue from "../model/Catalogue.ts"
import * as Decimal from "../model/Decimal.ts"
import type * as Detection from "../model/Detection.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A value as it is here. @category models @since 0.1.0 */
export type Value = string | number | boolean | null | ReadonlyArray<string>

/** What is known of a value before it is seen. @category models @since 0.1.0 */
export type Kind = Catalogue.FieldType | "List"

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * A value after its transforms, or why it has none, in words that do not show it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const apply = (transforms: ReadonlyArray<Detection.Transform>, value: unknown): Result.Result<Value, string> => {
  let carried: Value | undefined = carry(value)
  for (const transform of transforms) {
    if (carried === undefined) break
    if (carried === null) return Result.succeed(null)
    const next = steps[transform].apply(carried)
    if (next === undefined) return Result.fail(`${transform} does not take ${nameOf(carried)}`)
    carried = next
  }
  return carried === undefined
    ? Result.fail(`holds ${nameOf(value)}, which cannot be carried`)
    : Result.succeed(carried)
}

/**
 * Why a field of this type can never pass these transforms; `undefined` when it
 * may.
 *
 * @category guards
 * @since 0.1.0
 */
export const misfit = (
  transforms: ReadonlyArray<Detection.Transform>,
  type: Catalogue.FieldType
): { readonly index: number; readonly message: string } | undefined => {
  let kind: Kind = type
  for (const [index, transform] of transforms.entries()) {
    const { gives, takes } = steps[transform]
    if (kind !== "Other" && takes !== "Any" && !takes.includes(kind))
      return { index, message: `${transform} takes ${takes.join(" or ")}, and gets ${kind}` }
    kind = gives === "Same" ? kind : gives
  }
  return undefined
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Present = Exclude<Value, null>

interface Step {
  readonly takes: ReadonlyArray<Kind> | "Any"
  readonly gives: Kind | "Same"
  /** `undefined` for what it does not take. */
  readonly apply: (value: Present) => Value | undefined
}

const ofText =
  (change: (text: string) => Value | undefined) =>
  (value: Present): Value | undefined =>
    typeof value === "string" ? change(value) : undefined

const toDecimal = (value: Present): Decimal.Decimal | undefined =>
  typeof value === "string"
    ? Decimal.fromText(value)
    : typeof value === "number"
      ? Decimal.fromNumber(value)
      : undefined

// A double stands for the decimal it prints as; a text that writes another one, or a whole number beyond 2^53, would
// lose digits.
const toNumber = (value: Present): number | undefined => {
  if (typeof value === "number") return value
  const decimal = toDecimal(value)
  const number = decimal === undefined ? Number.NaN : Number(Decimal.format(decimal)) + 0 // makes 0 of -0
  const printed = Number.isInteger(number) && !Number.isSafeInteger(number) ? undefined : Decimal.fromNumber(number)
  return decimal !== undefined && printed !== undefined && Decimal.compare(decimal, printed) === 0 ? number : undefined
}

const toDecimalText = (value: Present): string | undefined => {
  const decimal = toDecimal(value)
  return decimal === undefined ? undefined : Decimal.format(decimal)
}

const steps: { readonly [T in Detection.Transform]: Step } = {
  trim: { takes: ["Text"], gives: "Text", apply: ofText((text) => text.trim()) },
  lowercase: { takes: ["Text"], gives: "Text", apply: ofText((text) => text.toLowerCase()) },
  uppercase: { takes: ["Text"], gives: "Text", apply: ofText((text) => text.toUpperCase()) },
  toNumber: { takes: ["Text", "Number"], gives: "Number", apply: toNumber },
  toDecimalText: { takes: ["Text", "Number"], gives: "Text", apply: toDecimalText },
  toInstant: {
    takes: ["Text", "Instant"],
    gives: "Instant",
    apply: ofText((text) => Calendar.fromMillis(Calendar.toMillis(text) ?? Number.NaN))
  },
  toDate: {
    takes: ["Text", "Date"],
    gives: "Date",
    apply: ofText((text) => (Calendar.isDay(text) ? text : undefined))
  },
  splitList: {
    takes: ["Text", "List"],
    gives: "List",
    apply: (value) =>
      typeof value === "string" ? value.split(";").filter((part) => part !== "") : isList(value) ? value : undefined
  },
  emptyToNull: { takes: "Any", gives: "Same", apply: (value) => (value === "" ? null : value) }
}

const isList = (value: unknown): value is ReadonlyArray<string> => Array.isArray(value)

// The forms that can be carried; `undefined` for any other.
const carry = (value: unknown): Value | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value + 0 : undefined // makes 0 of -0
    default:
      return value === null ? null : undefined
  }
}

const nameOf = (value: unknown): string =>
  typeof value === "string"
    ? "this text"
    : typeof value === "number"
      ? "this number"
      : Array.isArray(value)
        ? "a list"
        : `a value of type ${typeof value}`
