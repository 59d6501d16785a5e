/**
 * Open intents of external sinks as rows.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Intents from "@tidemark/core/ports/Intents"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql }: PgUnitOfWork.Session): Intents.Intents["Service"] => ({
  find: (subscription, ids) =>
    read(
      subscription.tenant,
      sql<{ external_id: string }>`select t.external_id from unnest(${Param.texts(ids)}::text[]) as i(external_id)
        cross join lateral (select t.external_id from tidemark.intent t
          where ${Param.isEntity(sql, "t", subscription)} and t.external_id = i.external_id offset 0) t`
    ).pipe(
      Effect.map((rows) => new Set(rows.map((row) => row.external_id as Observation.ExternalId))),
      Effect.mapError(PgError.toStoreError("Intents.find"))
    ),
  list: (lane, limit) =>
    read(
      lane.subscription.tenant,
      sql<{ external_id: string; token: number; decision: string }>`
        select external_id, token::float8 as token, decision from tidemark.intent
        where ${Param.isLane(sql, lane)} order by external_id limit ${limit}`
    ).pipe(
      Effect.map((rows) =>
        rows.map((row): Intents.Intent => ({
          externalId: row.external_id as Observation.ExternalId,
          token: row.token,
          decision: JSON.parse(row.decision)
        }))
      ),
      Effect.mapError(PgError.toStoreError("Intents.list"))
    ),
  open: ({ name, partition, subscription: { connection, entity, id, tenant } }, intents) =>
    Effect.andThen(
      UnitOfWork.current(PgUnitOfWork.store, tenant),
      sql`insert into tidemark.intent (tenant, provider, account, entity, external_id, subscription, lane, partition,
          token, decision)
        select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, i.external_id, ${id}, ${name},
          ${partition}, i.token::bigint, i.decision
        from unnest(${Param.texts(intents.map((intent) => intent.externalId))}::text[],
          ${Param.texts(intents.map((intent) => intent.token))}::text[],
          ${Param.texts(intents.map((intent) => JSON.stringify(intent.decision)))}::text[])
          as i(external_id, token, decision)`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Intents.open"))),
  settle: (lane, ids) =>
    Effect.andThen(
      UnitOfWork.current(PgUnitOfWork.store, lane.subscription.tenant),
      sql`delete from tidemark.intent where ${Param.isLane(sql, lane)}
        and external_id = any(${Param.texts(ids)}::text[])`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Intents.settle")))
})
