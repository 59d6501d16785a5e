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
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ sql, write }: PgUnitOfWork.Session): Outbox.Outbox["Service"] => ({
  append: Effect.fnUntraced(function* (tenant, events) {
    const foreign = events.find((event) => event.tenant !== tenant)
    if (foreign !== undefined) {
      return yield* Effect.die(new Error(`an event of tenant ${foreign.tenant} was appended by ${tenant}`))
    }
    const column = (of: (event: Event.Event) => Param.Value) => Param.column(events, of)
    const appended = yield* write(
      tenant,
      sql<{ id: string }>`insert into tidemark.event as r (tenant, id, type, entity, key, revision, payload)
        select ${tenant}, i.id, i.type, i.entity, i.key, i.revision::bigint, i.payload::json
        from unnest(${column((e) => e.id)}::text[], ${column((e) => e.type)}::text[],
          ${column((e) => e.entity)}::text[], ${column((e) => e.key)}::text[], ${column((e) => e.revision)}::text[],
          ${column((e) => JSON.stringify(e.payload))}::text[]) as i(id, type, entity, key, revision, payload)
        order by i.key collate "C", i.revision::bigint, i.id collate "C"
        on conflict do nothing returning r.id`
    ).pipe(Effect.mapError(PgError.toStoreError("Outbox.append")))
    if (appended.length === events.length) return
    const isNew = new Set(appended.map(({ id }) => id))
    const repeated = events.filter(({ id }) => !isNew.has(id))
    // In a statement of its own: this one sees what the other transaction committed meanwhile.
    const other = yield* write(
      tenant,
      sql<{ id: string }>`
        select i.id from unnest(${Param.column(repeated, (e) => e.id)}::text[],
          ${Param.column(repeated, (e) => e.type)}::text[], ${Param.column(repeated, (e) => e.entity)}::text[],
          ${Param.column(repeated, (e) => e.key)}::text[], ${Param.column(repeated, (e) => e.revision)}::text[],
          ${Param.column(repeated, (e) => JSON.stringify(e.payload))}::text[])
          as i(id, type, entity, key, revision, payload)
        cross join lateral (select r.type, r.entity, r.key, r.revision, r.payload from tidemark.event r
          where r.tenant = ${tenant} and r.id = i.id offset 0) e
        where (e.type, e.entity, e.key, e.revision) is distinct from (i.type, i.entity, i.key, i.revision::bigint)
          or case when e.payload::text = i.payload then false else e.payload::jsonb <> i.payload::jsonb end limit 1`
    ).pipe(Effect.mapError(PgError.toStoreError("Outbox.append")))
    if (other[0] !== undefined) return yield* taken(other[0].id)
  })
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const taken = (id: string): StoreError =>
  new StoreError({
    reason: "Refused",
    operation: "Outbox.append",
    code: "23505",
    message: `another event has the id ${id}`
  })
