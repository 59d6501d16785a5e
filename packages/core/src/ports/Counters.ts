/**
 * Numbers that rise within a key: what orders the events that an application
 * publishes itself, as the ledger revision orders those of records.
 *
 * Whoever has a number holds its key until the unit of work ends, so numbers of
 * one key are committed in their order.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - in order: of two committed units of work that took numbers of one key, the one
 *   with the lower numbers committed first;
 * - without gaps: a unit of work that is taken back gives its numbers back.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** @category models @since 0.1.0 */
export interface Wanted {
  /** What the key is a key of: events are ordered by both. */
  readonly entity: string
  readonly key: string
  /** At least 1. */
  readonly count: number
}

/** @category services @since 0.1.0 */
export class Counters extends Context.Service<
  Counters,
  {
    /**
     * Answers the first of each one's numbers, in the order asked; the others follow
     * it. Starts at 1. Keys are taken in one order, whoever asks.
     */
    readonly take: (
      tenant: Subscription.TenantId,
      wanted: Arr.NonEmptyReadonlyArray<Wanted>
    ) => Effect.Effect<ReadonlyArray<number>, StoreError, Transaction>
  }
>()("@tidemark/core/Counters") {}
