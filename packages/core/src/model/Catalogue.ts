/**
 * What a provider has to offer, as far as a detection needs to know: its objects,
 * their fields, and by which of them changes can be read.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What the values of a field are. `Other` is what has no one form: compounds,
 * binary content, values of many types.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FieldType = Schema.Literals(["Text", "Number", "Boolean", "Date", "Instant", "Other"])
/** @category models @since 0.1.0 */
export type FieldType = typeof FieldType.Type

/** @category models @since 0.1.0 */
export interface Field {
  readonly name: string
  readonly type: FieldType
  /** Whether the provider can compare by it. */
  readonly filterable: boolean
  /** Whether its values may differ by case alone, as ids do. Defaults to false. */
  readonly caseSensitive?: boolean
}

/** @category models @since 0.1.0 */
export interface Description {
  readonly name: string
  readonly fields: ReadonlyArray<Field>
  /** Names of the fields by which changes can be read, the best first. */
  readonly cursors: ReadonlyArray<string>
}

/** @category models @since 0.1.0 */
export interface Catalogue {
  readonly objects: ReadonlyArray<Description>
}
