/**
 * Decisions about to be sent to an external sink.
 *
 * What was decided is stored before the call, so that a crash between the call
 * and its record cannot change the decision: the next run sends it again with
 * the same key and records it as it was decided. A record with an open intent is
 * planned by no lane until it is settled.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** @category models @since 0.1.0 */
export interface Intent {
  readonly externalId: Observation.ExternalId
  /** Token of the record's ledger row since the reservation. */
  readonly token: number
  /** What is to be written and recorded. Opaque to the store. */
  readonly decision: Schema.Json
}

/** @category services @since 0.1.0 */
export class Intents extends Context.Service<
  Intents,
  {
    /** Of the given records, those with an open intent of any lane. Joins an open transaction, needs none. */
    readonly find: (
      subscription: Subscription.Subscription,
      ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
    ) => Effect.Effect<ReadonlySet<Observation.ExternalId>, StoreError>
    /** Open intents of a lane, at most `limit`, by external id. */
    readonly list: (lane: Lane.Lane, limit: number) => Effect.Effect<ReadonlyArray<Intent>, StoreError>
    readonly open: (
      lane: Lane.Lane,
      intents: Arr.NonEmptyReadonlyArray<Intent>
    ) => Effect.Effect<void, StoreError, Transaction>
    readonly settle: (
      lane: Lane.Lane,
      ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
    ) => Effect.Effect<void, StoreError, Transaction>
  }
>()("@tidemark/core/Intents") {}
