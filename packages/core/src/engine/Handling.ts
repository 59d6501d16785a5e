/**
 * One attempt: from a delivery to what becomes of it, or from several that are
 * handled in one unit of work.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as EventType from "../model/EventType.ts"
import * as Deliveries from "../ports/Deliveries.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Backoff from "../rules/Backoff.ts"
import * as Consumer from "./Consumer.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Another process has the delivery by now, or may have. */
class Lost extends Data.TaggedError("Lost")<{}> {}

/** The attempt took too long. */
class TimedOut extends Data.TaggedError("TimedOut")<{ readonly message: string }> {}

/**
 * A verdict to settle with; `Settled` when the handler's own unit of work did, and
 * `Lost` when somebody else will.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = Deliveries.Verdict | { readonly _tag: "Settled" } | { readonly _tag: "Lost" }

type Context = Deliveries.Deliveries | UnitOfWork.UnitOfWork

/** The longest error that is kept, in characters. @category constants @since 0.1.0 */
export const errorMax = 2_000

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Runs the handler on a delivery. `deadline` tells when the lease ends, in ms since
 * the epoch: behind it a transactional handler does not commit.
 *
 * @category running
 * @since 0.1.0
 */
export const attempt = <R>(
  consumer: Consumer.Consumer<R>,
  delivery: Deliveries.Delivery,
  deadline: () => number
): Effect.Effect<Outcome, never, R | Context> => {
  const handled = consumer.isTransactional
    ? transacted(consumer, [delivery], deadline)
    : inTime(consumer, handling(consumer, delivery))
  return Effect.flatMap(Effect.exit(handled), (exit) =>
    Exit.isSuccess(exit)
      ? Effect.succeed<Outcome>({ _tag: consumer.isTransactional ? "Settled" : "Ack" })
      : verdictOf(consumer.retry, delivery, exit.cause)
  )
}

/**
 * Runs a transactional handler on several deliveries of a tenant, in one unit of work.
 * Where that fails, each is attempted alone: only one that fails there has failed.
 *
 * @category running
 * @since 0.1.0
 */
export const attemptAll = <R>(
  consumer: Consumer.Consumer<R>,
  deliveries: Arr.NonEmptyReadonlyArray<Deliveries.Delivery>,
  deadline: () => number
): Effect.Effect<ReadonlyArray<Outcome>, never, R | Context> => {
  const alone = Effect.forEach(deliveries, (delivery) => attempt(consumer, delivery, deadline))
  if (deliveries.length === 1) return alone
  return Effect.flatMap(Effect.exit(transacted(consumer, deliveries, deadline)), (exit) =>
    Exit.isSuccess(exit) ? Effect.succeed(deliveries.map((): Outcome => ({ _tag: "Settled" }))) : alone
  )
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const infoOf = ({ attempt, consumer, event, isLate }: Deliveries.Delivery): Consumer.Info => ({
  idempotencyKey: `${consumer}/${event.id}`,
  attempt,
  isLate
})

const handling = <R>(
  { handle, on }: Consumer.Consumer<R>,
  delivery: Deliveries.Delivery
): Effect.Effect<unknown, unknown, R> =>
  Effect.suspend(() => {
    const definition = on.find(({ type }) => type === delivery.event.type)
    if (definition === undefined) return Effect.die(new Error(`nobody asked for ${delivery.event.type}`))
    const payload = EventType.decode(definition as EventType.Definition, delivery.event)
    return Result.isFailure(payload)
      ? Effect.fail(payload.failure)
      : handle({ ...delivery.event, payload: payload.success }, infoOf(delivery))
  })

const inTime = <A, E, R>({ timeout }: Consumer.Consumer<R>, effect: Effect.Effect<A, E, R | Context>) =>
  Effect.timeoutOrElse(effect, {
    duration: timeout,
    orElse: () => Effect.fail(new TimedOut({ message: "the handler took longer than its timeout" }))
  })

/** Effects and acknowledgements are one commit: who is refused leaves nothing. */
const transacted = <R>(
  consumer: Consumer.Consumer<R>,
  deliveries: Arr.NonEmptyReadonlyArray<Deliveries.Delivery>,
  deadline: () => number
): Effect.Effect<unknown, unknown, R | Context> =>
  Effect.gen(function* () {
    const { acknowledge } = yield* Deliveries.Deliveries
    const uow = yield* UnitOfWork.UnitOfWork
    const acknowledged = Effect.gen(function* () {
      if ((yield* Clock.currentTimeMillis) >= deadline()) return yield* new Lost()
      if ((yield* acknowledge(deliveries)).length < deliveries.length) return yield* new Lost()
    })
    const handled = Effect.forEach(deliveries, (one) => handling(consumer, one), { discard: true })
    const whole = uow.transact(deliveries[0].tenant, Effect.andThen(handled, acknowledged))
    return yield* inTime(consumer, whole as Effect.Effect<unknown, unknown, R | Context>) // `R` has no transaction
  })

const verdictOf = (
  retry: Backoff.Backoff,
  { attempt }: Deliveries.Delivery,
  cause: Cause.Cause<unknown>
): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    const failure = Cause.squash(cause)
    if (failure instanceof Lost) return { _tag: "Lost" }
    const error = textOf(failure)
    if (failure instanceof Consumer.DeadLetter) return { _tag: "DeadLetter", error }
    const after = Backoff.after(retry, attempt, yield* Random.next)
    if (after === undefined) return { _tag: "DeadLetter", error }
    return { _tag: "Retry", after: failure instanceof Consumer.RetryAfter ? failure.after : after, error }
  })

const textOf = (failure: unknown): string => {
  const text =
    typeof failure === "object" && failure !== null && "message" in failure && typeof failure.message === "string"
      ? `${"_tag" in failure ? String(failure._tag) : failure instanceof Error ? failure.name : "Error"}: ${failure.message}`
      : String(failure)
  return text.slice(0, errorMax)
}
