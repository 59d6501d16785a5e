/**
 * The provider's names of entities and fields, found by the names that tables and
 * columns have.
 */

/** By the entity's name in lower case. */
export type Names = ReadonlyMap<string, { readonly entity: string; readonly fields: ReadonlyMap<string, string> }>

export interface Fields {
  readonly [name: string]: unknown
}

/** Fields that tell which record it is, or when it was touched, and so are no content. */
const bookkeeping: ReadonlySet<string> = new Set(["Id", "IsDeleted", "SystemModstamp", "LastModifiedDate"])

/** From records as the provider has them. */
export const make = (entities: { readonly [entity: string]: { readonly [id: string]: Fields } }): Names =>
  new Map(
    Object.entries(entities).flatMap(([entity, records]) => {
      const [first] = Object.values(records)
      const fields = Object.keys(first ?? {}).filter((field) => !bookkeeping.has(field))
      const names = { entity, fields: new Map(fields.map((field) => [field.toLowerCase(), field])) }
      return first === undefined ? [] : [[entity.toLowerCase(), names] as const]
    })
  )

/** The line with the provider's name of its entity. */
export const entityOf = (names: Names, line: Fields): Fields => ({
  ...line,
  entity: names.get(String(line["entity"]))?.entity ?? line["entity"]
})

/** Columns as fields; instants as `2026-05-01T07:25:37.000Z`. */
export const fieldsOf = (names: Names, entity: unknown, columns: unknown): Fields | null => {
  if (columns === null || columns === undefined) return null
  const fields = names.get(String(entity))?.fields
  return Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [fields?.get(column) ?? column, canonical(value)])
  )
}

/** Of a provider's record only the fields that are content. */
export const contentOf = (record: Fields): Fields =>
  Object.fromEntries(
    Object.entries(record).flatMap(([field, value]) => (bookkeeping.has(field) ? [] : [[field, canonical(value)]]))
  )

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:?00|Z)$/

const canonical = (value: unknown): unknown =>
  typeof value === "string" && instant.test(value) ? new Date(value.replace("+0000", "Z")).toISOString() : value
