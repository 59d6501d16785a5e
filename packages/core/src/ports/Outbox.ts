/**
 * Events written in the transaction that made them true.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - atomic: an event exists if and only if its change was committed;
 * - idempotent: appending an id again changes nothing, whatever its revision; with
 *   another content it is refused;
 * - apart: an event of another tenant is refused, and nothing of its call is written.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as Subscription from "../model/Subscription.ts"
import { StoreError } from "./StoreError.ts"
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

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/** Fails with the first event of another tenant. @category guards @since 0.1.0 */
export const requireTenant = (
  tenant: Subscription.TenantId,
  events: ReadonlyArray<Event.Event>
): Effect.Effect<void, StoreError> => {
  const foreign = events.find((event) => event.tenant !== tenant)
  if (foreign === undefined) return Effect.void
  const message = `the event ${foreign.id} of tenant ${foreign.tenant} is appended by ${tenant}: append it in a unit of work of its own tenant`
  return Effect.fail(new StoreError({ reason: "Refused", operation: "Outbox.append", code: "foreign_tenant", message }))
}
