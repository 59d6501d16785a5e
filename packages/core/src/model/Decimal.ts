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

/** @category models @since 0.1.0 */
export interface Decimal {
  readonly isNegative: boolean
  /** Digits before the point, without leading zeros: `""` below one. */
  readonly whole: string
  /** Digits behind the point, as they were written. */
  readonly fraction: string
}

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
  const parts = text.length > lengthMax ? null : /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (parts === null) return undefined
  const [, sign, before = "", behind = "", exponent = "0"] = parts
  const shift = Number(exponent)
  if (Math.abs(shift) > lengthMax) return undefined
  const digits = "0".repeat(Math.max(0, -shift)) + before + behind + "0".repeat(Math.max(0, shift - behind.length))
  const point = Math.max(0, -shift) + before.length + shift
  const whole = digits.slice(0, point).replace(/^0+/, "")
  const fraction = digits.slice(point)
  if (whole.length + fraction.length > lengthMax) return undefined
  return { isNegative: sign === "-" && /[1-9]/.test(digits), whole, fraction }
}

/** The number as JavaScript prints it, which is what JSON would say. @category conversions @since 0.1.0 */
export const fromNumber = (value: number): Decimal | undefined => fromText(String(value))

/** Without an exponent, a leading `+`, or leading zeros. @category formatting @since 0.1.0 */
export const format = ({ fraction, isNegative, whole }: Decimal): string =>
  `${isNegative ? "-" : ""}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`

/** Negative when `a` is the lesser, 0 when they are equal. @category comparisons @since 0.1.0 */
export const compare = (a: Decimal, b: Decimal): number => {
  if (a.isNegative !== b.isNegative) return a.isNegative ? -1 : 1
  return magnitude(a, b) * (a.isNegative ? -1 : 1) + 0 // + 0 makes 0 of -0
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const magnitude = (a: Decimal, b: Decimal): number =>
  a.whole.length - b.whole.length ||
  order(a.whole, b.whole) ||
  order(a.fraction.replace(/0+$/, ""), b.fraction.replace(/0+$/, ""))

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
