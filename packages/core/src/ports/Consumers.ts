/**
 * Who gets events. A consumer is a row: what it is still owed is known while
 * nobody runs it, and to every process.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - complete: of every event of its types from its start on, whichever transaction
 *   was open while it registered, a consumer has exactly one of delivery, receipt
 *   and dead letter;
 * - repeatable: registering again as it is changes nothing;
 * - final: who retired is owed nothing, and the name is never given again.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { StoreError } from "./StoreError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * The first event it gets: the oldest that is kept, the first that is committed
 * after it registered, or the first behind a position of the outbox.
 *
 * @category models
 * @since 0.1.0
 */
export type Start = "Beginning" | "Now" | { readonly after: number }

/**
 * - `Registering`: what it missed is being given to it; nothing is handed out yet.
 * - `Active`: gets what comes.
 * - `Paused`: is owed what comes; nothing is handed out.
 * - `Retired`: is owed nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "Registering" | "Active" | "Paused" | "Retired"

/** @category models @since 0.1.0 */
export interface Declaration {
  /** Stable for as long as the consumer lives: 1 to 100 of `a-z 0-9 - _ .`, a letter first. */
  readonly name: string
  /** Types of events it gets. */
  readonly types: Arr.NonEmptyReadonlyArray<string>
  readonly start: Start
}

/** @category models @since 0.1.0 */
export interface Consumer extends Declaration {
  readonly status: Status
  /** In ms since the epoch. */
  readonly registeredAt: number
  /** Who changed its status last, and when in ms since the epoch; `undefined` while nobody did. */
  readonly changed: { readonly by: string; readonly at: number } | undefined
  /** Deliveries and dead letters that wait, counted up to `waitingMax`. */
  readonly waiting: number
}

/** Whether a consumer can have the name. @category guards @since 0.1.0 */
export const isName = (name: string): boolean => /^[a-z][a-z0-9_.-]{0,99}$/.test(name)

/** How far `Consumer.waiting` counts. @category constants @since 0.1.0 */
export const waitingMax = 10_000

/** @category models @since 0.1.0 */
export type Change =
  | { readonly _tag: "Pause" }
  | { readonly _tag: "Resume" }
  /** Deliveries, receipts and dead letters stay its own. */
  | { readonly _tag: "Rename"; readonly to: string }
  /**
   * Deliveries that wait are dropped, whatever becomes of those that a process has;
   * receipts and dead letters stay. With `ifDone` it is refused as `Owed` while any waits.
   */
  | { readonly _tag: "Retire"; readonly ifDone?: boolean | undefined }

/**
 * - `Unknown`: there is no consumer of this name.
 * - `Taken`: another consumer has the name, or had it and retired.
 * - `Retired`: it can only be looked at.
 * - `Owed`: deliveries wait for it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConsumerError extends Schema.TaggedError<ConsumerError>()("ConsumerError", {
  reason: Schema.Literals(["Unknown", "Taken", "Retired", "Owed"]),
  consumer: Schema.String,
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Consumers extends Context.Service<
  Consumers,
  {
    /**
     * Registers a consumer, or gives a known one its types as declared now: a type that
     * is new to it counts from now on, so that its order stays. From the return on,
     * every append knows of it. In a short transaction of its own: it waits
     * until no append is under way, and is a `Conflict` when that takes too long.
     */
    readonly register: (declaration: Declaration) => Effect.Effect<Consumer, ConsumerError | StoreError>
    /**
     * Gives a registering consumer at most `limit` of the deliveries that it missed,
     * oldest first; with the last ones it becomes active. Answers whether it is done.
     * Events that are not yet visible to everybody wait for another call.
     */
    readonly activate: (name: string, limit: number) => Effect.Effect<boolean, ConsumerError | StoreError>
    /** All, in order of their names. */
    readonly list: Effect.Effect<ReadonlyArray<Consumer>, StoreError>
    /** Changing it to what it is already changes nothing. */
    readonly change: (name: string, change: Change, by: string) => Effect.Effect<Consumer, ConsumerError | StoreError>
  }
>()("@tidemark/core/Consumers") {}
