/**
 * Refused observations as rows. The observation is JSON text, so that whatever
 * made it refused can still be kept.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql, write }: PgUnitOfWork.Session): Quarantine.Quarantine["Service"] => ({
  find: (subscription, ids) =>
    read(
      subscription.tenant,
      sql<Row>`select q.* from ${openRecords(sql, subscription, ids)} cross join lateral (
        select r.id::text as id, r.external_id, r.domain, r.value, r.version_at, r.mapping_epoch, r.observed_at,
          r.fingerprint
        from tidemark.quarantine r where ${Param.isRecord(sql, subscription)} and r.status = 'Open'
        order by r.seq offset 0) q`
    ).pipe(Effect.map(group), Effect.mapError(PgError.toStoreError("Quarantine.find"))),
  put: ({ connection, entity, tenant }, refusals) => {
    const rows = Param.rows(sql, refusals, {
      texts: {
        external_id: (r) => r.externalId,
        run: (r) => r.runId,
        domain: (r) => r.version.domain,
        value: (r) => r.version.value,
        fingerprint: (r) => r.fingerprint,
        code: (r) => Refusal.printable(r.rejection.code),
        message: (r) => Refusal.printable(r.rejection.message),
        observation: (r) => JSON.stringify(r.observation),
        status: (r) => (r.isSuperseded ? "Superseded" : "Open")
      },
      numbers: {
        version_at: (r) => r.version.at,
        mapping_epoch: (r) => r.version.epoch,
        observed_at: (r) => r.version.observedAt
      }
    })
    return write(
      tenant,
      sql`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain, value,
          version_at, mapping_epoch, observed_at, fingerprint, code, message, observation, status, closed_at)
        select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, i.external_id, i.run::uuid,
          i.domain, i.value, i.version_at, i.mapping_epoch, i.observed_at, i.fingerprint, i.code, i.message,
          i.observation, i.status, case when i.status = 'Open' then null else now() end
        from ${rows}`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.put")))
  },
  close: ({ tenant }, ids) =>
    write(
      tenant,
      sql`update tidemark.quarantine set status = 'Superseded', closed_at = now()
        where tenant = ${tenant} and id = any(${Param.texts(ids)}::text[]::uuid[]) and status = 'Open'`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.close")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/**
 * Rows as `Param.records`, unless nothing of the entity is refused: so where there
 * is nothing to find, as nearly always, the look-up is one, not one per record.
 */
const openRecords = (sql: SqlClient, subscription: Subscription.Subscription, ids: ReadonlyArray<string>) => {
  const { connection, entity, tenant } = subscription
  // A value, not a join: it is looked up after the tenant is set, and once.
  const isAny = sql`(select true from tidemark.quarantine r where r.tenant = i.tenant
    and r.provider = ${connection.provider} and r.account = ${connection.account} and r.entity = ${entity}
    and r.status = 'Open' limit 1)`
  return sql`(select i.tenant, u.external_id
    from (select i.tenant, ${isAny} as is_any from ${Param.tenant(sql, tenant)} offset 0) as i
    cross join unnest(${Param.texts(ids)}::text[]) as u(external_id) where i.is_any offset 0) as i`
}

interface Row extends Param.VersionRow {
  readonly id: string
  readonly external_id: string
  readonly fingerprint: string
}

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
