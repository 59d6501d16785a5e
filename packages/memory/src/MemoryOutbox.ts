/**
 * The outbox. Appending an id again waits for whoever is appending it, and then
 * changes nothing; with another content it is refused. Deliveries are made for
 * the consumers that are known once the append has its share of the lock.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Outbox from "@tidemark/core/ports/Outbox"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Outbox.Outbox["Service"] => ({
  append: (tenant, events) =>
    Effect.andThen(
      Outbox.requireTenant(tenant, events),
      Statement.write(
        connection,
        "Outbox.append",
        tenant,
        Effect.fnUntraced(function* (statement) {
          const now = yield* Clock.currentTimeMillis
          yield* Owed.share(statement)
          const consumers = Owed.consumers(Owed.latest(statement))
          for (const event of events) {
            const key = State.key(tenant, event.id)
            const row = () => ({ order: Database.next(connection.database, "event"), event, appendedAt: now })
            const inserted = yield* Statement.insert(statement, "events", key, row)
            if (inserted !== undefined) {
              for (const consumer of consumers) {
                if (!Owed.isOwed(consumer, inserted)) continue
                const delivery = Owed.delivery(consumer, inserted, now)
                Statement.put(statement, "deliveries", Owed.key(tenant, consumer.number, delivery.position), delivery)
              }
              continue
            }
            const known = Statement.newest(statement, "events", key)?.event
            if (known !== undefined && Equal.equals({ ...known, revision: event.revision }, event)) continue
            return yield* new StoreError({
              reason: "Refused",
              operation: "Outbox.append",
              code: "23505",
              message: `another event has the id ${event.id}`
            })
          }
        })
      )
    )
})
