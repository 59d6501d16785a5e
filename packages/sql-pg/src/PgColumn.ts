/**
 * Which column a field of a canonical record lives in, and how its values get
 * there and back unchanged.
 *
 * | field                                | column        | others that fit                      |
 * | ------------------------------------ | ------------- | ------------------------------------ |
 * | string, literals                     | `text`        | `date` `timestamptz` `uuid` `jsonb`  |
 * | string with format `date`            | `date`        | the same                             |
 * | string with format `date-time`       | `timestamptz` | the same                             |
 * | `Date`, `DateTimeUtc`                | `timestamptz` | `text` `jsonb`                       |
 * | integer                              | `bigint`      | `integer` `float8` `numeric` `jsonb` |
 * | finite number                        | `float8`      | `numeric` `jsonb`                    |
 * | big integer                          | `numeric`     | `bigint` `text` `jsonb`              |
 * | decimal                              | `numeric`     | `text` `jsonb`                       |
 * | boolean                              | `boolean`     | `jsonb`                              |
 * | array, struct, record, anything else | `jsonb`       |                                      |
 *
 * Values travel as the JSON their schema encodes to. Columns are nullable: a
 * field that may be null is null there, an optional one is when it is absent. A
 * field that may be both lives in `jsonb`, where JSON's null is not SQL's.
 *
 * A column that has one text for a value takes no other: days as `2026-05-01`,
 * instants as `2026-05-01T07:25:37.123Z`, UUIDs in lower case. Anything else would
 * come back different and look like a change each time; `check` refuses it.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type PgType =
  | "text"
  | "date"
  | "timestamptz"
  | "uuid"
  | "integer"
  | "bigint"
  | "float8"
  | "numeric"
  | "boolean"
  | "jsonb"

/** What the values of a field are, as far as columns care. @category models @since 0.1.0 */
export type Kind = "String" | "Instant" | "Integer" | "Number" | "BigInteger" | "Decimal" | "Boolean" | "Any"

/** @category models @since 0.1.0 */
export interface PgColumn {
  readonly field: string
  /** Unquoted. */
  readonly name: string
  readonly type: PgType
  readonly kind: Kind
  /** What SQL's null stands for: no value is ever missing, null, an absent field, or that beside JSON's null. */
  readonly missing: "Never" | "Null" | "Absent" | "AbsentOrNull"
}

/** What differs from the default. @category models @since 0.1.0 */
export interface Override {
  readonly name?: string | undefined
  readonly type?: PgType | undefined
}

declare module "effect/Schema" {
  namespace Annotations {
    interface Annotations {
      /** The column of a field in a PgSink. */
      readonly pgColumn?: Override | undefined
    }
  }
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The column of one field: `override`, else the schema's annotation `pgColumn`,
 * else the default. Dies when the field does not fit the type.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (field: string, schema: Schema.Codec<unknown>, override: Override = {}): PgColumn => {
  const inner = withoutNull(schema)
  const annotated = Schema.resolveAnnotations(inner)?.["pgColumn"] ?? Schema.resolveAnnotations(schema)?.["pgColumn"]
  const kind = kindOf(inner)
  const missing = missingOf(schema)
  const allowed: ReadonlyArray<PgType> = missing === "AbsentOrNull" ? ["jsonb"] : (fitting[kind] ?? [])
  const asked = override.type ?? annotated?.type
  if (asked !== undefined && !allowed.includes(asked)) {
    throw new Error(`the field ${field} does not fit a column of type ${asked}; it can be ${allowed.join(", ")}`)
  }
  const formatted = formats[formatOf(inner) ?? ""]
  const type =
    asked ?? (formatted !== undefined && kind === "String" && allowed.includes(formatted) ? formatted : allowed[0]!)
  return { field, name: override.name ?? annotated?.name ?? field, type, kind, missing }
}

/**
 * A name in quotes. Dies for one that is no plain identifier of at most 63
 * characters: names are not data.
 *
 * @category conversions
 * @since 0.1.0
 */
export const quote = (name: string): string => {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name)) throw new Error(`${JSON.stringify(name)} is no plain SQL name`)
  return `"${name}"`
}

/** The SQL that reads the column of table `t` as JSON can hold it without loss. @category conversions @since 0.1.0 */
export const toRead = ({ kind, missing, name, type }: PgColumn): string => {
  const column = `t.${quote(name)}`
  if (missing === "AbsentOrNull") return `case when ${column} is null then null else jsonb_build_array(${column}) end`
  switch (type) {
    case "date":
      return `to_char(${column}, 'YYYY-MM-DD')`
    case "timestamptz":
      return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
    case "numeric":
      return kind === "Integer" || kind === "Number" ? column : `trim_scale(${column})::text`
    case "bigint":
      return kind === "BigInteger" ? `${column}::text` : column
    default:
      return column
  }
}

/**
 * What is stored for a field: `value` as its schema encodes it, unless the field
 * has none.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toStored = ({ missing }: PgColumn, value: Schema.Json | undefined, isAbsent: boolean): Schema.Json => {
  if (isAbsent) return null
  return missing === "AbsentOrNull" ? [value ?? null] : (value ?? null)
}

/** The encoded value of a field; `undefined` for one to leave out. @category conversions @since 0.1.0 */
export const fromStored = ({ missing }: PgColumn, stored: Schema.Json): Schema.Json | undefined => {
  if (stored === null) return missing === "Null" || missing === "Never" ? null : undefined
  return missing === "AbsentOrNull" ? (stored as ReadonlyArray<Schema.Json>)[0] : stored
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** The default first. */
const fitting: Readonly<Record<Kind, ReadonlyArray<PgType>>> = {
  String: ["text", "date", "timestamptz", "uuid", "jsonb"],
  Instant: ["timestamptz", "text", "jsonb"],
  Integer: ["bigint", "integer", "float8", "numeric", "jsonb"],
  Number: ["float8", "numeric", "jsonb"],
  BigInteger: ["numeric", "bigint", "text", "jsonb"],
  Decimal: ["numeric", "text", "jsonb"],
  Boolean: ["boolean", "jsonb"],
  Any: ["jsonb"]
}

const formats: Readonly<Record<string, PgType>> = { date: "date", "date-time": "timestamptz" }

const declared: Readonly<Record<string, Kind>> = {
  "effect/schema/DateTimeUtc": "Instant",
  "effect/schema/Date": "Instant",
  "effect/schema/BigDecimal": "Decimal"
}

const encoded: Readonly<Record<string, Kind>> = {
  string: "String",
  integer: "Integer",
  number: "Number",
  boolean: "Boolean"
}

/** By what a value is, and where that says nothing, by the JSON it becomes. */
const kindOf = (schema: Schema.Codec<unknown>): Kind => {
  const { ast } = schema
  if (SchemaAST.isBigInt(ast)) return "BigInteger"
  if (SchemaAST.isDeclaration(ast)) {
    const known = declared[representationOf(ast) ?? ""]
    if (known !== undefined) return known
  }
  const json: unknown = Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)).schema
  return (Predicate.hasProperty(json, "type") && typeof json.type === "string" && encoded[json.type]) || "Any"
}

/** The name of a declared type; checks keep their own beside it. */
const representationOf = (ast: SchemaAST.Declaration): string | undefined => {
  const representation: unknown = ast.annotations?.["representation"]
  return Predicate.hasProperty(representation, "id") && typeof representation.id === "string"
    ? representation.id
    : undefined
}

const formatOf = (schema: Schema.Codec<unknown>): string | undefined => {
  const format = Schema.resolveAnnotations(schema)?.["format"] ?? schema.ast.annotations?.["format"]
  return typeof format === "string" ? format : undefined
}

const missingOf = (schema: Schema.Codec<unknown>): PgColumn["missing"] => {
  const acceptsNull = Schema.is(schema)(null)
  if (SchemaAST.isOptional(schema.ast)) return acceptsNull ? "AbsentOrNull" : "Absent"
  return acceptsNull || Schema.is(schema)(undefined) ? "Null" : "Never"
}

/** `NullOr` and `UndefinedOr` say nothing about the type of the values. */
const withoutNull = (schema: Schema.Codec<unknown>): Schema.Codec<unknown> => {
  if (!SchemaAST.isUnion(schema.ast)) return schema
  const types = schema.ast.types.filter((ast) => !SchemaAST.isNull(ast) && !SchemaAST.isUndefined(ast))
  return types.length === 1 ? withoutNull(Schema.make(types[0]!)) : schema
}
