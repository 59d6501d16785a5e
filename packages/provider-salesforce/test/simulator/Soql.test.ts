/** Texts of queries: what is understood, what is refused, and how. */
import * as fc from "fast-check"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Catalog from "../../src/simulator/Catalog.ts"
import * as Query from "../../src/simulator/Query.ts"
import * as Soql from "../../src/simulator/Soql.ts"
import * as Token from "../../src/simulator/Token.ts"

const plain: Soql.Query = {
  select: ["Id"],
  from: "Account",
  where: undefined,
  orderBy: [],
  limit: undefined,
  offset: 0
}
const compare = (field: string, operator: Soql.Operator, value: Soql.Literal): Soql.Expression => ({
  _tag: "Compare",
  field,
  operator,
  value
})
const text = (value: string): Soql.Literal => ({ _tag: "Text", value })
const where = (expression: Soql.Expression): Soql.Query => ({ ...plain, where: expression })
const a = compare("A", "=", { _tag: "Number", value: 1 })
const b = compare("B", "=", { _tag: "Number", value: 2 })
const at = Date.UTC(2026, 4, 1, 7, 25, 37)

const understood: ReadonlyArray<readonly [soql: string, query: Soql.Query]> = [
  ["SELECT Id FROM Account", plain],
  ["  select\n\tId ,Name from  Account  ", { ...plain, select: ["Id", "Name"] }],
  ["SELECT count() FROM Account", { ...plain, select: "count()" }],
  ["SELECT COUNT( ) FROM Account LIMIT 3", { ...plain, select: "count()", limit: 3 }],
  ["SELECT Id FROM Account LIMIT 0 OFFSET 5", { ...plain, limit: 0, offset: 5 }],
  [
    "SELECT Id FROM Account ORDER BY A, B DESC NULLS LAST, C ASC NULLS FIRST",
    {
      ...plain,
      orderBy: [
        { field: "A", direction: "ASC", nulls: "FIRST" },
        { field: "B", direction: "DESC", nulls: "LAST" },
        { field: "C", direction: "ASC", nulls: "FIRST" }
      ]
    }
  ],
  ["SELECT Id FROM Account WHERE A=1", where(a)],
  ["SELECT Id FROM Account WHERE A <> NULL", where(compare("A", "!=", { _tag: "Null" }))],
  ["SELECT Id FROM Account WHERE A >= -1.50", where(compare("A", ">=", { _tag: "Number", value: -1.5 }))],
  ["SELECT Id FROM Account WHERE A = true", where(compare("A", "=", { _tag: "Boolean", value: true }))],
  ["SELECT Id FROM Account WHERE A < 2026-05-01", where(compare("A", "<", { _tag: "Day", value: "2026-05-01" }))],
  ...["2026-05-01T07:25:37Z", "2026-05-01T07:25:37.000Z", "2026-05-01T09:25:37+02:00", "2026-05-01T02:25:37-0500"].map(
    (literal) =>
      [
        `SELECT Id FROM Account WHERE A > ${literal}`,
        where(compare("A", ">", { _tag: "DateTime", value: at }))
      ] as const
  ),
  [String.raw`SELECT Id FROM Account WHERE A = 'O\'Hara \\ \n'`, where(compare("A", "=", text("O'Hara \\ \n")))],
  [String.raw`SELECT Id FROM Account WHERE A LIKE 'a\%b%'`, where({ _tag: "Like", field: "A", pattern: "a\\%b%" })],
  [
    "SELECT Id FROM Account WHERE A IN ('x', NULL)",
    where({ _tag: "In", field: "A", isNegated: false, values: [text("x"), { _tag: "Null" }] })
  ],
  [
    "SELECT Id FROM Account WHERE A not in ('x')",
    where({ _tag: "In", field: "A", isNegated: true, values: [text("x")] })
  ],
  [
    "SELECT Id FROM Account WHERE (A = 1 OR B = 2) AND B = 2",
    where({ _tag: "And", terms: [{ _tag: "Or", terms: [a, b] }, b] })
  ],
  ["SELECT Id FROM Account WHERE A = 1 AND B = 2 AND A = 1", where({ _tag: "And", terms: [a, b, a] })],
  ["SELECT Id FROM Account WHERE NOT A = 1 AND B = 2", where({ _tag: "And", terms: [{ _tag: "Not", term: a }, b] })],
  ["SELECT Id FROM Account WHERE NOT(A = 1 OR B = 2)", where({ _tag: "Not", term: { _tag: "Or", terms: [a, b] } })]
]

const refused: ReadonlyArray<readonly [soql: string, errorCode: string]> = [
  ["", "MALFORMED_QUERY"],
  ["SELECT", "MALFORMED_QUERY"],
  ["SELECT FROM Account", "MALFORMED_QUERY"],
  ["SELECT Id FORM Account", "MALFORMED_QUERY"],
  ["SELECT Id, FROM Account", "MALFORMED_QUERY"],
  ["SELECT * FROM Account", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account; DELETE", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE Name", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY"],
  [String.raw`SELECT Id FROM Account WHERE Name = '\q'`, "MALFORMED_QUERY"],
  ['SELECT Id FROM Account WHERE Name = "x"', "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE Name = 'a' AND Phone = 'b' OR Phone = 'c'", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE SystemModstamp > 2026-05-01T07:25:37 00:00", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE SystemModstamp > 2026-13-01T07:25:37Z", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE NumberOfEmployees = 1e3", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account WHERE Id IN ()", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account ORDER Name", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account LIMIT -1", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account LIMIT 1.5", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account GROUP BY Id", "MALFORMED_QUERY"],
  ["SELECT Id FROM Account ORDER BY Description", "MALFORMED_QUERY"],
  [`SELECT Id FROM Account WHERE Name = '${"x".repeat(Soql.textMax)}'`, "MALFORMED_QUERY"],
  [`SELECT Id FROM Account WHERE ${"(".repeat(5000)}Id = NULL`, "QUERY_TOO_COMPLICATED"],
  [`SELECT Id FROM Account WHERE ${"NOT ".repeat(5000)}Id = NULL`, "QUERY_TOO_COMPLICATED"],
  ["SELECT Id FROM Nothing", "INVALID_TYPE"],
  ["SELECT Nothing FROM Account", "INVALID_FIELD"],
  ["SELECT Id, Id FROM Account", "INVALID_FIELD"],
  ["SELECT Owner.Name FROM Account", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE Nothing = 1", "INVALID_FIELD"],
  ["SELECT Id FROM Account ORDER BY Nothing", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE BillingAddress = 'x'", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE SystemModstamp > '2026-05-01T07:25:37Z'", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE SystemModstamp > 2026-05-01", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE IsDeleted = 'false'", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE IsDeleted > FALSE", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_FIELD"],
  ["SELECT Id FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"],
  ["SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"]
]

// -----------------------------------------------------------------------------
// made-up queries
// -----------------------------------------------------------------------------

const record = <A extends object>(model: { [K in keyof A]: fc.Arbitrary<A[K]> }): fc.Arbitrary<A> =>
  fc.record<A, keyof A>(model, { noNullPrototype: true, requiredKeys: Object.keys(model) as Array<keyof A> })

const name = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,8}(\.[A-Za-z][a-z]{0,3})?$/)
  .filter((name) => !Soql.reserved.has(name.toUpperCase()) && name.toLowerCase() !== "count")

const literal: fc.Arbitrary<Soql.Literal> = fc.oneof(
  record({ _tag: fc.constant("Text" as const), value: fc.string({ unit: "grapheme", maxLength: 20 }) }),
  record({
    _tag: fc.constant("Text" as const),
    value: fc.string({ unit: fc.constantFrom(..."\\'\"n\n\r\t\b\f%_u0") })
  }),
  record({ _tag: fc.constant("Number" as const), value: fc.integer().map((value) => value / 100) }).filter(
    ({ value }) => !Object.is(value, -0)
  ),
  record({ _tag: fc.constant("Boolean" as const), value: fc.boolean() }),
  record({
    _tag: fc.constant("DateTime" as const),
    value: fc.integer({ min: Date.UTC(1700, 0), max: Date.UTC(4000, 0) })
  }),
  record({
    _tag: fc.constant("Day" as const),
    value: fc
      .date({ min: new Date("1700-01-01"), max: new Date("4000-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10))
  }),
  fc.constant<Soql.Literal>({ _tag: "Null" })
)

const operator = fc.constantFrom<Soql.Operator>("=", "!=", "<", "<=", ">", ">=")

const { expression } = fc.letrec<{ expression: Soql.Expression }>((tie) => {
  const terms = fc.array(tie("expression"), { minLength: 2, maxLength: 3 })
  return {
    expression: fc.oneof(
      { maxDepth: 4 },
      record({ _tag: fc.constant("Compare" as const), field: name, operator, value: literal }),
      record({
        _tag: fc.constant("Like" as const),
        field: name,
        pattern: fc.string({ unit: fc.constantFrom("%", "_", "a", "\\%", "\\_", "\\'", "\\\\", "é") })
      }),
      record({
        _tag: fc.constant("In" as const),
        field: name,
        isNegated: fc.boolean(),
        values: fc.array(literal, { minLength: 1, maxLength: 4 })
      }),
      record({ _tag: fc.constant("And" as const), terms }),
      record({ _tag: fc.constant("Or" as const), terms }),
      record({ _tag: fc.constant("Not" as const), term: tie("expression") })
    )
  }
})

const query: fc.Arbitrary<Soql.Query> = record({
  select: fc.oneof(fc.constant("count()" as const), fc.array(name, { minLength: 1, maxLength: 4 })),
  from: name,
  where: fc.option(expression, { nil: undefined }),
  orderBy: fc.array(
    record({
      field: name,
      direction: fc.constantFrom("ASC" as const, "DESC" as const),
      nulls: fc.constantFrom("FIRST" as const, "LAST" as const)
    }),
    { maxLength: 3 }
  ),
  limit: fc.option(fc.nat(), { nil: undefined }),
  offset: fc.nat(3000)
})

// -----------------------------------------------------------------------------
// tests
// -----------------------------------------------------------------------------

const find: Catalog.Find = (name) => Catalog.entities.find((entity) => entity.name.toLowerCase() === name.toLowerCase())

describe("Soql", () => {
  it.each(understood)("understands %s", (soql, query) => {
    assert.deepEqual(Result.getOrThrow(Soql.parse(soql)), query)
  })

  it.each(refused.map(([soql, code]) => [code, soql.slice(0, 90), soql] as const))(
    "refuses with %s: %s",
    (code, _, soql) => {
      const refusal = Query.make(soql, find)
      assert.ok(Result.isFailure(refusal))
      assert.equal(refusal.failure.errorCode, code)
      assert.equal(refusal.failure.status, 400)
      assert.ok(refusal.failure.message.length < 600)
    }
  )

  it("points at the place of an error", () => {
    const refusal = Soql.parse("SELECT Id FORM Account")
    assert.ok(Result.isFailure(refusal))
    assert.equal(
      refusal.failure.message,
      "\nSELECT Id FORM Account\n          ^\nERROR at Row:1:Column:11\nunexpected token: 'FORM'"
    )
  })

  it("a printed query is parsed to itself", () => {
    fc.assert(
      fc.property(query, (query) => {
        assert.deepEqual(Result.getOrThrow(Soql.parse(Soql.print(query))), query)
      }),
      { numRuns: 500 }
    )
  })

  it("an escaped text stands for itself", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => Token.unescape(Token.escape(text)) === text))
  })

  it("any text is a query or a refusal", () => {
    const words = fc.constantFrom(
      ..."SELECT FROM WHERE ORDER BY LIMIT OFFSET AND OR NOT IN LIKE NULL NULLS LAST count() Id Name Account ( ) , = != < ' '' 'x' \\ 1 1.5 . - 2026-05-01 2026-05-01T00:00:00Z __proto__ constructor \u0000 é".split(
        " "
      )
    )
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words, { maxLength: 30 }).map((words) => words.join(" ")),
      fc.array(words, { maxLength: 12 }).map((words) => `SELECT Id FROM Account WHERE ${words.join(" ")}`)
    )
    fc.assert(
      fc.property(texts, (text) => {
        const made = Query.make(text, find)
        return Result.isSuccess(made) || made.failure.status === 400
      }),
      { numRuns: 1000 }
    )
  })
})
