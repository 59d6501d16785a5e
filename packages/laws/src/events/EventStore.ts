/**
 * A store of events under test: beside its ports, how to look at where each event
 * stands with each consumer.
 *
 * Consumers are of no tenant. So that any number of cases can share a store, each
 * has names and types of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Event from "@tidemark/core/model/Event"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Consumers from "@tidemark/core/ports/Consumers"
import type * as Counters from "@tidemark/core/ports/Counters"
import type * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import type * as Deliveries from "@tidemark/core/ports/Deliveries"
import type * as EventLog from "@tidemark/core/ports/EventLog"
import type * as Inbox from "@tidemark/core/ports/Inbox"
import * as Memory from "@tidemark/memory/Memory"
import * as Store from "../Store.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Ports =
  | Consumers.Consumers
  | Counters.Counters
  | Deliveries.Deliveries
  | DeadLetters.DeadLetters
  | EventLog.EventLog
  | Inbox.Inbox

/** Where an event stands with a consumer. @category models @since 0.1.0 */
export interface Share {
  readonly consumer: string
  /** The event's id. */
  readonly event: string
  readonly as: "Delivery" | "Receipt" | "DeadLetter"
}

/** @category models @since 0.1.0 */
export interface EventStore<R> extends Store.Store<R | Ports> {
  /** What is committed of a tenant's events, in any order; one share as often as it is there. */
  readonly shares: (tenant: Subscription.TenantId) => Effect.Effect<ReadonlyArray<Share>, unknown, R>
}

/** What one case of a law calls its own. @category models @since 0.1.0 */
export interface Names {
  readonly tenants: readonly [Subscription.TenantId, Subscription.TenantId]
  readonly consumer: (name: string) => string
  readonly type: (name: string) => string
  readonly event: (
    tenant: Subscription.TenantId,
    number: number,
    change: Partial<Event.Event> & { readonly type: string }
  ) => Event.Event
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The memory store. @category constructors @since 0.1.0 */
export const memory: EventStore<Memory.Services> = {
  ...Store.memory,
  layer: Memory.layer(),
  shares: Memory.shares
}

/** Names nobody had before in this process. @category constructors @since 0.1.0 */
export const names = (label: string): Effect.Effect<Names> =>
  Effect.gen(function* () {
    const one = yield* Store.subscription(label)
    const other = yield* Store.subscription(label)
    const own = `c${one.tenant}`.toLowerCase().replaceAll(/[^a-z0-9]/g, "-")
    const type = (name: string) => `${own.replaceAll("-", "_")}_${name}`
    return {
      tenants: [one.tenant, other.tenant],
      consumer: (name) => `${own}.${name}`,
      type,
      event: (tenant, number, change) => ({
        id: `${tenant}/${number}`,
        tenant,
        entity: "note",
        key: "a",
        revision: number,
        version: 1,
        direction: "change",
        payload: { number },
        ...change,
        type: type(change.type)
      })
    }
  })
