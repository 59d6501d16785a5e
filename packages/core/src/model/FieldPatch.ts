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

/** Own keys only; made without a prototype, so that no field name is special. @category models @since 0.1.0 */
export type FieldPatch = Readonly<Record<string, FieldChange>>

/** @category constructors @since 0.1.0 */
export const empty: FieldPatch = Object.freeze(Object.create(null) as Record<string, FieldChange>)

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
  const inverse = Object.create(null) as Record<string, FieldChange>
  for (const key of Object.keys(patch)) inverse[key] = { before: patch[key]!.after, after: patch[key]!.before }
  return inverse
}
