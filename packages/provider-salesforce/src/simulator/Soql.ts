/**
 * Queries: their text, and what it means.
 *
 * The part of SOQL a reader of changes needs (SOQL and SOSL reference, "SOQL
 * SELECT Syntax"): fields or `count()` of one object, conditions, order, limit
 * and offset. Keywords ignore case. `AND` and `OR` do not mix without
 * parentheses, as with Salesforce. No relationships, groups, functions or
 * relative dates such as `TODAY`: they are `MALFORMED_QUERY`.
 *
 * **Laws**
 *
 * - `parse(print(query))` is `query`;
 * - any text is a query or a `Refusal`, in time in proportion to its length.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Instant from "./Instant.ts"
import * as Refusal from "./Refusal.ts"
import * as Token from "./Token.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Literal =
  | { readonly _tag: "Text"; readonly value: string }
  | { readonly _tag: "Number"; readonly value: number }
  | { readonly _tag: "Boolean"; readonly value: boolean }
  /** In ms. */
  | { readonly _tag: "DateTime"; readonly value: number }
  /** `2026-05-01`. */
  | { readonly _tag: "Day"; readonly value: string }
  | { readonly _tag: "Null" }

/** @category models @since 0.1.0 */
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">="

/** @category models @since 0.1.0 */
export type Expression =
  | { readonly _tag: "Compare"; readonly field: string; readonly operator: Operator; readonly value: Literal }
  /** `pattern` is as written between the quotes: `\%` differs from `%`. */
  | { readonly _tag: "Like"; readonly field: string; readonly pattern: string }
  | {
      readonly _tag: "In"
      readonly field: string
      readonly isNegated: boolean
      readonly values: ReadonlyArray<Literal>
    }
  /** At least two terms. */
  | { readonly _tag: "And"; readonly terms: ReadonlyArray<Expression> }
  /** At least two terms. */
  | { readonly _tag: "Or"; readonly terms: ReadonlyArray<Expression> }
  | { readonly _tag: "Not"; readonly term: Expression }

/** @category models @since 0.1.0 */
export interface Order {
  readonly field: string
  readonly direction: "ASC" | "DESC"
  readonly nulls: "FIRST" | "LAST"
}

/** @category models @since 0.1.0 */
export interface Query {
  /** Names in the order written, or `count()`. */
  readonly select: ReadonlyArray<string> | "count()"
  readonly from: string
  readonly where: Expression | undefined
  readonly orderBy: ReadonlyArray<Order>
  readonly limit: number | undefined
  /** 0 when none is written. */
  readonly offset: number
}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** Longest query, in characters (SOQL and SOSL reference, "Limits"). @category constants @since 0.1.0 */
export const textMax = 100_000

/** Deepest nesting of conditions. @category constants @since 0.1.0 */
export const depthMax = 100

/** Words that cannot be names. Upper case. @category constants @since 0.1.0 */
export const reserved: ReadonlySet<string> = new Set(
  "AND ASC DESC EXCLUDES FIRST FROM GROUP HAVING IN INCLUDES LAST LIKE LIMIT NOT NULL NULLS OFFSET OR ORDER SELECT USING WHERE WITH TRUE FALSE".split(
    " "
  )
)

// -----------------------------------------------------------------------------
// printing
// -----------------------------------------------------------------------------

/** @category printing @since 0.1.0 */
export const print = (query: Query): string =>
  [
    `SELECT ${query.select === "count()" ? query.select : query.select.join(", ")} FROM ${query.from}`,
    ...(query.where === undefined ? [] : [`WHERE ${printExpression(query.where)}`]),
    ...(query.orderBy.length === 0 ? [] : [`ORDER BY ${query.orderBy.map(printOrder).join(", ")}`]),
    ...(query.limit === undefined ? [] : [`LIMIT ${query.limit}`]),
    ...(query.offset === 0 ? [] : [`OFFSET ${query.offset}`])
  ].join(" ")

/** One key of an order. @category printing @since 0.1.0 */
export const printOrder = ({ direction, field, nulls }: Order): string => `${field} ${direction} NULLS ${nulls}`

const printExpression = (value: Expression): string => {
  switch (value._tag) {
    case "Compare":
      return `${value.field} ${value.operator} ${printLiteral(value.value)}`
    case "Like":
      return `${value.field} LIKE '${value.pattern}'`
    case "In":
      return `${value.field} ${value.isNegated ? "NOT IN" : "IN"} (${value.values.map(printLiteral).join(", ")})`
    case "And":
    case "Or":
      return value.terms.map((term) => `(${printExpression(term)})`).join(value._tag === "And" ? " AND " : " OR ")
    case "Not":
      return `NOT (${printExpression(value.term)})`
  }
}

const printLiteral = (literal: Literal): string => {
  switch (literal._tag) {
    case "Text":
      return `'${Token.escape(literal.value)}'`
    case "DateTime":
      return Instant.toCanonical(literal.value)
    case "Null":
      return "NULL"
    case "Boolean":
    case "Day":
    case "Number":
      return String(literal.value)
  }
}

// -----------------------------------------------------------------------------
// parsing
// -----------------------------------------------------------------------------

type Parsed<A> = Result.Result<A, Refusal.Refusal>

/**
 * Refuses with `MALFORMED_QUERY`, or `QUERY_TOO_COMPLICATED` for conditions
 * nested too deep. Names are not looked up.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (soql: string): Parsed<Query> => {
  if (soql.trim() === "") return Refusal.fail(400, "MALFORMED_QUERY", "A query string has to be specified")
  if (soql.length > textMax) {
    return Refusal.fail(400, "MALFORMED_QUERY", `SOQL statements cannot be longer than ${textMax} characters.`)
  }
  return Result.flatMap(Token.read(soql), (tokens) => query({ soql, tokens, next: 0 }))
}

/** Where a parser is; it moves forward only. */
interface Reader {
  readonly soql: string
  readonly tokens: ReadonlyArray<Token.Token>
  next: number
}

const query = (reader: Reader): Parsed<Query> =>
  Result.gen(function* () {
    yield* keyword(reader, "SELECT")
    const select = yield* selection(reader)
    yield* keyword(reader, "FROM")
    const from = yield* name(reader, objects)
    const where = isTaken(reader, "WHERE") ? yield* conditions(reader, 0) : undefined
    const orderBy: Array<Order> = []
    if (isTaken(reader, "ORDER")) {
      yield* keyword(reader, "BY")
      do orderBy.push(yield* order(reader))
      while (isTaken(reader, ","))
    }
    const limit = isTaken(reader, "LIMIT") ? yield* count(reader) : undefined
    const offset = isTaken(reader, "OFFSET") ? yield* count(reader) : 0
    if (peek(reader)._tag !== "End") return yield* unexpected(reader)
    return { select, from, where, orderBy, limit, offset }
  })

const selection = (reader: Reader): Parsed<Query["select"]> =>
  Result.gen(function* () {
    const names = [yield* name(reader)]
    if (names[0]?.toLowerCase() === "count" && isTaken(reader, "(")) {
      yield* keyword(reader, ")")
      return "count()"
    }
    while (isTaken(reader, ",")) names.push(yield* name(reader))
    return names
  })

// A chain of one operator; the other one needs parentheses.
const conditions = (reader: Reader, depth: number): Parsed<Expression> =>
  Result.gen(function* () {
    if (depth > depthMax) {
      return yield* Refusal.fail(
        400,
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated."
      )
    }
    const terms = [yield* term(reader, depth)]
    const operator = ["AND", "OR"].find((word) => isNext(reader, word))
    if (operator === undefined) return terms[0]!
    while (isTaken(reader, operator)) terms.push(yield* term(reader, depth))
    return { _tag: operator === "AND" ? "And" : "Or", terms }
  })

const term = (reader: Reader, depth: number): Parsed<Expression> =>
  Result.gen(function* () {
    if (isTaken(reader, "NOT")) {
      if (depth > depthMax) return yield* conditions(reader, depth)
      return { _tag: "Not", term: yield* term(reader, depth + 1) }
    }
    if (!isTaken(reader, "(")) return yield* comparison(reader)
    const inner = yield* conditions(reader, depth + 1)
    yield* keyword(reader, ")")
    return inner
  })

const comparison = (reader: Reader): Parsed<Expression> =>
  Result.gen(function* () {
    const field = yield* name(reader)
    if (isTaken(reader, "LIKE")) {
      const token = peek(reader)
      if (token._tag !== "Text") return yield* unexpected(reader)
      reader.next++
      return { _tag: "Like", field, pattern: token.raw }
    }
    const isNegated = isTaken(reader, "NOT")
    if (isNegated || isNext(reader, "IN")) {
      yield* keyword(reader, "IN")
      return { _tag: "In", field, isNegated, values: yield* list(reader) }
    }
    const operator = operators.find((symbol) => isTaken(reader, symbol))
    if (operator === undefined) return yield* unexpected(reader)
    return { _tag: "Compare", field, operator, value: yield* literal(reader) }
  })

const operators: ReadonlyArray<Operator> = ["=", "!=", "<", "<=", ">", ">="]

const list = (reader: Reader): Parsed<ReadonlyArray<Literal>> =>
  Result.gen(function* () {
    yield* keyword(reader, "(")
    const values = [yield* literal(reader)]
    while (isTaken(reader, ",")) values.push(yield* literal(reader))
    yield* keyword(reader, ")")
    return values
  })

const literal = (reader: Reader): Parsed<Literal> => {
  const token = peek(reader)
  const value = toLiteral(token)
  if (value === undefined) return unexpected(reader)
  reader.next++
  return Result.succeed(value)
}

const toLiteral = (token: Token.Token): Literal | undefined => {
  switch (token._tag) {
    case "Text":
      return { _tag: "Text", value: token.text }
    case "Number":
    case "DateTime":
      return { _tag: token._tag, value: token.value }
    case "Day":
      return { _tag: "Day", value: token.text }
    case "Word":
      return words.get(token.text.toUpperCase())
    case "Symbol":
    case "End":
      return undefined
  }
}

const words: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ["NULL", { _tag: "Null" }],
  ["TRUE", { _tag: "Boolean", value: true }],
  ["FALSE", { _tag: "Boolean", value: false }]
])

const order = (reader: Reader): Parsed<Order> =>
  Result.gen(function* () {
    const field = yield* name(reader)
    const direction = isTaken(reader, "DESC") ? "DESC" : "ASC"
    if (direction === "ASC") isTaken(reader, "ASC")
    if (!isTaken(reader, "NULLS")) return { field, direction, nulls: "FIRST" }
    const nulls = isTaken(reader, "LAST") ? "LAST" : "FIRST"
    if (nulls === "FIRST") yield* keyword(reader, "FIRST")
    return { field, direction, nulls }
  })

const count = (reader: Reader): Parsed<number> => {
  const token = peek(reader)
  if (token._tag !== "Number" || !Number.isSafeInteger(token.value) || token.value < 0) return unexpected(reader)
  reader.next++
  return Result.succeed(token.value)
}

// Two reserved words are objects of every org.
const objects: ReadonlySet<string> = new Set(["GROUP", "ORDER"])

const name = (reader: Reader, allowed: ReadonlySet<string> = new Set()): Parsed<string> => {
  const token = peek(reader)
  if (token._tag !== "Word") return unexpected(reader)
  const upper = token.text.toUpperCase()
  if (reserved.has(upper) && !allowed.has(upper)) return unexpected(reader)
  reader.next++
  return Result.succeed(token.text)
}

// -----------------------------------------------------------------------------
// internal: tokens
// -----------------------------------------------------------------------------

const peek = (reader: Reader): Token.Token => reader.tokens[reader.next] ?? reader.tokens[reader.tokens.length - 1]!

const isNext = (reader: Reader, text: string): boolean => {
  const token = peek(reader)
  return (token._tag === "Word" || token._tag === "Symbol") && token.text.toUpperCase() === text
}

const isTaken = (reader: Reader, text: string): boolean => {
  const isSo = isNext(reader, text)
  if (isSo) reader.next++
  return isSo
}

const keyword = (reader: Reader, text: string): Parsed<void> =>
  isTaken(reader, text) ? Result.void : unexpected(reader)

const unexpected = (reader: Reader) => {
  const token = peek(reader)
  const message = token._tag === "End" ? "unexpected token: '<EOF>'" : `unexpected token: '${token.text.slice(0, 80)}'`
  return Refusal.fail(400, "MALFORMED_QUERY", Refusal.point(reader.soql, token.at, message))
}
