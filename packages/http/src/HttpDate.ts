/**
 * Dates in headers of HTTP (RFC 9110, section 5.6.7).
 *
 * @since 0.1.0
 */
import * as Calendar from "@tidemark/core/model/Calendar"

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const fixed = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/**
 * Milliseconds of a date in the form that servers must write ("IMF-fixdate"), which
 * has whole seconds; `undefined` for anything else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parse = (text: string): number | undefined => {
  const parts = fixed.exec(text)
  if (parts === null) return undefined
  const [day, year, hour, minute, second] = [1, 3, 4, 5, 6].map((group) => Number(parts[group])) as Numbers
  const month = months.indexOf(parts[2]!) + 1
  return Calendar.exists(year, month, day) && hour < 24 && minute < 60 && second < 60
    ? Calendar.daysOf(year, month, day) * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000
    : undefined
}

type Numbers = [number, number, number, number, number]
