/**
 * Events as rows, written in the transaction of their change. Appending an id
 * again waits for whoever is appending it, and then changes nothing; with another
 * content it is refused.
 *
 * @since 0.1.0
 */
import type * as Event from "@tidemark/core/model/Event"
import type * as Outbox from "@tidemark/core/ports/Outbox"
import { StoreError } from "@tidemark/core/ports/StoreError"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ sql, write }: PgUnitOfWork.Session): Outbox.Outbox["Service"] => ({
  append: (tenant, events) => {
    const foreign = events.find((event) => event.tenant !== tenant)
    if (foreign !== undefined) {
      return Effect.die(new Error(`an event of tenant ${foreign.tenant} was appended by ${tenant}`))
    }
    return write(tenant, insert(sql, tenant, events)).pipe(
      Effect.flatMap((appended) => {
        if (appended.length === events.length) return Effect.succeed([])
        const isNew = new Set(appended.map(({ id }) => id))
        const repeated = events.filter(({ id }) => !isNew.has(id))
        // In a statement of its own: this one sees what the other transaction committed meanwhile.
        return write(tenant, findOther(sql, tenant, repeated))
      }),
      Effect.mapError(PgError.toStoreError("Outbox.append")),
      Effect.flatMap(([other]) => (other === undefined ? Effect.void : Effect.fail(taken(other.id))))
    )
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Events as rows `i`. */
const rows = (sql: SqlClient, events: ReadonlyArray<Event.Event>): Fragment => {
  const column = (of: (event: Event.Event) => Param.Value) => Param.column(events, of)
  return sql`unnest(${column((e) => e.id)}::text[], ${column((e) => e.type)}::text[], ${column((e) => e.entity)}::text[],
    ${column((e) => e.key)}::text[], ${column((e) => e.revision)}::text[],
    ${column((e) => JSON.stringify(e.payload))}::text[]) as i(id, type, entity, key, revision, payload)`
}

/** Answers the ids that are new. */
const insert = (sql: SqlClient, tenant: Subscription.TenantId, events: ReadonlyArray<Event.Event>) =>
  sql<{ id: string }>`insert into tidemark.event as r (tenant, id, type, entity, key, revision, payload)
    select ${tenant}, i.id, i.type, i.entity, i.key, i.revision::bigint, i.payload::json from ${rows(sql, events)}
    order by i.key collate "C", i.revision::bigint, i.id collate "C"
    on conflict do nothing returning r.id`

/** One of the events whose id is that of another event. */
const findOther = (sql: SqlClient, tenant: Subscription.TenantId, events: ReadonlyArray<Event.Event>) =>
  sql<{ id: string }>`select i.id from ${rows(sql, events)}
    cross join lateral (select r.type, r.entity, r.key, r.revision, r.payload from tidemark.event r
      where r.tenant = ${tenant} and r.id = i.id offset 0) e
    where (e.type, e.entity, e.key, e.revision) is distinct from (i.type, i.entity, i.key, i.revision::bigint)
      or case when e.payload::text = i.payload then false else e.payload::jsonb <> i.payload::jsonb end limit 1`

const taken = (id: string): StoreError =>
  new StoreError({
    reason: "Refused",
    operation: "Outbox.append",
    code: "23505",
    message: `another event has the id ${id}`
  })
