/**
 * Intents. A record has at most one, whatever lane opened it: opening a second is
 * refused.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Intents from "@tidemark/core/ports/Intents"
import { StoreError } from "@tidemark/core/ports/StoreError"
import type * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Intents.Intents["Service"] => ({
  find: (subscription, ids) =>
    Statement.read(
      connection,
      "Intents.find",
      subscription.tenant,
      (view) => new Set(ids.filter((id) => State.get(view, "intents", State.recordKey(subscription, id)) !== undefined))
    ),
  list: (lane, limit) =>
    Statement.read(connection, "Intents.list", lane.subscription.tenant, (view) => {
      const key = State.laneKey(lane)
      return State.scan(view, "intents")
        .filter(([, row]) => State.laneKey(row.lane) === key)
        .map(([, row]) => row.intent)
        .toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1))
        .slice(0, limit)
    }),
  open: (lane, intents) =>
    Statement.write(
      connection,
      "Intents.open",
      lane.subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        for (const intent of intents) {
          const key = State.recordKey(lane.subscription, intent.externalId)
          const opened = yield* Statement.insert(statement, "intents", key, () => ({ lane, intent }))
          if (opened !== undefined) continue
          return yield* new StoreError({
            reason: "Refused",
            operation: "Intents.open",
            code: "23505",
            message: `${intent.externalId} has an open intent already`
          })
        }
      })
    ),
  settle: (lane, ids) =>
    Statement.write(
      connection,
      "Intents.settle",
      lane.subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        for (const id of ids) {
          yield* Statement.remove(
            statement,
            "intents",
            State.recordKey(lane.subscription, id),
            (row) => State.laneKey(row.lane) === State.laneKey(lane)
          )
        }
      })
    )
})
