/**
 * Leaves a host alone that does not answer.
 *
 * After a number of failures in a row nothing more is sent to the host for a
 * time, which doubles while it stays down; then one request tries whether it is
 * back, and others are refused meanwhile. A refused request fails with
 * `Unavailable` and says until when, so that a run ends at once instead of
 * waiting for one time-out after another.
 *
 * A failure is a lost connection, a time-out, or a status of 500 and above. Any
 * other answer shows that the host is there.
 *
 * @since 0.1.0
 */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Setting from "./Setting.ts"
import type * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** Failures in a row after which a host is left alone. Defaults to 10. */
  readonly failures?: number | undefined
  /** How long it is left alone first. Defaults to 30 seconds. */
  readonly openFor?: Duration.Input | undefined
  /** The longest it is left alone, a `Retry-After` of the server included. Defaults to 5 minutes. */
  readonly openForMax?: Duration.Input | undefined
}

/** Sends a request to a host, or refuses to. @category models @since 0.1.0 */
export type Circuit = (
  host: string,
  exchange: Effect.Effect<Transport.Answer, ChangeSource.SourceError>
) => Effect.Effect<Transport.Answer, ChangeSource.SourceError>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Fails with `Invalid` when an option is out of bounds. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  source: string,
  options: Options = {}
): Effect.fn.Return<Circuit, ChangeSource.SourceError> {
  const failures = yield* Setting.whole("circuit.failures", options.failures ?? 10, 1, 10_000)
  const openFor = yield* Setting.time("circuit.openFor", options.openFor ?? "30 seconds", "1 millis", "1 day")
  const most = options.openForMax ?? Duration.max(Duration.minutes(5), Duration.millis(openFor))
  const openForMax = yield* Setting.time("circuit.openForMax", most, Duration.millis(openFor), "1 day")
  // The scope ends the stream of transitions, which nobody reads.
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(failures),
    openDuration: Schedule.min([
      Schedule.exponential(Duration.millis(openFor)),
      Schedule.spaced(Duration.millis(openForMax))
    ]),
    maxOpenDuration: Duration.millis(openForMax)
  }).pipe(Effect.scoped, Effect.provide(CircuitBreaker.layerStoreMemory(), { local: true }))
  return (host, exchange) =>
    breaker
      .execute(exchange, { key: host, classify })
      .pipe(Effect.catchTag("CircuitBreakerError", (error) => refuse(source, host, error)))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const classify = (exit: Exit.Exit<Transport.Answer, ChangeSource.SourceError>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) {
    const { retryAfter, status } = exit.value
    if (status < 500) return CircuitBreaker.success
    return CircuitBreaker.failure(retryAfter === undefined ? {} : { retryAfter: Duration.millis(retryAfter) })
  }
  const error = Exit.findError(exit)
  return Result.isSuccess(error) && error.success.reason === "Unavailable"
    ? CircuitBreaker.failure()
    : CircuitBreaker.ignored
}

const refuse = Effect.fnUntraced(function* (
  source: string,
  host: string,
  { reason }: CircuitBreaker.CircuitBreakerError
): Effect.fn.Return<never, ChangeSource.SourceError> {
  const what = `Nothing was sent: ${host} failed too often in a row`
  if (reason._tag === "CircuitOpen") {
    const until = DateTime.makeUnsafe((yield* Clock.currentTimeMillis) + Duration.toMillis(reason.retryAfter))
    return yield* new ChangeSource.SourceError({
      reason: "Unavailable",
      source,
      message: `${what}, and is left alone until ${DateTime.formatIso(until)}. Run again then: the position is kept.`,
      retryAfter: Duration.toMillis(reason.retryAfter)
    })
  }
  if (reason._tag === "CircuitBreakerStoreError") return yield* Effect.die(reason)
  return yield* new ChangeSource.SourceError({
    reason: "Unavailable",
    source,
    message: `${what}, and another request is trying whether it is back. Run again in a moment: the position is kept.`
  })
})
