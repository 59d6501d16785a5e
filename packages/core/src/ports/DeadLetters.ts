/**
 * Deliveries that were given up, and what a person can do about them.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - once: a dead letter that is redriven twice is delivered once;
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

/** @category models @since 0.1.0 */
export interface DeadLetter {
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
}

/** @category services @since 0.1.0 */
export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** Newest first. */
    readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<DeadLetter>, StoreError>
    /** Makes deliveries of at most `limit` dead letters, oldest first. Answers how many. */
    readonly redrive: (selection: Selection, by: string, limit: number) => Effect.Effect<number, StoreError>
    /**
     * Settles a dead letter, or the delivery that holds up its key, without a handler.
     * A receipt with the reason remains. Answers whether there was one.
     */
    readonly skip: (id: string, reason: string, by: string) => Effect.Effect<boolean, StoreError>
  }
>()("@tidemark/core/DeadLetters") {}
