/**
 * The table of a sink: its statements, how to make it, and whether a live one fits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Migrations from "./Migrations.ts"
import * as PgColumn from "./PgColumn.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The live table does not fit. Nothing was written. @category errors @since 0.1.0 */
export class PgSinkMismatch extends Schema.TaggedError<PgSinkMismatch>()("PgSinkMismatch", {
  table: Schema.String,
  /** What is wrong and how to mend it, one sentence each. */
  problems: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/** @category models @since 0.1.0 */
export interface PgTable {
  /** As given: `name` or `schema.name`. */
  readonly name: string
  /** Quoted. */
  readonly quoted: string
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

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (name: string, columns: ReadonlyArray<PgColumn.PgColumn>): PgTable => {
  const names = [...Object.values(own), ...columns.map((column) => column.name)]
  const twice = names.find((one, index) => names.indexOf(one) !== index)
  if (twice !== undefined) throw new Error(`two columns of ${name} have the name ${twice}; rename one by \`columns\``)
  return { name, quoted: name.split(".").map(PgColumn.quote).join("."), columns }
}

/** @category constructors @since 0.1.0 */
export const statements = ({ columns, quoted }: PgTable) => {
  const names = columns.map((column) => PgColumn.quote(column.name))
  const list = (parts: ReadonlyArray<string>) => parts.map((part) => `, ${part}`).join("")
  const reads = columns.map((column) => `${PgColumn.read(column)} as ${PgColumn.quote(column.name)}`)
  const typed = columns.map((column) => `${PgColumn.quote(column.name)} ${column.type}`)
  return {
    find: `select t.* from unnest($1::text[]) as i(external_id) cross join lateral (
      select t.external_id, t.id, (select row_to_json(r) from (select ${reads.join(", ") || "1 as none"}) r) as record
      from ${quoted} t where t.tenant = $2 and t.provider = $3 and t.account = $4
        and t.external_id = i.external_id and t.deleted_at is null offset 0) t`,
    put: `insert into ${quoted} as t (tenant, provider, account, external_id, id, revision${list(names)})
      select $2, $3, $4, i.external_id, i.id, i.revision${list(names.map((name) => `i.${name}`))}
      from json_to_recordset($1::text::json) as i(external_id text, id text, revision bigint${list(typed)})
      order by i.external_id
      on conflict (tenant, provider, account, external_id) do update set revision = excluded.revision,
        deleted_at = null, updated_at = now()${list(names.map((name) => `${name} = excluded.${name}`))}
      returning t.external_id, t.id`,
    // By key and not by place: an application may move the row meanwhile.
    remove: `update ${quoted} t set deleted_at = now(), updated_at = now(), revision = i.revision::bigint
      from unnest($1::text[], $2::text[]) as i(external_id, revision)
      where t.tenant = $3 and t.provider = $4 and t.account = $5 and t.external_id = i.external_id
        and t.deleted_at is null`
  }
}

/** @category constructors @since 0.1.0 */
export const migration = (table: PgTable): ReadonlyArray<string> => {
  const text = `text collate "C" not null`
  const columns = table.columns.map(({ name, type }) => `, ${PgColumn.quote(name)} ${type}`).join("")
  return [
    `create table ${table.quoted} (tenant ${text}, id ${text}, provider ${text}, account ${text}, external_id ${text},
      revision bigint not null, deleted_at timestamptz, updated_at timestamptz not null default now()${columns},
      primary key (tenant, id), unique (tenant, provider, account, external_id)) with (fillfactor = 80)`,
    ...Migrations.tenantPolicy(table.quoted)
  ]
}

// -----------------------------------------------------------------------------
// the live table
// -----------------------------------------------------------------------------

/** Makes the table when it is missing, and verifies it. @category running @since 0.1.0 */
export const create = (table: PgTable): Effect.Effect<void, PgSinkMismatch | SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`select pg_advisory_xact_lock(7461, 2)`
        if ((yield* verify(table)) === "Present") return
        for (const statement of migration(table)) yield* sql.unsafe(statement)
      })
    )
  })

/** @category running @since 0.1.0 */
export const verify = (table: PgTable): Effect.Effect<"Present" | "Missing", PgSinkMismatch | SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const live = yield* sql<{ name: string; type: string; is_required: boolean }>`
      select attname as name, format_type(atttypid, null) as type, attnotnull and not atthasdef as is_required
      from pg_attribute where attrelid = to_regclass(${table.quoted}) and attnum > 0 and not attisdropped`
    if (live.length === 0) return "Missing"
    const types = new Map(live.map(({ name, type }) => [name, type]))
    const problems = expected(table).flatMap(({ name, type }) => {
      const found = types.get(name)
      if (found === undefined) return [`The column ${name} is missing: add it as ${type}.`]
      return found === type
        ? []
        : [`The column ${name} is ${found} and must be ${type}: change its type or map the field elsewhere.`]
    })
    const mapped = new Set(expected(table).map(({ name }) => name))
    for (const { is_required, name } of live) {
      if (is_required && !mapped.has(name))
        problems.push(`The column ${name} must not be null and has no default: give it one.`)
    }
    const [unique] = yield* sql<{ count: number }>`
      select count(*)::int as count from pg_index where indrelid = to_regclass(${table.quoted}) and indisunique
        and indpred is null and (select array_agg(attname::text order by attname) from pg_attribute
          where attrelid = indrelid and attnum = any(indkey)) = array['account', 'external_id', 'provider', 'tenant']`
    if (unique?.count === 0) {
      problems.push("There is no unique index on tenant, provider, account, external_id: create one.")
    }
    if (problems.length === 0) return "Present"
    const message = `The table ${table.name} does not fit. ${problems.join(" ")}`
    return yield* new PgSinkMismatch({ table: table.name, problems, message })
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Types as the catalogue spells them. */
const spelled: Readonly<Record<PgColumn.PgType, string>> = {
  text: "text",
  date: "date",
  timestamptz: "timestamp with time zone",
  bigint: "bigint",
  float8: "double precision",
  numeric: "numeric",
  boolean: "boolean",
  jsonb: "jsonb"
}

const expected = ({ columns }: PgTable): ReadonlyArray<{ readonly name: string; readonly type: string }> => [
  ...[own.tenant, own.id, own.provider, own.account, own.externalId].map((name) => ({ name, type: "text" })),
  { name: own.revision, type: "bigint" },
  { name: own.deletedAt, type: "timestamp with time zone" },
  { name: own.updatedAt, type: "timestamp with time zone" },
  ...columns.map(({ name, type }) => ({ name, type: spelled[type] }))
]
