/**
 * Who handles events: a name that stays, the types it asks for, and what it does
 * with one of them.
 *
 * A `handler` has its effect elsewhere: it runs outside any transaction, at least
 * once per event, and has the same idempotency key every time. A `transactional`
 * one has its effect in the store: it runs in a unit of work of the event's tenant,
 * and is committed together with the acknowledgement, so exactly once.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as EventType from "../model/EventType.ts"
import type * as Consumers from "../ports/Consumers.ts"
import type * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Backoff from "../rules/Backoff.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** An event with its payload as the definition says, whatever version it was written in. @category models @since 0.1.0 */
export type Received<D extends EventType.Domain> = D extends EventType.Domain
  ? Omit<Event.Event, "type" | "payload"> & { readonly type: D["type"]; readonly payload: EventType.Payload<D> }
  : never

/** @category models @since 0.1.0 */
export interface Info {
  /** Of the consumer's name and the event: the same for every attempt, as long as the consumer has that name. */
  readonly idempotencyKey: string
  /** Starts at 1. */
  readonly attempt: number
  /** It was redriven: later events of its key may have been handled before it. */
  readonly isLate: boolean
}

/** @category models @since 0.1.0 */
export interface Options<D extends EventType.Domain> {
  readonly on: Arr.NonEmptyReadonlyArray<D>
  /** Default: `"Now"`. */
  readonly start?: Consumers.Start
  /** Longest time of one attempt, below the lease. Default: 8 s. */
  readonly timeout?: Duration.Input
  /** Default: `Backoff.standard`. */
  readonly retry?: Backoff.Backoff
  /** Most attempts at once in one process, for this consumer alone. Default: those of its lane. */
  readonly concurrency?: number
}

/** Of a transactional handler. @category models @since 0.1.0 */
export interface Together {
  /**
   * Most events, of one tenant and of as many keys, that are handled one after the other
   * in one unit of work, within one timeout. Where they do not all end well, it is taken
   * back, and each is handled in one of its own. Default: 1.
   */
  readonly together?: number
}

/** @category models @since 0.1.0 */
export interface Consumer<out R = never> {
  readonly name: string
  readonly on: Arr.NonEmptyReadonlyArray<EventType.Domain>
  readonly start: Consumers.Start
  readonly isTransactional: boolean
  /** Most events of one unit of work; 1 where the handler is not transactional. */
  readonly together: number
  readonly timeout: Duration.Duration
  readonly retry: Backoff.Backoff
  readonly concurrency: number | undefined
  readonly handle: (event: Received<EventType.Domain>, info: Info) => Effect.Effect<unknown, unknown, R>
}

/** What a handler fails with when no further attempt can help. @category errors @since 0.1.0 */
export class DeadLetter extends Data.TaggedError("DeadLetter")<{ readonly message: string }> {}

/** What a handler fails with when it knows when to try again. @category errors @since 0.1.0 */
export class RetryAfter extends Data.TaggedError("RetryAfter")<{
  readonly after: Duration.Duration
  readonly message: string
}> {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

type Any = Effect.Effect<unknown, unknown, unknown>

type Handler<D extends EventType.Domain, Eff extends Any> = (event: Received<D>, info: Info) => Eff

/**
 * Any failure, defect or timeout of the handler is a failed attempt; `DeadLetter`
 * and `RetryAfter` say what follows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <D extends EventType.Domain, Eff extends Any>(
    name: string,
    options: Options<D> & Together & { readonly transactional: Handler<D, Eff> }
  ): Consumer<Exclude<Effect.Services<Eff>, UnitOfWork.Transaction>>
  <D extends EventType.Domain, Eff extends Any>(
    name: string,
    options: Options<D> & { readonly handler: Handler<D, Eff> }
  ): Consumer<Effect.Services<Eff>>
} = <D extends EventType.Domain>(
  name: string,
  options: Options<D> &
    (({ readonly transactional: Handler<D, Any> } & Together) | { readonly handler: Handler<D, Any> })
): Consumer<never> => ({
  name,
  on: options.on,
  start: options.start ?? "Now",
  isTransactional: "transactional" in options,
  together: "transactional" in options ? (options.together ?? 1) : 1,
  timeout: Duration.fromInputUnsafe(options.timeout ?? "8 seconds"),
  retry: options.retry ?? Backoff.standard,
  concurrency: options.concurrency,
  handle: ("transactional" in options ? options.transactional : options.handler) as unknown as Consumer["handle"] // the relay hands over events of `on` alone, and opens the transaction
})
