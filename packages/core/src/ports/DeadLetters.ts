/**
 * Deliveries that were given up or fail, and what a person can do about them.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - once: a dead letter that is redriven twice is delivered once;
 * - named: what a list tells can be skipped by the id that the list gives, and
 *   nothing that waits for an earlier one of its key can;
 * - late: what is redriven is handed out beside its key, and says so;
 * - paged: pieces of a list, each begun where the last one ended, are the list.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as Listing from "./Listing.ts"
import type { StoreError } from "./StoreError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface DeadLetter {
  /** Of this death: one that is redriven and dies again has another. Holds no `/`. */
  readonly id: string
  /** Its place in the list, rising with every new one. */
  readonly position: number
  readonly consumer: string
  readonly event: Event.Event
  /** How often it was handed out. */
  readonly attempts: number
  /** Why it failed last. */
  readonly error: string
  /** In ms since the epoch. */
  readonly diedAt: number
}

/**
 * A delivery that failed, or was handed out more than once, and is to be handed out
 * again. Unless it is late, its key waits for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failing {
  /** See `idOf`. */
  readonly id: string
  readonly consumer: string
  /** Place of the event in the outbox. */
  readonly position: number
  readonly event: Event.Event
  /** How often it was handed out, since it was redriven if it was. */
  readonly attempts: number
  /** Why it failed last; `undefined` while nobody said: processes died with it. */
  readonly error: string | undefined
  /** When it can be handed out next, in ms since the epoch: when its delay ends, or its lease. */
  readonly dueAt: number
  /** A process has it, or had it when it died. */
  readonly isHeld: boolean
  readonly isLate: boolean
}

/** What to redrive. @category models @since 0.1.0 */
export type Selection =
  | { readonly _tag: "Ids"; readonly ids: Arr.NonEmptyReadonlyArray<string> }
  | { readonly _tag: "Type"; readonly type: string }
  | { readonly _tag: "All" }

/** @category models @since 0.1.0 */
export interface ListOptions extends Listing.NewestFirst {
  readonly consumer?: string | undefined
  /** Of the event. */
  readonly type?: string | undefined
  /** Only this one. */
  readonly id?: string | undefined
}

/** @category models @since 0.1.0 */
export interface FailingOptions extends Listing.Options {
  readonly consumer?: string | undefined
  /** Of the event. */
  readonly type?: string | undefined
  /** Only what comes after the delivery of this id. Default: begins with the first. */
  readonly after?: string | undefined
}

// -----------------------------------------------------------------------------
// ids of deliveries
// -----------------------------------------------------------------------------

/** A delivery, as no other one is called. @category models @since 0.1.0 */
export type Named = Pick<Failing, "consumer" | "position">

/**
 * What a person calls a delivery that waits, in every store: `CONSUMER/POSITION`. When
 * the consumer is renamed, so is the delivery.
 *
 * @category conversions
 * @since 0.1.0
 */
export const idOf = ({ consumer, position }: Named): string => `${consumer}/${position}`

/** `undefined` for what is no id of a delivery. @category conversions @since 0.1.0 */
export const fromId = (id: string): Named | undefined => {
  const parts = /^([^/]+)\/(\d{1,15})$/.exec(id)
  return parts === null ? undefined : { consumer: parts[1]!, position: Number(parts[2]) }
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** Newest first. */
    readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<DeadLetter>, StoreError>
    /** By consumer, in the order in which they registered; of each the oldest event first. */
    readonly failing: (options?: FailingOptions) => Effect.Effect<ReadonlyArray<Failing>, StoreError>
    /** Makes deliveries of at most `limit` dead letters, oldest first. Answers how many. */
    readonly redrive: (selection: Selection, by: string, limit: number) => Effect.Effect<number, StoreError>
    /**
     * Settles without a handler a dead letter, by its id, or a delivery that waits for no
     * other, by its `idOf`. A receipt with the reason, who and when remains. Whoever has
     * it at that moment cannot settle it any more. Answers whether there was one.
     */
    readonly skip: (id: string, reason: string, by: string) => Effect.Effect<boolean, StoreError>
  }
>()("@tidemark/core/DeadLetters") {}
