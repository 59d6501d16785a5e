/**
 * The ledger as a table.
 *
 * An advance is one upsert of all rows, in the order of their keys: it takes every
 * row lock in that order, so two batches cannot deadlock on the ledger, and its
 * plan is a look-up per row whatever the statistics say. A row that another
 * transaction is writing is waited for, and then judged by the token it has by
 * then.
 *
 * @since 0.1.0
 */
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
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
  // Of version 7: rows made together lie together in the index of their ids.
  localIds: (count) => Effect.sync(() => Array.from({ length: count }, () => SecureRandom.uuidV7Unsafe())),
  advance: (subscription, advances) =>
    write(subscription.tenant, advance(sql, subscription, advances)).pipe(
      Effect.map((rows) => toAdvanced(advances, rows)),
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

/** What an advance that was won answers. */
type Won = Pick<Row, "external_id">

const columns = (sql: SqlClient) =>
  sql`r.external_id, r.local_id, r.token::float8 as token, r.revision::float8 as revision, r.domain, r.value,
    r.version_at, r.mapping_epoch, r.observed_at, r.existence, r.fingerprint`

/**
 * A row that was there when its advance was planned and is there no more is left
 * out before the upsert: it is lost, not made again. Nothing is looked up for a
 * row that is to be new. What comes back is which rows were won.
 */
const advance = (
  sql: SqlClient,
  subscription: Subscription.Subscription,
  advances: ReadonlyArray<Entry.Advance>
): Effect.Effect<ReadonlyArray<Won>, SqlError> => {
  const { connection, entity, tenant } = subscription
  const column = (of: (advance: Entry.Advance) => Param.Value) => Param.column(advances, of)
  return sql<Won>`
    insert into tidemark.ledger as r (tenant, provider, account, entity, external_id, local_id, token, revision,
      domain, value, version_at, mapping_epoch, observed_at, existence, fingerprint)
    select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, i.external_id, i.local_id,
      i.expected::bigint + 1, i.revision::bigint, i.domain, i.value, i.version_at::float8, i.mapping_epoch::int,
      i.observed_at::float8, i.existence, i.fingerprint
    from unnest(${column((a) => a.externalId)}::text[], ${column((a) => a.expected)}::text[],
      ${column((a) => a.localId)}::text[], ${column((a) => a.revision)}::text[],
      ${column((a) => a.version.domain)}::text[], ${column((a) => a.version.value)}::text[],
      ${column((a) => a.version.at)}::text[], ${column((a) => a.version.epoch)}::text[],
      ${column((a) => a.version.observedAt)}::text[], ${column((a) => a.existence)}::text[],
      ${column((a) => a.fingerprint)}::text[]) as i(external_id, expected, local_id, revision, domain, value,
      version_at, mapping_epoch, observed_at, existence, fingerprint)
    left join lateral (select true as is_here from tidemark.ledger r
      where r.tenant = ${tenant} and r.provider = ${connection.provider} and r.account = ${connection.account}
        and r.entity = ${entity} and r.external_id = i.external_id and i.expected <> '0' offset 0) l on true
    where i.expected = '0' or l.is_here
    order by i.external_id collate "C"
    on conflict (tenant, external_id, entity, provider, account) do update set token = excluded.token,
      local_id = excluded.local_id, revision = excluded.revision, domain = excluded.domain, value = excluded.value,
      version_at = excluded.version_at, mapping_epoch = excluded.mapping_epoch, observed_at = excluded.observed_at,
      existence = excluded.existence, fingerprint = excluded.fingerprint
    where r.token = excluded.token - 1
    returning r.external_id`
}

/** The rows that were won: as their advances say, one token on. */
const toAdvanced = (
  advances: ReadonlyArray<Entry.Advance>,
  rows: ReadonlyArray<Won>
): ReadonlyMap<Observation.ExternalId, Entry.Entry> => {
  const won = new Set(rows.map((row) => row.external_id))
  const entries = new Map<Observation.ExternalId, Entry.Entry>()
  for (const { expected, ...entry } of advances) {
    if (won.has(entry.externalId)) entries.set(entry.externalId, { ...entry, token: expected + 1 })
  }
  return entries
}

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
