/** What tests of the relay share: a type of events, and a look at where they stand. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import type * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import type * as Owed from "@tidemark/memory/Owed"
import { tenant, transact } from "./support.ts"

export const paid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  payload: Schema.Struct({ cents: Schema.Number })
})

export const registry = EventRegistry.make(paid)

/** Commits an event of the key for each amount. */
export const publish = (key: string, ...amounts: ReadonlyArray<number>) =>
  Effect.forEach(
    amounts,
    (cents) =>
      transact(
        Effect.flatMap(Outbox.Outbox, (outbox) =>
          outbox.append(tenant, [
            {
              id: `${key}/${cents}`,
              tenant,
              type: "invoice_paid",
              entity: "invoice",
              key,
              revision: cents,
              version: 1,
              direction: "change",
              payload: { cents }
            }
          ])
        )
      ),
    { discard: true }
  )

/** An effect in the open transaction: an event that nobody asks for. */
export const sent = (key: string) =>
  Effect.flatMap(Outbox.Outbox, (outbox) =>
    outbox.append(tenant, [
      {
        id: `mail/${key}`,
        tenant,
        type: "mail_sent",
        entity: "mail",
        key,
        revision: 1,
        version: 1,
        direction: "outbound",
        payload: {}
      }
    ])
  )

/** By consumer and amount. */
export const shares = Effect.map(Memory.shares(tenant), (all) =>
  all.map(({ as, consumer, event }) => `${consumer} ${event.split("/")[1]} ${as}`).toSorted()
)

/** Changes what the database holds of deliveries, as nobody could. */
const rewriteDeliveries = (database: Database.Database, to: (row: Owed.DeliveryRow) => Owed.DeliveryRow): void => {
  const { tables } = database.state
  database.state = { ...database.state, tables: { ...tables, deliveries: HashMap.map(tables.deliveries, to) } }
}

/** Lets everybody get as far as they can, then passes some time, then again. */
export const elapse = (time: Duration.Input) => Effect.andThen(Effect.andThen(settled, TestClock.adjust(time)), settled)

const settled = Effect.repeat(Effect.yieldNow, { times: 300 })

/** Claims what another process holds, without waiting for its lease. */
export const forced = (deliveries: Deliveries.Deliveries["Service"]) =>
  Effect.gen(function* () {
    const { connection } = yield* Memory.Store
    rewriteDeliveries(connection.database, (row) => ({ ...row, dueAt: 0 }))
    return yield* deliveries.claim({
      hosted: [{ consumer: "mail", versions: { invoice_paid: 1 } }],
      direction: "change",
      limit: 1,
      lease: Duration.minutes(1)
    })
  })

/** What a relay needs for one consumer. */
export const one = <R>(consumer: Consumer.Consumer<R>) =>
  Effect.map(registry, (registry) => ({ registry, consumers: [consumer] }))

export const drainAll = <R>(options: Relay.Options<R>) =>
  Effect.andThen(Relay.prepare(options), Relay.drainOnce(options))

/** Drains again and again while time passes, until nothing waits. Answers how many hours it took. */
export const drainFor = <R>(options: Relay.Options<R>) =>
  Effect.gen(function* () {
    let millis = 0
    for (let round = 0; round < 500; round++) {
      yield* Relay.drainOnce(options)
      const [backlog] = yield* (yield* Deliveries.Deliveries).backlog
      if (backlog === undefined || backlog.ready + backlog.delayed + backlog.held + backlog.behind === 0) break
      const step = Math.min(Math.max(1_000, millis / 20), 900_000)
      millis += step
      yield* TestClock.adjust(step)
    }
    return millis / 3_600_000
  })
