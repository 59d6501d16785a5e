/**
 * SOQL text against a small reader of its own: whatever a string holds, the query
 * keeps its structure and the string its content.
 */
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Soql from "../src/Soql.ts"
import { any, shape, strings, tokens } from "./support/SoqlReader.ts"

// -----------------------------------------------------------------------------
// generators
// -----------------------------------------------------------------------------

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ unit: fc.constantFrom("'", "\\", "\n", "\r", "\t", "\b", "\f", '"', " ", "O", "R", "%", "_", "(", ")") }),
  fc.constantFrom("' OR Name != null OR Name = '", "\\", "\\' OR Id != null --", "\\\\'", "') OR (Id != null")
)

const operator = fc.constantFrom<Soql.Operator>("=", "!=", "<", "<=", ">", ">=")
const literal = fc.oneof(
  fc.constant(Soql.nothing),
  fc.boolean().map(Soql.boolean),
  fc.integer().map(Soql.number),
  fc.constant(Soql.dateTime("2026-05-01T07:25:37.000Z")),
  fc.constant(Soql.id("001000000000001AAA"))
)
const names = fc.constantFrom("Name", "Id", "SystemModstamp", "Owner.Name", "Custom__c")

const { expression } = fc.letrec<{ expression: Soql.Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(names, operator, literal).map(([field, op, value]) => Soql.compare(field, op, value)),
    fc.tuple(names, fc.tuple(literal, literal)).map(([field, values]) => Soql.isIn(field, values)),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => Soql.and(a, b)),
    fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => Soql.or(a, b)),
    tie("expression").map(Soql.not)
  )
}))

const where = (expression: Soql.Expression): Soql.Query => ({ select: ["Id"], from: "Account", where: expression })
const text = (query: Soql.Query) => Result.getOrThrow(Soql.format(query))

// -----------------------------------------------------------------------------
// tests
// -----------------------------------------------------------------------------

describe("Soql", () => {
  it("a whole query reads as it was meant", () => {
    const query: Soql.Query = {
      select: ["Id", "Owner.Name"],
      from: "Account",
      where: Soql.and(
        Soql.or(
          Soql.compare("SystemModstamp", ">", Soql.dateTime("2026-05-01T07:25:37.000Z")),
          Soql.not(Soql.compare("Name", "=", Soql.text("O'Neil \\ Sons")))
        ),
        Soql.isIn("Type", [Soql.text("A"), Soql.nothing]),
        Soql.compare("CloseDate", "<", Soql.day("2026-05-01")),
        Soql.compare("IsDeleted", "=", Soql.boolean(false)),
        Soql.compare("Amount", ">=", Soql.number(-1.5))
      ),
      orderBy: [
        { field: "SystemModstamp", direction: "ASC" },
        { field: "Id", direction: "DESC" }
      ],
      limit: 10
    }
    assert.equal(
      text(query),
      "SELECT Id, Owner.Name FROM Account WHERE ((SystemModstamp > 2026-05-01T07:25:37.000Z OR " +
        "(NOT Name = 'O\\'Neil \\\\ Sons')) AND Type IN ('A', NULL) AND CloseDate < 2026-05-01 AND " +
        "IsDeleted = FALSE AND Amount >= -1.5) ORDER BY SystemModstamp ASC, Id DESC LIMIT 10"
    )
  })

  it("no string changes the structure, and every string keeps its content", () => {
    const plain = shape(
      text(where(Soql.and(Soql.compare("Name", "=", Soql.text("a")), Soql.isIn("Type", [Soql.text("b")]))))
    )
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const result = Soql.format(
          where(Soql.and(Soql.compare("Name", "=", Soql.text(a)), Soql.isIn("Type", [Soql.text(b)])))
        )
        if (Result.isFailure(result)) {
          // oxlint-disable-next-line no-control-regex -- the only reasons to refuse a short string
          assert.ok(/[\u0000-\u0007\u000b\u000e-\u001f\u007f]/.test(a + b) || !a.isWellFormed() || !b.isWellFormed())
          return
        }
        assert.deepEqual(shape(result.success), plain)
        assert.deepEqual(strings(result.success), [a, b])
      }),
      { numRuns: 1000 }
    )
  })

  it("parentheses balance, and every operator of the value is in the text", () => {
    const count = (node: Soql.Expression): number =>
      node._tag === "And" || node._tag === "Or"
        ? 1 + node.terms.reduce((sum, term) => sum + count(term), 0)
        : node._tag === "Not"
          ? 1 + count(node.term)
          : 1
    fc.assert(
      fc.property(expression, (node) => {
        const read = shape(text(where(node)))
        const opened = read.filter((token) => token === "(").length
        assert.equal(opened, read.filter((token) => token === ")").length)
        const operators = read.filter((token) => /^(AND|OR|NOT|IN|[<>!=]+)$/.test(token)).length
        assert.equal(operators, count(node))
      })
    )
  })

  it("a pattern holds its text as it is, between signs of its own", () => {
    const like = (text: string, match: "Contains" | "StartsWith" = "Contains") =>
      Result.map(Soql.format(where(Soql.like("Name", match, text))), (soql) => soql.slice(soql.indexOf("LIKE") + 5))
    assert.equal(Result.getOrThrow(like("50%_o'k", "StartsWith")), "'50\\%\\_o\\'k%'")
    fc.assert(
      fc.property(hostile, (text) => {
        const result = like(text)
        if (Result.isFailure(result)) {
          // oxlint-disable-next-line no-control-regex -- the only reasons to refuse a short pattern
          return assert.ok(/^$|[\\\u0000-\u0007\u000b\u000e-\u001f\u007f]/.test(text) || !text.isWellFormed())
        }
        assert.deepEqual(tokens(`LIKE ${result.success}`).slice(1), [{ kind: "string", text: `${any}${text}${any}` }])
      }),
      { numRuns: 1000 }
    )
  })

  const badNames = ["", "1a", "Name;", "Name Id", "a'b", "a.b.", ".a", "Näme", "Id FROM Account --", "a\nb", "a..b"]
  it("what cannot be a name is refused wherever a name stands", () => {
    for (const name of badNames) {
      const value = Soql.nothing
      const queries: ReadonlyArray<Soql.Query> = [
        { select: [name], from: "Account" },
        { select: ["Id"], from: name },
        where(Soql.compare(name, "=", value)),
        where(Soql.isIn(name, [value])),
        { select: ["Id"], from: "Account", orderBy: [{ field: name, direction: "ASC" }] }
      ]
      for (const query of queries) assert.ok(Result.isFailure(Soql.format(query)), name)
    }
  })

  const badLiterals: ReadonlyArray<Soql.Literal> = [
    Soql.id("001' OR Id != '"),
    Soql.id("001"),
    Soql.dateTime("1970-01-01T00:00:00.000Z OR Name != null"),
    Soql.dateTime("2026-02-30T00:00:00.000Z"),
    Soql.dateTime("2026-05-01T07:25:37.000+0000"),
    Soql.day("2026-02-30"),
    Soql.day("2026-05-01 OR Id != null"),
    Soql.number(Number.NaN),
    Soql.number(Number.POSITIVE_INFINITY),
    Soql.number(1e30),
    Soql.text("\u0000"),
    Soql.text("half \ud800"),
    Soql.text("x".repeat(4001)),
    Soql.text("'".repeat(2001))
  ]
  it("a literal that is not what it says is refused", () => {
    for (const value of badLiterals) {
      assert.ok(
        Result.isFailure(Soql.format(where(Soql.compare("Name", "=", value)))),
        JSON.stringify(value).slice(0, 60)
      )
    }
  })

  it("limits and lengths are bounded", () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      assert.ok(Result.isFailure(Soql.format({ select: ["Id"], from: "Account", limit })))
    }
    const long = Array.from({ length: 6000 }, () => Soql.id("001000000000001AAA"))
    assert.ok(Result.isFailure(Soql.format(where(Soql.isIn("Id", [Soql.nothing, ...long])))))
  })
})
