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
 * - one form: texts of one instant, or of one Id, have one canonical form;
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
 * @category constructors
 * @since 0.1.0
 */
export const reader = (
  fields: ReadonlyArray<Describe.Field>,
  schema: RecordSchema = schemaFromDescribe(fields)
): ((row: Row) => Result.Result<Record, string>) => {
  const columns = partition(fields).kept.map(({ name, type }) => ({ name, prepare: kinds.get(type)!.prepare }))
  const decode = Schema.decodeUnknownResult(schema)
  return (row) => {
    const values: { [field: string]: unknown } = {}
    for (const { name, prepare } of columns) if (Object.hasOwn(row, name)) values[name] = prepare(row[name])
    return Result.mapError(decode(values), (error) => String(error.message).slice(0, 500).toWellFormed())
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
  if (!/^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/.test(text)) return undefined
  const base = text.slice(0, 15)
  return base + checksum(base, 0) + checksum(base, 5) + checksum(base, 10)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Kind {
  readonly schema: Schema.Codec<Value>
  readonly prepare: (value: unknown) => unknown
}

const identity = (value: unknown): unknown => value

const text: Kind = { schema: Schema.String, prepare: identity }
const reference: Kind = {
  schema: Schema.String,
  prepare: (value) => (typeof value === "string" ? (id(value) ?? value) : value)
}
// `+ 0` makes 0 of -0, which equals it and is written differently.
const positiveZero = (value: unknown): unknown => (typeof value === "number" ? value + 0 : value)
const double: Kind = { schema: Schema.Finite, prepare: positiveZero }
const integer: Kind = { schema: Schema.Int, prepare: positiveZero }

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
  ["boolean", { schema: Schema.Boolean, prepare: identity }],
  ["int", integer],
  ["long", integer],
  ["double", double],
  ["currency", double],
  ["percent", double],
  ["date", { schema: Stamp.Day, prepare: identity }],
  [
    "datetime",
    {
      schema: Stamp.Stamp,
      prepare: (value) => (typeof value === "string" ? (Stamp.fromText(value) ?? value) : value)
    }
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

const fieldSchema = (field: Describe.Field): Schema.Codec<Value> => {
  const { schema } = kinds.get(field.type)!
  // Salesforce calls booleans and Ids not nillable; texts and numbers may be null even when a layout requires them.
  return (field.type === "boolean" || field.type === "id") && field.nillable !== true ? schema : Schema.NullOr(schema)
}

const checksum = (base: string, start: number): string => {
  let bits = 0
  for (let index = 0; index < 5; index++) {
    const character = base[start + index]!
    if (character >= "A" && character <= "Z") bits += 1 << index
  }
  return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]!
}
