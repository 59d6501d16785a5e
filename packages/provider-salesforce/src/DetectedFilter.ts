/**
 * The part of a detection's filter that Salesforce evaluates, as SOQL.
 *
 * A predicate is asked of Salesforce only where its answer is known to be that of
 * `Filter`, for every value the field may hold. What that takes is stated beside
 * each type; the rest is evaluated here, after reading.
 *
 * **Laws**
 *
 * - agreement: the records that answer the expression are those that match the
 *   pushed part of the filter;
 * - structure: the tokens of the expression depend on the filter's shape, never on
 *   the content of its texts.
 *
 * @since 0.1.0
 */
import * as Calendar from "@tidemark/core/model/Calendar"
import * as Decimal from "@tidemark/core/model/Decimal"
import type * as Filter from "@tidemark/core/model/Filter"
import type * as Pushdown from "@tidemark/core/rules/Pushdown"
import * as Arr from "effect/Array"
import * as Result from "effect/Result"
import * as Canonical from "./Canonical.ts"
import type * as Describe from "./Describe.ts"
import * as Soql from "./Soql.ts"
import * as Stamp from "./Stamp.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Finds a field of the object by its name. @category models @since 0.1.0 */
export type Lookup = (name: string) => Describe.Field | undefined

/** @category models @since 0.1.0 */
export interface Asked {
  /** `undefined` where every record is asked for. */
  readonly where: Soql.Expression | undefined
  /** Conjuncts of what could be pushed that did not fit into the address of a query. */
  readonly left: ReadonlyArray<Pushdown.Normal>
}

/**
 * Most bytes of a condition in the address of a query, as it is encoded there. The
 * rest of an address is for the fields and the position.
 *
 * @category constants
 * @since 0.1.0
 */
export const whereMax = 4_000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Whether Salesforce gives a predicate on a field, or its denial, exactly the meaning `Filter` states. @category guards @since 0.1.0 */
export const canPush = (predicate: Pushdown.Positive, field: Describe.Field, isDenied: boolean): boolean => {
  // Of a text that Salesforce takes for another one, the denial leaves out a record.
  const isText = predicate.operator !== "isNull" && texts.has(field.type)
  const made = isDenied && isText ? undefined : ofPredicate(predicate, field)
  return made !== undefined && sizeOf(made) <= whereMax
}

/**
 * The condition for what is pushed of a filter: as many of its conjuncts as fit.
 * Fewer of them answer more records, which are left out after reading.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (pushed: Pushdown.Normal, lookup: Lookup): Asked => {
  const conjuncts = pushed.operator === "and" ? pushed.terms : [pushed]
  const terms: Array<Soql.Expression> = []
  const left: Array<Pushdown.Normal> = []
  let size = 0
  for (const conjunct of conjuncts) {
    const made = ofNormal(conjunct, lookup)
    const more = made === undefined ? Infinity : sizeOf(made)
    if (made === undefined || size + more > whereMax) left.push(conjunct)
    else {
      terms.push(made)
      size += more
    }
  }
  return { where: Arr.isArrayNonEmpty(terms) ? Soql.and(...terms) : undefined, left }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What an expression adds to an address; `Infinity` for one that cannot be written. */
const sizeOf = (where: Soql.Expression): number =>
  Result.match(Soql.format({ select: ["Id"], from: "X", where }), {
    onFailure: () => Infinity,
    onSuccess: (text) => encodeURIComponent(text).length
  })

/** No record is without an Id. */
const never = Soql.compare("Id", "=", Soql.nothing)

const ofNormal = (filter: Pushdown.Normal, lookup: Lookup): Soql.Expression | undefined => {
  switch (filter.operator) {
    case "and":
    case "or": {
      const terms = filter.terms.map((term) => ofNormal(term, lookup))
      const made = terms.filter((term) => term !== undefined)
      if (made.length < terms.length) return undefined
      // Without terms it is what matches nothing: a whole filter that matches everything is not asked.
      if (!Arr.isArrayNonEmpty(made)) return never
      return filter.operator === "and" ? Soql.and(...made) : Soql.or(...made)
    }
    case "not": {
      const field = lookup(filter.term.field)
      const made = field === undefined ? undefined : ofPredicate(filter.term, field)
      return made === undefined ? undefined : Soql.not(made)
    }
    default: {
      const field = lookup(filter.field)
      return field === undefined ? undefined : ofPredicate(filter, field)
    }
  }
}

const ofPredicate = (predicate: Pushdown.Positive, field: Describe.Field): Soql.Expression | undefined => {
  const { name } = field
  switch (predicate.operator) {
    case "isNull":
      return comparable.has(field.type) && field.type !== "boolean" ? Soql.compare(name, "=", Soql.nothing) : undefined
    case "eq": {
      const literal = ofLiteral(predicate.value, field)
      return literal === undefined ? undefined : Soql.compare(name, "=", literal)
    }
    case "in": {
      const literals = predicate.values.map((value) => ofLiteral(value, field)).filter((one) => one !== undefined)
      return literals.length === predicate.values.length && Arr.isReadonlyArrayNonEmpty(literals)
        ? oneOf(field, literals)
        : undefined
    }
    case "contains":
    case "startsWith":
      return patterned.has(field.type)
        ? Soql.like(name, predicate.operator === "contains" ? "Contains" : "StartsWith", predicate.text)
        : undefined
    default: {
      const literal = ofLiteral(predicate.value, field)
      return literal === undefined ? undefined : Soql.compare(name, signs[predicate.operator], literal)
    }
  }
}

const signs: Readonly<Record<Filter.Order["operator"], Soql.Operator>> = { lt: "<", lte: "<=", gt: ">", gte: ">=" }

const oneOf = (field: Describe.Field, literals: Arr.NonEmptyReadonlyArray<Soql.Literal>): Soql.Expression =>
  field.type === "boolean"
    ? Soql.or(...Arr.map(literals, (literal) => Soql.compare(field.name, "=", literal)))
    : Soql.isIn(field.name, literals)

/** Texts that are compared whole. Those of a multi-select have parts in no order. */
const texts: ReadonlySet<string> = new Set(["string", "picklist", "combobox", "textarea", "email", "phone", "url"])
/** SOQL and SOSL reference, "Comparison Operators": LIKE is for string fields. */
const patterned: ReadonlySet<string> = new Set(["string", "textarea", "email", "phone", "url"])
const ids: ReadonlySet<string> = new Set(["id", "reference"])
const integers: ReadonlySet<string> = new Set(["int", "long"])
const decimals: ReadonlySet<string> = new Set(["double", "currency", "percent"])
const comparable: ReadonlySet<string> = new Set([
  ...texts,
  ...ids,
  ...integers,
  ...decimals,
  "boolean",
  "date",
  "datetime"
])

const ofLiteral = (literal: Filter.Literal, field: Describe.Field): Soql.Literal | undefined => {
  const { type } = field
  if (typeof literal === "string") {
    // Another text of an Id is an Id there, and none here.
    if (ids.has(type)) return Canonical.id(literal) === literal ? Soql.id(literal) : undefined
    return texts.has(type) ? Soql.text(literal) : undefined
  }
  if (typeof literal === "boolean") return type === "boolean" ? Soql.boolean(literal) : undefined
  if (typeof literal === "number") return ofNumber(Decimal.fromNumber(literal), field)
  if ("decimal" in literal) return ofNumber(Decimal.fromText(literal.decimal), field)
  if ("date" in literal) return type === "date" && isStored(literal.date) ? Soql.day(literal.date) : undefined
  return type === "datetime" ? ofInstant(literal.instant) : undefined
}

/** Salesforce keeps days and instants of the years 1700 to 4000. */
const isStored = (text: string): boolean => text >= "1700-01-02" && text < "4000-12-31"

/** A datetime has whole seconds; what becomes of a literal's milliseconds is not said. */
const ofInstant = (text: string): Soql.Literal | undefined => {
  const millis = Calendar.toMillis(text)
  const stamp = millis === undefined || millis % 1000 !== 0 ? undefined : Stamp.fromMillis(millis)
  return stamp !== undefined && isStored(stamp) ? Soql.dateTime(stamp) : undefined
}

/** Digits that every double keeps. */
const digitsMax = 15

/**
 * Salesforce compares decimals of up to 18 digits, and answers doubles. Below a
 * number that has `digitsMax` digits with the decimals of its field, all of them
 * have a double of their own, and those above stay above. The value of a formula
 * may have any digits, whatever it shows.
 */
const ofNumber = (value: Decimal.Decimal | undefined, field: Describe.Field): Soql.Literal | undefined => {
  const scale = integers.has(field.type) ? 0 : decimals.has(field.type) ? field.scale : undefined
  if (value === undefined || scale === undefined || scale === null || field.calculated === true) return undefined
  const text = Decimal.format(value)
  const [whole = "", fraction = ""] = text.replace("-", "").split(".")
  const isExact = whole.length + Math.max(fraction.length, scale) <= digitsMax
  const fits = !integers.has(field.type) || (fraction === "" && Math.abs(Number(text)) < 2 ** 31)
  return isExact && fits ? Soql.number(Number(text)) : undefined
}
