/**
 * SOQL as data: a query is a value, and its text is made in one place.
 *
 * Nothing a caller passes as a value can change the structure of the query.
 * Names cannot be escaped in SOQL, so they are accepted by pattern only; Ids,
 * datetimes and days too; strings are escaped (SOQL and SOSL reference,
 * "Quoted String Escape Sequences").
 *
 * **Laws**
 *
 * - structure: the tokens of the text depend on the query's shape, never on the
 *   content of its strings;
 * - escape: a string literal stands for exactly the string it was made from;
 * - what cannot be written safely is a `SoqlError`, never a guess.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The query cannot be written. The message says which part and why. @category errors @since 0.1.0 */
export class SoqlError extends Schema.TaggedError<SoqlError>()("SoqlError", { message: Schema.String }) {}

/** @category models @since 0.1.0 */
export type Literal =
  | { readonly _tag: "Text"; readonly value: string }
  /** 15 or 18 characters. */
  | { readonly _tag: "Id"; readonly value: string }
  /** Canonical text, see `Stamp`. */
  | { readonly _tag: "DateTime"; readonly value: string }
  /** A day, `2026-05-01`. */
  | { readonly _tag: "Day"; readonly value: string }
  | { readonly _tag: "Number"; readonly value: number }
  | { readonly _tag: "Boolean"; readonly value: boolean }
  | { readonly _tag: "Null" }

/** @category models @since 0.1.0 */
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">="

/** @category models @since 0.1.0 */
export type Expression =
  | { readonly _tag: "Compare"; readonly field: string; readonly operator: Operator; readonly value: Literal }
  | { readonly _tag: "In"; readonly field: string; readonly values: Arr.NonEmptyReadonlyArray<Literal> }
  /** Holds the text, or begins with it. No character of it is special. */
  | { readonly _tag: "Like"; readonly field: string; readonly match: "Contains" | "StartsWith"; readonly text: string }
  | { readonly _tag: "And"; readonly terms: Arr.NonEmptyReadonlyArray<Expression> }
  | { readonly _tag: "Or"; readonly terms: Arr.NonEmptyReadonlyArray<Expression> }
  | { readonly _tag: "Not"; readonly term: Expression }

/** @category models @since 0.1.0 */
export interface Order {
  readonly field: string
  readonly direction: "ASC" | "DESC"
}

/** @category models @since 0.1.0 */
export interface Query {
  readonly select: Arr.NonEmptyReadonlyArray<string>
  readonly from: string
  readonly where?: Expression | undefined
  readonly orderBy?: ReadonlyArray<Order> | undefined
  /** At least 1. */
  readonly limit?: number | undefined
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category literals @since 0.1.0 */
export const text = (value: string): Literal => ({ _tag: "Text", value })
/** @category literals @since 0.1.0 */
export const id = (value: string): Literal => ({ _tag: "Id", value })
/** @category literals @since 0.1.0 */
export const dateTime = (value: string): Literal => ({ _tag: "DateTime", value })
/** @category literals @since 0.1.0 */
export const day = (value: string): Literal => ({ _tag: "Day", value })
/** @category literals @since 0.1.0 */
export const number = (value: number): Literal => ({ _tag: "Number", value })
/** @category literals @since 0.1.0 */
export const boolean = (value: boolean): Literal => ({ _tag: "Boolean", value })
/** @category literals @since 0.1.0 */
export const nothing: Literal = { _tag: "Null" }

/** @category expressions @since 0.1.0 */
export const compare = (field: string, operator: Operator, value: Literal): Expression => ({
  _tag: "Compare",
  field,
  operator,
  value
})
/** @category expressions @since 0.1.0 */
export const isIn = (field: string, values: Arr.NonEmptyReadonlyArray<Literal>): Expression => ({
  _tag: "In",
  field,
  values
})
/** @category expressions @since 0.1.0 */
export const like = (field: string, match: "Contains" | "StartsWith", text: string): Expression => ({
  _tag: "Like",
  field,
  match,
  text
})
/** @category expressions @since 0.1.0 */
export const and = (...terms: Arr.NonEmptyReadonlyArray<Expression>): Expression => ({ _tag: "And", terms })
/** @category expressions @since 0.1.0 */
export const or = (...terms: Arr.NonEmptyReadonlyArray<Expression>): Expression => ({ _tag: "Or", terms })
/** @category expressions @since 0.1.0 */
export const not = (term: Expression): Expression => ({ _tag: "Not", term })

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** Longest query, in characters (SOQL and SOSL reference, "Limits"). @category constants @since 0.1.0 */
export const textMax = 100_000

/** Longest string literal, in characters as written. @category constants @since 0.1.0 */
export const literalMax = 4000

/** Whether a text can be the name of an object or of a field, or a path of names. @category guards @since 0.1.0 */
export const isName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*$/.test(name)

/** Whether a text has the form of a record Id. @category guards @since 0.1.0 */
export const isId = (value: string): boolean => /^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/.test(value)

/**
 * The text of a query.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (query: Query): Result.Result<string, SoqlError> =>
  Result.gen(function* () {
    const clauses = [
      `SELECT ${(yield* all(query.select.map(name))).join(", ")}`,
      `FROM ${yield* name(query.from)}`,
      ...(query.where === undefined ? [] : [`WHERE ${yield* expression(query.where)}`])
    ]
    if (query.orderBy !== undefined && query.orderBy.length > 0) {
      const keys = yield* all(query.orderBy.map((key) => Result.map(name(key.field), (f) => `${f} ${key.direction}`)))
      clauses.push(`ORDER BY ${keys.join(", ")}`)
    }
    if (query.limit !== undefined) clauses.push(`LIMIT ${yield* limit(query.limit)}`)
    const soql = clauses.join(" ")
    return soql.length <= textMax ? soql : yield* refuse(`the query has ${soql.length} characters, above ${textMax}`)
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const refuse = (message: string) => Result.fail(new SoqlError({ message }))

const quote = (value: string): string => JSON.stringify(value.slice(0, 80))

const all = <A>(results: ReadonlyArray<Result.Result<A, SoqlError>>): Result.Result<ReadonlyArray<A>, SoqlError> =>
  Result.all(results)

const name = (value: string): Result.Result<string, SoqlError> =>
  isName(value) ? Result.succeed(value) : refuse(`${quote(value)} cannot be a name: letters, digits, _ and . only`)

const limit = (value: number): Result.Result<string, SoqlError> =>
  Number.isSafeInteger(value) && value >= 1 ? Result.succeed(String(value)) : refuse(`${value} cannot be a limit`)

const expression = (value: Expression): Result.Result<string, SoqlError> => {
  switch (value._tag) {
    case "Compare":
      return Result.map(
        all([name(value.field), literal(value.value)]),
        ([field, operand]) => `${field} ${value.operator} ${operand}`
      )
    case "In":
      return Result.map(
        all([name(value.field), Result.map(all(value.values.map(literal)), (texts) => texts.join(", "))]),
        ([field, values]) => `${field} IN (${values})`
      )
    case "Like":
      return Result.map(all([name(value.field), pattern(value)]), ([field, text]) => `${field} LIKE ${text}`)
    case "And":
    case "Or": {
      const [only, ...rest] = value.terms
      if (rest.length === 0) return expression(only)
      return Result.map(all(value.terms.map(expression)), (terms) => `(${terms.join(` ${value._tag.toUpperCase()} `)})`)
    }
    case "Not":
      return Result.map(expression(value.term), (term) => `(NOT ${term})`)
  }
}

const literal = (value: Literal): Result.Result<string, SoqlError> => {
  switch (value._tag) {
    case "Text":
      return string(value.value)
    case "Id":
      return isId(value.value) ? Result.succeed(`'${value.value}'`) : refuse(`${quote(value.value)} is not a record Id`)
    case "DateTime":
      return Stamp.isStamp(value.value)
        ? Result.succeed(value.value)
        : refuse(`${quote(value.value)} is not a canonical UTC instant`)
    case "Day":
      return Stamp.isDay(value.value) ? Result.succeed(value.value) : refuse(`${quote(value.value)} is not a day`)
    case "Number":
      return number_(value.value)
    case "Boolean":
      return Result.succeed(value.value ? "TRUE" : "FALSE")
    case "Null":
      return Result.succeed("NULL")
  }
}

// SOQL has no exponents: what JavaScript would write with one is refused.
const number_ = (value: number): Result.Result<string, SoqlError> => {
  const written = String(value)
  return /^-?\d+(?:\.\d+)?$/.test(written)
    ? Result.succeed(written)
    : refuse(`${written} cannot be written as a number`)
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["'", "\\'"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["%", "\\%"],
  ["_", "\\_"]
])

const string = (value: string): Result.Result<string, SoqlError> => quoted(value, /[\\'\n\r\t\b\f]/g)

// In a pattern `%` and `_` are special, and a backslash before them makes them plain. A backslash itself is read twice,
// and the reference does not say as what.
const pattern = ({ match, text }: Extract<Expression, { readonly _tag: "Like" }>): Result.Result<string, SoqlError> => {
  if (text === "" || text.includes("\\")) return refuse("an empty text, or one with a backslash, cannot be a pattern")
  return Result.map(quoted(text, /['\n\r\t\b\f%_]/g), (written) => {
    const inner = written.slice(1, -1)
    return match === "Contains" ? `'%${inner}%'` : `'${inner}%'`
  })
}

const quoted = (value: string, special: RegExp): Result.Result<string, SoqlError> => {
  if (!value.isWellFormed()) return refuse("a string with half of a surrogate pair cannot be written")
  // One pass over the original, so the backslash of an escape is never escaped again.
  const written = value.replace(special, (character) => escapes.get(character) ?? character)
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(written)) return refuse("a string with control characters cannot be written")
  return written.length <= literalMax
    ? Result.succeed(`'${written}'`)
    : refuse(`a string literal has ${written.length} characters, above ${literalMax}`)
}
