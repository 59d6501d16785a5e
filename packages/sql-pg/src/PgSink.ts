/**
 * A canonical entity as a table: one typed column per field, and what the engine
 * needs beside them.
 *
 * Only the mapped columns are written; columns an application adds are left
 * alone. A record that is gone keeps its row, with `deleted_at` set, and is not
 * found. A row that an application made, with the provider's id of its record, is
 * found under its own `id` and keeps it.
 *
 * **Guarantees**
 *
 * - what is put, and what is removed, is one statement each, whatever the size of the batch;
 * - what is found after a write is what was written, as the schema decodes it;
 * - rows of one tenant are invisible to another.
 *
 * @since 0.1.0
 */
import * as Extras from "@tidemark/core/model/Extras"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import type * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Shape from "@tidemark/core/rules/Shape"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as LiveTable from "./LiveTable.ts"
import * as Param from "./Param.ts"
import * as PgColumn from "./PgColumn.ts"
import * as PgError from "./PgError.ts"
import * as PgExtras from "./PgExtras.ts"
import * as PgLimits from "./PgLimits.ts"
import * as PgReferences from "./PgReferences.ts"
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
  /**
   * Names and types that differ from the default, by field. See `PgColumn`.
   * `"extras"`: no column of its own, it is kept among the extras under its name.
   */
  readonly columns?: { readonly [field: string]: PgColumn.Override | "extras" }
  /** The field that is one `jsonb` column, for what has no columns of its own. Default: the schema's `Extras.Extras`. */
  readonly extras?: keyof A & string
  /**
   * Fields whose value is the external id of a record in a sink's table, this one or
   * another, of the same connection. A record whose parent is not in it is parked.
   */
  readonly references?: { readonly [F in keyof A & string]?: PgReferences.Reference }
  /** Type of the column `id`. Default: `"text"`. */
  readonly id?: "text" | "uuid"
  /** For logs and errors. Default: `postgres/` and the table. */
  readonly label?: string
}

/** @category models @since 0.1.0 */
export interface PgSink<A> {
  readonly sink: Effect.Effect<ChangeSink.Transactional<A>, never, SqlClient>
  /** Statements that make the table, its policy included. */
  readonly migration: ReadonlyArray<string>
  /** Compares with the live table. Changes nothing. */
  readonly verify: Effect.Effect<"Present" | "Missing", LiveTable.PgSinkMismatch | SqlError, SqlClient>
  /** Makes the table when it is missing, and verifies it. */
  readonly create: Effect.Effect<void, LiveTable.PgSinkMismatch | SqlError, SqlClient>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Dies when a name is no plain SQL name, two columns have the same, or a field
 * does not fit the type it is given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A extends object>(options: Options<A>): PgSink<A> => {
  const { id = "text", label = `postgres/${options.table}`, schema } = options
  const extras = options.extras ?? Extras.fieldOf(schema.fields)
  const columns = Object.entries(schema.fields).flatMap(([field, schema]) => {
    const override = options.columns?.[field]
    if (override === "extras" && field !== extras) return []
    const asked = override === "extras" ? {} : override
    return [
      PgColumn.make(field, schema as Schema.Codec<unknown>, field === extras ? { ...asked, type: "jsonb" } : asked)
    ]
  })
  if (extras !== undefined && !Object.hasOwn(schema.fields, extras)) throw new Error(`there is no field ${extras}`)
  const folding = PgExtras.make(schema.fields, extras, options.columns)
  const table = PgTable.make({ name: options.table, idType: id, columns })
  const references = PgReferences.make(table, Object.keys(schema.fields), options.references)
  return {
    sink: Effect.map(SqlClient, (sql) =>
      sinkOf(label, table, references, codecOf(schema, folding), PgUnitOfWork.session(sql))
    ),
    migration: PgTable.migration(table),
    verify: LiveTable.verify(table),
    create: LiveTable.create(table)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Values = PgTable.Put["values"]

/** Between records and one value per column. */
interface Codec<A> {
  readonly encode: (record: A) => Checked
  /** The same for a record that has the shape of its schema. */
  readonly encodeShaped: (record: A) => Checked
  readonly decode: (values: Values) => Result.Result<A, Schema.SchemaError>
}

const codecOf = <A extends object>(
  schema: FieldDiffer.RecordSchema<A>,
  folding: PgExtras.Folding | undefined
): Codec<A> => {
  // The canonical JSON codec of a struct encodes to an object of JSON by definition, and needs no services.
  const json = Schema.toCodecJson(schema) as unknown as Schema.Codec<A, Values>
  const toJson = Schema.encodeResult(json)
  const fromJson = Schema.decodeResult(json)
  const fold = folding?.fold ?? Result.succeed
  const unfold = folding?.unfold ?? identity
  const encode = (record: A): Checked => Result.flatMap(Result.mapError(toJson(record), misfit), fold)
  // Records of many schemas are their own JSON form.
  const isJson = SchemaAST.toEncoded(json.ast) === SchemaAST.toType(json.ast)
  const isRecord = Shape.is(schema)
  return {
    encode,
    encodeShaped: isJson ? (record) => fold(record as Values) : encode,
    decode: (values) => {
      const whole: unknown = unfold(values)
      return isJson && isRecord(whole) ? Result.succeed(whole) : fromJson(whole as Values)
    }
  }
}

const sinkOf = <A extends object>(
  label: string,
  table: PgTable.PgTable,
  references: PgReferences.References,
  codec: Codec<A>,
  session: PgUnitOfWork.Session
): ChangeSink.Transactional<A> => {
  const statements = PgTable.statements(table)
  const checker = checkerOf(table, codec)
  const failed = PgError.toSinkError(label)
  return {
    _tag: "Transactional",
    label,
    check: (record) => rejectionOf(checker.shaped(record)),
    find: ({ connection, tenant }, ids) =>
      session
        .read(
          tenant,
          session.sql.unsafe<Found>(statements.find, [
            Param.texts(ids),
            tenant,
            connection.provider,
            connection.account
          ])
        )
        .pipe(
          Effect.mapError(failed),
          Effect.flatMap((rows) => toRows(label, table, codec, rows))
        ),
    write: (subscription, writes) =>
      Effect.mapError(write({ session, statements, table, references, checker }, subscription, writes), (error) =>
        PgError.isParentMissing(error, table.name) ? PgError.toParentMissing(label, error) : failed(error)
      )
  }
}

interface Target<A> {
  readonly session: PgUnitOfWork.Session
  readonly statements: ReturnType<typeof PgTable.statements>
  readonly table: PgTable.PgTable
  readonly references: PgReferences.References
  readonly checker: Checker<A>
}

/** The parameters are made at once, the statements run in the unit of work. */
const write = <A extends object>(
  { checker, references, session, statements, table }: Target<A>,
  { connection, tenant }: Subscription.Subscription,
  writes: Write.Writes<A>
): Effect.Effect<Write.Answers, SqlError, UnitOfWork.Transaction> => {
  const { sql } = session
  const key = [tenant, connection.provider, connection.account]
  const answers: Array<Result.Result<Write.Written, Write.Rejection>> = []
  const puts: Array<PgTable.Put> = []
  const removals: Array<Write.Remove> = []
  for (const one of writes) {
    const rejection = one._tag === "Put" ? addPut(puts, checker, one) : void removals.push(one)
    answers.push(rejection === undefined ? Result.succeed({ localId: one.localId }) : Result.fail(rejection))
  }
  const putting = (some: ReadonlyArray<PgTable.Put>) => {
    if (some.length === 0) return Effect.succeed([])
    const parameters = [...key, ...PgTable.parameters(table, some)]
    const upserting = sql.unsafe<Omit<Found, "record">>(statements.put, parameters)
    return session.isPipelined && some.every(({ revision }) => revision === 1)
      ? inserting(sql, sql.unsafe(statements.insert, parameters), upserting)
      : upserting
  }
  const all = putting(puts)
  const orphaned = PgReferences.orphaned(references, sql, key, writes)
  const ids = Param.column(removals, (one) => one.externalId)
  const revisions = Param.column(removals, (one) => one.revision)
  const removing = removals.length === 0 ? Effect.succeed([]) : sql.unsafe(statements.remove, [ids, revisions, ...key])
  const written = Effect.gen(function* () {
    const rejections = orphaned === undefined ? PgReferences.none : yield* orphaned
    const rows = yield* rejections.size === 0
      ? all
      : putting(puts.filter(({ externalId }) => !rejections.has(externalId)))
    yield* removing
    return { rejections, rows }
  })
  return Effect.map(session.write(tenant, written), ({ rejections, rows }) => {
    const localIds = new Map(rows.map((row) => [row.external_id, row.id]))
    return answers.map((answer, index) => {
      const { externalId } = writes[index]!
      const rejection = Result.isSuccess(answer) ? rejections.get(externalId) : undefined
      const localId = localIds.get(externalId)
      if (rejection !== undefined) return Result.fail(rejection)
      return localId === undefined ? answer : Result.succeed({ localId })
    })
  })
}

/**
 * Rows of records that were never here are likely to be new. Inserting them costs
 * less than `on conflict`, which looks for each row before it inserts it, and locks
 * its insertion. Where one is there after all, it is taken back, and with it what
 * was sent behind it: that fails as a conflict.
 */
const inserting = <A>(
  sql: SqlClient,
  insert: Effect.Effect<unknown, SqlError>,
  otherwise: Effect.Effect<ReadonlyArray<A>, SqlError>
): Effect.Effect<ReadonlyArray<A>, SqlError> =>
  Effect.all([sql`savepoint tidemark_put`, insert], { concurrency: "unbounded", discard: true }).pipe(
    Effect.as([]),
    Effect.catchIf(PgError.isTaken, () => Effect.andThen(sql`rollback to savepoint tidemark_put`, otherwise))
  )

interface Found {
  readonly external_id: string
  readonly id: string
  /** JSON text: an object with one member per column. */
  readonly record: string
}

const addPut = <A extends object>(
  puts: Array<PgTable.Put>,
  checker: Checker<A>,
  { externalId, localId, record, revision }: Write.Put<A>
): Write.Rejection | undefined => {
  const encoded = checker.any(record)
  if (Result.isFailure(encoded)) return encoded.failure
  puts.push({
    externalId,
    id: localId,
    revision,
    record: record as Readonly<Record<string, unknown>>,
    values: encoded.success
  })
  return undefined
}

/** What does not decode was written by somebody else, in a shape the schema does not know: it is not passed over. */
const toRows = <A>(
  label: string,
  { columns, name }: PgTable.PgTable,
  { decode }: Codec<A>,
  found: ReadonlyArray<Found>
): Effect.Effect<ReadonlyMap<Observation.ExternalId, Row.Row<A>>, ChangeSink.SinkError> => {
  const rows = new Map<Observation.ExternalId, Row.Row<A>>()
  for (const one of found) {
    const stored = JSON.parse(one.record) as Values
    const values: Record<string, Schema.Json> = {}
    for (const column of columns) {
      const value = PgColumn.fromStored(column, stored[column.name] ?? null)
      if (value !== undefined) values[column.field] = value
    }
    const record = decode(values)
    if (Result.isFailure(record)) {
      const message = `the row of ${one.external_id} in ${name} does not fit its schema, correct it: ${record.failure.message}`
      return Effect.fail(new ChangeSink.SinkError({ reason: "Unavailable", sink: label, message }))
    }
    rows.set(one.external_id as Observation.ExternalId, { localId: one.id, record: record.success })
  }
  return Effect.succeed(rows)
}

/** Values that fit their columns, or why they do not. */
type Checked = Result.Result<Values, Write.Rejection>

interface Checker<A> {
  readonly any: (record: A) => Checked
  /** Of a record that has the shape of its schema. */
  readonly shaped: (record: A) => Checked
}

/** A record is checked when it is planned, and soon after put: it is checked once. */
const checkerOf = <A extends object>({ columns }: PgTable.PgTable, codec: Codec<A>): Checker<A> => {
  const known = new WeakMap<A, Checked>()
  const check = (encoded: Checked): Checked => {
    if (Result.isFailure(encoded)) return encoded
    const message = PgLimits.check(columns, encoded.success)
    return message === undefined ? encoded : Result.fail(new Write.Rejection({ code: "Invalid", message }))
  }
  return {
    any: (record) => known.get(record) ?? check(codec.encode(record)),
    shaped: (record) => {
      const checked = check(codec.encodeShaped(record))
      known.set(record, checked)
      return checked
    }
  }
}

const rejectionOf = (checked: Checked): Write.Rejection | undefined =>
  Result.isFailure(checked) ? checked.failure : undefined

const misfit = (error: Schema.SchemaError): Write.Rejection =>
  new Write.Rejection({ code: "Invalid", message: `the record does not fit its schema: ${error.message}` })
