/**
 * Events as rows, written in the transaction of their change, with the deliveries
 * to those consumers of their types that are registered, see `DeliveryFunctions`.
 * Appending an id again waits for whoever is appending it, and then changes
 * nothing; with another content it is refused.
 *
 * @since 0.1.0
 */
import type * as Event from "@tidemark/core/model/Event"
import * as Outbox from "@tidemark/core/ports/Outbox"
import { StoreError } from "@tidemark/core/ports/StoreError"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ sql, write }: PgUnitOfWork.Session): Outbox.Outbox["Service"] => ({
  append: (tenant, events) => {
    const sorted = Param.sorted(events, isBefore)
    const inserting = insert(sql, tenant, sorted)
    const appending = write(
      tenant,
      Effect.flatMap(inserting, ([row]) =>
        row?.is_done === true ? Effect.succeed([]) : insertNew(sql, tenant, sorted)
      )
    ).pipe(
      Effect.mapError(PgError.toStoreError("Outbox.append")),
      Effect.flatMap(([other]) => (other === undefined ? Effect.void : Effect.fail(taken(other.id))))
    )
    return Effect.andThen(Outbox.requireTenant(tenant, events), appending)
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row {
  readonly id: string
}

const isBefore = (a: Event.Event, b: Event.Event): boolean =>
  a.key !== b.key ? a.key < b.key : a.revision !== b.revision ? a.revision < b.revision : a.id < b.id

const columns: Param.Columns<Event.Event> = {
  texts: {
    id: (e) => e.id,
    type: (e) => e.type,
    entity: (e) => e.entity,
    key: (e) => e.key,
    payload: (e) => JSON.stringify(e.payload),
    direction: (e) => e.direction
  },
  numbers: { revision: (e) => e.revision, version: (e) => e.version }
}

const insert = (sql: SqlClient, tenant: Subscription.TenantId, events: ReadonlyArray<Event.Event>) =>
  sql<{ is_done: boolean }>`
    select tidemark.event_insert(${tenant}, ${Param.arrays(sql, events, columns)}) as is_done`

/** Inserts those that are not there. Answers one whose id is that of another event. */
const insertNew = Effect.fnUntraced(function* (
  sql: SqlClient,
  tenant: Subscription.TenantId,
  events: ReadonlyArray<Event.Event>
): Effect.fn.Return<ReadonlyArray<Row>, SqlError> {
  const [appended] = yield* sql<{ ids: ReadonlyArray<string> }>`
    select tidemark.event_insert_new(${tenant}, ${Param.arrays(sql, events, columns)}) as ids`
  const isNew = new Set(appended!.ids)
  const repeated = events.filter(({ id }) => !isNew.has(id))
  // In a statement of its own: this one sees what the other transaction committed meanwhile.
  return yield* sql<Row>`select i.id from ${Param.rows(sql, repeated, columns)}
    cross join lateral (select r.type, r.entity, r.key, r.direction, r.version, r.payload
      from tidemark.event r where r.tenant = ${tenant} and r.id = i.id offset 0) e
    where (e.type, e.entity, e.key, e.direction, e.version)
        is distinct from (i.type, i.entity, i.key, i.direction, i.version::int)
      or case when e.payload::text = i.payload then false else e.payload::jsonb <> i.payload::jsonb end limit 1`
})

const taken = (id: string): StoreError =>
  new StoreError({
    reason: "Refused",
    operation: "Outbox.append",
    code: "23505",
    message: `another event has the id ${id}`
  })
