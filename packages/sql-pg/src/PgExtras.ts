/**
 * Fields that have no column of their own, in the column of the extras.
 *
 * The column holds one object: what the extras have, and beside it each such field
 * under its name, as its schema encodes it. A column that is null, as rows from
 * before it was added have it, holds no extras.
 *
 * @since 0.1.0
 */
import * as Write from "@tidemark/core/model/Write"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

type Values = Readonly<Record<string, Schema.Json>>

/** Between one value per field and one per column. @category models @since 0.1.0 */
export interface Folding {
  /** Refuses extras that have the name of a field that is kept among them. */
  readonly fold: (values: Values) => Result.Result<Values, Write.Rejection>
  readonly unfold: (values: Values) => Values
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * `undefined` without extras. Dies when a field is to be kept among extras that
 * there are not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  fields: Schema.Struct.Fields,
  extras: string | undefined,
  columns: { readonly [field: string]: unknown } = {}
): Folding | undefined => {
  const inside = Object.keys(fields).filter((field) => columns[field] === "extras" && field !== extras)
  if (extras !== undefined) return folding(extras, inside)
  if (inside.length === 0) return undefined
  throw new Error(`${inside.join(", ")} cannot be kept among the extras: the schema has no field for them`)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const folding = (extras: string, inside: ReadonlyArray<string>): Folding => ({
  fold: (values) => {
    if (inside.length === 0) return Result.succeed(values)
    const bag = objectOf(values[extras])
    const taken = inside.find((field) => Object.hasOwn(bag, field))
    if (taken !== undefined) {
      const message = `the field ${extras} has ${taken}, and the field of that name is kept there`
      return Result.fail(new Write.Rejection({ code: "Invalid", message }))
    }
    const [own, kept] = partition(values, inside)
    return Result.succeed(joined(own, [[extras, joined(bag, kept)]]))
  },
  unfold: (values) => {
    const [bag, kept] = partition(objectOf(values[extras]), inside)
    return joined(values, [[extras, bag], ...kept])
  }
})

type Members = ReadonlyArray<readonly [name: string, value: Schema.Json]>

/** The members that are not `inside`, and those that are. */
const partition = (values: Values, inside: ReadonlyArray<string>): readonly [Values, Members] => {
  if (inside.length === 0) return [values, []]
  const [own, kept]: [Array<Members[number]>, Array<Members[number]>] = [[], []]
  for (const [name, value] of Object.entries(values)) (inside.includes(name) ? kept : own).push([name, value])
  return [joined({}, own), kept]
}

/** Members are defined, not assigned: assigning `__proto__` would set none. */
const joined = (values: Values, members: Members): Values => ({ ...values, ...Object.fromEntries(members) })

const objectOf = (value: Schema.Json | undefined): Values =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : {}
