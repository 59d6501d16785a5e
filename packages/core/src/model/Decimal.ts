/**
 * Decimal numbers as text: exact, however many digits they have.
 *
 * **Laws**
 *
 * - `compare` is the order of the numbers the texts write, and 0 exactly if they
 *   are equal (`1.10` and `1.1`, `-0` and `0`);
 * - `format(fromText(t))` writes the same number, with the same digits behind the
 *   point, and is its own `format`.
 *
 * @since 0.1.0
 */
import * as BigDecimal from "effect/BigDecimal"
import * as Option from "effect/Option"

/** Its scale is how many digits were written behind the point. @category models @since 0.1.0 */
export type Decimal = BigDecimal.BigDecimal

/** The longest text that is read, in characters; exponents go as far. @category constants @since 0.1.0 */
export const lengthMax = 400

/**
 * The number a text writes: digits, a point with digits behind it, an exponent.
 * `undefined` for any other text, and for one that would need more digits than
 * `lengthMax` to be written without an exponent.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromText = (text: string): Decimal | undefined => {
  const parts = text.length > lengthMax ? null : /^[+-]?\d+(?:\.\d+)?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  // Bounded before it is read: digits that an exponent asks for are written out.
  if (parts === null || Math.abs(Number(parts[1] ?? 0)) > lengthMax) return undefined
  const decimal = Option.getOrUndefined(BigDecimal.fromString(text))
  if (decimal === undefined) return undefined
  const { fraction, whole } = digitsOf(decimal)
  return whole.length + fraction.length > lengthMax ? undefined : decimal
}

/** The number as JavaScript prints it, which is what JSON would say. @category conversions @since 0.1.0 */
export const fromNumber = (value: number): Decimal | undefined => fromText(String(value))

/** Without an exponent, a leading `+`, or leading zeros. @category formatting @since 0.1.0 */
export const format = (decimal: Decimal): string => {
  const { fraction, whole } = digitsOf(decimal)
  return `${decimal.value < 0n ? "-" : ""}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`
}

/** Negative when `a` is the lesser, 0 when they are equal. @category comparisons @since 0.1.0 */
export const compare: (a: Decimal, b: Decimal) => number = BigDecimal.Order

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Digits before the point, none below one, and behind it. */
const digitsOf = ({ scale, value }: Decimal): { readonly whole: string; readonly fraction: string } => {
  const digits = value === 0n ? "" : String(value < 0n ? -value : value)
  if (scale <= 0) return { whole: digits === "" ? "" : digits + "0".repeat(-scale), fraction: "" }
  const padded = digits.padStart(scale, "0")
  return { whole: padded.slice(0, padded.length - scale), fraction: padded.slice(padded.length - scale) }
}
