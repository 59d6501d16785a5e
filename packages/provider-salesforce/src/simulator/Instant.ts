/**
 * Instants: milliseconds since 1970 in UTC, and the four ways Salesforce and its
 * clients write them.
 *
 * Years 0 to 9999. Days are those of the Gregorian calendar, leap seconds do not
 * exist.
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** In ms. @category constants @since 0.1.0 */
export const second = 1000
/** In ms. @category constants @since 0.1.0 */
export const minute = 60 * second
/** In ms. @category constants @since 0.1.0 */
export const day = 24 * 60 * minute

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/** As REST answers do: `2026-05-01T07:25:37.000+0000`. @category writing @since 0.1.0 */
export const toRest = (at: number): string => `${local(at)}+0000`

/** `2026-05-01T07:25:37.000Z`. @category writing @since 0.1.0 */
export const toCanonical = (at: number): string => `${local(at)}Z`

/** The day alone: `2026-05-01`. @category writing @since 0.1.0 */
export const toDay = (at: number): string => {
  const { day, month, year } = civil(Math.floor(at / dayLength))
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
}

/** As the header `Date` does (RFC 9110, "Date/Time Formats"): whole seconds, rounded down. @category writing @since 0.1.0 */
export const toHttp = (at: number): string => {
  const days = Math.floor(at / dayLength)
  const { day, month, year } = civil(days)
  const weekday = weekdays[(((days + 4) % 7) + 7) % 7]
  return `${weekday}, ${pad(day, 2)} ${months[month - 1]} ${pad(year, 4)} ${clock(at).slice(0, 8)} GMT`
}

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,3}))?(?:Z|([+-])(\d\d):?(\d\d))$/i

/**
 * An instant with its offset: `2026-05-01T07:25:37Z`, `.000Z`, `+02:00` or
 * `+0200`. `undefined` when it is none, or the day does not exist.
 *
 * @category reading
 * @since 0.1.0
 */
export const parse = (text: string): number | undefined => {
  const found = pattern.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minutes, seconds, fraction = "", sign, offsetHours = "0", offsetMinutes = "0"] =
    found
  const midnight = parseDay(`${year}-${month}-${day}`)
  const [h, m, s] = [Number(hour), Number(minutes), Number(seconds)]
  const offset = Number(offsetHours) * 60 + Number(offsetMinutes)
  if (midnight === undefined || h > 23 || m > 59 || s > 59 || Number(offsetMinutes) > 59 || offset > 14 * 60) {
    return undefined
  }
  const time = ((h * 60 + m) * 60 + s) * second + Number(fraction.padEnd(3, "0"))
  return midnight + time - (sign === "-" ? -1 : 1) * offset * minute
}

/** Midnight of `2026-05-01`. `undefined` when there is no such day. @category reading @since 0.1.0 */
export const parseDay = (text: string): number | undefined => {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (found === null) return undefined
  const at = fromCivil(Number(found[1]), Number(found[2]), Number(found[3])) * dayLength
  return toDay(at) === text ? at : undefined
}

/** The last whole second, not after `at`. @category rounding @since 0.1.0 */
export const toSecond = (at: number): number => Math.floor(at / second) * second

/** The last whole minute, not after `at`. @category rounding @since 0.1.0 */
export const toMinute = (at: number): number => Math.floor(at / minute) * minute

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const dayLength = day
const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

const pad = (value: number, length: number): string => String(value).padStart(length, "0")

const clock = (at: number): string => {
  const rest = ((at % dayLength) + dayLength) % dayLength
  const seconds = Math.floor(rest / second)
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return `${time.map((part) => pad(part, 2)).join(":")}.${pad(Math.floor(rest % second), 3)}`
}

const local = (at: number): string => `${toDay(at)}T${clock(at)}`

// Years that begin in March put the leap day at their end; 400 of them are 146,097 days.
const fromCivil = (year: number, month: number, day: number): number => {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

const civil = (days: number) => {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const march = Math.floor((5 * dayOfYear + 2) / 153)
  const month = march < 10 ? march + 3 : march - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * march + 2) / 5) + 1
  }
}
