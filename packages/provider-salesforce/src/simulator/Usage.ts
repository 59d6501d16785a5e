/**
 * The calls of an org in the last 24 hours, its own and those of others
 * (Salesforce: "API Request Limits and Allocations").
 *
 * Counted by the minute: a call is forgotten at most a minute late, never early.
 *
 * @since 0.1.0
 */
import * as Instant from "./Instant.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Usage {
  /** Calls a day, as answers tell it. */
  limit: number
  /** Whether calls beyond the limit are refused. */
  isEnforced: boolean
  /** Calls by the minute they were made in, oldest first. */
  readonly minutes: Map<number, number>
}

/** Calls a day of an org that says nothing else: one with many licences, whose clients need not save. @category constants @since 0.1.0 */
export const callsMax = 5_000_000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** With no limit given the usual one is told and never enforced. @category constructors @since 0.1.0 */
export const make = (limit: number | undefined): Usage => ({
  limit: limit ?? callsMax,
  isEnforced: limit !== undefined,
  minutes: new Map()
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** So many calls made now, in ms. @category combinators @since 0.1.0 */
export const add = ({ minutes }: Usage, now: number, calls: number): void => {
  const minute = Instant.toMinute(now)
  minutes.set(minute, (minutes.get(minute) ?? 0) + calls)
}

/** Calls of the 24 hours before now. @category getters @since 0.1.0 */
export const used = ({ minutes }: Usage, now: number): number => {
  let calls = 0
  for (const [minute, count] of minutes) {
    if (minute + Instant.minute + Instant.day <= now) minutes.delete(minute)
    else calls += count
  }
  return calls
}

/** Whether no call is left. @category guards @since 0.1.0 */
export const isUsedUp = (usage: Usage, now: number): boolean => usage.isEnforced && used(usage, now) >= usage.limit
