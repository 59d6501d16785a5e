/**
 * How many repetitions all reads together may make.
 *
 * Each read may be repeated a few times, which in an outage would multiply the
 * load of a server that is down. So repetitions draw on a common budget: every
 * read pays in a share of one, every repetition takes one out.
 *
 * **Law**: at any time, `repetitions <= share * reads + burst`.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Setting from "./Setting.ts"

/** @category models @since 0.1.0 */
export interface Options {
  /** Repetitions for each read, in the long run. Defaults to 0.1; 0 leaves the burst alone. */
  readonly share?: number | undefined
  /** Repetitions that may be made at once, and the most that are ever saved up. Defaults to 20. */
  readonly burst?: number | undefined
}

/** @category models @since 0.1.0 */
export interface RetryBudget {
  /** A read begins. */
  readonly deposit: Effect.Effect<void>
  /** Whether one repetition may be made; if so, it is taken. */
  readonly withdraw: Effect.Effect<boolean>
}

/** Fails with `Invalid` when an option is out of bounds. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<RetryBudget, ChangeSource.SourceError> {
  const share = yield* Setting.share("retryBudget.share", options.share ?? 0.1, true)
  const burst = yield* Setting.whole("retryBudget.burst", options.burst ?? 20, 0, 10_000)
  // In thousandths, because tenths of a binary fraction do not add up.
  const most = burst * 1000
  const step = Math.floor(share * 1000)
  let saved = most
  return {
    deposit: Effect.sync(() => {
      saved = Math.min(most, saved + step)
    }),
    withdraw: Effect.sync(() => {
      if (saved < 1000) return false
      saved -= 1000
      return true
    })
  }
})
