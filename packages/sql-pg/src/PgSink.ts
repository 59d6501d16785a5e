/**
 * A canonical entity as a table: one typed column per field, and what the engine
 * needs beside them.
 *
 * Only the mapped columns are written; columns an application adds are left
 * alone. A record that is gone keeps its row, with `deleted_at` set.
 *
 * **Guarantees**
 *
 * - a batch is one statement for what is put and one for what is removed;
 * - what is found after a write is what was written, as the schema decodes it;
 * - rows of one tenant are invisible to another.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import * as Write from "@tidemark/core/model/Write"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Param from "./Param.ts"
import * as PgColumn from "./PgColumn.ts"
import * as PgError from "./PgError.ts"
import * as PgTable from "./PgTable.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<A> {
  /** A plain name, or `schema.name`. */
  readonly table: string
  readonly schema: FieldDiffer.RecordSchema<A>
  /** Names and types that differ from the default: the field's name, and the type by its schema. */
  readonly columns?: { readonly [field: string]: PgColumn.Override }
  readonly timeouts?: PgUnitOfWork.Timeouts
}

/** @category models @since 0.1.0 */
export interface PgSink<A> {
  readonly sink: Effect.Effect<ChangeSink.Transactional<A>, never, SqlClient>
  /** Statements that make the table, its policy included. */
  readonly migration: ReadonlyArray<string>
  /** Compares with the live table. Changes nothing. */
  readonly verify: Effect.Effect<"Present" | "Missing", PgTable.PgSinkMismatch | SqlError, SqlClient>
  /** Makes the table when it is missing, and verifies it. */
  readonly create: Effect.Effect<void, PgTable.PgSinkMismatch | SqlError, SqlClient>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Dies when a name is no plain SQL name, or a column is one of the sink's own. @category constructors @since 0.1.0 */
export const make = <A extends object>(options: Options<A>): PgSink<A> => {
  const columns = Object.entries(options.schema.fields).map(([field, schema]) =>
    PgColumn.make(field, schema as Schema.Codec<unknown>, options.columns?.[field])
  )
  const table = PgTable.make(options.table, columns)
  return {
    sink: Effect.map(SqlClient, (sql) => sinkOf(options, table, PgUnitOfWork.session(sql, options.timeouts))),
    migration: PgTable.migration(table),
    verify: PgTable.verify(table),
    create: PgTable.create(table)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const sinkOf = <A extends object>(
  options: Options<A>,
  table: PgTable.PgTable,
  { read, sql }: PgUnitOfWork.Session
): ChangeSink.Transactional<A> => {
  const label = `postgres/${options.table}`
  const statements = PgTable.statements(table)
  // The canonical JSON codec encodes to JSON by definition, and needs no services.
  const codec = Schema.toCodecJson(options.schema) as unknown as Schema.Codec<A, Values>
  const encode = Schema.encodeSync(codec)
  const decode = Schema.decodeResult(codec)
  const failed = PgError.toSinkError(label)
  return {
    _tag: "Transactional",
    label,
    check: (record) => check(encode(record)),
    find: ({ connection, tenant }, ids) =>
      read(
        tenant,
        sql.unsafe<Found>(statements.find, [Param.texts(ids), tenant, connection.provider, connection.account])
      ).pipe(
        Effect.map((rows) => new Map(rows.map((row) => toRow(table, decode, row)))),
        Effect.mapError(failed)
      ),
    write: ({ connection, tenant }, writes) =>
      Effect.gen(function* () {
        yield* UnitOfWork.current(PgUnitOfWork.store, tenant)
        const key = [tenant, connection.provider, connection.account]
        const puts = writes.flatMap((write) => (write._tag === "Put" ? [toValues(table, encode, write)] : []))
        const removals = writes.filter((write) => write._tag === "Remove")
        const localIds = new Map<string, string>()
        if (puts.length > 0) {
          const rows = yield* sql.unsafe<{ external_id: string; id: string }>(statements.put, [
            Param.json(puts),
            ...key
          ])
          for (const row of rows) localIds.set(row.external_id, row.id)
        }
        if (removals.length > 0) {
          const column = (of: (write: Write.Remove) => string | number) => Param.texts(removals.map(of))
          yield* sql.unsafe(statements.remove, [column((w) => w.externalId), column((w) => w.revision), ...key])
        }
        return writes.map(({ externalId, localId }) =>
          Result.succeed({ localId: localIds.get(externalId) ?? localId } satisfies Write.Written)
        )
      }).pipe(Effect.mapError(failed))
  }
}

type Values = Readonly<Record<string, Schema.Json>>

interface Found {
  readonly external_id: string
  readonly id: string
  readonly record: Values
}

const toValues = <A>({ columns }: PgTable.PgTable, encode: (record: A) => Values, write: Write.Put<A>) => {
  const values = encode(write.record)
  const row: Record<string, Schema.Json> = {
    [PgTable.own.externalId]: write.externalId,
    [PgTable.own.id]: write.localId,
    [PgTable.own.revision]: write.revision
  }
  for (const { field, name } of columns) row[name] = values[field] ?? null
  return row
}

/** What does not decode was written by somebody else, in a shape the schema does not know: it dies, it is not passed over. */
const toRow = <A>(
  { columns, name }: PgTable.PgTable,
  decode: (values: Values) => Result.Result<A, Schema.SchemaError>,
  row: Found
): readonly [Observation.ExternalId, Row.Row<A>] => {
  const values: Record<string, Schema.Json> = {}
  for (const column of columns) {
    const value = row.record[column.name] ?? null
    if (value !== null || !column.isOmitted) values[column.field] = value
  }
  const record = decode(values)
  if (Result.isFailure(record)) {
    throw new Error(`the row ${row.external_id} of ${name} does not fit its schema: ${record.failure.message}`)
  }
  return [row.external_id as Observation.ExternalId, { localId: row.id, record: record.success }]
}

/** PostgreSQL refuses NUL in texts and turns half a surrogate pair into another character without a word. */
const check = (value: Schema.Json, field?: string): Write.Rejection | undefined => {
  if (typeof value === "string") {
    return Refusal.isStorable(value)
      ? undefined
      : new Write.Rejection({
          code: "Invalid",
          message: `${field ?? "the record"} holds a NUL character or half of a surrogate pair, which a database text cannot`
        })
  }
  if (typeof value !== "object" || value === null) return undefined
  for (const [key, inner] of Object.entries(value)) {
    const rejection = check(inner as Schema.Json, field ?? key) ?? check(key, field ?? "a key")
    if (rejection !== undefined) return rejection
  }
  return undefined
}
