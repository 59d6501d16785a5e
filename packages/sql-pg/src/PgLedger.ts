/**
 * The ledger as a table.
 *
 * An advance is one upsert of all rows, in the order of their keys: it takes every
 * row lock in that order, so two batches cannot deadlock on the ledger, and its
 * plan is a look-up per row whatever the statistics say. A row that another
 * transaction is writing is waited for, and then judged by the token it has by
 * then. Where every row is to be new, an insert in the same order is tried first,
 * see `Migrations`.
 *
 * @since 0.1.0
 */
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as LocalId from "./LocalId.ts"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql, write }: PgUnitOfWork.Session): Ledger.Ledger["Service"] => ({
  find: (subscription, ids) =>
    read(
      subscription.tenant,
      sql<Row>`select l.* from ${Param.records(sql, subscription.tenant, ids)} cross join lateral (
        select ${columns(sql)} from tidemark.ledger r where ${Param.isRecord(sql, subscription)} offset 0) l`
    ).pipe(Effect.map(toEntries), Effect.mapError(PgError.toStoreError("Ledger.find"))),
  unreadSince: (subscription, { after, limit, time }) =>
    read(
      subscription.tenant,
      sql<Pick<Row, "external_id">>`select l.* from ${Param.tenant(sql, subscription.tenant)} cross join lateral (
        select r.external_id from tidemark.ledger r
        where r.tenant = i.tenant and r.provider = ${subscription.connection.provider}
          and r.account = ${subscription.connection.account} and r.entity = ${subscription.entity}
          and r.external_id > ${after ?? ""} and r.existence = 'Present' and r.observed_at < ${String(time)}::float8
        order by r.external_id limit ${String(limit)}::bigint) l order by l.external_id`
    ).pipe(
      Effect.map((rows) => rows.map((row) => row.external_id as Observation.ExternalId)),
      Effect.mapError(PgError.toStoreError("Ledger.unreadSince"))
    ),
  localIds: LocalId.make,
  advance: (subscription, advances) =>
    write(subscription.tenant, advance(sql, subscription, Param.sorted(advances, isBefore))).pipe(
      Effect.map(toAdvanced),
      Effect.mapError(PgError.toStoreError("Ledger.advance"))
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row extends Param.VersionRow {
  readonly external_id: string
  readonly local_id: string
  readonly token: number
  readonly revision: number
  readonly existence: Entry.Existence
  readonly fingerprint: string | null
}

const columns = (sql: SqlClient) =>
  sql`r.external_id, r.local_id, r.token::float8 as token, r.revision::float8 as revision, r.domain, r.value,
    r.version_at, r.mapping_epoch, r.observed_at, r.existence, r.fingerprint`

const isBefore = (a: Entry.Advance, b: Entry.Advance): boolean => a.externalId < b.externalId

/** Answers which were won. */
const advance = (
  sql: SqlClient,
  subscription: Subscription.Subscription,
  advances: ReadonlyArray<Entry.Advance>
): Effect.Effect<ReadonlyArray<Entry.Advance>, SqlError> =>
  advances.every(({ expected }) => expected === 0)
    ? Effect.flatMap(insert(sql, subscription, advances), ([row]) =>
        row?.is_done === true ? Effect.succeed(advances) : upsert(sql, subscription, advances)
      )
    : upsert(sql, subscription, advances)

const written: Param.Columns<Entry.Advance> = {
  texts: {
    external_id: (a) => a.externalId,
    local_id: (a) => a.localId,
    domain: (a) => a.version.domain,
    value: (a) => a.version.value,
    existence: (a) => a.existence,
    fingerprint: (a) => a.fingerprint
  },
  numbers: {
    revision: (a) => a.revision,
    version_at: (a) => a.version.at,
    mapping_epoch: (a) => a.version.epoch,
    observed_at: (a) => a.version.observedAt
  }
}

const insert = (
  sql: SqlClient,
  { connection, entity, tenant }: Subscription.Subscription,
  advances: ReadonlyArray<Entry.Advance>
) =>
  sql<{ is_done: boolean }>`select tidemark.ledger_insert(${tenant}, ${connection.provider}, ${connection.account},
    ${entity}, ${Param.arrays(sql, advances, written)}) as is_done`

/**
 * A row that was there when its advance was planned and is there no more is left
 * out before the upsert: it is lost, not made again. Nothing is looked up for a
 * row that is to be new. What comes back is which rows were won.
 */
const upsert = (
  sql: SqlClient,
  { connection, entity, tenant }: Subscription.Subscription,
  advances: ReadonlyArray<Entry.Advance>
): Effect.Effect<ReadonlyArray<Entry.Advance>, SqlError> => {
  const numbers = { ...written.numbers, expected: (a: Entry.Advance) => a.expected }
  const statement = sql<Pick<Row, "external_id">>`
    insert into tidemark.ledger as r (tenant, provider, account, entity, external_id, local_id, token, revision,
      domain, value, version_at, mapping_epoch, observed_at, existence, fingerprint)
    select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, i.external_id, i.local_id,
      i.expected + 1, i.revision, i.domain, i.value, i.version_at, i.mapping_epoch, i.observed_at, i.existence,
      i.fingerprint
    from ${Param.rows(sql, advances, { ...written, numbers })}
    left join lateral (select true as is_here from tidemark.ledger r
      where r.tenant = ${tenant} and r.provider = ${connection.provider} and r.account = ${connection.account}
        and r.entity = ${entity} and r.external_id = i.external_id and i.expected <> 0 offset 0) l on true
    where i.expected = 0 or l.is_here
    on conflict (tenant, external_id, entity, provider, account) do update set token = excluded.token,
      local_id = excluded.local_id, revision = excluded.revision, domain = excluded.domain, value = excluded.value,
      version_at = excluded.version_at, mapping_epoch = excluded.mapping_epoch, observed_at = excluded.observed_at,
      existence = excluded.existence, fingerprint = excluded.fingerprint
    where r.token = excluded.token - 1
    returning r.external_id`
  return Effect.map(statement, (rows) => {
    const won = new Set(rows.map((row) => row.external_id))
    return advances.filter(({ externalId }) => won.has(externalId))
  })
}

/** The rows as written: as their advances say, one token on. */
const toAdvanced = (won: ReadonlyArray<Entry.Advance>): ReadonlyMap<Observation.ExternalId, Entry.Entry> =>
  new Map(won.map(({ expected, ...entry }) => [entry.externalId, { ...entry, token: expected + 1 }]))

const toEntries = (rows: ReadonlyArray<Row>): ReadonlyMap<Observation.ExternalId, Entry.Entry> =>
  new Map(rows.map((row) => [row.external_id as Observation.ExternalId, toEntry(row)]))

const toEntry = (row: Row): Entry.Entry => ({
  externalId: row.external_id as Observation.ExternalId,
  localId: row.local_id,
  token: row.token,
  revision: row.revision,
  version: Param.toVersion(row),
  existence: row.existence,
  fingerprint: row.fingerprint ?? undefined
})
