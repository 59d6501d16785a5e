/**
 * What a filter means: by a table for each predicate, and by its complements.
 */
import * as Filter from "@tidemark/core/model/Filter"
import * as Matching from "@tidemark/core/rules/Matching"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Filters from "../support/Filters.ts"
import { holds, isCaught } from "../support/law.ts"

type Matches = typeof Matching.matches

const nothing: ReadonlyArray<Matching.Row> = [{}, { a: null }, { a: "" }, { a: undefined }]

const table = (filter: Filter.Filter, wanted: ReadonlyArray<unknown>, unwanted: ReadonlyArray<unknown>) => {
  for (const a of wanted) assert.ok(Matching.matches(filter, { a }), `${JSON.stringify(filter)} wants ${String(a)}`)
  for (const a of unwanted)
    assert.ok(!Matching.matches(filter, { a }), `${JSON.stringify(filter)} does not want ${String(a)}`)
}

describe("a field without a value", () => {
  const literals: ReadonlyArray<Filter.Literal> = ["x", true, false, 0, Filter.date("2026-05-01")]

  it("is what isNull, eq null, ne and notIn match, absent, null or empty alike", () => {
    const wanting = [
      Filter.isNull("a"),
      Filter.eq("a", null),
      ...literals.flatMap((one) => [Filter.ne("a", one), Filter.notIn("a", [one]), Filter.not(Filter.eq("a", one))])
    ]
    for (const filter of wanting)
      for (const row of nothing) assert.ok(Matching.matches(filter, row), JSON.stringify(filter))
  })
  it("is what nothing else matches", () => {
    const orders = [Filter.lt, Filter.lte, Filter.gt, Filter.gte].map((make) => make("a", 0))
    const others = [
      Filter.ne("a", null),
      ...literals.flatMap((one) => [Filter.eq("a", one), Filter.isIn("a", [one])]),
      ...orders,
      Filter.contains("a", "x"),
      Filter.startsWith("a", "x")
    ]
    for (const filter of others)
      for (const row of nothing) assert.ok(!Matching.matches(filter, row), JSON.stringify(filter))
  })
})

describe("a predicate", () => {
  it("compares texts without regard to case, or exactly", () => {
    table(Filter.eq("a", "Acme"), ["Acme", "ACME", "acme"], ["Acme ", "Acm", 1, true, ["Acme"]])
    table(Filter.eq("a", "Acme", { case: "Exact" }), ["Acme"], ["ACME", "acme"])
    table(Filter.eq("a", "Élan"), ["élan", "ÉLAN"], ["elan"])
    table(Filter.contains("a", "Σ"), ["σας", "ΟΔΟΣ", "οδος"], ["s"])
    table(Filter.startsWith("a", "ac"), ["Acme", "AC"], ["the Acme"])
    table(Filter.contains("a", "ME", { case: "Exact" }), ["ACME"], ["Acme"])
    table(Filter.isIn("a", ["x", 1]), ["X", 1, "1.0"], ["y", 2])
  })
  it("compares numbers by value, with every digit", () => {
    table(Filter.eq("a", 1.1), [1.1, "1.10", "11e-1"], ["1,1", "", "1.1 "])
    table(Filter.eq("a", Filter.decimal("9007199254740993")), ["9007199254740993", 9007199254740993n], [2 ** 53])
    table(Filter.lt("a", 0), [-1, "-0.0001", -1e308], [0, -0, "0", 1, Number.NaN, Number.NEGATIVE_INFINITY, true])
    table(Filter.gte("a", 10), [10, "10.0", "9999999999999999999999"], [9.99, "9", "x"])
  })
  it("compares days as days, and instants by time", () => {
    table(
      Filter.gt("a", Filter.date("2026-02-28")),
      ["2026-03-01"],
      ["2026-02-28", "2026-02-30", "2026-03-01T00:00:00Z"]
    )
    const at = Filter.instant("2026-05-01T07:25:37Z")
    table(Filter.eq("a", at), ["2026-05-01T07:25:37.000+0000", "2026-05-01T09:25:37+02:00"], ["2026-05-01", 1])
    table(Filter.lte("a", at), ["2026-05-01T07:25:36.999Z"], ["2026-05-01T07:25:37.001Z", "2026-05-01T07:25:60Z"])
  })
  it("compares booleans with booleans only", () => table(Filter.eq("a", true), [true], ["true", 1, false]))
  it("reads nested and flat fields, and none that is inherited", () => {
    const filter = Filter.eq("Owner.Name", "x")
    const wanted: ReadonlyArray<Matching.Row> = [{ Owner: { Name: "x" } }, { "Owner.Name": "x" }]
    for (const row of wanted) assert.ok(Matching.matches(filter, row))
    for (const row of [{ Owner: Object.create({ Name: "x" }) }, { Owner: null }, { Owner: "x" }, { Owner: ["x"] }])
      assert.ok(!Matching.matches(filter, row))
    assert.ok(Matching.matches(Filter.isNull("constructor"), {}))
    assert.ok(!Matching.matches(Filter.contains("constructor.name", "Object"), {}))
  })
})

const complements = (matches: Matches) =>
  fc.property(Filters.predicate, Filters.row, (predicate, row) => {
    const denied: ReadonlyArray<Filter.Filter> =
      predicate.operator === "eq"
        ? [{ ...predicate, operator: "ne" }]
        : predicate.operator === "in"
          ? [{ ...predicate, operator: "notIn" }]
          : []
    for (const filter of [Filter.not(predicate), ...denied])
      assert.equal(matches(filter, row), !matches(predicate, row), JSON.stringify(filter))
  })

/** As SQL has it: a denied comparison with nothing is not true. */
const unknowing: Matches = (filter, row) =>
  (filter.operator === "ne" || filter.operator === "notIn") && Matching.matches(Filter.isNull(filter.field), row)
    ? false
    : Matching.matches(filter, row)

describe("any filter", () => {
  it("is the complement of its denial, over any record", () => holds(complements(Matching.matches), 3_000))
  it("would not be, if a denied comparison with nothing were not true", () => isCaught(complements(unknowing)))

  it("decides any record, and reads it only", () =>
    holds(
      fc.property(Filters.filter, Filters.row, (filter, row) => {
        const before = Object.entries(row)
        assert.equal(typeof Matching.matches(filter, row), "boolean")
        for (const [key, value] of before) assert.ok(Object.is((row as Record<string, unknown>)[key], value))
      }),
      3_000
    ))
  it("does not tell absent, null and empty apart", () =>
    holds(
      fc.property(Filters.filter, Filters.row, Filters.field, (filter, row, field) => {
        const { Owner: _, ...rest } = { ...row }
        const answers = ["", null, undefined].map((none) => Matching.matches(filter, { ...rest, [field]: none }))
        const { [field]: __, ...absent } = rest as Record<string, unknown>
        assert.equal(new Set([...answers, Matching.matches(filter, absent)]).size, 1)
      }),
      2_000
    ))
})

describe("the fold", () => {
  const letter = fc.oneof(
    fc.constantFrom("Σ", "σ", "ς", "İ", "ı", "ß", "\u212a", "K", "Å"),
    fc.string({ unit: "binary" })
  )

  it("of two texts is the fold of one beside that of the other", () =>
    holds(
      fc.property(fc.array(letter), fc.array(letter), (a, b) => {
        const [left, right] = [a.join(""), b.join("")]
        assert.equal(Matching.fold(left + right), Matching.fold(left) + Matching.fold(right))
      }),
      2_000
    ))
  it("of a letter outside ASCII holds none of ASCII, and folds no further", () => {
    for (let code = 0x80; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue
      const folded = Matching.fold(String.fromCodePoint(code))
      if (/[\0-\u007f]/.test(folded) || Matching.fold(folded) !== folded) assert.fail(`U+${code.toString(16)}`)
    }
  })
})
