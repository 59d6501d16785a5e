/**
 * Canonical values: one form per value, whichever API it came through.
 *
 * REST, bulk files and change events write the same value differently
 * (`.000+0000` and `.000Z`, 15 and 18 characters of an Id, `-0`). Compared as they
 * come they would show changes nobody made. A record's schema is derived from the
 * object's describe, and is what a sink makes its columns from: days carry the
 * annotation `format: "date"`, instants `format: "date-time"`.
 *
 * **Laws**
 *
 * - fixpoint: a canonical value is its own canonical form;
 * - one form: texts of one instant, or of one Id, have one canonical form, and so
 *   have no value and the empty text;
 * - a value that does not fit its field is told apart, never replaced by null.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Describe from "./Describe.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Value = string | number | boolean | null

/** A canonical record: field name to value. A field is null when upstream has no value. @category models @since 0.1.0 */
export interface Record {
  readonly [field: string]: Value
}

/** Schema of canonical records: a struct with one member per field. @category models @since 0.1.0 */
export type RecordSchema = Schema.Struct<{ readonly [field: string]: Schema.Codec<Value> }>

/** A field that is not part of the record, and why. @category models @since 0.1.0 */
export interface LeftOut {
  readonly field: string
  readonly note: string
}

/** A row as the server answered it: parsed JSON, `attributes` and all. @category models @since 0.1.0 */
export type Row = { readonly [field: string]: unknown }

// -----------------------------------------------------------------------------
// schema
// -----------------------------------------------------------------------------

/** The types of fields that have a canonical value. @category getters @since 0.1.0 */
export const types = (): ReadonlyArray<string> => [...kinds.keys()]

/**
 * The fields of a describe that have one canonical value each, and those that
 * have not: compounds repeat what their parts say, `base64` fields answer an
 * address instead of a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const partition = (
  fields: ReadonlyArray<Describe.Field>
): { readonly kept: ReadonlyArray<Describe.Field>; readonly leftOut: ReadonlyArray<LeftOut> } => {
  const kept: Array<Describe.Field> = []
  const leftOut: Array<LeftOut> = []
  for (const field of fields) {
    if (kinds.has(field.type)) kept.push(field)
    else leftOut.push({ field: field.name, note: notes.get(field.type) ?? `the type ${field.type} is not known here` })
  }
  return { kept, leftOut }
}

/**
 * The schema of canonical records with these fields. Fields without a canonical
 * value are left out, see `partition`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const schemaFromDescribe = (fields: ReadonlyArray<Describe.Field>): RecordSchema =>
  Schema.Struct(Object.fromEntries(partition(fields).kept.map((field) => [field.name, fieldSchema(field)])))

/**
 * Reads rows: each becomes a canonical record, or the reason why it cannot.
 * Values of fields that are not asked for are ignored.
 *
 * @param schema that of the fields, for a caller who has made it already
 * @category constructors
 * @since 0.1.0
 */
export const reader = (
  fields: ReadonlyArray<Describe.Field>,
  schema: RecordSchema = schemaFromDescribe(fields)
): ((row: Row) => Result.Result<Record, string>) => {
  const columns = partition(fields).kept.map(column)
  const decode = decoder(columns, schema)
  return (row) => {
    const record: { [field: string]: Value } = {}
    for (const { isNillable, name, read } of columns) {
      const value = row[name]
      const canonical = value === null && isNillable ? null : read(value)
      // Only what does not fit pays for the schema, which says why.
      if (canonical === undefined) return decode(row)
      record[name] = canonical
    }
    return Result.succeed(record)
  }
}

// -----------------------------------------------------------------------------
// ids
// -----------------------------------------------------------------------------

/**
 * The 18-character form of a record Id, `undefined` when the text is no Id. The
 * last three characters say which of the first fifteen are upper case, so that
 * Ids stay distinct where case is ignored; they are always computed here.
 *
 * @category conversions
 * @since 0.1.0
 */
export const id = (text: string): string | undefined => {
  if ((text.length !== 15 && text.length !== 18) || !isAlphanumeric(text)) return undefined
  const suffix = checksum(text, 0) + checksum(text, 5) + checksum(text, 10)
  return text.endsWith(suffix) && text.length === 18 ? text : text.slice(0, 15) + suffix
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Kind {
  readonly schema: Schema.Codec<Value>
  /** The canonical form of a value that the schema accepts; `undefined` for one that it refuses. */
  readonly read: (value: unknown) => Value | undefined
}

// Salesforce keeps no empty texts, and a bulk file cannot tell one from no value.
const text: Kind = {
  schema: Schema.String,
  read: (value) => (typeof value === "string" ? (value === "" ? null : value) : undefined)
}
// What is no Id stays as it is: a reference may hold other things.
const reference: Kind = {
  schema: Schema.String,
  read: (value) => (typeof value === "string" ? (value === "" ? null : (id(value) ?? value)) : undefined)
}
// `+ 0` makes 0 of -0, which equals it and is written differently.
const double: Kind = {
  schema: Schema.Finite,
  read: (value) => (Number.isFinite(value) ? (value as number) + 0 : undefined)
}
const integer: Kind = {
  schema: Schema.Int,
  read: (value) => (Number.isSafeInteger(value) ? (value as number) + 0 : undefined)
}

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...[
    "string",
    "picklist",
    "multipicklist",
    "combobox",
    "textarea",
    "email",
    "phone",
    "url",
    "encryptedstring",
    "time",
    "DataCategoryGroupReference"
  ].map((type) => [type, text] as const),
  ["id", reference],
  ["reference", reference],
  ["boolean", { schema: Schema.Boolean, read: (value) => (typeof value === "boolean" ? value : undefined) }],
  ["int", integer],
  ["long", integer],
  ["double", double],
  ["currency", double],
  ["percent", double],
  [
    "date",
    { schema: Stamp.Day, read: (value) => (typeof value === "string" && Stamp.isDay(value) ? value : undefined) }
  ],
  [
    "datetime",
    { schema: Stamp.Stamp, read: (value) => (typeof value === "string" ? Stamp.fromText(value) : undefined) }
  ]
])

const notes: ReadonlyMap<string, string> = new Map([
  ["address", "a compound field: its parts are fields of their own"],
  ["location", "a compound field: its parts are fields of their own"],
  ["base64", "binary content, read by address and not by query"],
  ["anyType", "its values have no common type"],
  ["complexvalue", "its values have no common type"],
  ["json", "its values have no common type"]
])

// Salesforce calls booleans and Ids not nillable; texts and numbers may be null even when a layout requires them.
const isNillable = (field: Describe.Field): boolean =>
  (field.type !== "boolean" && field.type !== "id") || field.nillable === true

const fieldSchema = (field: Describe.Field): Schema.Codec<Value> => {
  const { schema } = kinds.get(field.type)!
  return isNillable(field) ? Schema.NullOr(schema) : schema
}

interface Column {
  readonly name: string
  readonly isNillable: boolean
  readonly read: Kind["read"]
}

const column = (field: Describe.Field): Column => ({
  name: field.name,
  isNillable: isNillable(field),
  read: kinds.get(field.type)!.read
})

// What the schema makes of a row, or says about it.
const decoder = (columns: ReadonlyArray<Column>, schema: RecordSchema) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (row: Row): Result.Result<Record, string> => {
    const values: { [field: string]: unknown } = {}
    for (const { name, read } of columns) {
      if (!Object.hasOwn(row, name)) continue
      const canonical = read(row[name])
      values[name] = canonical === undefined ? row[name] : canonical
    }
    return Result.mapError(decode(values), (error) => String(error.message).slice(0, 500).toWellFormed())
  }
}

const isAlphanumeric = (text: string): boolean => {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    const isDigit = code >= 48 && code <= 57
    if (!isDigit && !isUpper(code) && !(code >= 97 && code <= 122)) return false
  }
  return true
}

const isUpper = (code: number): boolean => code >= 65 && code <= 90

const checksum = (base: string, start: number): string => {
  let bits = 0
  for (let index = 0; index < 5; index++) if (isUpper(base.charCodeAt(start + index))) bits |= 1 << index
  return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]!
}
