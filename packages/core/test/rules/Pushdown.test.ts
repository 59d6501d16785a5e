/**
 * What a provider is asked for, and what is left: together the filter, whatever
 * logic the provider has.
 */
import * as Filter from "@tidemark/core/model/Filter"
import * as Matching from "@tidemark/core/rules/Matching"
import * as Pushdown from "@tidemark/core/rules/Pushdown"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Filters from "../support/Filters.ts"
import { holds, isCaught } from "../support/law.ts"

type CanPush = (predicate: Pushdown.Positive, isDenied: boolean) => boolean
type Split = (
  filter: Filter.Filter,
  canPush: CanPush
) => { readonly pushed: Filter.Filter; readonly rest: Filter.Filter }

/** A server with three truth values: a predicate on a field without a value is unknown, and so is its denial. */
const sql = (filter: Filter.Filter, row: Matching.Row): boolean | undefined => {
  switch (filter.operator) {
    case "and": {
      const truths = filter.terms.map((term) => sql(term, row))
      return truths.includes(false) ? false : truths.includes(undefined) ? undefined : true
    }
    case "or": {
      const truths = filter.terms.map((term) => sql(term, row))
      return truths.includes(true) ? true : truths.includes(undefined) ? undefined : false
    }
    case "not": {
      const truth = sql(filter.term, row)
      return truth === undefined ? undefined : !truth
    }
    case "isNull":
      return Matching.matches(filter, row)
    default:
      return Matching.matches(Filter.isNull(filter.field), row) ? undefined : Matching.matches(filter, row)
  }
}

const means = (normal: (filter: Filter.Filter) => Filter.Filter) =>
  fc.property(Filters.filter, Filters.row, (filter, row) => {
    const wanted = Matching.matches(filter, row)
    assert.equal(Matching.matches(normal(filter), row), wanted)
    assert.equal(sql(normal(filter), row) === true, wanted)
  })

/** What can be pushed depends on the field and the operator, as it does at a provider. */
const able: fc.Arbitrary<CanPush> = fc
  .tuple(
    fc.subarray(["a", "b", "Owner.Name"]),
    fc.subarray(["eq", "lt", "gt", "in", "isNull", "contains"]),
    fc.boolean()
  )
  .map(
    ([fields, operators, takesDenials]) =>
      (predicate, isDenied) =>
        fields.includes(predicate.field) && operators.includes(predicate.operator) && (takesDenials || !isDenied)
  )

const adds = (split: Split) =>
  fc.property(Filters.filter, Filters.row, able, (filter, row, canPush) => {
    const { pushed, rest } = split(filter, canPush)
    assert.equal(sql(pushed, row) === true && Matching.matches(rest, row), Matching.matches(filter, row))
    assert.equal(Matching.matches(pushed, row) && Matching.matches(rest, row), Matching.matches(filter, row))
  })

const isAllowed = (filter: Pushdown.Normal, canPush: CanPush) =>
  Pushdown.uses(filter).every(({ isDenied, predicate }) => canPush(predicate, isDenied))

/** Forgets that a disjunction is implied only by all of its terms. */
const careless: Split = (filter, canPush) => {
  const whole = Pushdown.normal(filter)
  if (whole.operator !== "or") return Pushdown.split(filter, canPush)
  const terms = whole.terms.filter((term) => isAllowed(term, canPush))
  return { pushed: terms.length === 0 ? Filter.everything : Filter.or(...terms), rest: whole }
}

describe("a normal form", () => {
  it("matches what its filter does, on servers with two truth values and with three", () =>
    holds(means(Pushdown.normal), 5_000))
  it("would not, if it were the filter as written", () => isCaught(means((filter) => filter)))
  it("denies single predicates only, and has its constants at the top", () =>
    holds(
      fc.property(Filters.filter, (filter) => {
        const isRight = (one: Pushdown.Normal, isTop: boolean): boolean => {
          switch (one.operator) {
            case "and":
            case "or":
              return (
                (isTop && one.terms.length === 0) || (one.terms.length > 1 && one.terms.every((t) => isRight(t, false)))
              )
            case "not":
              return Filter.termsOf(one.term).length === 0
            default:
              return one.operator !== ("ne" as string) && one.operator !== ("notIn" as string)
          }
        }
        assert.ok(isRight(Pushdown.normal(filter), true))
      }),
      2_000
    ))
  it("spells out what a server may leave open", () => {
    assert.deepEqual(
      Pushdown.normal(Filter.ne("a", "x")),
      Filter.or(Filter.isNull("a"), Filter.not(Filter.eq("a", "x")))
    )
    assert.deepEqual(Pushdown.normal(Filter.ne("a", null)), Filter.not(Filter.isNull("a")))
    assert.deepEqual(Pushdown.normal(Filter.eq("a", null)), Filter.isNull("a"))
    assert.deepEqual(
      Pushdown.normal(Filter.not(Filter.and(Filter.gt("a", 1), Filter.isNull("b")))),
      Filter.or(Filter.isNull("a"), Filter.not(Filter.gt("a", 1)), Filter.not(Filter.isNull("b")))
    )
  })
})

describe("a split", () => {
  it("leaves nothing out and adds nothing", () => holds(adds(Pushdown.split), 5_000))
  it("would, if part of a disjunction were pushed for the whole", () => isCaught(adds(careless)))
  it("pushes only what can be, and all of it where everything can", () =>
    holds(
      fc.property(Filters.filter, able, (filter, canPush) => {
        assert.ok(isAllowed(Pushdown.split(filter, canPush).pushed, canPush))
        assert.deepEqual(
          Pushdown.split(filter, () => true),
          { pushed: Pushdown.normal(filter), rest: Filter.everything }
        )
        assert.deepEqual(Pushdown.split(filter, () => false).pushed, emptyOr(filter) ?? Filter.everything)
      }),
      2_000
    ))
  it("pushes what a disjunction implies, and evaluates it here as well", () => {
    const [a, b, x] = [Filter.eq("a", 1), Filter.eq("b", 1), Filter.contains("Owner.Name", "x")]
    const filter = Filter.and(Filter.isNull("a"), Filter.or(Filter.and(a, x), b))
    assert.deepEqual(
      Pushdown.split(filter, ({ field }) => field !== "Owner.Name"),
      {
        pushed: Filter.and(Filter.isNull("a"), Filter.or(a, b)),
        rest: Filter.or(Filter.and(a, x), b)
      }
    )
  })
})

/** A server that takes full-width letters, accents and spaces around a text for nothing. */
const generous = (filter: Filter.Filter, row: Matching.Row): boolean => {
  const loose = (text: string) => text.normalize("NFKD").replaceAll(/\p{M}/gu, "").trim()
  const server = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "string" ? loose(value) : value])
  )
  return Matching.matches(filter, server)
}

const isComplete = (canPush: CanPush) => {
  const fields = fc.constantFrom("a", "b")
  const value = fc.constantFrom("x", "X", "\uff38", "x\u0301", " x", "y", "", null, 1)
  const literal = fc.constantFrom("x", "y", "1")
  const filter = fc
    .tuple(
      fc.constantFrom("and", "or"),
      fc.array(fc.tuple(fc.constantFrom(Filter.eq, Filter.ne, Filter.contains), fields, literal, fc.boolean()), {
        minLength: 1,
        maxLength: 3
      })
    )
    .map(([operator, parts]): Filter.Filter => {
      const terms = parts.map(([make, field, text, isDenied]) => {
        const one = make(field, text)
        return isDenied ? Filter.not(one) : one
      })
      return operator === "and" ? Filter.and(...terms) : Filter.or(...terms)
    })
  return fc.property(filter, fc.record({ a: value, b: value }), (filter, row) => {
    if (Matching.matches(filter, row)) assert.ok(generous(Pushdown.split(filter, canPush).pushed, row))
  })
}

describe("a server that takes more for equal than case", () => {
  it("is asked nothing that would leave out a record that is wanted", () =>
    holds(
      isComplete((predicate, isDenied) => Pushdown.staysHere(predicate, { type: "Text" }, isDenied) === undefined),
      3_000
    ))
  it("would be, if denied comparisons were pushed like others", () =>
    isCaught(isComplete((predicate) => Pushdown.staysHere(predicate, { type: "Text" }) === undefined)))
})

/** A filter that matches nothing by its form alone is pushed even where nothing can be. */
const emptyOr = (filter: Filter.Filter): Filter.Filter | undefined => {
  const whole = Pushdown.normal(filter)
  return whole.operator === "or" && whole.terms.length === 0 ? whole : undefined
}

describe("a predicate that no provider can be relied on for", () => {
  const text = { type: "Text" }
  const sensitive = { type: "Text", caseSensitive: true }
  const cases: ReadonlyArray<readonly [predicate: Pushdown.Positive, field: typeof text, stays: boolean]> = [
    [Filter.eq("a", "Acme") as Pushdown.Positive, text, false],
    [Filter.eq("a", "Acme", { case: "Exact" }) as Pushdown.Positive, text, true],
    [Filter.eq("a", "Acme", { case: "Exact" }) as Pushdown.Positive, sensitive, false],
    [Filter.eq("a", "Acme") as Pushdown.Positive, sensitive, true],
    [Filter.eq("a", "Élan") as Pushdown.Positive, text, true],
    [Filter.eq("a", "a\nb") as Pushdown.Positive, text, true],
    [Filter.isIn("a", ["x", " y"]), text, true],
    [Filter.isIn("a", ["x", "y"]), text, false],
    [Filter.contains("a", "50%_\\"), text, true],
    [Filter.contains("a", "50%_'"), text, false],
    [Filter.startsWith("a", "é"), text, true],
    [Filter.isNull("a"), text, false],
    [Filter.isNull("a"), { type: "Boolean" }, true],
    [Filter.eq("a", true) as Pushdown.Positive, { type: "Boolean" }, false],
    [Filter.gte("a", 1), { type: "Number" }, false]
  ]
  for (const [predicate, field, stays] of cases)
    it(`${JSON.stringify(predicate)} of ${JSON.stringify(field)} ${stays ? "stays here" : "is pushed"}`, () =>
      assert.equal(Pushdown.staysHere(predicate, field) !== undefined, stays))

  it("is a denied comparison of texts, unless it is exact: the server's idea of equal is not known", () => {
    const [plain, exact, number] = [cases[0]![0], cases[2]![0], cases.at(-1)![0]]
    assert.match(Pushdown.staysHere(plain, text, true) ?? "", /leave its record out/)
    assert.equal(Pushdown.staysHere(exact, sensitive, true), undefined)
    assert.equal(Pushdown.staysHere(number, { type: "Number" }, true), undefined)
  })
})
