/**
 * The ledger as a table.
 *
 * @since 0.1.0
 */
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

interface Row extends Param.VersionRow {
  readonly external_id: string
  readonly local_id: string
  readonly token: number
  readonly revision: number
  readonly existence: Entry.Existence
  readonly fingerprint: string | null
}

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql }: PgUnitOfWork.Session): Ledger.Ledger["Service"] => {
  const columns = sql.literal(
    "l.external_id, l.local_id, l.token::float8 as token, l.revision::float8 as revision, l.domain, l.value, " +
      "l.version_at, l.mapping_epoch, l.observed_at, l.existence, l.fingerprint"
  )
  return {
    // A lateral look-up per id: a plan for `= any` is made once, often while the table is empty, and scans it for ever.
    find: (subscription, ids) =>
      read(
        subscription.tenant,
        sql<Row>`select l.* from unnest(${Param.texts(ids)}::text[]) as i(external_id) cross join lateral (
          select ${columns} from tidemark.ledger l
          where ${Param.isEntity(sql, "l", subscription)} and l.external_id = i.external_id offset 0) l`
      ).pipe(Effect.map(toEntries), Effect.mapError(PgError.toStoreError("Ledger.find"))),
    advance: (subscription, advances) => {
      const { connection, entity, tenant } = subscription
      const column = (of: (advance: Entry.Advance) => string | number | undefined) => Param.texts(advances.map(of))
      // A row that another transaction is writing is waited for, and then judged as it is by then. By place alone: with
      // the key as well, a planner without statistics reads the whole entity instead.
      return Effect.andThen(
        UnitOfWork.current(PgUnitOfWork.store, tenant),
        sql<Row>`with input as materialized (
          select external_id, expected::bigint, local_id, revision::bigint, domain, value, version_at::float8,
            mapping_epoch::int, observed_at::float8, existence, fingerprint
          from unnest(${column((a) => a.externalId)}::text[], ${column((a) => a.expected)}::text[],
            ${column((a) => a.localId)}::text[], ${column((a) => a.revision)}::text[],
            ${column((a) => a.version.domain)}::text[], ${column((a) => a.version.value)}::text[],
            ${column((a) => a.version.at)}::text[], ${column((a) => a.version.epoch)}::text[],
            ${column((a) => a.version.observedAt)}::text[], ${column((a) => a.existence)}::text[],
            ${column((a) => a.fingerprint)}::text[]) as input(external_id, expected, local_id, revision, domain,
              value, version_at, mapping_epoch, observed_at, existence, fingerprint)
        ), place as materialized (
          select i.*, l.ctid as at from input i cross join lateral (
            select l.ctid from tidemark.ledger l
            where ${Param.isEntity(sql, "l", subscription)} and l.external_id = i.external_id offset 0) l
          where i.expected > 0
        ), updated as (
          update tidemark.ledger l set token = l.token + 1, local_id = coalesce(i.local_id, l.local_id),
            revision = i.revision, domain = i.domain, value = i.value, version_at = i.version_at,
            mapping_epoch = i.mapping_epoch, observed_at = i.observed_at, existence = i.existence,
            fingerprint = i.fingerprint
          from place i where l.ctid = i.at and l.token = i.expected
          returning ${columns}
        ), inserted as (
          insert into tidemark.ledger as l (tenant, provider, account, entity, external_id, local_id, token, revision,
            domain, value, version_at, mapping_epoch, observed_at, existence, fingerprint)
          select ${tenant}, ${connection.provider}, ${connection.account}, ${entity}, external_id,
            coalesce(local_id, gen_random_uuid()::text), 1, revision, domain, value, version_at, mapping_epoch,
            observed_at, existence, fingerprint
          from input where expected = 0 order by external_id
          on conflict do nothing returning ${columns}
        ) select * from updated union all select * from inserted`
      ).pipe(Effect.map(toEntries), Effect.mapError(PgError.toStoreError("Ledger.advance")))
    }
  }
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
