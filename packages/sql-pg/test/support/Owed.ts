/**
 * Events that are appended, claimed and settled in a chosen order, and readers of
 * what became of them.
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import type * as Event from "@tidemark/core/model/Event"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Database from "./Database.ts"
import * as Stage from "./Stage.ts"

export const tenantId = (text: string) => Subscription.TenantId.make(text)

export interface Fact {
  readonly tenant?: string
  readonly key: string
  readonly revision: number
  readonly type?: string
  readonly version?: number
  readonly direction?: Event.Direction
}

export const eventOf = (fact: Fact): Event.Event => {
  const { direction = "change", key, revision, tenant = "acme", type = "made", version = 1 } = fact
  const event = { id: `${tenant}/${key}/${revision}/${type}`, tenant: tenantId(tenant), entity: "note" }
  return { ...event, type, key, revision, payload: { revision }, direction, version } as Event.Event
}

/** Two processes of a database where the consumer `billing` is registered, its owner, and a session. */
export const staged = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  const session = yield* Database.client(appUrl)
  const one = yield* Stage.process(appUrl)
  yield* one(consumer("billing"))
  return { appUrl, owner, session, one, other: yield* Stage.process(appUrl) }
})

/** From now on events note the id of their transaction: what appends or reads them otherwise could go by. */
export const noteTransactions = (owner: PgClient.PgClient) =>
  owner`alter table tidemark.event add column if not exists xid xid8 not null default pg_current_xact_id()`

/** In one unit of work of one tenant. */
export const append = (...facts: readonly [Fact, ...ReadonlyArray<Fact>]) => {
  const tenant = tenantId(facts[0].tenant ?? "acme")
  return Stage.transact(
    Effect.flatMap(Outbox.Outbox, (outbox) => outbox.append(tenant, facts.map(eventOf) as [Event.Event])),
    tenant
  )
}

export const keyed = (key: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ key, revision: from + index })) as unknown as readonly [Fact]

/** Registered, and given what it missed. */
export const consumer = (name: string, options: Partial<Consumers.Declaration> = {}) =>
  Effect.gen(function* () {
    const consumers = yield* Consumers.Consumers
    yield* consumers.register({ name, types: ["made"], start: "Beginning", ...options })
    while (!(yield* consumers.activate(name, 1_000)));
  })

export const hosted = (consumer: string, versions: Readonly<Record<string, number>> = { made: 1 }) => ({
  consumer,
  versions
})

export const hour = Duration.hours(1)

export const claim = (options: Partial<Deliveries.ClaimOptions> = {}) =>
  Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
    deliveries.claim({ hosted: [hosted("billing")], direction: "change", limit: 500, lease: hour, ...options })
  )

export const settle = (held: ReadonlyArray<Deliveries.Held>, verdict: Deliveries.Verdict = { _tag: "Ack" }) =>
  Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
    deliveries.settle(held.map((one) => ({ held: one, verdict })) as unknown as readonly [Deliveries.Settlement])
  )

export const names = (deliveries: ReadonlyArray<Deliveries.Delivery>): ReadonlyArray<string> =>
  deliveries.map(({ event }) => `${event.key}${event.revision}`).toSorted()

/** How many deliveries, receipts and dead letters each event of its types has, by consumer: read past the policies. */
export const shares = (owner: PgClient.PgClient) =>
  owner<{ consumer: string; id: string; deliveries: number; receipts: number; letters: number }>`
    select c.name as consumer, e.id,
      (select count(*)::int from tidemark.delivery d where d.consumer = c.id and d.seq = e.seq) as deliveries,
      (select count(*)::int from tidemark.receipt d where d.consumer = c.id and d.seq = e.seq) as receipts,
      (select count(*)::int from tidemark.dead_letter d where d.consumer = c.id and d.seq = e.seq) as letters
    from tidemark.consumer c join tidemark.event e on e.type = any(c.types) and e.seq > c.after
    where c.status <> 'Retired' order by c.name, e.seq`

export const retry = (after: Duration.Duration, error = "down"): Deliveries.Verdict => ({ _tag: "Retry", after, error })
