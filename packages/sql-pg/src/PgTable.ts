/**
 * The table of a sink: its columns, its statements, and how it is made.
 *
 * Beside one column per field every table has those of the engine: `tenant` and
 * `id` (the primary key), `provider`, `account`, `external_id` (unique within the
 * tenant), `revision`, `deleted_at`, `updated_at`.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import * as Migrations from "./Migrations.ts"
import * as Param from "./Param.ts"
import * as PgColumn from "./PgColumn.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface PgTable {
  /** As given: `name` or `schema.name`. */
  readonly name: string
  /** Quoted. */
  readonly quoted: string
  /** Type of the column `id`. */
  readonly idType: "text" | "uuid"
  /** One per field. */
  readonly columns: ReadonlyArray<PgColumn.PgColumn>
}

/** Columns of every sink table. @category constants @since 0.1.0 */
export const own = {
  tenant: "tenant",
  id: "id",
  provider: "provider",
  account: "account",
  externalId: "external_id",
  revision: "revision",
  deletedAt: "deleted_at",
  updatedAt: "updated_at"
} as const

/** The id comes first of what differs: keys are compared column by column. */
const key = "(tenant, external_id, provider, account)"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Dies when a name is no plain SQL name, or two columns have the same. @category constructors @since 0.1.0 */
export const make = (options: Omit<PgTable, "quoted">): PgTable => {
  const { columns, name } = options
  const names = [...Object.values(own), ...columns.map((column) => column.name)]
  const twice = names.find((one, index) => names.indexOf(one) !== index)
  if (twice !== undefined) throw new Error(`two columns of ${name} have the name ${twice}; rename one by \`columns\``)
  const parts = name.split(".")
  if (parts.length > 2) throw new Error(`${JSON.stringify(name)} is no name of a table`)
  return { ...options, quoted: parts.map(PgColumn.quote).join(".") }
}

/** Statements that make the table, its policy included. @category constructors @since 0.1.0 */
export const migration = (table: PgTable): ReadonlyArray<string> => {
  const text = `text collate "C" not null`
  const id = table.idType === "text" ? text : "uuid not null"
  const columns = table.columns.map(({ name, type }) => `, ${PgColumn.quote(name)} ${type}`).join("")
  return [
    `create table ${table.quoted} (tenant ${text}, id ${id}, provider ${text}, account ${text}, external_id ${text},
      revision bigint not null, deleted_at timestamptz, updated_at timestamptz not null default now()${columns},
      primary key (tenant, id), unique ${key}) with (fillfactor = 80)`,
    ...Migrations.tenantPolicy(table.quoted)
  ]
}

// -----------------------------------------------------------------------------
// statements
// -----------------------------------------------------------------------------

/**
 * Texts that do not depend on the size of a batch.
 *
 * Every one looks rows up one by one, by their key, whatever the statistics say:
 * `find` through a lateral join, the writes through the unique index of their
 * `on conflict`. That is why even a removal is an upsert: of rows that are there,
 * and should one vanish meanwhile, of a row that is deleted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const statements = ({ columns, idType, quoted }: PgTable) => {
  const list = (of: (column: PgColumn.PgColumn, name: string, index: number) => string) =>
    columns.map((column, index) => `, ${of(column, PgColumn.quote(column.name), index)}`).join("")
  const into = `insert into ${quoted} as t (tenant, provider, account, external_id, id, revision${list((_, name) => name)})
      select $1, $2, $3, i.external_id, i.id::${idType}, i.revision${list(toWrite)}
      from (select unnest($4::text[]) as external_id, unnest($5::text[]) as id,
        unnest($6::float8[]) as revision${list((_, name, index) => `unnest($${index + 7}::text[]) as ${name}`)}) as i`
  const reads = columns.map((column) => `${PgColumn.toRead(column)} as ${PgColumn.quote(column.name)}`)
  return {
    /** $1 external ids, $2 tenant, $3 provider, $4 account. Sets the tenant. */
    find: `select t.external_id, t.id, t.record::text as record
      from (select i.tenant, u.external_id
        from (select set_config('tidemark.tenant', $2, true) as tenant offset 0) as i
        cross join unnest($1::text[]) as u(external_id) offset 0) as i
      cross join lateral (
        select t.external_id, t.id::text as id,
          (select row_to_json(r) from (select ${reads.join(", ") || "1 as none"}) r) as record
        from ${quoted} t where t.tenant = i.tenant and t.provider = $3 and t.account = $4
          and t.external_id = i.external_id and t.deleted_at is null offset 0) t`,
    /** $1 tenant, $2 provider, $3 account, and what `parameters` makes: all rows, or none where one is there already. */
    insert: into,
    /** The same for rows of which some are there. Answers those that keep another id than the given one. */
    put: `with put as (${into}
      on conflict ${key} do update set revision = excluded.revision, deleted_at = null,
        updated_at = now()${list((_, name) => `${name} = excluded.${name}`)}
      returning t.external_id, t.id::text as id)
      select p.external_id, p.id from put p
      where (p.external_id, p.id) not in (select unnest($4::text[]), unnest($5::text[]))`,
    /** $1 external ids, $2 revisions, $3 tenant, $4 provider, $5 account. */
    remove: `insert into ${quoted} as t (tenant, provider, account, external_id, id, revision,
        deleted_at${list((_, name) => name)})
      select t.tenant, t.provider, t.account, t.external_id, t.id, i.revision::bigint,
        now()${list((_, name) => `t.${name}`)}
      from unnest($1::text[], $2::text[]) as i(external_id, revision) cross join lateral (
        select t.* from ${quoted} t where t.tenant = $3 and t.provider = $4 and t.account = $5
          and t.external_id = i.external_id and t.deleted_at is null offset 0) t
      order by t.external_id collate "C"
      on conflict ${key} do update set deleted_at = now(), updated_at = now(), revision = excluded.revision
      where t.deleted_at is null`
  }
}

/** A row to put. @category models @since 0.1.0 */
export interface Put {
  readonly externalId: string
  readonly id: string
  readonly revision: number
  readonly record: Readonly<Record<string, unknown>>
  /** Of the record, as its schema encodes them, by field. */
  readonly values: Readonly<Record<string, Schema.Json>>
}

/**
 * Arrays for `put`, one per column: each value as its text. They cost the server
 * less than rows as JSON, which it takes apart by name, object by object.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parameters = ({ columns }: PgTable, puts: ReadonlyArray<Put>): ReadonlyArray<unknown> => {
  const rows = Param.sorted(puts, (a, b) => a.externalId < b.externalId)
  return [
    Param.column(rows, (put) => put.externalId),
    Param.column(rows, (put) => put.id),
    Param.numbers(rows.map((put) => put.revision)),
    ...columns.map((column) => Param.column(rows, (put) => toText(column, storedOf(column, put))))
  ]
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const toWrite = ({ missing, type }: PgColumn.PgColumn, name: string): string =>
  missing === "AbsentOrNull" ? `i.${name}::jsonb -> 0` : `i.${name}::${type}`

const storedOf = (column: PgColumn.PgColumn, { record, values }: Put): Schema.Json => {
  const { field } = column
  return PgColumn.toStored(
    column,
    Object.hasOwn(values, field) ? values[field] : undefined,
    record[field] === undefined
  )
}

const toText = ({ type }: PgColumn.PgColumn, value: Schema.Json): string | null =>
  value === null ? null : type === "jsonb" ? JSON.stringify(value) : String(value)
