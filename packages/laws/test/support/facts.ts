/** Events of one tenant that say a number. */
import * as Effect from "effect/Effect"
import type * as Event from "@tidemark/core/model/Event"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Outbox from "@tidemark/core/ports/Outbox"

export const tenant = Subscription.TenantId.make("acme")

/** Appends one in the open unit of work. */
export const append = (fact: Pick<Event.Event, "id" | "type" | "entity" | "key">, number: number) =>
  Effect.flatMap(Outbox.Outbox, (outbox) =>
    outbox.append(tenant, [{ ...fact, tenant, revision: number, version: 1, direction: "change", payload: { number } }])
  )
