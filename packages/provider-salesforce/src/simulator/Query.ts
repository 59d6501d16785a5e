/**
 * A query whose names and values were found to fit the catalog.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Catalog from "./Catalog.ts"
import * as Condition from "./Condition.ts"
import type * as Field from "./Field.ts"
import * as Refusal from "./Refusal.ts"
import * as Soql from "./Soql.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Query {
  readonly entity: Catalog.Entity
  /** What rows show, in this order; only the number of rows for `count()`. */
  readonly columns: ReadonlyArray<Field.Field> | "count()"
  readonly test: Condition.Test
  readonly orderBy: ReadonlyArray<SortKey>
  readonly limit: number | undefined
  readonly offset: number
}

/** @category models @since 0.1.0 */
export interface SortKey {
  readonly field: Field.Field
  readonly direction: "ASC" | "DESC"
  readonly nulls: "FIRST" | "LAST"
}

/** Furthest offset (SOQL and SOSL reference, "OFFSET"). @category constants @since 0.1.0 */
export const offsetMax = 2000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Refuses what is no query, or none of the objects that `find` finds. @category constructors @since 0.1.0 */
export const make = (soql: string, find: Catalog.Find): Result.Result<Query, Refusal.Refusal> =>
  Result.gen(function* () {
    const parsed = yield* Soql.parse(soql)
    const entity = find(parsed.from)
    if (entity === undefined) return yield* unknownType(soql, parsed.from)
    if (!entity.isQueryable) {
      const message = `entity type ${entity.name} does not support query`
      return yield* Refusal.fail(400, "INVALID_TYPE_FOR_OPERATION", message)
    }
    if (parsed.offset > offsetMax) {
      return yield* Refusal.fail(
        400,
        "NUMBER_OUTSIDE_VALID_RANGE",
        `Maximum SOQL offset allowed is ${offsetMax}: ${parsed.offset}`
      )
    }
    const lookup = Condition.lookupIn(entity, soql)
    const columns = parsed.select === "count()" ? parsed.select : yield* distinct(parsed.select, lookup)
    const test = parsed.where === undefined ? () => true : yield* Condition.compile(parsed.where, lookup)
    const orderBy = yield* Result.all(parsed.orderBy.map((order) => sortKey(order, lookup)))
    return { entity, columns, test, orderBy, limit: parsed.limit, offset: parsed.offset }
  })

/** Names an order: equal for queries that sort alike. @category combinators @since 0.1.0 */
export const orderName = ({ orderBy }: Query): string =>
  orderBy.map(({ direction, field, nulls }) => Soql.printOrder({ field: field.name, direction, nulls })).join(", ")

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const unknownType = (soql: string, name: string) =>
  Refusal.fail(
    400,
    "INVALID_TYPE",
    Refusal.point(
      soql,
      Math.max(0, soql.indexOf(name)),
      `sObject type '${name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`
    )
  )

const distinct = (names: ReadonlyArray<string>, lookup: Condition.Lookup) =>
  Result.flatMap(Result.all(names.map(lookup)), (fields) => {
    const seen = new Set<string>()
    for (const { name } of fields) {
      if (seen.has(name)) return Refusal.fail(400, "INVALID_FIELD", `duplicate field selected: ${name}`)
      seen.add(name)
    }
    return Result.succeed(fields)
  })

const sortKey = (order: Soql.Order, lookup: Condition.Lookup) =>
  Result.flatMap(lookup(order.field), (field) =>
    field.sortable
      ? Result.succeed<SortKey>({ field, direction: order.direction, nulls: order.nulls })
      : Refusal.fail(400, "MALFORMED_QUERY", `field '${field.name}' can not be sorted in a query call`)
  )
