/**
 * Links as rows: one for each pair of records and type.
 *
 * Who puts a link that another transaction is putting waits for it, and then gives
 * that row its metadata.
 *
 * @since 0.1.0
 */
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Links from "@tidemark/core/ports/Links"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ read, sql, write }: PgUnitOfWork.Session): Links.Links["Service"] => ({
  put: (tenant, links) =>
    write(
      tenant,
      sql`insert into tidemark.link (tenant, source_id, target_id, source_entity, target_entity, source_system,
            target_system, type, metadata)
          select ${tenant}, i.source_id, i.target_id, i.source_entity, i.target_entity, i.source_system,
            i.target_system, i.type, i.metadata::json
          from ${Param.rows(sql, inOrder(links), {
            texts: { ...columns, metadata: (link) => JSON.stringify(link.metadata) },
            numbers: {}
          })}
          on conflict (${sql.literal(key)}) do update set metadata = excluded.metadata`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Links.put"))),
  remove: (tenant, links) =>
    write(
      tenant,
      sql`select tidemark.link_remove(${tenant}, ${Param.arrays(sql, inOrder(links), { texts: columns, numbers: {} })})`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Links.remove"))),
  find: (tenant, options = {}) =>
    read(tenant, find(sql, tenant, options)).pipe(
      Effect.map((rows) => rows.map(toKept)),
      Effect.mapError(PgError.toStoreError("Links.find"))
    )
})

// -----------------------------------------------------------------------------
// internal: writing
// -----------------------------------------------------------------------------

type Named = Omit<Links.Link, "metadata">

const key = "tenant, source_id, target_id, source_entity, target_entity, source_system, target_system, type"

const columns: Param.Columns<Named>["texts"] = {
  source_id: ({ source }) => source.id,
  target_id: ({ target }) => target.id,
  source_entity: ({ source }) => source.entity,
  target_entity: ({ target }) => target.entity,
  source_system: ({ source }) => source.system,
  target_system: ({ target }) => target.system,
  type: ({ type }) => type
}

const partsOf = (link: Named): ReadonlyArray<string> => Object.values(columns).map((of) => String(of(link)))

/** Each link once, as it was given last, in one order of locks. */
const inOrder = <L extends Named>(links: ReadonlyArray<L>): ReadonlyArray<L> => {
  const unique = new Map(links.map((link) => [JSON.stringify(partsOf(link)), link]))
  return [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, link]) => link)
}

// -----------------------------------------------------------------------------
// internal: finding
// -----------------------------------------------------------------------------

const types: ReadonlyArray<Links.Type> = ["reference", "identity", "other"]

interface Row {
  readonly source_id: string
  readonly target_id: string
  readonly source_entity: string
  readonly target_entity: string
  readonly source_system: string
  readonly target_system: string
  readonly type: Links.Type
  /** JSON text. */
  readonly metadata: string
  readonly position: number
  readonly linked_at: number
}

/** The first of each type, and of those the first: however many there are, each index is read in its order. */
const find = (sql: SqlClient, tenant: Subscription.TenantId, options: Links.FindOptions) => {
  const { after, source, target, type } = options
  const limit = sql`limit ${String(Listing.limitOf(options))}::bigint`
  const wanted: ReadonlyArray<Fragment> = [
    sql`r.tenant = i.tenant and r.type = t.type`,
    ...(source === undefined
      ? []
      : [
          sql`r.source_id = ${source.id} and r.source_entity = ${source.entity} and r.source_system = ${source.system}`
        ]),
    ...(target === undefined
      ? []
      : [
          sql`r.target_id = ${target.id} and r.target_entity = ${target.entity} and r.target_system = ${target.system}`
        ]),
    // Which index may be used, see `LinkTable`; with both ends it is the key that finds the one there is.
    ...(source === undefined && target === undefined ? [sql`r.place > 0`] : []),
    ...((source === undefined) !== (target === undefined) ? [sql`r.place > -1`] : []),
    ...(after === undefined ? [] : [sql`r.place > ${String(after)}::bigint`])
  ]
  return sql<Row>`select q.* from ${Param.tenant(sql, tenant)}
    cross join unnest(${Param.texts(type === undefined ? types : [type])}::text[]) as t(type)
    cross join lateral (
      select r.source_id, r.target_id, r.source_entity, r.target_entity, r.source_system, r.target_system, r.type,
        r.metadata::text as metadata, r.place::float8 as position, ${Param.millis(sql, "r.linked_at")} as linked_at
      from tidemark.link r where ${sql.and(wanted)} order by r.place ${limit}) q
    order by q.position ${limit}`
}

const toKept = (row: Row): Links.Kept => ({
  source: { system: row.source_system, entity: row.source_entity, id: row.source_id },
  target: { system: row.target_system, entity: row.target_entity, id: row.target_id },
  type: row.type,
  metadata: JSON.parse(row.metadata),
  position: row.position,
  linkedAt: row.linked_at
})
