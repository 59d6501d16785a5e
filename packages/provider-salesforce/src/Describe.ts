/**
 * What Salesforce says about an object: its fields, and which feeds it has.
 *
 * Only what is needed is decoded, everything else is ignored, so a new release
 * with new properties changes nothing. Fields that field-level security hides
 * from the user are not in a describe at all.
 *
 * @since 0.1.0
 */
import * as Name from "@tidemark/core/model/Name"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SalesforceError from "./SalesforceError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

const flag = (value: boolean) => Schema.optionalKey(Schema.NullOr(Schema.Boolean)).annotate({ default: value })

const label = Schema.optionalKey(Schema.NullOr(Schema.String))

/** One field (REST API guide, "sObject Describe"). @category schemas @since 0.1.0 */
export const Field = Schema.Struct({
  name: Schema.String,
  /** What people call it. */
  label,
  /** Salesforce's type, such as `string`, `currency`, `datetime`, `address`. */
  type: Schema.String,
  nillable: flag(true),
  filterable: flag(true),
  sortable: flag(true),
  /** A formula: its value changes without moving any timestamp. */
  calculated: flag(false),
  length: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  /** Digits of a number behind the point. */
  scale: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  /** Values may differ by case alone. Ids always do, and are not always said to. */
  caseSensitive: flag(false)
})
/** @category models @since 0.1.0 */
export type Field = typeof Field.Type

/** One object. @category schemas @since 0.1.0 */
export const Describe = Schema.Struct({
  name: Schema.String,
  label,
  queryable: Schema.Boolean,
  /** `getUpdated` and `getDeleted` answer for it. */
  replicateable: Schema.Boolean,
  /** Its deleted records stay in the recycle bin, where `queryAll` shows them. */
  undeletable: Schema.Boolean,
  fields: Schema.Array(Field)
})
/** @category models @since 0.1.0 */
export type Describe = typeof Describe.Type

/** The list of objects. @category schemas @since 0.1.0 */
export const Global = Schema.Struct({
  sobjects: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      label,
      custom: flag(false),
      queryable: Schema.Boolean,
      replicateable: Schema.Boolean,
      undeletable: Schema.Boolean
    })
  )
})
/** @category models @since 0.1.0 */
export type Global = typeof Global.Type

// -----------------------------------------------------------------------------
// lookups
// -----------------------------------------------------------------------------

/** @category getters @since 0.1.0 */
export const field = (describe: Describe, name: string): Field | undefined =>
  describe.fields.find((field) => field.name === name)

/**
 * The fields of these names, each once, in the order asked. A name the object
 * does not show is `Invalid`, with the nearest names it has.
 *
 * @category getters
 * @since 0.1.0
 */
export const select = (
  describe: Describe,
  names: ReadonlyArray<string>
): Result.Result<ReadonlyArray<Field>, ChangeSource.SourceError> => {
  const byName = new Map(describe.fields.map((field) => [field.name, field]))
  const selected = new Map<string, Field>()
  for (const name of names) {
    const found = byName.get(name)
    if (found === undefined) return Result.fail(unknown(`${describe.name}.${name}`, name, [...byName.keys()]))
    selected.set(name, found)
  }
  return Result.succeed([...selected.values()])
}

/**
 * `Invalid`, naming the objects whose names are nearest.
 *
 * @category errors
 * @since 0.1.0
 */
export const unknownObject = (name: string, global: Global): ChangeSource.SourceError =>
  unknown(
    name,
    name,
    global.sobjects.map((object) => object.name)
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const unknown = (label: string, name: string, names: ReadonlyArray<string>): ChangeSource.SourceError =>
  SalesforceError.invalid(
    `salesforce/${label}`,
    `${SalesforceError.excerpt(label)} does not exist, or the user may not see it.${Name.hint(name, names)}`
  )
