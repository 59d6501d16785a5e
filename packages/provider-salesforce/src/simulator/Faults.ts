/**
 * Faults to be met by requests that are still to come.
 *
 * A fault waits for the requests that match it, lets some pass, and shows itself
 * a number of times. How often it did is counted, so that a run can prove that
 * it met what it was meant to meet.
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * What the client gets:
 *
 * - `html200`: a web page, with status 200;
 * - `truncated`: the first half of the answer's text;
 * - `malformed`: status 200 and JSON of another shape;
 * - `repeatLocator`: a page whose next page is the one just asked for;
 * - `otherHost`: a page whose next page lies on another host;
 * - `401`, `403`, `429`, `500`, `503`: what Salesforce says with that status;
 * - `reset`: the connection breaks before the answer;
 * - `cut`: the connection breaks in the middle of the answer;
 * - `stall`: half of the answer, then nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = (typeof kinds)[number]

/** @category models @since 0.1.0 */
export const kinds = [
  "html200",
  "truncated",
  "malformed",
  "repeatLocator",
  "otherHost",
  "401",
  "403",
  "429",
  "500",
  "503",
  "reset",
  "cut",
  "stall"
] as const

/** @category models @since 0.1.0 */
export interface Plan {
  /** What the address of the request must contain, such as `/query`; any address when empty. */
  readonly match: string
  /** The first matching request to meet it, from 1. Defaults to 1. */
  readonly nth?: number
  /** How many requests meet it. Defaults to 1. */
  readonly times?: number
  readonly kind: Kind
  /** Seconds, for the header `Retry-After` of `429` and `503`. Defaults to 1. */
  readonly retryAfter?: number
}

/** @category models @since 0.1.0 */
export interface Fault {
  readonly plan: Plan
  /** Requests that matched. */
  seen: number
  /** Requests that met it. */
  fired: number
}

/** Faults kept, spent ones included; the oldest gives way. @category constants @since 0.1.0 */
export const faultsMax = 1000

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const add = (faults: Array<Fault>, plan: Plan): void => {
  faults.push({ plan, seen: 0, fired: 0 })
  if (faults.length > faultsMax) faults.shift()
}

/** The fault this request meets, which is then counted. All matching faults see it. @category combinators @since 0.1.0 */
export const meet = (faults: ReadonlyArray<Fault>, address: string): Plan | undefined => {
  let met: Plan | undefined
  for (const fault of faults) {
    const { match, nth = 1, times = 1 } = fault.plan
    if (!address.includes(match)) continue
    fault.seen++
    if (met !== undefined || fault.seen < nth || fault.fired >= times) continue
    fault.fired++
    met = fault.plan
  }
  return met
}
