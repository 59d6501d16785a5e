/**
 * Whether the table that is there fits a sink, and what to do when it does not.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type * as PgColumn from "./PgColumn.ts"
import * as PgTable from "./PgTable.ts"

// -----------------------------------------------------------------------------
// errors
// -----------------------------------------------------------------------------

/** The live table does not fit. Nothing was written. @category errors @since 0.1.0 */
export class PgSinkMismatch extends Schema.TaggedError<PgSinkMismatch>()("PgSinkMismatch", {
  table: Schema.String,
  /** What is wrong and how to mend it, for each problem. */
  problems: Schema.Array(Schema.String),
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Compares with the catalogue and changes nothing. A table that is missing is no
 * mismatch.
 *
 * @category running
 * @since 0.1.0
 */
export const verify = (
  table: PgTable.PgTable
): Effect.Effect<"Present" | "Missing", PgSinkMismatch | SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    const columns = yield* sql<Column>`
      select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as is_required,
        atthasdef or attidentity <> '' as is_filled
      from pg_attribute where attrelid = to_regclass(${table.quoted}) and attnum > 0 and not attisdropped
      order by attnum`
    if (columns.length === 0) return "Missing"
    const indexes = yield* sql<Index>`
      select relname as name, indisprimary as is_primary, indpred is not null as is_partial,
        indisvalid and indimmediate as is_usable,
        array(select attname::text from pg_attribute where attrelid = indrelid and attnum = any(indkey)) as columns
      from pg_index join pg_class on pg_class.oid = indexrelid
      where indrelid = to_regclass(${table.quoted}) and indisunique order by relname`
    const deferred = yield* sql<{ name: string }>`
      select conname as name from pg_constraint
      where conrelid = to_regclass(${table.quoted}) and condeferred order by conname`
    const [row] = yield* sql<{ is_secure: boolean }>`
      select relrowsecurity and relforcerowsecurity as is_secure from pg_class
      where oid = to_regclass(${table.quoted})`
    const problems = [
      ...ofColumns(table, columns),
      ...ofIndexes(table, indexes),
      ...deferred.map(
        ({ name }) =>
          `The constraint ${name} is checked at the commit, too late to say which record it refuses: ` +
          `alter table ${table.quoted} alter constraint ${name} initially immediate.`
      ),
      ...(row?.is_secure === true
        ? []
        : [`Row-level security is not forced: run the policy statements of \`migration\` on ${table.quoted}.`])
    ]
    if (problems.length === 0) return "Present"
    const message = `The table ${table.name} does not fit. ${problems.join(" ")}`
    return yield* new PgSinkMismatch({ table: table.name, problems, message })
  })

/**
 * Makes the table when it is missing, and verifies it when it is there. Safe to
 * start from several processes at once.
 *
 * @category running
 * @since 0.1.0
 */
export const create = (table: PgTable.PgTable): Effect.Effect<void, PgSinkMismatch | SqlError, SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`select pg_advisory_xact_lock(7461, 2)`
        if ((yield* verify(table)) === "Present") return
        for (const statement of PgTable.migration(table)) yield* sql.unsafe(statement)
      })
    )
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Column {
  readonly name: string
  readonly type: string
  readonly is_required: boolean
  /** By the database, where no value is given. */
  readonly is_filled: boolean
}

interface Index {
  readonly name: string
  readonly is_primary: boolean
  readonly is_partial: boolean
  readonly is_usable: boolean
  readonly columns: ReadonlyArray<string>
}

/** Types as the catalogue spells them. */
const spelled: Readonly<Record<PgColumn.PgType, string>> = {
  text: "text",
  date: "date",
  timestamptz: "timestamp with time zone",
  uuid: "uuid",
  integer: "integer",
  bigint: "bigint",
  float8: "double precision",
  numeric: "numeric",
  boolean: "boolean",
  jsonb: "jsonb"
}

const ownTypes: Readonly<Record<string, string>> = {
  [PgTable.own.revision]: "bigint",
  [PgTable.own.deletedAt]: "timestamp with time zone",
  [PgTable.own.updatedAt]: "timestamp with time zone"
}

const ofColumns = (table: PgTable.PgTable, live: ReadonlyArray<Column>): ReadonlyArray<string> => {
  const found = new Map(live.map((column) => [column.name, column]))
  const own = Object.values(PgTable.own).map((name) => ({
    name,
    type: name === PgTable.own.id ? table.idType : (ownTypes[name] ?? "text"),
    mayBeNull: name === PgTable.own.deletedAt
  }))
  const mapped = table.columns.map(({ missing, name, type }) => ({
    name,
    type: spelled[type],
    mayBeNull: missing !== "Never"
  }))
  const expected = [...own, ...mapped]
  const names: ReadonlySet<string> = new Set(expected.map(({ name }) => name))
  return [
    ...expected.flatMap(({ mayBeNull, name, type }) => {
      const column = found.get(name)
      if (column === undefined) return [`The column ${name} is missing: add it as ${type}.`]
      if (column.type !== type) {
        return [`The column ${name} is ${column.type} and must be ${type}: change it, or map the field elsewhere.`]
      }
      return mayBeNull && column.is_required
        ? [`The column ${name} must not be null, and its field may have no value: drop the constraint.`]
        : []
    }),
    ...live
      .filter((column) => !names.has(column.name) && column.is_required && !column.is_filled)
      .map(({ name }) => `The column ${name} is not mapped, must not be null and has no default: give it one.`)
  ]
}

const ofIndexes = ({ columns, quoted }: PgTable.PgTable, live: ReadonlyArray<Index>): ReadonlyArray<string> => {
  const key: ReadonlyArray<string> = [
    PgTable.own.account,
    PgTable.own.externalId,
    PgTable.own.provider,
    PgTable.own.tenant
  ]
  const isKey = (index: Index) => index.columns.toSorted().join() === key.join()
  const hasKey = live.some((index) => isKey(index) && !index.is_partial && index.is_usable)
  const mapped = new Set(columns.map(({ name }) => name))
  return [
    ...(hasKey
      ? []
      : [
          `There is no unique index on the key: create unique index on ${quoted} (tenant, external_id, provider, account).`
        ]),
    ...live
      .filter((index) => !index.is_partial && !index.is_primary && index.columns.some((name) => mapped.has(name)))
      .map(
        ({ name }) => `The unique index ${name} counts deleted records too: make it partial, where deleted_at is null.`
      )
  ]
}
