/**
 * What a detection may name of an object: its fields, as the describe shows them.
 *
 * Fields without a canonical value are left out: compounds, whose parts are fields
 * of their own, and binary content. So are fields of other objects, since their
 * changes do not move the stamp of the record. Changes are read by
 * `SystemModstamp` alone: other stamps can be back-dated.
 *
 * @since 0.1.0
 */
import type * as Catalogue from "@tidemark/core/model/Catalogue"
import * as Canonical from "./Canonical.ts"
import type * as Describe from "./Describe.ts"

/** @category constructors @since 0.1.0 */
export const make = (describe: Describe.Describe): Catalogue.Description => ({
  name: describe.name,
  fields: Canonical.partition(describe.fields).kept.map(fieldOf),
  cursors: describe.queryable ? ["SystemModstamp"] : []
})

/** What the values of a field are. @category getters @since 0.1.0 */
export const typeOf = ({ type }: Describe.Field): Catalogue.FieldType => types.get(type) ?? "Text"

/** Whether values of a field are Ids. They differ by case alone, whatever the describe says. @category guards @since 0.1.0 */
export const isId = ({ type }: Describe.Field): boolean => type === "id" || type === "reference"

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const fieldOf = (field: Describe.Field): Catalogue.Field => ({
  name: field.name,
  type: typeOf(field),
  filterable: field.filterable !== false,
  caseSensitive: isId(field) || field.caseSensitive === true
})

/** All others are texts. */
const types: ReadonlyMap<string, Catalogue.FieldType> = new Map([
  ["boolean", "Boolean"],
  ["int", "Number"],
  ["long", "Number"],
  ["double", "Number"],
  ["currency", "Number"],
  ["percent", "Number"],
  ["date", "Date"],
  ["datetime", "Instant"]
])
