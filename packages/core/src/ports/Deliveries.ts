/**
 * What consumers are owed: one delivery per event and consumer, made with the
 * event, gone when a receipt or a dead letter takes its place.
 *
 * A claim hands out heads only: of each key the first event that is not settled.
 * So a consumer meets the events of a key in their order, and a key that fails
 * holds up no other.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - heads: no delivery is handed out while an earlier one of its consumer and key
 *   waits, but for a late one;
 * - fenced: a settlement is accepted if and only if its claim is the last one of
 *   its delivery;
 * - counted: an attempt is counted when a delivery is handed out, and stays counted
 *   whatever becomes of the process, unless it is released;
 * - taken over: what a dead process holds is handed out again once its lease is over;
 * - one outcome: a delivery is settled once, however often that is tried.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A delivery as one claim holds it. @category models @since 0.1.0 */
export interface Held {
  readonly tenant: Subscription.TenantId
  readonly consumer: string
  /** Place of the event in the outbox: rises within a key. */
  readonly position: number
  /** Which claim it is: the number of times the delivery was claimed, whoever did. */
  readonly epoch: number
}

/** @category models @since 0.1.0 */
export interface Delivery extends Held {
  readonly event: Event.Event
  /** How often it was handed out, this time included. Starts at 1, also after a redrive. */
  readonly attempt: number
  /** It was redriven: later events of its key may have been handled before it. */
  readonly isLate: boolean
}

/** What a process can handle. @category models @since 0.1.0 */
export interface Hosted {
  readonly consumer: string
  /** Newest version by type; what is newer or of another type waits for a process that knows it. */
  readonly versions: Readonly<Record<string, number>>
}

/** @category models @since 0.1.0 */
export interface ClaimOptions {
  readonly hosted: Arr.NonEmptyReadonlyArray<Hosted>
  readonly direction: Event.Direction
  /** Most deliveries of the answer, 1 to 1,000. Tenants take turns. */
  readonly limit: number
  readonly lease: Duration.Duration
}

/**
 * - `Ack`: handled. A receipt remains.
 * - `Retry`: to be handed out again, not before `after`. Its key waits.
 * - `DeadLetter`: given up. Its key goes on.
 * - `Release`: was not handed to a handler. The attempt is not counted.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict =
  | { readonly _tag: "Ack" }
  | { readonly _tag: "Retry"; readonly after: Duration.Duration; readonly error: string }
  | { readonly _tag: "DeadLetter"; readonly error: string }
  | { readonly _tag: "Release" }

/** @category models @since 0.1.0 */
export interface Settlement {
  readonly held: Held
  readonly verdict: Verdict
}

/** How much a consumer is owed in one direction. Counted up to `Consumers.waitingMax`. @category models @since 0.1.0 */
export interface Backlog {
  readonly consumer: string
  readonly direction: Event.Direction
  /** Could be handed out now. */
  readonly ready: number
  /** Wait for a retry. */
  readonly delayed: number
  /** Are with a process. */
  readonly held: number
  /** Wait for an earlier one of their key. */
  readonly behind: number
  /** Of those that wait for no other: failed, or were handed out more than once. See `DeadLetters.Failing`. */
  readonly failing: number
  readonly dead: number
  /** How long the oldest that could be handed out has been waiting, in ms; 0 when there is none. */
  readonly lag: number
}

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** How many are not settled. @category readers @since 0.1.0 */
export const waiting = ({ behind, delayed, held, ready }: Backlog): number => ready + delayed + held + behind

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    /** Commits before it answers, so that handlers run outside. Events of active consumers only. */
    readonly claim: (options: ClaimOptions) => Effect.Effect<ReadonlyArray<Delivery>, StoreError>
    /** Answers those that were accepted: of the others another claim is the last one, or they are settled. */
    readonly settle: (
      settlements: Arr.NonEmptyReadonlyArray<Settlement>
    ) => Effect.Effect<ReadonlyArray<Held>, StoreError>
    /** `Ack` of deliveries of one tenant, in its open unit of work. Answers those that were accepted. */
    readonly acknowledge: (
      held: Arr.NonEmptyReadonlyArray<Held>
    ) => Effect.Effect<ReadonlyArray<Held>, StoreError, Transaction>
    /** Answers those that are still held, for a lease from now on. */
    readonly renew: (
      held: Arr.NonEmptyReadonlyArray<Held>,
      lease: Duration.Duration
    ) => Effect.Effect<ReadonlyArray<Held>, StoreError>
    /** Of all consumers that are owed anything, in order of their names. */
    readonly backlog: Effect.Effect<ReadonlyArray<Backlog>, StoreError>
  }
>()("@tidemark/core/Deliveries") {}
