/**
 * What a record has beyond the fields its schema names: custom fields, and values
 * that a field did not list.
 *
 * A canonical schema that keeps them has one field for all of them:
 *
 * ```ts
 * const Account = Schema.Struct({ name: Schema.String, extras: Extras.Extras })
 * ```
 *
 * The rules of `Contract` put into it what arrives and is not known. Values are
 * JSON: whole numbers and decimals that a JSON number cannot hold are texts.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

declare module "effect/Schema" {
  namespace Annotations {
    interface Annotations {
      /** The field that keeps what the schema of its record does not know. */
      readonly isExtras?: boolean | undefined
    }
  }
}

/** By field name. Any name will do, `__proto__` too. @category schemas @since 0.1.0 */
export const Extras = Schema.Record(Schema.String, Schema.Json).annotate({ isExtras: true })
/** @category models @since 0.1.0 */
export type Extras = typeof Extras.Type

/** The field of a struct that keeps extras; `undefined` when none does. Dies when two do. @category getters @since 0.1.0 */
export const fieldOf = (fields: Schema.Struct.Fields): string | undefined => {
  const names = Object.keys(fields).filter((name) => isExtras(fields[name] as Schema.Codec<unknown>))
  if (names.length > 1) throw new Error(`${names.join(" and ")} both keep extras; a record has one such field`)
  const [name] = names
  if (name !== undefined && SchemaAST.isOptional(fields[name]!.ast))
    throw new Error(`the field ${name} keeps extras and may not be absent: a record without extras has none in it`)
  return name
}

/** @category guards @since 0.1.0 */
export const isExtras = (schema: Schema.Codec<unknown>): boolean =>
  Schema.resolveAnnotations(schema)?.["isExtras"] === true
