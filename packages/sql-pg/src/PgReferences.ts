/**
 * Fields that name a record in a sink's table, and the records whose parent is not
 * there.
 *
 * A parent that was deleted softly is there: its row stays, as a foreign key sees
 * it. Records of one batch may refer to each other in any order, in circles too. A
 * batch costs one statement more for each reference that something in it has.
 *
 * @since 0.1.0
 */
import * as Write from "@tidemark/core/model/Write"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Param from "./Param.ts"
import * as PgColumn from "./PgColumn.ts"
import type * as PgTable from "./PgTable.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Reference {
  /** Table of the parents: that of a sink, as its `table`. */
  readonly table: string
}

/** @category models @since 0.1.0 */
export type References = ReadonlyArray<{
  readonly field: string
  readonly table: string
  /** Whether the parents are records of the same sink. */
  readonly isOwn: boolean
  /** $1 external ids, $2 tenant, $3 provider, $4 account: the ids that are not there. */
  readonly missing: string
}>

/** By record. @category models @since 0.1.0 */
export type Rejections = ReadonlyMap<string, Write.Rejection>

/** @category constants @since 0.1.0 */
export const none: Rejections = new Map()

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Dies for a field that is none, or a name that is no plain SQL name. @category constructors @since 0.1.0 */
export const make = (
  { name }: PgTable.PgTable,
  fields: ReadonlyArray<string>,
  references: { readonly [field: string]: Reference | undefined } = {}
): References =>
  Object.entries(references).flatMap(([field, reference]) => {
    if (reference === undefined) return []
    if (!fields.includes(field)) throw new Error(`there is no field ${field} to refer by`)
    const { table } = reference
    const quoted = table.split(".").map(PgColumn.quote).join(".")
    // Looked up one by one, by the key, whatever the statistics say.
    const missing = `select u.external_id from unnest($1::text[]) as u(external_id) left join lateral (
        select true as is_there from ${quoted} t where t.tenant = $2 and t.provider = $3 and t.account = $4
          and t.external_id = u.external_id limit 1) t on true where t.is_there is null`
    return [{ field, table, isOwn: table === name, missing }]
  })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * The records of a batch whose parent is neither there nor comes with it;
 * `undefined` when none has a parent. The parameters are made at once.
 *
 * @category combinators
 * @since 0.1.0
 */
export const orphaned = <A>(
  references: References,
  sql: SqlClient,
  key: ReadonlyArray<string>,
  writes: Write.Writes<A>
): Effect.Effect<Rejections, SqlError> | undefined => {
  const asked = references.flatMap((reference) => {
    const parents = parentsOf(reference.field, writes)
    if (parents.size === 0) return []
    const ids = Param.texts([...new Set(parents.values())].toSorted())
    return [{ ...reference, parents, lookup: sql.unsafe<{ external_id: string }>(reference.missing, [ids, ...key]) }]
  })
  if (asked.length === 0) return undefined
  return Effect.map(
    Effect.forEach(asked, ({ lookup, ...reference }) =>
      Effect.map(lookup, (rows) => ({ ...reference, missing: new Set(rows.map((row) => row.external_id)) }))
    ),
    (all) => rejectionsOf(all, writes)
  )
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** By record: the id of its parent. */
const parentsOf = <A>(field: string, writes: Write.Writes<A>): ReadonlyMap<string, string> => {
  const parents = new Map<string, string>()
  for (const one of writes) {
    const parent = one._tag === "Put" ? (one.record as Readonly<Record<string, unknown>>)[field] : undefined
    if (typeof parent === "string" || typeof parent === "number" || typeof parent === "bigint")
      parents.set(one.externalId, String(parent))
  }
  return parents
}

interface Looked {
  readonly field: string
  readonly table: string
  readonly isOwn: boolean
  readonly parents: ReadonlyMap<string, string>
  /** Ids of parents. */
  readonly missing: ReadonlySet<string>
}

/** A record that is left out takes with it those of the batch that refer to it. */
const rejectionsOf = <A>(all: ReadonlyArray<Looked>, writes: Write.Writes<A>): Rejections => {
  if (all.every(({ missing }) => missing.size === 0)) return none
  const coming = new Set<string>(writes.flatMap((one) => (one._tag === "Put" ? [one.externalId] : [])))
  const rejections = new Map<string, Write.Rejection>()
  for (let before = -1; before !== rejections.size;) {
    before = rejections.size
    for (const { field, isOwn, missing, parents, table } of all) {
      for (const [id, parent] of parents) {
        if (rejections.has(id) || !missing.has(parent) || (isOwn && coming.has(parent))) continue
        coming.delete(id)
        const message = `the field ${field} refers to ${parent}, which is not in ${table}`
        rejections.set(id, new Write.Rejection({ code: Write.parentMissing, message }))
      }
    }
  }
  return rejections
}
