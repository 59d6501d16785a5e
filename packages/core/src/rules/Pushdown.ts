/**
 * What part of a filter a provider evaluates, and what is left to be done here.
 *
 * Providers differ in what they make of a denied comparison with a field that has
 * no value: some have three truth values, some two, most do not say. So a filter
 * is brought to a normal form first, in which that never matters: `not` stands
 * before single predicates only, and beside each that could meet a missing value
 * stands `isNull`.
 *
 * **Laws**
 *
 * - normal: a filter and its normal form match the same records; and the normal
 *   form matches them whether a predicate on a missing value is false or unknown;
 * - split: a filter matches exactly what both of its parts match;
 * - what is pushed is made of predicates that can be.
 *
 * @since 0.1.0
 */
import * as Filter from "../model/Filter.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What remains when denials are spelt out. @category models @since 0.1.0 */
export type Positive =
  | (Filter.Equality<"eq"> & { readonly value: Filter.Literal })
  | Filter.Order
  | Filter.Membership<"in">
  | Filter.IsNull
  | Filter.TextMatch

/**
 * A provider writes `not eq` as its `!=`, `not isNull` as a comparison with null,
 * and needs no other use of `not` than before one predicate.
 *
 * `and` without terms, everything, and `or` without terms, nothing, appear as the
 * whole and never inside.
 *
 * @category models
 * @since 0.1.0
 */
export type Normal = Positive | Filter.Not<Positive> | Filter.And<Normal> | Filter.Or<Normal>

/** A predicate as a normal form uses it. @category models @since 0.1.0 */
export interface Use {
  readonly predicate: Positive
  /** Whether `not` stands before it. */
  readonly isDenied: boolean
}

type CanPush = (predicate: Positive, isDenied: boolean) => boolean

/** @category models @since 0.1.0 */
export interface Split {
  /** For the provider. */
  readonly pushed: Normal
  /** For after reading. What is pushed need not be evaluated again. */
  readonly rest: Normal
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const normal = (filter: Filter.Filter): Normal => normalise(filter, false)

/**
 * The largest part of a filter that a provider can evaluate, and the rest. A
 * conjunct is pushed whole where every predicate of it can be; of another one,
 * what it implies is pushed, and it stays in the rest as well.
 *
 * @param canPush whether the provider gives a predicate, or its denial, exactly the
 *   meaning that `Filter` states
 * @category combinators
 * @since 0.1.0
 */
export const split = (filter: Filter.Filter, canPush: CanPush): Split => {
  const whole = normal(filter)
  const pushed: Array<Normal> = []
  const rest: Array<Normal> = []
  for (const conjunct of whole.operator === "and" ? whole.terms : [whole]) {
    const implied = weaken(conjunct, canPush)
    pushed.push(implied)
    if (!isPushable(conjunct, canPush)) rest.push(conjunct)
  }
  return { pushed: and(pushed), rest: and(rest) }
}

/** The predicates of a filter in normal form. @category getters @since 0.1.0 */
export const predicates = (filter: Normal): ReadonlyArray<Positive> => uses(filter).map(({ predicate }) => predicate)

/** The predicates of a filter in normal form, and which of them are denied. @category getters @since 0.1.0 */
export const uses = (filter: Normal): ReadonlyArray<Use> => {
  switch (filter.operator) {
    case "and":
    case "or":
      return filter.terms.flatMap(uses)
    case "not":
      return [{ predicate: filter.term, isDenied: true }]
    default:
      return [{ predicate: filter, isDenied: false }]
  }
}

/**
 * Why no provider can be relied on to give a predicate its meaning; `undefined`
 * when one can. Such a predicate is evaluated after reading.
 *
 * @param field the field's type, and whether its values differ by case alone
 * @param isDenied whether `not` stands before it
 * @category guards
 * @since 0.1.0
 */
export const staysHere = (
  predicate: Positive,
  field: { readonly type: string; readonly caseSensitive?: boolean | undefined },
  isDenied = false
): string | undefined => {
  // SOQL and SOSL reference, "Use null in WHERE": null matches false.
  if (predicate.operator === "isNull")
    return field.type === "Boolean" ? "providers take no value of a boolean for false" : undefined
  const texts = textsOf(predicate)
  if (texts.length === 0) return undefined
  const mode = "case" in predicate ? (predicate.case ?? "Ignore") : "Ignore"
  if ((mode === "Exact") !== (field.caseSensitive === true))
    return mode === "Exact" ? "the provider ignores case here" : "the provider heeds case here"
  // What a server takes for equal beyond case is not known. It may answer too many records, and never too few.
  if (isDenied && mode === "Ignore") return "a provider may take a text for another one, and leave its record out"
  if (texts.some((text) => !/^[ -~]*$/.test(text)))
    return "a text with control characters, or letters outside ASCII, is compared by each provider in its own way"
  if (texts.some((text) => text.trim() !== text)) return "providers ignore spaces around a text"
  return (predicate.operator === "contains" || predicate.operator === "startsWith") && predicate.text.includes("\\")
    ? "a backslash cannot be written in a pattern"
    : undefined
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const normalise = (filter: Filter.Filter, isDenied: boolean): Normal => {
  switch (filter.operator) {
    case "and":
    case "or": {
      const terms = filter.terms.map((term) => normalise(term, isDenied))
      return (filter.operator === "and") === isDenied ? or(terms) : and(terms)
    }
    case "not":
      return normalise(filter.term, !isDenied)
    case "ne":
      return normalise({ ...filter, operator: "eq" }, !isDenied)
    case "notIn":
      return normalise({ ...filter, operator: "in" }, !isDenied)
    case "eq": {
      const { value } = filter
      return value === null
        ? decide(Filter.isNull(filter.field), isDenied)
        : decide({ ...filter, operator: "eq", value }, isDenied)
    }
    case "in":
      return decide({ ...filter, operator: "in" }, isDenied)
    default:
      return decide(filter, isDenied)
  }
}

const decide = (predicate: Positive, isDenied: boolean): Normal => {
  if (!isDenied) return predicate
  const denied = Filter.not(predicate)
  return predicate.operator === "isNull" ? denied : or([Filter.isNull(predicate.field), denied])
}

// Both keep their like flat, and the two constants at the top.
const and = (terms: ReadonlyArray<Normal>): Normal => {
  const flat = terms.flatMap((term) => (term.operator === "and" ? term.terms : [term]))
  const nothing = flat.find((term) => term.operator === "or" && term.terms.length === 0)
  return nothing ?? (flat.length === 1 ? flat[0]! : { operator: "and", terms: flat })
}
const or = (terms: ReadonlyArray<Normal>): Normal => {
  const flat = terms.flatMap((term) => (term.operator === "or" ? term.terms : [term]))
  const everything = flat.find((term) => term.operator === "and" && term.terms.length === 0)
  return everything ?? (flat.length === 1 ? flat[0]! : { operator: "or", terms: flat })
}

const isPushable = (filter: Normal, canPush: CanPush): boolean =>
  uses(filter).every(({ isDenied, predicate }) => canPush(predicate, isDenied))

// What follows from a filter and is made of what can be pushed; everything, when nothing else is.
const weaken = (filter: Normal, canPush: CanPush): Normal => {
  switch (filter.operator) {
    case "and":
      return and(filter.terms.map((term) => weaken(term, canPush)))
    case "or":
      return or(filter.terms.map((term) => weaken(term, canPush)))
    default:
      return isPushable(filter, canPush) ? filter : Filter.everything
  }
}

const textsOf = (predicate: Exclude<Positive, Filter.IsNull>): ReadonlyArray<string> => {
  switch (predicate.operator) {
    case "contains":
    case "startsWith":
      return [predicate.text]
    case "in":
      return predicate.values.filter((value) => typeof value === "string")
    case "eq":
      return typeof predicate.value === "string" ? [predicate.value] : []
    default:
      return []
  }
}
