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
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"

// -----------------------------------------------------------------------------
// parameters
// -----------------------------------------------------------------------------

/** What becomes a text or null. @category models @since 0.1.0 */
export type Value = string | number | null | undefined

/** A column of texts; other types are cast by the statement. @category constructors @since 0.1.0 */
export const texts = (values: ReadonlyArray<Value>): PgTypes.Parameter => column(values, (value) => value)

/** A column of numbers. @category constructors @since 0.1.0 */
export const numbers = (values: ReadonlyArray<number | undefined>): PgTypes.Parameter =>
  Result.getOrThrow(
    PgTypes.array(
      values.map((value) => value ?? null),
      PgTypes.OID.float8
    )
  )

/** A column of `rows`. @category constructors @since 0.1.0 */
export const column = <T>(rows: ReadonlyArray<T>, of: (row: T) => Value): PgTypes.Parameter =>
  Result.getOrThrow(
    PgTypes.array(
      rows.map((row) => {
        const value = of(row)
        return value === undefined || value === null ? null : String(value)
      }),
      PgTypes.OID.text
    )
  )

/**
 * Rows in the order of their keys, in which a statement locks them: two that share
 * rows then wait for each other one way. Most come sorted, and sorting them in the
 * statement would write each to a store of its own first.
 *
 * @category combinators
 * @since 0.1.0
 */
export const sorted = <Row>(rows: ReadonlyArray<Row>, isBefore: (a: Row, b: Row) => boolean): ReadonlyArray<Row> =>
  rows.every((row, index) => index === 0 || !isBefore(row, rows[index - 1]!))
    ? rows
    : rows.toSorted((a, b) => (isBefore(a, b) ? -1 : 1))

// -----------------------------------------------------------------------------
// fragments
// -----------------------------------------------------------------------------

/**
 * A row `i(tenant)` that sets the tenant of the statement it is part of. What
 * comes after it has to be lateral and compare with `i.tenant`: then no row is
 * looked at before the tenant is set, and the policy agrees.
 *
 * @category constructors
 * @since 0.1.0
 */
export const tenant = (sql: SqlClient, id: Subscription.TenantId): Fragment =>
  sql`(select set_config('tidemark.tenant', ${id}, true) as tenant offset 0) as i`

/** A time in ms since the epoch; null where there is none. @category constructors @since 0.1.0 */
export const millis = (sql: SqlClient, column: string): Fragment =>
  sql`floor(extract(epoch from ${sql.literal(column)}) * 1000)::float8`

/** Columns of the rows that a statement takes, by name. @category models @since 0.1.0 */
export interface Columns<Row> {
  readonly texts: { readonly [name: string]: (row: Row) => Value }
  /** `float8` in the statement: exact up to 2^53. */
  readonly numbers: { readonly [name: string]: (row: Row) => number | undefined }
}

/** One array per column, the texts first. @category constructors @since 0.1.0 */
export const arrays = <Row>(sql: SqlClient, of: ReadonlyArray<Row>, columns: Columns<Row>): Fragment =>
  sql.csv(toArrays(sql, of, columns).map(([, array]) => array))

/**
 * Rows `i`, one array per column. The arrays are walked in step, as a select list
 * does: a `from` would write each of them to a store of its own first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const rows = <Row>(sql: SqlClient, of: ReadonlyArray<Row>, columns: Columns<Row>): Fragment => {
  const arrays = toArrays(sql, of, columns)
  return sql`(select ${sql.csv(arrays.map(([name, array]) => sql`unnest(${array}) as ${sql.literal(name)}`))}) as i`
}

/**
 * Rows `i(tenant, external_id)`, the same for each of some records.
 *
 * Looking up one by one is on purpose: a plan for `= any` is made once, often
 * while the table is empty, and then scans it for ever.
 *
 * @category constructors
 * @since 0.1.0
 */
export const records = (sql: SqlClient, id: Subscription.TenantId, ids: ReadonlyArray<string>): Fragment =>
  sql`(select i.tenant, u.external_id from ${tenant(sql, id)}
    cross join unnest(${texts(ids)}::text[]) as u(external_id) offset 0) as i`

/** Whether row `r` is that of `i`, see `records`. @category constructors @since 0.1.0 */
export const isRecord = (sql: SqlClient, { connection, entity }: Subscription.Subscription): Fragment =>
  sql`r.tenant = i.tenant and r.provider = ${connection.provider} and r.account = ${connection.account}
    and r.entity = ${entity} and r.external_id = i.external_id`

/** Whether row `r` is of the lane. @category constructors @since 0.1.0 */
export const isLane = (sql: SqlClient, { name, partition, subscription }: Lane.Lane): Fragment =>
  sql`r.tenant = ${subscription.tenant} and r.subscription = ${subscription.id}
    and r.lane = ${name} and r.partition = ${partition}`

/** Whether row `r` has the id; what is no uuid as it is written here is nobody's. @category constructors @since 0.1.0 */
export const isId = (sql: SqlClient, id: string): Fragment =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? sql`r.id = ${id}::text::uuid` : sql`false`

// -----------------------------------------------------------------------------
// rows
// -----------------------------------------------------------------------------

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

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const toArrays = <Row>(sql: SqlClient, of: ReadonlyArray<Row>, columns: Columns<Row>) => [
  ...Object.entries(columns.texts).map(([name, value]) => [name, sql`${column(of, value)}::text[]`] as const),
  ...Object.entries(columns.numbers).map(([name, value]) => [name, sql`${numbers(of.map(value))}::float8[]`] as const)
]
