/**
 * What the engine knows of each record: one row per tenant, connection, entity,
 * and external id. Rows are never deleted while their connection exists.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - compare-and-set: of several advances planned against one token, one wins;
 * - serial: an advance of a row waits for the transaction that last advanced it;
 * - stable: the local id of a record never changes by itself;
 * - fresh: no local id is made twice;
 * - whole: read in pieces, `unreadSince` tells each record that is here and was last
 *   read earlier, once.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Entry from "../model/Entry.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** @category services @since 0.1.0 */
export class Ledger extends Context.Service<
  Ledger,
  {
    /** Rows of the given records; absent ones are left out. Joins an open transaction, needs none. */
    readonly find: (
      subscription: Subscription.Subscription,
      ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
    ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, Entry.Entry>, StoreError>
    /**
     * Records that are here and whose last noted read began before `time`, in ms since
     * the epoch: a piece of at most `limit`, in an order of the store's own.
     */
    readonly unreadSince: (
      subscription: Subscription.Subscription,
      options: {
        readonly time: number
        /** The last one of the piece before; `undefined` begins. */
        readonly after: Observation.ExternalId | undefined
        readonly limit: number
      }
    ) => Effect.Effect<ReadonlyArray<Observation.ExternalId>, StoreError>
    /** Makes `count` local ids, for records that were never here. Stores nothing. */
    readonly localIds: (count: number) => Effect.Effect<ReadonlyArray<string>, StoreError>
    /**
     * Advances rows, at most one advance per record, sorted by external id.
     * Answers the rows as written; a record that is not in the answer lost a race.
     */
    readonly advance: (
      subscription: Subscription.Subscription,
      advances: Arr.NonEmptyReadonlyArray<Entry.Advance>
    ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, Entry.Entry>, StoreError, Transaction>
  }
>()("@tidemark/core/Ledger") {}
