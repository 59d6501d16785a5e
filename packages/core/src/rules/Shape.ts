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
  const fields = Object.entries(schema.fields).map(([name, field]): Field => {
    const ast = SchemaAST.toType(field.ast)
    return { name, clear: clearOf(ast), isField: otherOf(ast) }
  })
  const ast = SchemaAST.toType(schema.ast)
  // Checks of the whole record, other keys and classes are the parser's.
  const isPlain = SchemaAST.isObjects(ast) && ast.checks === undefined && ast.indexSignatures.length === 0
  return (record): record is A => (isPlain && isObject(record) && isClear(fields, record)) || isRecord(record)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Values = Readonly<Record<string, unknown>>

/** Kinds of values, a bit each. */
const [text, whole, finite, number, boolean, nothing] = [1, 2, 4, 8, 16, 32]

interface Field {
  readonly name: string
  /** The kinds of which every value fits. */
  readonly clear: number
  /** Of a value of another kind. */
  readonly isField: (value: unknown) => boolean
}

const isObject = (record: unknown): record is Values =>
  typeof record === "object" && record !== null && !Array.isArray(record)

const isClear = (fields: ReadonlyArray<Field>, record: Values): boolean => {
  for (const { clear, isField, name } of fields) {
    const value = record[name]
    if ((clear & kindOf(value)) === 0 && !isField(value)) return false
    // What is inherited, or of no key, is the parser's.
    if (!Object.hasOwn(record, name)) return false
  }
  return true
}

const kindOf = (value: unknown): number => {
  switch (typeof value) {
    case "string":
      return text
    case "number":
      return Number.isSafeInteger(value) ? whole : Number.isFinite(value) ? finite : number
    case "boolean":
      return boolean
    default:
      return value === null ? nothing : 0
  }
}

/** Kinds of numbers that pass the checks of a schema; checks are known by identity. */
const numbers = new Map([
  [undefined, whole | finite | number],
  [Schema.Finite.ast.checks, whole | finite],
  [Schema.Int.ast.checks, whole]
])

const clearOf = (ast: SchemaAST.AST): number => {
  if (SchemaAST.isNumber(ast)) return numbers.get(ast.checks) ?? 0
  if (ast.checks !== undefined) return 0
  if (SchemaAST.isNull(ast)) return nothing
  if (SchemaAST.isString(ast)) return text
  if (SchemaAST.isBoolean(ast)) return boolean
  return SchemaAST.isUnion(ast) && ast.options?.mode !== "oneOf"
    ? ast.types.reduce((kinds, member) => kinds | clearOf(member), 0)
    : 0
}

/** Of a choice, as of an instant or null, mostly one member is left to ask; what that refuses the parser sees again. */
const otherOf = (ast: SchemaAST.AST): ((value: unknown) => boolean) => {
  const others = SchemaAST.isUnion(ast) && clearOf(ast) !== 0 ? ast.types.filter((member) => clearOf(member) === 0) : []
  return Schema.is(Schema.make(others.length === 1 ? others[0]! : ast))
}
