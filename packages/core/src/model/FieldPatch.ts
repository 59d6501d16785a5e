/**
 * What changed in a record, field by field.
 *
 * A field that is absent on one side has no value there: `before` of a created
 * record, `after` of a deleted one, are `undefined`.
 *
 * @since 0.1.0
 */

/** @category models @since 0.1.0 */
export interface FieldChange {
  readonly before: unknown
  readonly after: unknown
}

/** Own keys only, see `byField`. @category models @since 0.1.0 */
export type FieldPatch = Readonly<Record<string, FieldChange>>

// A constructor makes what engines keep as a struct; of `Object.create(null)` they make a hash table, at twice the cost.
const ByField = function () {} as unknown as new () => object // a function is a constructor, whatever its type says
ByField.prototype = Object.create(null)

/**
 * An empty object to be filled by field name. It inherits nothing, so that no
 * name is special, not even `__proto__`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const byField = <T>(): Record<string, T> => new ByField() as Record<string, T>

/** @category constructors @since 0.1.0 */
export const empty: FieldPatch = Object.freeze(byField<FieldChange>())

/** @category guards @since 0.1.0 */
export const isEmpty = (patch: FieldPatch): boolean => {
  for (const _ in patch) return false
  return true
}

/**
 * The patch that undoes `patch`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const invert = (patch: FieldPatch): FieldPatch => {
  const inverse = byField<FieldChange>()
  for (const key of Object.keys(patch)) inverse[key] = { before: patch[key]!.after, after: patch[key]!.before }
  return inverse
}
