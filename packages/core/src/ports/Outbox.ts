/**
 * Events written in the transaction that made them true.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - atomic: an event exists if and only if its change was committed;
 * - idempotent: appending an id again changes nothing, whatever its revision; with
 *   another content it is refused.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** @category services @since 0.1.0 */
export class Outbox extends Context.Service<
  Outbox,
  {
    readonly append: (
      tenant: Subscription.TenantId,
      events: Arr.NonEmptyReadonlyArray<Event.Event>
    ) => Effect.Effect<void, StoreError, Transaction>
  }
>()("@tidemark/core/Outbox") {}
