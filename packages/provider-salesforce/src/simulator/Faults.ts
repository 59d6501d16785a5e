/**
 * Faults to be met by requests that are still to come.
 *
 * A fault waits for the requests that match it, lets some pass, and shows itself
 * a number of times, to every one of them or to one of so many. One whose turn
 * another fault took has it at the next request. How often it was met is counted,
 * so that a run can prove that it met what it was meant to meet.
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
 * - `empty200`: status 200 and no body;
 * - `truncated`: the first half of the answer's text;
 * - `malformed`: status 200 and JSON of another shape;
 * - `repeatLocator`: a page whose next page is the one just asked for;
 * - `otherHost`: a page whose next page lies on another host;
 * - `expireLocators`: all addresses of pages die, then the answer;
 * - `401`: status 401 once; the session is good;
 * - `expireToken`: all sessions end, then the answer;
 * - `invalidClient`: the token endpoint refuses the app;
 * - `403`: the calls of the day are used up;
 * - `apiDisabled`: status 403, the org may not use the API;
 * - `userDisabled`: status 403, the user may not use the API;
 * - `noAccess`: status 403, the user lacks a permission;
 * - `406`, `420`, `502`, `504`: a gateway's web page with that status;
 * - `429`, `503`: what Salesforce says with that status, `Retry-After` in seconds;
 * - `429Date`, `429Absent`, `429Absurd`: `Retry-After` is an HTTP date, is not
 *   there, or is a text and a thousand years by turns;
 * - `500`: what Salesforce says with that status;
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
  "empty200",
  "truncated",
  "malformed",
  "repeatLocator",
  "otherHost",
  "expireLocators",
  "401",
  "expireToken",
  "invalidClient",
  "403",
  "apiDisabled",
  "userDisabled",
  "noAccess",
  "406",
  "420",
  "429",
  "429Date",
  "429Absent",
  "429Absurd",
  "500",
  "502",
  "503",
  "504",
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
  /** From then on, one of so many matching requests meets it. Defaults to 1, each of them. */
  readonly every?: number
  /** How many requests meet it. Defaults to 1, with `every` to no end. */
  readonly times?: number
  readonly kind: Kind
  /** For the header `Retry-After` of `429`, `429Date` and `503`: seconds, or a text as it is. Defaults to 1. */
  readonly retryAfter?: number | string
}

/** @category models @since 0.1.0 */
export interface Fault {
  readonly plan: Plan
  /** Requests that matched. */
  seen: number
  /** Requests that met it. */
  fired: number
}

/** @category models @since 0.1.0 */
export interface Faults {
  /** Spent ones included. */
  readonly planned: Array<Fault>
  /** How often each kind was met, by plans forgotten since as well. */
  readonly fired: Map<Kind, number>
}

/** Faults kept, spent ones included; the oldest gives way. @category constants @since 0.1.0 */
export const faultsMax = 1000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (names: ReadonlyArray<Kind>): Faults => {
  const faults: Faults = { planned: [], fired: new Map() }
  for (const kind of names) add(faults, standing(kind))
  return faults
}

/**
 * The plan of a fault that is known by its name alone: the third request it can
 * hit, and from then on one of ten; those that hold a client up, one of twenty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standing = (kind: Kind): Plan => ({ match: places[kind], nth: 3, every: slow.has(kind) ? 20 : 10, kind })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const add = ({ planned }: Faults, plan: Plan): void => {
  planned.push({ plan, seen: 0, fired: 0 })
  if (planned.length > faultsMax) planned.shift()
}

/** Plans nothing any more. What was met stays counted. @category combinators @since 0.1.0 */
export const clear = ({ planned }: Faults): void => {
  planned.length = 0
}

/** The fault this request meets, which is then counted. All matching faults see it. @category combinators @since 0.1.0 */
export const meet = (faults: Faults, address: string): Readonly<Fault> | undefined => {
  let met: Fault | undefined
  for (const fault of faults.planned) {
    const { every, match, nth = 1, times = every === undefined ? 1 : Infinity } = fault.plan
    if (!address.includes(match)) continue
    fault.seen++
    if (met === undefined && fault.fired < times && fault.seen >= nth + fault.fired * (every ?? 1)) met = fault
  }
  if (met === undefined) return undefined
  met.fired++
  faults.fired.set(met.plan.kind, (faults.fired.get(met.plan.kind) ?? 0) + 1)
  return met
}

/** How often each kind was met, by its name; those never met are absent. @category getters @since 0.1.0 */
export const counts = ({ fired }: Faults): { readonly [kind: string]: number } => Object.fromEntries(fired)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const anywhere = "/services/data/"
const queries = "/query"
const tokens = "/services/oauth2/token"

const places: { readonly [kind in Kind]: string } = {
  html200: anywhere,
  empty200: anywhere,
  truncated: anywhere,
  malformed: queries,
  repeatLocator: queries,
  otherHost: queries,
  expireLocators: queries,
  "401": anywhere,
  expireToken: anywhere,
  invalidClient: tokens,
  "403": anywhere,
  apiDisabled: anywhere,
  userDisabled: anywhere,
  noAccess: anywhere,
  "406": anywhere,
  "420": anywhere,
  "429": anywhere,
  "429Date": anywhere,
  "429Absent": anywhere,
  "429Absurd": anywhere,
  "500": anywhere,
  "502": anywhere,
  "503": anywhere,
  "504": anywhere,
  reset: anywhere,
  cut: anywhere,
  stall: anywhere
}

const slow: ReadonlySet<Kind> = new Set(["reset", "cut", "stall"])
