/**
 * Lines of histories: what changed, and what became visible, for judges who were
 * not there.
 *
 * Instants are written as `2026-05-01T07:25:37.000Z`, the values of datetime
 * fields too. `version` is the `SystemModstamp`: two changes of a record in one
 * second have the same one.
 *
 * @since 0.1.0
 */
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"
import * as Instant from "./Instant.ts"
import type * as Store from "./Store.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A line, and which of the two files it belongs to. @category models @since 0.1.0 */
export interface Entry {
  readonly file: "upstream" | "visible"
  readonly line: { readonly [property: string]: unknown }
}

/** @category models @since 0.1.0 */
export type Change = "create" | "update" | "delete" | "merge" | "undelete"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * A change, made at `at` (ms) by a user or, as `api:NAME`, by a client. A purge is
 * a delete; `merge` is that of a record that went into another. A deleted record has no fields; the fields of others leave out which
 * record it is and when it was touched, which the line says already.
 *
 * @category constructors
 * @since 0.1.0
 */
export const upstream = (
  at: number,
  entity: Catalog.Entity,
  version: Store.Version,
  op: Change,
  by: string
): Entry => ({
  file: "upstream",
  line: {
    t: Instant.toCanonical(at),
    op,
    entity: entity.name,
    id: version.id,
    version: Instant.toCanonical(version.stamp),
    fields: op === "delete" || op === "merge" ? null : canonical(entity, version.values),
    by
  }
})

/** A change became readable at `at` (ms). @category constructors @since 0.1.0 */
export const visible = (at: number, entity: Catalog.Entity, version: Store.Version): Entry => ({
  file: "visible",
  line: {
    t: Instant.toCanonical(at),
    entity: entity.name,
    id: version.id,
    version: Instant.toCanonical(version.stamp)
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Which record it is, and when it was touched. */
const bookkeeping: ReadonlySet<string> = new Set(["Id", "IsDeleted", "LastModifiedDate", "SystemModstamp"])

const canonical = (entity: Catalog.Entity, values: Field.Values): Field.Values => {
  const content = Object.entries(values).filter(([name]) => !bookkeeping.has(name))
  const written: { [name: string]: Field.Value } = Object.fromEntries(content)
  for (const { name, type } of Catalog.stored(entity)) {
    const value = written[name]
    if (type === "datetime" && typeof value === "string") written[name] = value.replace("+0000", "Z")
  }
  return written
}
