/**
 * What was handled already, by consumer and message.
 *
 * Whoever gets a message at least once has its effect once by claiming it here: a
 * local effect in the same unit of work, an external one under a lease and with the
 * same idempotency key every time.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - once: of all units of work that begin a message, one commits as the first;
 * - fenced: a claim that was taken over cannot be finished;
 * - final: what is finished is never handed out again;
 * - told apart: the same id with other content is a conflict, not a repetition.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import * as UnitOfWork from "./UnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Message {
  readonly tenant: Subscription.TenantId
  readonly consumer: string
  /** The sender's id of the message. */
  readonly id: string
  /** Tells contents apart; `undefined` where they need not be. */
  readonly digest?: string | undefined
}

/** @category models @since 0.1.0 */
export interface Claim extends Message {
  readonly epoch: number
  /** How often it was claimed, this time included. */
  readonly attempt: number
}

/** The same id came with other content. @category errors @since 0.1.0 */
export class InboxConflict extends Schema.TaggedError<InboxConflict>()("InboxConflict", {
  consumer: Schema.String,
  id: Schema.String,
  message: Schema.String
}) {}

/** Somebody else is at it. @category models @since 0.1.0 */
export interface Busy {
  readonly _tag: "Busy"
  /** Of the other's lease, in ms. */
  readonly remaining: number
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Inbox extends Context.Service<
  Inbox,
  {
    /**
     * Notes the message as handled in the open unit of work. Answers whether it is the
     * first time; waits for another unit of work that has just begun it.
     */
    readonly begin: (message: Message) => Effect.Effect<boolean, InboxConflict | StoreError, UnitOfWork.Transaction>
    /** Claims the message for an effect elsewhere; commits before it answers. */
    readonly claim: (
      message: Message,
      lease: Duration.Duration
    ) => Effect.Effect<
      { readonly _tag: "Claimed"; readonly claim: Claim } | Busy | { readonly _tag: "Finished" },
      InboxConflict | StoreError
    >
    /** Answers whether the claim was still the last one. */
    readonly finish: (claim: Claim) => Effect.Effect<boolean, StoreError>
  }
>()("@tidemark/core/Inbox") {}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Runs an effect once per consumer and message: it and the claim are committed
 * together. `undefined` when it was handled before.
 *
 * @category combinators
 * @since 0.1.0
 */
export const once = <A, E, R>(
  message: Message,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<
  { readonly value: A } | undefined,
  E | InboxConflict | StoreError | UnitOfWork.TransactionError,
  Inbox | UnitOfWork.UnitOfWork | Exclude<R, UnitOfWork.Transaction>
> =>
  Effect.gen(function* () {
    const inbox = yield* Inbox
    const uow = yield* UnitOfWork.UnitOfWork
    return yield* uow.transact(
      message.tenant,
      Effect.flatMap(inbox.begin(message), (isFirst) =>
        isFirst ? Effect.map(effect, (value) => ({ value })) : Effect.undefined
      )
    )
  })
