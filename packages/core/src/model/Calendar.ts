/**
 * Days and instants as text, read by their shape and by the calendar.
 *
 * A day is `2026-05-01`. An instant names its offset: `2026-05-01T07:25:37Z`,
 * `2026-05-01T07:25:37.000+0000`. A text that names no real one (February 30th, a
 * minute of 61 seconds, a year before 1 or after 9999) is none.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"

/** Whether a text is a day that exists, as `2026-05-01`. @category guards @since 0.1.0 */
export const isDay = (text: string): boolean => {
  const parts = text.length === 10 ? /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) : null
  return parts !== null && Number(parts[1]) >= 1 && exists(Number(parts[1]), Number(parts[2]), Number(parts[3]))
}

const shape = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/

/**
 * Milliseconds since the epoch of an instant; `undefined` for any other text.
 * Digits below the millisecond are cut off.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toMillis = (text: string): number | undefined => {
  const parts = text.length > 40 ? null : shape.exec(text)
  if (parts === null) return undefined
  const [year, month, date, hour, minute, second] = parts.slice(1, 7).map(Number) as Sextuple
  const [offsetHours, offsetMinutes] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)]
  if (year < 1 || !exists(year, month, date) || hour > 23 || minute > 59 || second > 59) return undefined
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  const fraction = Number((parts[7] ?? "").padEnd(3, "0").slice(0, 3))
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (parts[8] === "-" ? -1 : 1)
  const time = hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction
  const millis = daysOf(year, month, date) * 86_400_000 + time - offset
  return isInstant(millis) ? millis : undefined
}

/**
 * The one form that is compared and stored: `2026-05-01T07:25:37.000Z`;
 * `undefined` outside the years 1 to 9999.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromMillis = (millis: number): string | undefined =>
  isInstant(millis) ? DateTime.formatIso(DateTime.makeUnsafe(millis)) : undefined

/** Whether a year of the Gregorian calendar has this day; months and dates count from 1. @category guards @since 0.1.0 */
export const exists = (year: number, month: number, date: number): boolean =>
  date >= 1 && date <= (month === 2 && isLeap(year) ? 29 : (lengths[month - 1] ?? 0))

/** Days from 1970-01-01 to a day that exists. @category conversions @since 0.1.0 */
export const daysOf = (year: number, month: number, date: number): number => {
  // Years that begin in March, so that the leap day comes last.
  const y = month > 2 ? year : year - 1
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + ofYear - 719_468
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Sextuple = [number, number, number, number, number, number]

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const earliest = daysOf(1, 1, 1) * 86_400_000
const latest = daysOf(10_000, 1, 1) * 86_400_000 - 1

const isInstant = (millis: number): boolean => Number.isInteger(millis) && millis >= earliest && millis <= latest
