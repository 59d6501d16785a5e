/**
 * Open intents of external sinks as rows: one per record, whichever lane opened
 * it.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Intents from "@tidemark/core/ports/Intents"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql, write }: PgUnitOfWork.Session): Intents.Intents["Service"] => ({
  find: (subscription, ids) =>
    read(
      subscription.tenant,
      sql<Pick<Row, "external_id">>`
        select t.external_id from ${Param.records(sql, subscription.tenant, ids)} cross join lateral (
          select r.external_id from tidemark.intent r where ${Param.isRecord(sql, subscription)} offset 0) t`
    ).pipe(
      Effect.map((rows) => new Set(rows.map((row) => row.external_id as Observation.ExternalId))),
      Effect.mapError(PgError.toStoreError("Intents.find"))
    ),
  list: (lane, limit) =>
    read(
      lane.subscription.tenant,
      sql<Row>`select t.* from ${Param.tenant(sql, lane.subscription.tenant)} cross join lateral (
        select r.external_id, r.token::float8 as token, r.decision from tidemark.intent r
        where r.tenant = i.tenant and ${Param.isLane(sql, lane)} order by r.external_id
        limit ${String(limit)}::bigint) t`
    ).pipe(
      Effect.map((rows) => rows.map(toIntent)),
      Effect.mapError(PgError.toStoreError("Intents.list"))
    ),
  open: ({ name, partition, subscription: { connection, entity, id, tenant } }, intents) => {
    const column = (of: (intent: Intents.Intent) => Param.Value) => Param.column(intents, of)
    return write(
      tenant,
      sql`insert into tidemark.intent (tenant, provider, account, entity, external_id, subscription, lane, partition,
          token, decision)
        select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, i.external_id, ${id}, ${name},
          ${partition}, i.token::bigint, i.decision
        from unnest(${column((intent) => intent.externalId)}::text[], ${column((intent) => intent.token)}::text[],
          ${column((intent) => JSON.stringify(intent.decision))}::text[]) as i(external_id, token, decision)
        order by i.external_id collate "C"`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Intents.open")))
  },
  settle: (lane, ids) =>
    write(
      lane.subscription.tenant,
      sql`delete from tidemark.intent r where ${Param.isLane(sql, lane)}
        and r.external_id = any(${Param.texts(ids)}::text[])`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Intents.settle")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row {
  readonly external_id: string
  readonly token: number
  /** JSON text. */
  readonly decision: string
}

const toIntent = (row: Row): Intents.Intent => ({
  externalId: row.external_id as Observation.ExternalId,
  token: row.token,
  decision: JSON.parse(row.decision)
})
