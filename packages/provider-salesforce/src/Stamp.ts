/**
 * Instants as text, in the one form Tidemark compares: `2026-05-01T07:25:37.000Z`.
 *
 * REST answers datetimes as `2026-05-01T07:25:37.000+0000`, bulk files end in
 * `.000Z`, and HTTP headers speak RFC 9110. All become canonical text here, so
 * that equal instants are equal text and text sorts as time does.
 *
 * **Laws**
 *
 * - `toMillis(fromMillis(t))` equals `t`;
 * - for two canonical stamps, `a < b` as text exactly when `a` is earlier;
 * - a text that names no real instant (February 30th) is none.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

const pattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

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
  const parts = datetime.exec(text)
  if (parts === null) return undefined
  const [year, month, date, hour, minute, second] = parts.slice(1, 7).map(Number) as Sextuple
  const millis = instant(year, month, date, hour, minute, second)
  if (millis === undefined) return undefined
  const fraction = (parts[7] ?? "").padEnd(3, "0")
  const offset = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * 60_000 * (parts[8] === "-" ? -1 : 1)
  // UTC already, as nearly always: the text needs no arithmetic.
  return offset === 0 ? `${text.slice(0, 19)}.${fraction}Z` : fromMillis(millis + Number(fraction) - offset)
}

/**
 * Milliseconds since the epoch of a canonical stamp.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toMillis = (stamp: string): number =>
  day(Number(stamp.slice(0, 4)), Number(stamp.slice(5, 7)), Number(stamp.slice(8, 10))) * 86_400_000 +
  Number(stamp.slice(11, 13)) * 3_600_000 +
  Number(stamp.slice(14, 16)) * 60_000 +
  Number(stamp.slice(17, 19)) * 1000 +
  Number(stamp.slice(20, 23))

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

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const header = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/**
 * Milliseconds of an HTTP date (RFC 9110, "IMF-fixdate"), which has whole
 * seconds; `undefined` for anything else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromHeader = (text: string): number | undefined => {
  const parts = header.exec(text)
  if (parts === null) return undefined
  const [date, year, hour, minute, second] = [1, 3, 4, 5, 6].map((group) => Number(parts[group])) as Quintuple
  return instant(year, months.indexOf(parts[2]!) + 1, date, hour, minute, second)
}

/** Whether a text is canonical and names a real instant. @category guards @since 0.1.0 */
export const isStamp = (text: string): boolean =>
  pattern.test(text) &&
  isDate(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10))) &&
  text.slice(11, 13) < "24" &&
  text.slice(14, 16) < "60" &&
  text.slice(17, 19) < "60"

/** Whether a text is a calendar day that exists. @category guards @since 0.1.0 */
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) &&
  isDate(Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8, 10)))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Quintuple = [number, number, number, number, number]
type Sextuple = [number, number, number, number, number, number]

const instant = (year: number, month: number, date: number, hour: number, minute: number, second: number) =>
  isDate(year, month, date) && hour < 24 && minute < 60 && second < 60
    ? day(year, month, date) * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000
    : undefined

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const isDate = (year: number, month: number, date: number): boolean =>
  date >= 1 && date <= (month === 2 && isLeap(year) ? 29 : (lengths[month - 1] ?? 0))

// Days since 1970-01-01, with years that begin in March so that the leap day comes last.
const day = (year: number, month: number, date: number): number => {
  const y = month > 2 ? year : year - 1
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + ofYear - 719_468
}

const earliest = day(0, 1, 1) * 86_400_000
const latest = day(10_000, 1, 1) * 86_400_000 - 1
