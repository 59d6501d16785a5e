/**
 * Refused observations as rows. The observation is JSON text, so that whatever
 * made it refused can still be kept.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

interface Row extends Param.VersionRow {
  readonly id: string
  readonly external_id: string
  readonly fingerprint: string
}

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql }: PgUnitOfWork.Session): Quarantine.Quarantine["Service"] => ({
  find: (subscription, ids) =>
    read(
      subscription.tenant,
      sql<Row>`select q.* from unnest(${Param.texts(ids)}::text[]) as i(external_id) cross join lateral (
        select id::text as id, q.external_id, domain, value, version_at, mapping_epoch, observed_at, fingerprint
        from tidemark.quarantine q where ${Param.isEntity(sql, "q", subscription)}
          and q.external_id = i.external_id and q.status = 'Open' order by q.seq offset 0) q`
    ).pipe(Effect.map(group), Effect.mapError(PgError.toStoreError("Quarantine.find"))),
  put: ({ connection, entity, tenant }, refusals) =>
    Effect.andThen(
      UnitOfWork.current(PgUnitOfWork.store, tenant),
      sql`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain, value,
          version_at, mapping_epoch, observed_at, fingerprint, code, message, observation, status, closed_at)
        select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, q.external_id, q.run, q.domain,
          q.value, q.version_at, q.mapping_epoch, q.observed_at, q.fingerprint, q.code, q.message, q.observation::text,
          q.status, case when q.status = 'Open' then null else now() end
        from json_to_recordset(${Param.json(refusals.map(toRow))}::text::json) as q(external_id text, run uuid,
          domain text, value text, version_at float8, mapping_epoch int, observed_at float8, fingerprint text,
          code text, message text, observation json, status text)`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.put"))),
  close: ({ tenant }, ids) =>
    Effect.andThen(
      UnitOfWork.current(PgUnitOfWork.store, tenant),
      sql`update tidemark.quarantine set status = 'Superseded', closed_at = now()
        where tenant = ${tenant} and id = any(${Param.texts(ids)}::text[]::uuid[]) and status = 'Open'`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.close")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const toRow = (refusal: Quarantine.Refusal) => ({
  external_id: refusal.externalId,
  run: refusal.runId,
  domain: refusal.version.domain,
  value: refusal.version.value,
  version_at: refusal.version.at ?? null,
  mapping_epoch: refusal.version.epoch,
  observed_at: refusal.version.observedAt,
  fingerprint: refusal.fingerprint,
  code: Refusal.printable(refusal.rejection.code),
  message: Refusal.printable(refusal.rejection.message),
  observation: refusal.observation,
  status: refusal.isSuperseded ? "Superseded" : "Open"
})

const group = (rows: ReadonlyArray<Row>): ReadonlyMap<Observation.ExternalId, ReadonlyArray<Quarantine.Open>> => {
  const open = new Map<Observation.ExternalId, Array<Quarantine.Open>>()
  for (const row of rows) {
    const id = row.external_id as Observation.ExternalId
    const refusal = { id: row.id, version: Param.toVersion(row), fingerprint: row.fingerprint }
    const found = open.get(id)
    if (found === undefined) open.set(id, [refusal])
    else found.push(refusal)
  }
  return open
}
