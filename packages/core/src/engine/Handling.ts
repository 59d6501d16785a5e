/**
 * One attempt: from a delivery to what becomes of it.
 *
 * @since 0.1.0
 */
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
): Effect.Effect<Outcome, never, R | Context> =>
  Effect.suspend(() => {
    const definition = consumer.on.find(({ type }) => type === delivery.event.type)
    const handling: Effect.Effect<unknown, unknown, R> = Effect.suspend(() => {
      if (definition === undefined) return Effect.die(new Error(`nobody asked for ${delivery.event.type}`))
      const payload = EventType.decode(definition as EventType.Definition, delivery.event)
      return Result.isFailure(payload)
        ? Effect.fail(payload.failure)
        : consumer.handle({ ...delivery.event, payload: payload.success }, infoOf(delivery))
    })
    const handled: Effect.Effect<unknown, unknown, R | Context> = consumer.isTransactional
      ? (transacted(delivery, deadline, handling) as Effect.Effect<unknown, unknown, R | Context>) // `R` has no transaction
      : handling
    return handled.pipe(
      Effect.timeoutOrElse({
        duration: consumer.timeout,
        orElse: () => Effect.fail(new TimedOut({ message: "the handler took longer than its timeout" }))
      }),
      Effect.exit,
      Effect.flatMap((exit) =>
        Exit.isSuccess(exit)
          ? Effect.succeed<Outcome>({ _tag: consumer.isTransactional ? "Settled" : "Ack" })
          : verdictOf(consumer.retry, delivery, exit.cause)
      )
    )
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const infoOf = ({ attempt, consumer, event, isLate }: Deliveries.Delivery): Consumer.Info => ({
  idempotencyKey: `${consumer}/${event.id}`,
  attempt,
  isLate
})

/** Effect and acknowledgement are one commit: who is refused leaves nothing. */
const transacted = <E, R>(
  delivery: Deliveries.Delivery,
  deadline: () => number,
  handling: Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function* () {
    const deliveries = yield* Deliveries.Deliveries
    const uow = yield* UnitOfWork.UnitOfWork
    const acknowledged = Effect.gen(function* () {
      if ((yield* Clock.currentTimeMillis) >= deadline()) return yield* new Lost()
      if (!(yield* deliveries.acknowledge(delivery))) return yield* new Lost()
    })
    return yield* uow.transact(delivery.tenant, Effect.andThen(handling, acknowledged))
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
