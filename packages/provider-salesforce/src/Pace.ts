/**
 * How many requests are under way at once, and how many begin in a span of time.
 *
 * Salesforce counts requests that run for longer than 20 seconds: an org may have
 * 25 of them, a developer org 5 (REST API guide, "API Request Limits"). A request
 * that must wait takes its turn; none is refused.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Semaphore from "effect/Semaphore"
import * as Setting from "./Setting.ts"

/** @category models @since 0.1.0 */
export interface Options {
  /** Most requests under way at once. Defaults to 5. */
  readonly concurrency?: number | undefined
  /** Most requests that begin within `per`, and at once after a rest. Defaults to 100. */
  readonly requests?: number | undefined
  /** Defaults to 1 second. */
  readonly per?: Duration.Input | undefined
}

/** Runs a request when its turn has come. @category models @since 0.1.0 */
export type Pace = <A, E, R>(request: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** Fails with `Invalid` when an option is out of bounds. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<Pace, ChangeSource.SourceError> {
  const concurrency = yield* Setting.whole("pace.concurrency", options.concurrency ?? 5, 1, 1000)
  const limit = yield* Setting.whole("pace.requests", options.requests ?? 100, 1, 100_000)
  const window = yield* Setting.time("pace.per", options.per ?? "1 second", "1 millis", "1 day")
  const semaphore = Semaphore.makeUnsafe(concurrency)
  const limiter = yield* Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory, { local: true })
  const turn = limiter
    .consume({
      algorithm: "token-bucket",
      onExceeded: "delay",
      key: "requests",
      limit,
      window: Duration.millis(window)
    })
    .pipe(
      Effect.orDie,
      Effect.flatMap(({ delay }) => Effect.sleep(delay))
    )
  // Turns are taken inside the semaphore, so that few are taken by requests that are given up.
  return (request) => semaphore.withPermit(Effect.andThen(turn, request))
})
