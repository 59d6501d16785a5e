/**
 * How long a server asks to be left alone (RFC 9110, section 10.2.3).
 *
 * @since 0.1.0
 */
import * as HttpDate from "./HttpDate.ts"

/** The longest that is believed, in ms: a day. @category constants @since 0.1.0 */
export const max = 24 * 60 * 60 * 1000

/**
 * `Retry-After` in ms: seconds, or a date relative to the server's own clock, and at
 * most a day. Anything else is `undefined`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromHeader = (header: string | undefined, serverTime: number | undefined): number | undefined => {
  if (header === undefined) return undefined
  if (/^\d{1,9}$/.test(header)) return Math.min(Number(header) * 1000, max)
  const until = HttpDate.parse(header)
  return until === undefined || serverTime === undefined ? undefined : Math.min(Math.max(0, until - serverTime), max)
}
