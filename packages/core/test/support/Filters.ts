/**
 * Filters and records to try them on: few fields and few values, so that
 * predicates meet what they ask for, and hostile ones, so that they meet what
 * nobody foresaw.
 */
import * as Filter from "@tidemark/core/model/Filter"
import type * as Matching from "@tidemark/core/rules/Matching"
import * as fc from "fast-check"

export const field = fc.constantFrom("a", "b", "Owner.Name")

const words = ["x", "X", "xy", "ß", "é", "É", "σ", "%", "_", "\\", "o'k", " x", "10", "true"]
const text = fc.constantFrom(...words)
const instants = ["2026-05-01T07:25:37Z", "2026-05-01T07:25:37.000+0000", "2026-05-01T09:25:37.000+02:00"]
const ordered: fc.Arbitrary<Filter.Ordered> = fc.oneof(
  fc.constantFrom(0, 1, -1, 10, 0.1, 9007199254740991),
  fc.constantFrom("10", "10.0", "-1", "9007199254740993").map(Filter.decimal),
  fc.constantFrom("2026-05-01", "2024-02-29").map(Filter.date),
  fc.constantFrom(...instants, "2026-05-01T07:25:37.001Z").map(Filter.instant)
)
export const literal: fc.Arbitrary<Filter.Literal> = fc.oneof(text, fc.boolean(), ordered)

const texts = fc.constantFrom<{ readonly case?: Filter.Case }>({}, { case: "Ignore" }, { case: "Exact" })

export const predicate: fc.Arbitrary<Filter.Predicate> = fc.oneof(
  fc
    .tuple(fc.constantFrom(Filter.eq, Filter.ne), field, fc.option(literal), texts)
    .map(([make, ...args]) => make(...args)),
  fc
    .tuple(fc.constantFrom(Filter.lt, Filter.lte, Filter.gt, Filter.gte), field, ordered)
    .map(([make, ...args]) => make(...args)),
  fc
    .tuple(fc.constantFrom(Filter.isIn, Filter.notIn), field, fc.array(literal, { minLength: 1, maxLength: 3 }), texts)
    .map(([make, ...args]) => make(...args)),
  field.map(Filter.isNull),
  fc
    .tuple(fc.constantFrom(Filter.contains, Filter.startsWith), field, text, texts)
    .map(([make, ...args]) => make(...args))
)

/** Within the bounds of `Filter`. */
export const filter: fc.Arbitrary<Filter.Filter> = fc.letrec<{ any: Filter.Filter }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: "filter" },
    predicate,
    fc.array(tie("any"), { maxLength: 3, depthIdentifier: "filter" }).map((terms) => Filter.and(...terms)),
    fc.array(tie("any"), { minLength: 1, maxLength: 3, depthIdentifier: "filter" }).map((terms) => Filter.or(...terms)),
    tie("any").map((term) => Filter.not(term))
  )
})).any

/** Values that data from other systems has been seen to hold, or that JavaScript has. */
export const hostile: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  undefined,
  null,
  "",
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  2 ** 53 + 2,
  1e308,
  5e-324,
  9007199254740993n,
  "9007199254740993",
  "1e999",
  "1e400",
  "0x10",
  "\ud800",
  "\0",
  "x".repeat(100_000),
  "9".repeat(100_000),
  "2026-02-30",
  "2026-05-01T07:25:60Z",
  "+275760-09-13T00:00:00.000Z",
  "infinity",
  [],
  ["x"],
  {},
  Object.create(null),
  { toString: () => "x", valueOf: () => 1 },
  JSON.parse('{"__proto__":{"a":"x"},"constructor":"x"}'),
  Symbol.iterator,
  () => "x"
)

const value = fc.oneof(text, ordered.map(plain), fc.boolean(), fc.constantFrom(null, ""), hostile)

/** A field is nested, flat, absent, or inherited, which is absent. */
export const row: fc.Arbitrary<Matching.Row> = fc
  .tuple(
    fc.dictionary(fc.constantFrom("a", "b", "Owner.Name", "other"), value, { maxKeys: 4 }),
    fc.option(fc.oneof(value, fc.dictionary(fc.constant("Name"), value)), { nil: undefined }),
    fc.constantFrom<object | null>(Object.prototype, null, { a: "x", b: 1 })
  )
  .map(([flat, owner, prototype]) =>
    Object.assign(Object.create(prototype) as object, flat, owner === undefined ? {} : { Owner: owner })
  )

/** What a provider answers for a literal. */
export function plain(literal: Filter.Literal): string | number | boolean {
  if (typeof literal !== "object") return literal
  return "decimal" in literal ? literal.decimal : "date" in literal ? literal.date : literal.instant
}
