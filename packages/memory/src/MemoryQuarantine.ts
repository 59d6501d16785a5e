/**
 * Quarantine. Refusals belong to records, whatever lane met them; what was
 * superseded from the start is kept for the audit and does not wait.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Listing from "@tidemark/core/ports/Listing"
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
      for (const [, row] of State.scan(view, "quarantine")) {
        const { externalId } = row
        if (row.status !== "Open" || !wanted.has(externalId)) continue
        if (!State.isSameEntity(row.subscription, subscription)) continue
        open.set(externalId, [...(open.get(externalId) ?? []), toOpen(row)])
      }
      return open
    }),
  list: (tenant, options = {}) =>
    Statement.read(connection, "Quarantine.list", tenant, (view) =>
      State.scan(view, "quarantine")
        .map(([, row]) => row)
        .filter((row) => row.subscription.tenant === tenant && isListed(row, options))
        .toSorted((a, b) => b.order - a.order)
        .slice(0, Listing.limitOf(options))
        .map(toKept)
    ),
  put: (subscription, refusals) => put(connection, subscription, refusals),
  recur: (subscription, recurrences) =>
    change(connection, "Quarantine.recur", subscription, recurrences, (row, { reading, rejection, runId }) => ({
      ...row,
      attempts: row.attempts + 1,
      refusal: { ...row.refusal, ...reading, runId, rejection }
    })),
  close: (subscription, ids, status) =>
    change(
      connection,
      "Quarantine.close",
      subscription,
      ids.map((id) => ({ id })),
      (row, _, closedAt) => ({ ...row, status, closedAt })
    )
})

const put = (
  connection: Database.Connection,
  subscription: Subscription.Subscription,
  refusals: ReadonlyArray<Quarantine.Refusal>
) =>
  Statement.write(
    connection,
    "Quarantine.put",
    subscription.tenant,
    Effect.fnUntraced(function* (statement) {
      const openedAt = yield* Clock.currentTimeMillis
      for (const refusal of refusals) {
        const order = Database.next(connection.database, "refusal")
        const id = `refusal-${order}`
        const { externalId, isSuperseded } = refusal
        Statement.put(statement, "quarantine", State.key(subscription.tenant, id), {
          subscription,
          externalId,
          order,
          id,
          refusal,
          status: isSuperseded ? "Superseded" : "Open",
          attempts: 1,
          openedAt,
          closedAt: isSuperseded ? openedAt : undefined
        })
      }
    })
  )

/** Of rows that wait; others stay as they are. */
const change = <A extends { readonly id: string }>(
  connection: Database.Connection,
  operation: string,
  subscription: Subscription.Subscription,
  changes: ReadonlyArray<A>,
  apply: (row: State.QuarantineRow, change: A, now: number) => State.QuarantineRow
) =>
  Statement.write(
    connection,
    operation,
    subscription.tenant,
    Effect.fnUntraced(function* (statement) {
      const now = yield* Clock.currentTimeMillis
      for (const one of changes) {
        yield* Statement.update(statement, "quarantine", State.key(subscription.tenant, one.id), (row) =>
          isWaiting(row, subscription) ? apply(row, one, now) : undefined
        )
      }
    })
  )

const isWaiting = (row: State.QuarantineRow, subscription: Subscription.Subscription): boolean =>
  row.status === "Open" && State.isSameEntity(row.subscription, subscription)

const toOpen = ({ id, refusal: { fingerprint, version } }: State.QuarantineRow): Quarantine.Open => ({
  id,
  version,
  fingerprint
})

const toKept = (row: State.QuarantineRow): Quarantine.Kept => {
  const { attempts, closedAt, externalId, openedAt, order, refusal, status } = row
  const { connection, entity } = row.subscription
  const { observation, rejection, runId } = refusal
  return {
    ...toOpen(row),
    position: order,
    connection,
    entity,
    externalId,
    runId,
    rejection,
    observation,
    status,
    attempts,
    openedAt,
    closedAt
  }
}

const isListed = (row: State.QuarantineRow, options: Quarantine.ListOptions): boolean => {
  const { before, code, connection, entity, externalId, id, isWithClosed = false } = options
  const { subscription } = row
  return (
    (isWithClosed || row.status === "Open") &&
    (id === undefined || row.id === id) &&
    (before === undefined || row.order < before) &&
    (connection === undefined ||
      (subscription.connection.provider === connection.provider &&
        subscription.connection.account === connection.account)) &&
    (entity === undefined || subscription.entity === entity) &&
    (externalId === undefined || row.externalId === externalId) &&
    (code === undefined || row.refusal.rejection.code === code)
  )
}
