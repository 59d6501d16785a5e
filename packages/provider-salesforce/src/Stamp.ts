/**
 * Instants as text, in the one form Tidemark compares: `2026-05-01T07:25:37.000Z`.
 *
 * REST answers datetimes as `2026-05-01T07:25:37.000+0000`, and bulk files end in
 * `.000Z`. Both become canonical text here, so that equal instants are equal text
 * and text sorts as time does.
 *
 * **Laws**
 *
 * - `toMillis(fromMillis(t))` equals `t`;
 * - for two canonical stamps, `a < b` as text exactly when `a` is earlier;
 * - a text that names no real instant (February 30th) is none.
 *
 * @since 0.1.0
 */
import * as Calendar from "@tidemark/core/model/Calendar"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

/** Canonical text that names a real instant. @category schemas @since 0.1.0 */
export const Stamp = Schema.String.check(
  Schema.makeFilter((text) => (isStamp(text) ? undefined : "a UTC instant with ms"), {
    expected: "a UTC instant such as 2026-05-01T07:25:37.000Z"
  })
).annotate({ format: "date-time" })

/** A calendar day that exists, as `2026-05-01`. @category schemas @since 0.1.0 */
export const Day = Schema.String.check(
  Schema.makeFilter((text) => (isDay(text) ? undefined : "a calendar day"), { expected: "a day such as 2026-05-01" })
).annotate({ format: "date" })

const datetime = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,3})\d*)?(?:Z|([+-])(\d{2}):?(\d{2}))$/

/**
 * Canonical text of a datetime as REST, bulk files, or a person write it;
 * `undefined` when it names no instant. Digits below the millisecond are cut off.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromText = (text: string): string | undefined => {
  // Nearly every text is one of these two forms of UTC; the rest may take its time.
  if (text.length === 28 && text.endsWith("+0000") && clock(text) !== undefined) return `${text.slice(0, 23)}Z`
  if (isStamp(text)) return text
  const parts = datetime.exec(text)
  if (parts === null) return undefined
  const [year, month, date, hour, minute, second] = parts.slice(1, 7).map(Number) as Sextuple
  const millis = instant(year, month, date, hour, minute, second)
  if (millis === undefined) return undefined
  const fraction = (parts[7] ?? "").padEnd(3, "0")
  const offset = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * 60_000 * (parts[8] === "-" ? -1 : 1)
  return fromMillis(millis + Number(fraction) - offset)
}

/**
 * Milliseconds since the epoch of a canonical stamp; not a number for any other text.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toMillis = (stamp: string): number => clock(stamp) ?? Number.NaN

/**
 * Canonical text of whole milliseconds since the epoch; `undefined` outside the
 * years 0000 to 9999.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromMillis = (millis: number): string | undefined =>
  Number.isInteger(millis) && millis >= earliest && millis <= latest
    ? DateTime.formatIso(DateTime.makeUnsafe(millis))
    : undefined

/** Whether a text is canonical and names a real instant. @category guards @since 0.1.0 */
export const isStamp = (text: string): boolean =>
  text.length === 24 && text.charCodeAt(23) === 90 /* Z */ && clock(text) !== undefined

/** Whether a text is a calendar day that exists. @category guards @since 0.1.0 */
export const isDay = (text: string): boolean => text.length === 10 && calendar(text) !== undefined

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Sextuple = [number, number, number, number, number, number]

// The texts of a page are read digit by digit: a regular expression makes a string of every part.

// The number that `count` decimal digits write from `start` on; not a number when one of them is no digit.
const digits = (text: string, start: number, count: number): number => {
  let value = 0
  for (let index = start; index < start + count; index++) {
    const digit = text.charCodeAt(index) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

// Days since 1970-01-01 of a text that begins with a day, `2026-05-01`; `undefined` when no such day exists.
const calendar = (text: string): number | undefined => {
  if (text.charCodeAt(4) !== 45 /* - */ || text.charCodeAt(7) !== 45) return undefined
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const date = digits(text, 8, 2)
  return year >= 0 && Calendar.exists(year, month, date) ? Calendar.daysOf(year, month, date) : undefined
}

// Milliseconds of a text that begins with a day and a time to the millisecond, taken as UTC; `undefined` when
// there is no such instant.
const clock = (text: string): number | undefined => {
  const days = calendar(text)
  const hasMarks =
    text.charCodeAt(10) === 84 /* T */ &&
    text.charCodeAt(13) === 58 /* : */ &&
    text.charCodeAt(16) === 58 &&
    text.charCodeAt(19) === 46 /* . */
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  const second = digits(text, 17, 2)
  const millis = digits(text, 20, 3)
  return days !== undefined && hasMarks && hour < 24 && minute < 60 && second < 60 && millis >= 0
    ? days * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000 + millis
    : undefined
}

const instant = (year: number, month: number, date: number, hour: number, minute: number, second: number) =>
  Calendar.exists(year, month, date) && hour < 24 && minute < 60 && second < 60
    ? Calendar.daysOf(year, month, date) * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000
    : undefined

const earliest = Calendar.daysOf(0, 1, 1) * 86_400_000
const latest = Calendar.daysOf(10_000, 1, 1) * 86_400_000 - 1
