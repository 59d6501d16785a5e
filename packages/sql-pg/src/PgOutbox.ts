/**
 * Events as rows, written in the transaction of their change.
 *
 * @since 0.1.0
 */
import type * as Outbox from "@tidemark/core/ports/Outbox"
import * as StoreError from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ sql }: PgUnitOfWork.Session): Outbox.Outbox["Service"] => ({
  append: Effect.fnUntraced(function* (tenant, events) {
    yield* UnitOfWork.current(PgUnitOfWork.store, tenant)
    // An id that is there already is looked at: the same payload is a repetition, another one a fault.
    const other = yield* sql<{ id: string }>`
      with input as materialized (
        select id, type, entity, key, revision, payload
        from jsonb_to_recordset(${Param.json(events)}::text::jsonb) as e(id text, type text, entity text, key text,
          revision bigint, payload jsonb)
      ), appended as (
        insert into tidemark.event (tenant, id, type, entity, key, revision, payload)
        select ${tenant}, id, type, entity, key, revision, payload from input order by key, revision
        on conflict do nothing returning id
      ), repeated as materialized (
        select * from input i where not exists (select from appended a where a.id = i.id)
      ) select i.id from repeated i cross join lateral (
          select payload from tidemark.event e where e.tenant = ${tenant} and e.id = i.id offset 0) e
        where e.payload is distinct from i.payload limit 1`.pipe(Effect.mapError(PgError.toStoreError("Outbox.append")))
    if (other[0] !== undefined) {
      return yield* new StoreError.StoreError({
        reason: "Refused",
        operation: "Outbox.append",
        message: `the event ${other[0].id} was appended before with another payload`
      })
    }
  })
})
