/**
 * A clock that stands still and lets nobody wait long.
 *
 * A short sleep, such as the pause before another attempt, passes at once and
 * moves the clock by its length. A long one, such as that of a heartbeat, ends
 * when `advance` has moved the clock past it. So a simulated run takes no time,
 * and leases run out when a test says so.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** @category models @since 0.1.0 */
export interface Time {
  readonly clock: Clock.Clock
  /** Moves the clock, in ms, and wakes who slept long enough. */
  readonly advance: (by: number) => Effect.Effect<void>
}

/** Sleeps up to this long pass at once, in ms. @category constants @since 0.1.0 */
export const napMax = 5_000

/** A clock that starts at `now`, in ms since the epoch. @category constructors @since 0.1.0 */
export const make = (now: number): Time => {
  let current = now
  const sleepers: Array<{ readonly until: number; readonly woken: Deferred.Deferred<void> }> = []
  const move = (by: number) => {
    current += by
    for (const sleeper of sleepers.splice(0)) {
      if (sleeper.until <= current) Deferred.doneUnsafe(sleeper.woken, Effect.void)
      else sleepers.push(sleeper)
    }
  }
  const nanos = () => BigInt(Math.floor(current)) * 1_000_000n
  return {
    advance: (by) => Effect.sync(() => move(by)),
    clock: {
      currentTimeMillisUnsafe: () => current,
      currentTimeMillis: Effect.sync(() => current),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: nanos,
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.suspend(() => {
          const length = Duration.toMillis(duration)
          if (length <= napMax) {
            move(length)
            return Effect.yieldNow
          }
          const woken = Deferred.makeUnsafe<void>()
          sleepers.push({ until: current + length, woken })
          return Deferred.await(woken)
        })
    }
  }
}

/** Runs an effect under this clock. @category combinators @since 0.1.0 */
export const during =
  ({ clock }: Time) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Clock.Clock, clock)
