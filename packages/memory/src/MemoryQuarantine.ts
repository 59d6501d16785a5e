/**
 * Quarantine. Refusals belong to records, whatever lane met them; what was
 * superseded from the start is kept for the audit and does not wait.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Quarantine.Quarantine["Service"] => ({
  find: (subscription, ids) =>
    Statement.read(connection, "Quarantine.find", subscription.tenant, (view) => {
      const wanted = new Set(ids)
      const open = new Map<Observation.ExternalId, Array<Quarantine.Open>>()
      for (const [, { externalId, id, isOpen, refusal, ...row }] of State.scan(view, "quarantine")) {
        if (!isOpen || !wanted.has(externalId) || !State.isSameEntity(row.subscription, subscription)) continue
        const { fingerprint, version } = refusal
        open.set(externalId, [...(open.get(externalId) ?? []), { id, version, fingerprint }])
      }
      return open
    }),
  put: (subscription, refusals) =>
    Statement.write(connection, "Quarantine.put", subscription.tenant, (statement) =>
      Effect.sync(() => {
        for (const refusal of refusals) {
          const order = Database.next(connection.database, "refusal")
          const id = `refusal-${order}`
          const { externalId, isSuperseded } = refusal
          const row = { subscription, externalId, order, id, refusal, isOpen: !isSuperseded }
          Statement.put(statement, "quarantine", State.key(subscription.tenant, id), row)
        }
      })
    ),
  close: (subscription, ids) =>
    Statement.write(
      connection,
      "Quarantine.close",
      subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        for (const id of ids) {
          yield* Statement.update(statement, "quarantine", State.key(subscription.tenant, id), (row) =>
            row.isOpen && State.isSameEntity(row.subscription, subscription) ? { ...row, isOpen: false } : undefined
          )
        }
      })
    )
})
