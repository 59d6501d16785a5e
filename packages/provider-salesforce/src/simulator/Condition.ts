/**
 * What a condition of a query means for a record.
 *
 * As with Salesforce: texts are compared without case, Ids with it and in the
 * server's order, an empty text is `null`, and there are two truth values only:
 * a `null` is neither below nor above anything, and differs from every value.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import * as Field from "./Field.ts"
import * as Instant from "./Instant.ts"
import * as Pattern from "./Pattern.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import type * as Soql from "./Soql.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Test = (values: Field.Values) => boolean

/** A value's place in the order of its field. @category models @since 0.1.0 */
export type Key = string | number | null

// -----------------------------------------------------------------------------
// ordering
// -----------------------------------------------------------------------------

/** @category ordering @since 0.1.0 */
export const key = (field: Field.Field, value: Field.Value | undefined): Key => {
  if (value === null || value === undefined) return null
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value === "number") return value
  if (field.type === "id" || field.type === "reference") return RecordId.sortKey(value)
  return Field.isText(field.type) ? value.toLowerCase() : value
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

type Compiled<A> = Result.Result<A, Refusal.Refusal>

/** Finds a field of the query's object, or refuses with `INVALID_FIELD`. @category models @since 0.1.0 */
export type Lookup = (name: string) => Compiled<Field.Field>

/**
 * Refuses what does not fit the field: a quoted datetime, a text that is no Id, a
 * field that cannot be filtered by.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = (expression: Soql.Expression, lookup: Lookup): Compiled<Test> => {
  switch (expression._tag) {
    case "And":
    case "Or":
      return Result.map(Result.all(expression.terms.map((term) => compile(term, lookup))), (tests): Test =>
        expression._tag === "And"
          ? (values) => tests.every((test) => test(values))
          : (values) => tests.some((test) => test(values))
      )
    case "Not":
      return Result.map(
        compile(expression.term, lookup),
        (test): Test =>
          (values) =>
            !test(values)
      )
    case "Like":
      return Result.flatMap(filterable(expression.field, lookup), (field) => like(field, expression.pattern))
    case "In":
      return Result.flatMap(filterable(expression.field, lookup), (field) =>
        Result.map(Result.all(expression.values.map((value) => operand(field, value))), (keys) => {
          const wanted = new Set(keys)
          return (values) => wanted.has(key(field, values[field.name])) !== expression.isNegated
        })
      )
    case "Compare":
      return Result.flatMap(filterable(expression.field, lookup), (field) =>
        field.type === "boolean" && expression.operator !== "=" && expression.operator !== "!="
          ? Refusal.fail(400, "INVALID_FIELD", `invalid operator on boolean field: ${field.name}`)
          : Result.map(operand(field, expression.value), (wanted) => compare(field, expression.operator, wanted))
      )
  }
}

/** The field of a name that may stand with or without the name of its object. @category constructors @since 0.1.0 */
export const lookupIn =
  (entity: Catalog.Entity, soql: string): Lookup =>
  (name) => {
    const [first = "", ...rest] = name.split(".")
    const isOwn = rest.length === 1 && first.toLowerCase() === entity.name.toLowerCase()
    const found = Catalog.field(entity, isOwn ? (rest[0] ?? "") : name)
    if (found !== undefined) return Result.succeed(found)
    const message =
      rest.length > 0 && !isOwn
        ? `Didn't understand relationship '${first}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. ${reference}`
        : `No such column '${isOwn ? rest[0] : name}' on entity '${entity.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. ${reference}`
    return Refusal.fail(400, "INVALID_FIELD", Refusal.point(soql, Math.max(0, soql.indexOf(name)), message))
  }

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const reference = "Please reference your WSDL or the describe call for the appropriate names."

const filterable = (name: string, lookup: Lookup): Compiled<Field.Field> =>
  Result.flatMap(lookup(name), (field) =>
    field.filterable
      ? Result.succeed(field)
      : Refusal.fail(400, "INVALID_FIELD", `field '${field.name}' can not be filtered in a query call`)
  )

const like = (field: Field.Field, raw: string): Compiled<Test> => {
  if (!Field.isText(field.type)) {
    return Refusal.fail(400, "INVALID_FIELD", `invalid operator on ${field.type} field: ${field.name}`)
  }
  const parts = Pattern.parse(raw)
  return Result.succeed((values) => {
    const value = values[field.name]
    return typeof value === "string" && Pattern.isMatch(parts, value)
  })
}

const compare = (field: Field.Field, operator: Soql.Operator, wanted: Key): Test => {
  const { name } = field
  const of = (values: Field.Values) => key(field, values[name])
  // Two keys of one field are both numbers or both texts.
  const ordered = (test: (own: NonNullable<Key>, wanted: NonNullable<Key>) => boolean): Test => {
    if (wanted === null) return () => false
    return (values) => {
      const own = of(values)
      return own !== null && test(own, wanted)
    }
  }
  switch (operator) {
    case "=":
      return (values) => of(values) === wanted
    case "!=":
      return (values) => of(values) !== wanted
    case "<":
      return ordered((own, wanted) => own < wanted)
    case ">":
      return ordered((own, wanted) => own > wanted)
    case "<=":
      return ordered((own, wanted) => own <= wanted)
    case ">=":
      return ordered((own, wanted) => own >= wanted)
  }
}

// What a literal is worth for a field.
const operand = (field: Field.Field, literal: Soql.Literal): Compiled<Key> => {
  if (literal._tag === "Null") return Result.succeed(null)
  switch (field.soapType) {
    case "tns:ID":
      return literal._tag === "Text" ? recordId(literal.value) : mismatch(field, literal)
    case "xsd:string":
      if (literal._tag !== "Text") return mismatch(field, literal)
      return Result.succeed(literal.value === "" ? null : literal.value.toLowerCase())
    case "xsd:boolean":
      return literal._tag === "Boolean" ? Result.succeed(literal.value ? 1 : 0) : mismatch(field, literal)
    case "xsd:date":
      return literal._tag === "Day" ? Result.succeed(literal.value) : mismatch(field, literal)
    case "xsd:dateTime":
      return literal._tag === "DateTime" ? Result.succeed(Instant.toRest(literal.value)) : mismatch(field, literal)
    default:
      return literal._tag === "Number" ? Result.succeed(literal.value) : mismatch(field, literal)
  }
}

const recordId = (text: string): Compiled<Key> => {
  const id = RecordId.parse(text)
  return id === undefined
    ? Refusal.fail(400, "INVALID_QUERY_FILTER_OPERATOR", `invalid ID field: ${text.slice(0, 80)}`)
    : Result.succeed(RecordId.sortKey(id))
}

const mismatch = (field: Field.Field, literal: Soql.Literal) => {
  const isQuoted = literal._tag === "Text"
  const type = field.soapType.slice(4)
  return Refusal.fail(
    400,
    "INVALID_FIELD",
    `value of filter criterion for field '${field.name}' must be of type ${type} and should ${
      isQuoted ? "not be" : "be"
    } enclosed in quotes`
  )
}
