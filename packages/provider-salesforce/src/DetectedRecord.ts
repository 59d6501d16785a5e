/**
 * Records as a detection maps them, and the schema a sink makes its columns from.
 *
 * A row of a query has every field that was asked for, so a mapped record has
 * every field of its mapping: null where upstream has no value, and never where it
 * is required. A sink gets days with the annotation `format: "date"`, instants
 * with `format: "date-time"`. Where unknown fields are kept they are the member
 * `extras`.
 *
 * **Law.** What `compiled.map` makes of a canonical record fits the schema.
 *
 * @since 0.1.0
 */
import type * as Detection from "@tidemark/core/model/Detection"
import type * as Detecting from "@tidemark/core/rules/Detecting"
import type * as Transforming from "@tidemark/core/rules/Transforming"
import * as Schema from "effect/Schema"
import * as DetectedCatalogue from "./DetectedCatalogue.ts"
import * as Describe from "./Describe.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Value = Transforming.Value | { readonly [field: string]: Schema.Json }

/** By the names of the mapping. @category models @since 0.1.0 */
export interface Record {
  readonly [field: string]: Value
}

/** A struct with one member per field of the mapping. @category models @since 0.1.0 */
export type RecordSchema = Schema.Struct<{ readonly [field: string]: Schema.Codec<Value> }>

/** Where unknown fields are kept; no field of a mapping may have this name then. @category constants @since 0.1.0 */
export const extras = "extras"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const schema = ({ mapping, unknownFields }: Detection.Detection, describe: Describe.Describe): RecordSchema => {
  const members = Object.entries(mapping).map(([name, rule]) => [name, ofRule(rule, describe)] as const)
  const kept = [[extras, Schema.Record(Schema.String, Schema.Json)] as const]
  return Schema.Struct(Object.fromEntries([...members, ...(unknownFields === "Keep" ? kept : [])]))
}

/** A mapped record in the shape of the schema. @category conversions @since 0.1.0 */
export const fromMapped = (detection: Detection.Detection, mapped: Detecting.Mapped): Record =>
  // What the provider answered is parsed JSON, and only that.
  detection.unknownFields === "Keep"
    ? { ...mapped.fields, [extras]: mapped.extras as Readonly<globalThis.Record<string, Schema.Json>> }
    : { ...mapped.fields }

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const ofRule = (rule: Detection.Rule, describe: Describe.Describe): Schema.Codec<Value> => {
  if ("constant" in rule) return ofConstant(rule.constant)
  const field = Describe.field(describe, rule.path)
  const last = rule.transforms.findLast((transform) => transform !== "emptyToNull")
  const schema = last === undefined ? ofField(field) : ofTransform(last)
  return rule.presence === "Required" ? schema : Schema.NullOr(schema)
}

const ofConstant = (constant: Detection.Constant): Schema.Codec<Value> => {
  switch (typeof constant) {
    case "string":
      return Schema.String
    case "number":
      return Schema.Finite
    case "boolean":
      return Schema.Boolean
    default:
      return Schema.NullOr(Schema.String)
  }
}

const ofTransform = (transform: Exclude<Detection.Transform, "emptyToNull">): Schema.Codec<Value> => {
  switch (transform) {
    case "toNumber":
      return Schema.Finite
    case "toInstant":
      return Stamp.Stamp
    case "toDate":
      return Stamp.Day
    case "splitList":
      return Schema.Array(Schema.String)
    default:
      return Schema.String
  }
}

const ofField = (field: Describe.Field | undefined): Schema.Codec<Value> => {
  switch (field === undefined ? "Text" : DetectedCatalogue.typeOf(field)) {
    case "Number":
      return field?.type === "int" || field?.type === "long" ? Schema.Int : Schema.Finite
    case "Boolean":
      return Schema.Boolean
    case "Date":
      return Stamp.Day
    case "Instant":
      return Stamp.Stamp
    default:
      return Schema.String
  }
}
