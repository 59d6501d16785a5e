/**
 * Compares two canonical records field by field.
 *
 * A `FieldDiffer` is an Effect `Differ` whose patch says, for each changed
 * field, what it was and what it became.
 *
 * **Laws** (for records of the schema, on fields that are not ignored)
 *
 * - identity: `diff(a, a)` is empty, and `diff(a, b)` is empty only if all fields are equal;
 * - apply: `patch(a, diff(a, b))` equals `b`;
 * - invert: `diff(b, a)` is the inverse of `diff(a, b)`;
 * - compose: `combine(diff(a, b), diff(b, c))` equals `diff(a, c)`;
 * - ignored fields are in no patch, and no patch changes them;
 * - equal records have equal fingerprints.
 *
 * @since 0.1.0
 */
import type * as Differ from "effect/Differ"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as FieldPatch from "../model/FieldPatch.ts"
import * as Fingerprint from "../model/Fingerprint.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The schema of a canonical record: a struct. @category models @since 0.1.0 */
export interface RecordSchema<A> extends Schema.Codec<A, unknown> {
  readonly fields: Schema.Struct.Fields
}

/** @category models @since 0.1.0 */
export interface FieldDiffer<in out A> extends Differ.Differ<A, FieldPatch.FieldPatch> {
  /** Fields left out of comparison, such as bookkeeping columns. */
  readonly ignored: ReadonlySet<string>
  /** The patch that makes `record` out of nothing. */
  readonly create: (record: A) => FieldPatch.FieldPatch
  /** Of the compared fields. */
  readonly fingerprint: (record: A) => string
  /** The patch as JSON, each value as its field's schema encodes it. Fields without a value on a side have no key there. */
  readonly toJson: (patch: FieldPatch.FieldPatch) => PatchJson
  /** The text of `toJson`. */
  readonly toText: (patch: FieldPatch.FieldPatch) => string
}

/** @category models @since 0.1.0 */
export type PatchJson = {
  readonly [field: string]: { readonly before?: Schema.Json; readonly after?: Schema.Json }
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Derives a differ from a record's schema: each field is compared by the
 * equivalence of its own schema, so equal dates and decimals never differ. Keys
 * outside the schema are no part of the record.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSchema = <A extends object>(
  schema: RecordSchema<A>,
  options?: { readonly ignore?: ReadonlyArray<keyof A & string> }
): FieldDiffer<A> => {
  const ignored: ReadonlySet<string> = new Set(options?.ignore)
  // In order, so that the names in a patch are in order too.
  const fields = Object.keys(schema.fields)
    .filter((name) => !ignored.has(name))
    .toSorted()
    .map((name): Field => fieldOf(name, schema.fields[name] as Schema.Codec<unknown>))
  const fieldByName = new Map(fields.map((field) => [field.name, field]))
  const isJson = fields.every((field) => field.isJson)
  return {
    ignored,
    empty: FieldPatch.empty,
    diff: (before, after) => compare(fields, before as Values, after as Values),
    create: (record) => created(fields, record as Values),
    combine: (first, second) => combine(fieldByName, first, second),
    patch: (old, patch) => apply(fieldByName, old, patch),
    fingerprint: (record) => Fingerprint.of(fields.map((field) => plain(field, get(record as Values, field.name)))),
    toJson: (patch) => toJson(fieldByName, patch),
    toText: (patch) =>
      // What is its own JSON form needs no other: one without a value on a side has no key there in the text either.
      JSON.stringify(isJson && isKnown(fieldByName, patch) ? patch : toJson(fieldByName, patch))
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Values = Readonly<Record<string, unknown>>

interface Field {
  readonly name: string
  readonly isEqual: (a: unknown, b: unknown) => boolean
  /** Its values are their own JSON form, as those of most fields are. */
  readonly isJson: boolean
  readonly encode: (value: unknown) => Schema.Json
  /** `None` for a value that does not fit the field. */
  readonly tryEncode: (value: unknown) => Option.Option<unknown>
}

const fieldOf = (name: string, schema: Schema.Codec<unknown>): Field => {
  const isEquivalent = Schema.toEquivalence(schema)
  const codec = Schema.toCodecJson(schema)
  const isJson = SchemaAST.toEncoded(codec.ast) === SchemaAST.toType(codec.ast)
  return {
    name,
    // Most fields are primitives; a general comparison of two fresh objects costs 20 times as much.
    isEqual: (a, b) =>
      a === b ||
      (typeof a === "object" && typeof b === "object" && a !== null && b !== null && isEquivalent(a, b)) ||
      (a !== a && b !== b),
    isJson,
    encode: isJson
      ? (value) => value as Schema.Json
      : (Schema.encodeUnknownSync(codec) as (value: unknown) => Schema.Json),
    tryEncode: Schema.encodeUnknownOption(codec)
  }
}

/** Equal values of a field that are made differently, such as decimals of two scales, have one JSON form. */
const plain = (field: Field, value: unknown): unknown =>
  typeof value === "object" && value !== null ? Option.getOrElse(field.tryEncode(value), () => value) : value

/** Own values only: a field named like a property of `Object` has no inherited value. */
const get = (record: Values, name: string): unknown => (Object.hasOwn(record, name) ? record[name] : undefined)

const created = (fields: ReadonlyArray<Field>, after: Values): FieldPatch.FieldPatch => {
  const changes = FieldPatch.byField<FieldPatch.FieldChange>()
  for (const { name } of fields) {
    const is = get(after, name)
    if (is !== undefined) changes[name] = { before: undefined, after: is }
  }
  return changes
}

const compare = (fields: ReadonlyArray<Field>, before: Values, after: Values): FieldPatch.FieldPatch => {
  let changes: Record<string, FieldPatch.FieldChange> | undefined
  for (const field of fields) {
    const was = get(before, field.name)
    const is = get(after, field.name)
    if (field.isEqual(was, is)) continue
    changes ??= FieldPatch.byField()
    changes[field.name] = { before: was, after: is }
  }
  return changes ?? FieldPatch.empty
}

const combine = (
  fields: ReadonlyMap<string, Field>,
  first: FieldPatch.FieldPatch,
  second: FieldPatch.FieldPatch
): FieldPatch.FieldPatch => {
  const changes = Object.assign(FieldPatch.byField<FieldPatch.FieldChange>(), first)
  for (const name of Object.keys(second)) {
    const before = name in changes ? changes[name]!.before : second[name]!.before
    const { after } = second[name]!
    if (fields.get(name)?.isEqual(before, after) === true) delete changes[name]
    else changes[name] = { before, after }
  }
  return changes
}

const apply = <A extends object>(fields: ReadonlyMap<string, Field>, old: A, patch: FieldPatch.FieldPatch): A => {
  const record = { ...old } as Record<string, unknown>
  for (const name of Object.keys(patch)) {
    if (!fields.has(name)) continue
    const value = patch[name]!.after
    if (value === undefined) delete record[name]
    // Defined, not assigned: assigning `__proto__` would set no field.
    else Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true })
  }
  return record as A
}

const toJson = (fields: ReadonlyMap<string, Field>, patch: FieldPatch.FieldPatch): PatchJson => {
  const json = FieldPatch.byField<PatchJson[string]>()
  for (const name of Object.keys(patch)) {
    const encode = fields.get(name)?.encode
    if (encode === undefined) continue
    const { after, before } = patch[name]!
    if (before === undefined) json[name] = after === undefined ? {} : { after: encode(after) }
    else
      json[name] = after === undefined ? { before: encode(before) } : { before: encode(before), after: encode(after) }
  }
  return json
}

const isKnown = (fields: ReadonlyMap<string, Field>, patch: FieldPatch.FieldPatch): boolean => {
  for (const name in patch) if (!fields.has(name)) return false
  return true
}
