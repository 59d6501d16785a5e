/**
 * All that an application relies on in a store of events.
 *
 * ```ts
 * for (const law of [...verifyOutbox(store), ...verifyInbox(store)]) it(law.name, () => law.check())
 * ```
 *
 * @since 0.1.0
 */
import { crowdLaws } from "./events/CrowdLaws.ts"
import { deliveryLaws } from "./events/DeliveryLaws.ts"
import type * as EventStore from "./events/EventStore.ts"
import { inboxLaws } from "./events/InboxLaws.ts"
import { tailLaws } from "./events/TailLaws.ts"
import { tenantLaws } from "./events/TenantLaws.ts"
import { retentionLaws } from "./events/RetentionLaws.ts"
import type * as RetentionStore from "./events/RetentionStore.ts"
import type * as Law from "./Law.ts"

/** The laws of outbox, its log, consumers, deliveries, dead letters and counters. @category laws @since 0.1.0 */
export const verifyOutbox = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  ...deliveryLaws(store),
  ...crowdLaws(store),
  ...tailLaws(store),
  ...tenantLaws(store)
]

/** The laws of the inbox. @category laws @since 0.1.0 */
export const verifyInbox = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => inboxLaws(store)

/** The laws of removing what is old. @category laws @since 0.1.0 */
export const verifyRetention = <R>(store: RetentionStore.RetentionStore<R>): ReadonlyArray<Law.Law> =>
  retentionLaws(store)
