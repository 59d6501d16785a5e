/**
 * How long a delivery that failed waits for its next attempt, and when it is
 * given up.
 *
 * **Laws**
 *
 * - bounded: a delay is never longer than the cap, nor shorter than its fixed share;
 * - rising: without jitter no delay is shorter than the one before it;
 * - final: after the last attempt there is none.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Backoff {
  /** Before the second attempt; doubled for each one after it. */
  readonly base: Duration.Duration
  readonly cap: Duration.Duration
  /** The share of a delay that is left to chance, from 0 to 1. */
  readonly jitter: number
  /** Most attempts, the first one included. At least 1. */
  readonly attempts: number
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * From a second up to six hours, a tenth of it chance, 28 attempts: they span 73
 * to 81 hours, so that what is down over a weekend is not given up.
 *
 * @category constants
 * @since 0.1.0
 */
export const standard: Backoff = {
  base: Duration.seconds(1),
  cap: Duration.hours(6),
  jitter: 0.1,
  attempts: 28
}

// -----------------------------------------------------------------------------
// rules
// -----------------------------------------------------------------------------

/**
 * How long to wait after the attempt of this number, which starts at 1; `undefined`
 * when it was the last. `chance` is at least 0 and below 1.
 *
 * @category rules
 * @since 0.1.0
 */
export const after = (
  { attempts, base, cap, jitter }: Backoff,
  attempt: number,
  chance: number
): Duration.Duration | undefined => {
  if (attempt >= attempts) return undefined
  const most = Duration.toMillis(cap)
  const full = Math.min(Duration.toMillis(base) * 2 ** (attempt - 1), most)
  return Duration.millis(Math.min(Math.ceil(full * (1 - jitter) + full * jitter * chance), most))
}

/** The longest time from the first attempt to the last one; what attempts take comes on top. @category rules @since 0.1.0 */
export const span = (backoff: Backoff): Duration.Duration => {
  let millis = 0
  for (let attempt = 1; attempt < backoff.attempts; attempt++) {
    millis += Duration.toMillis(after({ ...backoff, jitter: 0 }, attempt, 0) ?? Duration.zero)
  }
  return Duration.millis(millis)
}
