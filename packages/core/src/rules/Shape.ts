/**
 * Whether a record has the shape of its schema, told at a glance where it can be.
 *
 * Most fields of most records are texts, numbers, booleans or null. What a schema's
 * own parser says of them is known beforehand, and saying it costs it several times
 * as much; it is asked about all the others.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as FieldDiffer from "./FieldDiffer.ts"

/**
 * Agrees with `Schema.is` of the schema, for every value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const is = <A extends object>(schema: FieldDiffer.RecordSchema<A>): ((record: unknown) => record is A) => {
  const isRecord = Schema.is(schema)
  const fields = Object.entries(schema.fields).map(
    ([name, field]) => [name, glance(SchemaAST.toType(field.ast))] as const
  )
  const ast = SchemaAST.toType(schema.ast)
  // Checks of the whole record, other keys and classes are the parser's.
  const isPlain = SchemaAST.isObjects(ast) && ast.checks === undefined && ast.indexSignatures.length === 0
  const isClear = (record: unknown): boolean =>
    isPlain &&
    typeof record === "object" &&
    record !== null &&
    !Array.isArray(record) &&
    fields.every(([name, isField]) => Object.hasOwn(record, name) && isField((record as Values)[name]))
  return (record): record is A => isClear(record) || isRecord(record)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Values = Readonly<Record<string, unknown>>
type Guard = (value: unknown) => boolean

/** True only of what the schema accepts. */
const glance = (ast: SchemaAST.AST): Guard => {
  if (ast.checks !== undefined) return Schema.is(Schema.make(ast))
  if (SchemaAST.isNull(ast)) return (value) => value === null
  if (SchemaAST.isString(ast)) return (value) => typeof value === "string"
  if (SchemaAST.isNumber(ast)) return (value) => typeof value === "number"
  if (SchemaAST.isBoolean(ast)) return (value) => typeof value === "boolean"
  if (SchemaAST.isUnion(ast) && ast.options?.mode !== "oneOf") {
    const members = ast.types.map(glance)
    return (value) => members.some((isMember) => isMember(value))
  }
  return Schema.is(Schema.make(ast))
}
