/**
 * Which records are wanted, as a value.
 *
 * A filter is made of predicates over the fields of the provider, by `and`, `or`
 * and `not`. It has one meaning, whether the provider evaluates it or `matches`
 * does:
 *
 * - **No value.** A field that is absent, null, or the empty text has no value:
 *   providers do not tell these apart. `isNull` is true of it, and `ne` and `notIn`
 *   are; every other predicate is false. There is no third truth value, so `not`
 *   is true exactly where its term is false.
 * - **Case.** Texts are compared without regard to case, unless a predicate says
 *   `case: "Exact"`. Case is that of Unicode, letter by letter; a letter outside
 *   ASCII never equals one inside.
 * - **Numbers** are compared by value, exactly: `1.10` equals `1.1`, and
 *   9007199254740993 does not equal 9007199254740992. A text is one where it
 *   writes one; a double is the decimal it prints as.
 * - **Days** are compared as days, **instants** to the millisecond, whatever their
 *   offset.
 * - Values of another kind than the literal are not equal to it, and neither
 *   before nor after it. Texts have no order: no two systems agree on one.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Calendar from "./Calendar.ts"
import * as Decimal from "./Decimal.ts"
import * as Name from "./Name.ts"

// -----------------------------------------------------------------------------
// literals
// -----------------------------------------------------------------------------

/** The longest text of a literal, in characters. @category constants @since 0.1.0 */
export const textMax = 4_000

/** The most values of one `in`. @category constants @since 0.1.0 */
export const valuesMax = 200

/** How deep filters may be nested. @category constants @since 0.1.0 */
export const depthMax = 16

/** How many predicates and combinators the filters of a detection may have. @category constants @since 0.1.0 */
export const sizeMax = 200

const check = (isRight: (text: string) => boolean, expected: string) =>
  Schema.String.check(Schema.makeFilter((text) => (isRight(text) ? undefined : "not allowed"), { expected }))

/** Not empty: a field with an empty text has no value, which is what `isNull` asks for. */
const Text = check(
  (text) => text !== "" && text.length <= textMax && text.isWellFormed() && !text.includes("\0"),
  `a text of 1 to ${textMax} characters without NUL or half surrogate pairs; for no value write isNull`
)

const isDecimal = (text: string): boolean =>
  text.length <= Decimal.lengthMax && /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)

/**
 * A number that JSON writes and reads again as it was. Whole numbers beyond 2^53
 * have lost digits before they come here.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Exact = Schema.Finite.check(
  Schema.makeFilter(
    (value) => {
      const isKept = !Object.is(value, -0) && (!Number.isInteger(value) || Number.isSafeInteger(value))
      return isKept ? undefined : "not exact"
    },
    { expected: "a number that JSON keeps exactly: no whole number beyond 2^53, and not -0" }
  )
)

const DecimalText = Schema.Struct({ decimal: check(isDecimal, "a decimal number such as 12.50, without an exponent") })
const DayText = Schema.Struct({ date: check(Calendar.isDay, "a day such as 2026-05-01") })
const InstantText = Schema.Struct({
  instant: check(
    (text) => Calendar.toMillis(text) !== undefined && !/\.\d{4}/.test(text),
    "an instant with its offset, to the millisecond, such as 2026-05-01T07:25:37Z"
  )
})

/** A value that has a place before and after others. @category schemas @since 0.1.0 */
export const Ordered = Schema.Union([Exact, DecimalText, DayText, InstantText]).annotate({
  expected: "a number, or an object with decimal, date, or instant; texts have no order that two systems share"
})
/** @category models @since 0.1.0 */
export type Ordered = typeof Ordered.Type

/**
 * A text, boolean or number as JSON has it; `{ decimal }`, `{ date }`,
 * `{ instant }` for what JSON has not.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Literal = Schema.Union([Text, Schema.Boolean, Exact, DecimalText, DayText, InstantText]).annotate({
  expected: "a text, a number, a boolean, or an object with decimal, date, or instant"
})
/** @category models @since 0.1.0 */
export type Literal = typeof Literal.Type

/** @category literals @since 0.1.0 */
export const decimal = (text: string): Ordered => ({ decimal: text })
/** @category literals @since 0.1.0 */
export const date = (text: string): Ordered => ({ date: text })
/** @category literals @since 0.1.0 */
export const instant = (text: string): Ordered => ({ instant: text })

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * How texts are compared. `Ignore` where a predicate does not say, and the field
 * is not one whose values differ by case alone.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Case = Schema.Literals(["Ignore", "Exact"])
/** @category models @since 0.1.0 */
export type Case = typeof Case.Type

interface Texts {
  readonly case?: Case
}

/** @category models @since 0.1.0 */
export interface Equality<O extends "eq" | "ne" = "eq" | "ne"> extends Texts {
  readonly operator: O
  readonly field: string
  /** `eq` null is `isNull`, `ne` null its negation. */
  readonly value: Literal | null
}

/** @category models @since 0.1.0 */
export interface Order {
  readonly operator: "lt" | "lte" | "gt" | "gte"
  readonly field: string
  readonly value: Ordered
}

/** @category models @since 0.1.0 */
export interface Membership<O extends "in" | "notIn" = "in" | "notIn"> extends Texts {
  readonly operator: O
  readonly field: string
  /** At least one. */
  readonly values: ReadonlyArray<Literal>
}

/** @category models @since 0.1.0 */
export interface IsNull {
  readonly operator: "isNull"
  readonly field: string
}

/** @category models @since 0.1.0 */
export interface TextMatch extends Texts {
  readonly operator: "contains" | "startsWith"
  readonly field: string
  readonly text: string
}

/** @category models @since 0.1.0 */
export type Predicate = Equality | Order | Membership | IsNull | TextMatch

/** Matches what all its terms match; without terms, everything. @category models @since 0.1.0 */
export interface And<out F = Filter> {
  readonly operator: "and"
  readonly terms: ReadonlyArray<F>
}

/** Matches what any of its terms matches; without terms, nothing. @category models @since 0.1.0 */
export interface Or<out F = Filter> {
  readonly operator: "or"
  readonly terms: ReadonlyArray<F>
}

/** Matches what its term does not. @category models @since 0.1.0 */
export interface Not<out F = Filter> {
  readonly operator: "not"
  readonly term: F
}

/** @category models @since 0.1.0 */
export type Filter = Predicate | And | Or | Not

// -----------------------------------------------------------------------------
// schema
// -----------------------------------------------------------------------------

const cased = { case: Schema.optionalKey(Case) }
const operator = <const O extends string, F extends Schema.Struct.Fields>(operator: O, fields: F) =>
  Schema.Struct({ operator: Schema.Literal(operator), ...fields })
const predicate = <const O extends string, F extends Schema.Struct.Fields>(name: O, fields: F) =>
  operator(name, { field: Name.Path, ...fields })

const nullable = {
  value: Schema.NullOr(Literal).annotate({
    expected: "a text, a number, a boolean, null, or an object with decimal, date, or instant"
  }),
  ...cased
}
const ordered = { value: Ordered }
const listed = {
  values: Schema.Array(Literal).check(
    Schema.makeFilter((values) => (values.length >= 1 && values.length <= valuesMax ? undefined : "no list"), {
      expected: `a list of 1 to ${valuesMax} values`
    })
  ),
  ...cased
}
const matched = { text: Text, ...cased }

const self = Schema.suspend((): Schema.Codec<Filter> => Filter)
const someTerms = Schema.Array(self).check(
  Schema.makeFilter((terms) => (terms.length > 0 ? undefined : "empty"), { expected: "a list of at least one filter" })
)

/**
 * One filter. Its JSON form is itself: `{ "operator": "eq", "field": "Type",
 * "value": "Customer" }`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Filter: Schema.Codec<Filter> = Schema.Union([
  operator("and", { terms: Schema.Array(self) }),
  operator("or", { terms: someTerms }),
  operator("not", { term: self }),
  predicate("eq", nullable),
  predicate("ne", nullable),
  predicate("lt", ordered),
  predicate("lte", ordered),
  predicate("gt", ordered),
  predicate("gte", ordered),
  predicate("in", listed),
  predicate("notIn", listed),
  predicate("isNull", {}),
  predicate("contains", matched),
  predicate("startsWith", matched)
]).annotate({ expected: "a filter: an object with an operator" })

/**
 * Filters that must all match, within bounds on depth and size.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Filters = Schema.Array(Filter).check(
  Schema.makeFilter((filters) => (isBounded(filters) ? undefined : "too large"), {
    expected: `a list of filters nested at most ${depthMax} deep, with at most ${sizeMax} predicates, and, or and not`
  })
)

/** Whether filters keep to `depthMax` and `sizeMax`. @category guards @since 0.1.0 */
export const isBounded = (filters: ReadonlyArray<Filter>): boolean => {
  let size = 0
  let level = filters
  for (let depth = 0; level.length > 0; depth++) {
    size += level.length
    if (depth === depthMax || size > sizeMax) return false
    level = level.flatMap(termsOf)
  }
  return true
}

/** The filters a filter is made of; a predicate is made of none. @category getters @since 0.1.0 */
export const termsOf = (filter: Filter): ReadonlyArray<Filter> => {
  switch (filter.operator) {
    case "and":
    case "or":
      return filter.terms
    case "not":
      return [filter.term]
    default:
      return []
  }
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const and = (...terms: ReadonlyArray<Filter>): And => ({ operator: "and", terms })
/** @category constructors @since 0.1.0 */
export const or = (...terms: ReadonlyArray<Filter>): Or => ({ operator: "or", terms })
/** @category constructors @since 0.1.0 */
export const not = <F extends Filter>(term: F): Not<F> => ({ operator: "not", term })
/** @category constructors @since 0.1.0 */
export const eq = (field: string, value: Literal | null, texts?: Texts): Equality<"eq"> => ({
  operator: "eq",
  field,
  value,
  ...texts
})
/** @category constructors @since 0.1.0 */
export const ne = (field: string, value: Literal | null, texts?: Texts): Equality<"ne"> => ({
  operator: "ne",
  field,
  value,
  ...texts
})
/** @category constructors @since 0.1.0 */
export const lt = (field: string, value: Ordered): Order => ({ operator: "lt", field, value })
/** @category constructors @since 0.1.0 */
export const lte = (field: string, value: Ordered): Order => ({ operator: "lte", field, value })
/** @category constructors @since 0.1.0 */
export const gt = (field: string, value: Ordered): Order => ({ operator: "gt", field, value })
/** @category constructors @since 0.1.0 */
export const gte = (field: string, value: Ordered): Order => ({ operator: "gte", field, value })
/** @category constructors @since 0.1.0 */
export const isIn = (field: string, values: ReadonlyArray<Literal>, texts?: Texts): Membership<"in"> => ({
  operator: "in",
  field,
  values,
  ...texts
})
/** @category constructors @since 0.1.0 */
export const notIn = (field: string, values: ReadonlyArray<Literal>, texts?: Texts): Membership<"notIn"> => ({
  operator: "notIn",
  field,
  values,
  ...texts
})
/** @category constructors @since 0.1.0 */
export const isNull = (field: string): IsNull => ({ operator: "isNull", field })
/** @category constructors @since 0.1.0 */
export const contains = (field: string, text: string, texts?: Texts): TextMatch => ({
  operator: "contains",
  field,
  text,
  ...texts
})
/** @category constructors @since 0.1.0 */
export const startsWith = (field: string, text: string, texts?: Texts): TextMatch => ({
  operator: "startsWith",
  field,
  text,
  ...texts
})

/** Matches every record. @category constants @since 0.1.0 */
export const everything: And<never> = { operator: "and", terms: [] }
