/**
 * Refused observations as rows. The observation is JSON text, so that whatever
 * made it refused can still be kept.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Listing from "@tidemark/core/ports/Listing"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Write from "@tidemark/core/model/Write"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = (session: PgUnitOfWork.Session): Quarantine.Quarantine["Service"] => {
  const { read, sql, write } = session
  return {
    find: (subscription, ids) =>
      read(
        subscription.tenant,
        sql<Row>`select q.* from ${openRecords(sql, subscription, ids)} cross join lateral (
        select r.id::text as id, r.external_id, r.domain, r.value, r.version_at, r.mapping_epoch, r.observed_at,
          r.fingerprint
        from tidemark.quarantine r where ${Param.isRecord(sql, subscription)} and r.status = 'Open'
        order by r.seq offset 0) q`
      ).pipe(Effect.map(group), Effect.mapError(PgError.toStoreError("Quarantine.find"))),
    list: (tenant, options = {}) =>
      read(
        tenant,
        sql<KeptRow>`select q.* from ${Param.tenant(sql, tenant)} cross join lateral (
        select r.id::text as id, r.seq::float8 as position, r.provider, r.account, r.entity, r.external_id,
          r.run::text as run, r.domain, r.value, r.version_at, r.mapping_epoch, r.observed_at, r.fingerprint, r.code,
          r.message, r.observation, r.status, r.attempts, ${Param.millis(sql, "r.opened_at")} as opened_at,
          ${Param.millis(sql, "r.closed_at")} as closed_at
        from tidemark.quarantine r where ${sql.and(["r.tenant = i.tenant", "r.seq > 0", ...listed(sql, options)])}
        order by r.seq desc limit ${String(Listing.limitOf(options))}::bigint) q order by q.position desc`
      ).pipe(
        Effect.map((rows) => rows.map(toKept)),
        Effect.mapError(PgError.toStoreError("Quarantine.list"))
      ),
    put: (subscription, refusals) => put(session, subscription, refusals),
    recur: (subscription, recurrences) => recur(session, subscription, recurrences),
    close: ({ tenant }, ids, status) =>
      write(
        tenant,
        sql`update tidemark.quarantine set status = ${status}, closed_at = now()
        where tenant = ${tenant} and id = any(${Param.texts(ids)}::text[]::uuid[]) and status = 'Open'`
      ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.close")))
  }
}

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

const put = (
  { sql, write }: PgUnitOfWork.Session,
  { connection, entity, tenant }: Subscription.Subscription,
  refusals: ReadonlyArray<Quarantine.Refusal>
) => {
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
}

const recur = (
  { sql, write }: PgUnitOfWork.Session,
  { tenant }: Subscription.Subscription,
  recurrences: ReadonlyArray<Quarantine.Recurrence>
) => {
  const rows = Param.rows(sql, inOrder(recurrences), {
    texts: {
      id: (r) => r.id,
      run: (r) => r.runId,
      code: (r) => Refusal.printable(r.rejection.code),
      message: (r) => Refusal.printable(r.rejection.message),
      domain: (r) => r.reading?.version.domain,
      value: (r) => r.reading?.version.value,
      fingerprint: (r) => r.reading?.fingerprint,
      observation: (r) => (r.reading === undefined ? undefined : JSON.stringify(r.reading.observation))
    },
    numbers: {
      version_at: (r) => r.reading?.version.at,
      mapping_epoch: (r) => r.reading?.version.epoch,
      observed_at: (r) => r.reading?.version.observedAt
    }
  })
  return write(
    tenant,
    sql`update tidemark.quarantine q set attempts = q.attempts + 1, run = i.run::uuid, code = i.code,
          message = i.message, domain = coalesce(i.domain, q.domain), value = coalesce(i.value, q.value),
          version_at = case when i.domain is null then q.version_at else i.version_at end,
          mapping_epoch = coalesce(i.mapping_epoch::int, q.mapping_epoch),
          observed_at = coalesce(i.observed_at, q.observed_at), fingerprint = coalesce(i.fingerprint, q.fingerprint),
          observation = coalesce(i.observation, q.observation)
        from ${rows} where q.tenant = ${tenant} and q.id = i.id::uuid and q.status = 'Open'`
  ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Quarantine.recur")))
}

const inOrder = (recurrences: ReadonlyArray<Quarantine.Recurrence>): ReadonlyArray<Quarantine.Recurrence> =>
  Param.sorted(recurrences, (a, b) => a.id < b.id)

/** Which of a tenant's rows `r` are asked for. */
const listed = (sql: SqlClient, options: Quarantine.ListOptions): ReadonlyArray<Fragment> => {
  const { before, code, connection, entity, externalId, id, isWithClosed = false } = options
  return [
    ...(id === undefined ? [] : [Param.isId(sql, id)]),
    ...(isWithClosed ? [] : [sql`r.status = 'Open'`]),
    ...(before === undefined ? [] : [sql`r.seq < ${String(before)}::bigint`]),
    ...(connection === undefined
      ? []
      : [sql`r.provider = ${connection.provider} and r.account = ${connection.account}`]),
    ...(entity === undefined ? [] : [sql`r.entity = ${entity}`]),
    ...(externalId === undefined ? [] : [sql`r.external_id = ${externalId}`]),
    ...(code === undefined ? [] : [sql`r.code = ${Refusal.printable(code)}`])
  ]
}

interface Row extends Param.VersionRow {
  readonly id: string
  readonly external_id: string
  readonly fingerprint: string
}

interface KeptRow extends Row {
  readonly position: number
  readonly provider: string
  readonly account: string
  readonly entity: string
  readonly run: string
  readonly code: string
  readonly message: string
  /** JSON text. */
  readonly observation: string
  readonly status: Quarantine.Status
  readonly attempts: number
  readonly opened_at: number
  readonly closed_at: number | null
}

const toKept = (row: KeptRow): Quarantine.Kept => ({
  id: row.id,
  version: Param.toVersion(row),
  fingerprint: row.fingerprint,
  position: row.position,
  connection: { provider: row.provider, account: row.account },
  entity: row.entity,
  externalId: row.external_id as Observation.ExternalId,
  runId: row.run,
  rejection: new Write.Rejection({ code: row.code, message: row.message }),
  observation: JSON.parse(row.observation),
  status: row.status,
  attempts: row.attempts,
  openedAt: row.opened_at,
  closedAt: row.closed_at ?? undefined
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
