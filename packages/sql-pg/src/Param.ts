/**
 * Parameters of set-based statements: one array per column, so that the text of
 * a statement does not depend on the size of the batch.
 *
 * @since 0.1.0
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Version from "@tidemark/core/model/Version"
import * as Result from "effect/Result"
import type { Fragment } from "effect/sql/Statement"
import type { SqlClient } from "effect/sql/SqlClient"

/** A column of texts; other types are cast by the statement. @category constructors @since 0.1.0 */
export const texts = (values: ReadonlyArray<string | number | undefined | null>): PgTypes.Parameter =>
  Result.getOrThrow(
    PgTypes.array(
      values.map((value) => (value === undefined || value === null ? null : String(value))),
      PgTypes.OID.text
    )
  )

/** Rows as one JSON document, for `json_to_recordset`. @category constructors @since 0.1.0 */
export const json = (rows: unknown): string => JSON.stringify(rows)

/** The part of a record's key that a subscription decides. @category constructors @since 0.1.0 */
export const isEntity = (
  sql: SqlClient,
  alias: string,
  { connection, entity, tenant }: Subscription.Subscription
): Fragment => {
  const table = sql.literal(alias)
  return sql`${table}.tenant = ${tenant} and ${table}.provider = ${connection.provider}
    and ${table}.account = ${connection.account} and ${table}.entity = ${entity}`
}

/** @category constructors @since 0.1.0 */
export const isLane = (sql: SqlClient, { name, partition, subscription }: Lane.Lane): Fragment =>
  sql`tenant = ${subscription.tenant} and subscription = ${subscription.id}
    and lane = ${name} and partition = ${partition}`

/** A version as its columns hold it. @category models @since 0.1.0 */
export interface VersionRow {
  readonly domain: string
  readonly value: string
  readonly version_at: number | null
  readonly mapping_epoch: number
  readonly observed_at: number
}

/** @category conversions @since 0.1.0 */
export const toVersion = (row: VersionRow): Version.Version => ({
  domain: row.domain,
  value: row.value,
  epoch: row.mapping_epoch,
  observedAt: row.observed_at,
  ...(row.version_at === null ? {} : { at: row.version_at })
})
