/**
 * Which column a field of a canonical record lives in, and how its values get
 * there and back unchanged.
 *
 * | field                                   | column        |
 * | --------------------------------------- | ------------- |
 * | string, literals, anything else as text | `text`        |
 * | string with format `date`               | `date`        |
 * | string with format `date-time`, dates   | `timestamptz` |
 * | integer                                 | `bigint`      |
 * | finite number                           | `float8`      |
 * | decimal, big integer                    | `numeric`     |
 * | boolean                                 | `boolean`     |
 * | array, struct, record, JSON             | `jsonb`       |
 *
 * Values travel as the JSON their schema encodes to. Columns are nullable: a
 * field that may be null is null there, an optional one that is absent too. A
 * field that may be both is read back as null.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type PgType = "text" | "date" | "timestamptz" | "bigint" | "float8" | "numeric" | "boolean" | "jsonb"

/** @category models @since 0.1.0 */
export interface PgColumn {
  readonly field: string
  /** Unquoted. */
  readonly name: string
  readonly type: PgType
  /** Whether the field is left out of the record where the column is null. */
  readonly isOmitted: boolean
}

/** What differs from the default. @category models @since 0.1.0 */
export interface Override {
  readonly name?: string
  readonly type?: PgType
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The column of one field. @category constructors @since 0.1.0 */
export const make = (field: string, schema: Schema.Codec<unknown>, override: Override = {}): PgColumn => ({
  field,
  name: override.name ?? field,
  type: override.type ?? typeOf(schema),
  isOmitted: !Schema.is(schema)(null)
})

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

/** Reads a column of table `t` as what JSON can hold without loss. @category conversions @since 0.1.0 */
export const read = ({ name, type }: PgColumn): string => {
  const column = `t.${quote(name)}`
  switch (type) {
    case "date":
      return `to_char(${column}, 'YYYY-MM-DD')`
    case "timestamptz":
      return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
    case "numeric":
      return `trim_scale(${column})::text`
    default:
      return column
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const declared: Readonly<Record<string, PgType>> = {
  "effect/schema/DateTimeUtc": "timestamptz",
  "effect/schema/Date": "timestamptz",
  "effect/schema/BigDecimal": "numeric",
  "effect/schema/Json": "jsonb"
}

const typeOf = (schema: Schema.Codec<unknown>): PgType => {
  const inner = withoutNull(schema)
  const annotations = Schema.resolveAnnotations(inner) as
    | { readonly format?: unknown; readonly representation?: { readonly id: string } }
    | undefined
  const known = declared[annotations?.representation?.id ?? ""]
  if (known !== undefined) return known
  if (inner.ast._tag === "BigInt") return "numeric"
  const json = Schema.toJsonSchemaDocument(Schema.toCodecJson(inner)).schema as {
    readonly type?: string
    readonly format?: string
  }
  const format = json.format ?? annotations?.format
  switch (json.type) {
    case "string":
      return format === "date" ? "date" : format === "date-time" ? "timestamptz" : "text"
    case "integer":
      return "bigint"
    case "number":
      return "float8"
    case "boolean":
      return "boolean"
    default:
      return "jsonb"
  }
}

/** `NullOr` and `UndefinedOr` say nothing about the type of the values. */
const withoutNull = (schema: Schema.Codec<unknown>): Schema.Codec<unknown> => {
  if (!Predicate.hasProperty(schema, "members") || !Array.isArray(schema.members)) return schema
  const members = (schema.members as ReadonlyArray<Schema.Codec<unknown>>).filter(
    ({ ast }) => ast._tag !== "Null" && ast._tag !== "Undefined"
  )
  return members.length === 1 ? withoutNull(members[0]!) : schema
}
