/**
 * The ledger. Winners of an advance hold their rows to the end of the
 * transaction.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Ledger.Ledger["Service"] => ({
  find: (subscription, ids) =>
    Statement.read(connection, "Ledger.find", subscription.tenant, (view) => {
      const entries = new Map<Observation.ExternalId, Entry.Entry>()
      for (const id of ids) {
        const found = State.get(view, "ledger", State.recordKey(subscription, id))
        if (found !== undefined) entries.set(id, found.entry)
      }
      return entries
    }),
  unreadSince: (subscription, { after, limit, time }) =>
    Statement.read(connection, "Ledger.unreadSince", subscription.tenant, (view) => {
      const ids: Array<Observation.ExternalId> = []
      for (const [, { entry, externalId, subscription: owner }] of State.scan(view, "ledger")) {
        if (!State.isSameEntity(owner, subscription) || (after !== undefined && externalId <= after)) continue
        if (entry.existence === "Present" && entry.version.observedAt < time) ids.push(externalId)
      }
      return ids.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, limit)
    }),
  localIds: (count) =>
    Effect.sync(() => Array.from({ length: count }, () => `local-${Database.next(connection.database, "local")}`)),
  advance: (subscription, advances) =>
    Statement.write(
      connection,
      "Ledger.advance",
      subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        const winners = new Map<Observation.ExternalId, Entry.Entry>()
        for (const advance of advances) {
          const { externalId } = advance
          const key = State.recordKey(subscription, externalId)
          const written =
            advance.expected === 0
              ? yield* Statement.insert(statement, "ledger", key, () => ({
                  subscription,
                  externalId,
                  entry: entryOf(advance)
                }))
              : yield* Statement.update(statement, "ledger", key, (row) =>
                  row.entry.token === advance.expected ? { ...row, entry: entryOf(advance) } : undefined
                )
          if (written !== undefined) winners.set(externalId, written.entry)
        }
        return winners
      })
    )
})

const entryOf = ({ expected, ...advance }: Entry.Advance): Entry.Entry => ({
  ...advance,
  token: expected + 1
})
