/**
 * How far a run has come, in one line.
 */
import * as Report from "@tidemark/cli/Report"
import * as Table from "@tidemark/cli/Table"
import * as Text from "@tidemark/cli/Text"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"

describe("progress", () => {
  it.each([
    [
      { read: 500, seconds: 2, expected: 4500 },
      "Account          500 of about 4,500 records, 250/s, about 16.0 s left"
    ],
    [
      { read: 500, seconds: 1, expected: 500_000 },
      "Account          500 of about 500,000 records, 500/s, about 16m 39s left"
    ],
    [{ read: 500, seconds: 0, expected: 4500 }, "Account          500 of about 4,500 records, 0/s"],
    [{ read: 500, seconds: 2, expected: 499 }, "Account          500 records, 250/s"],
    [{ read: 500, seconds: 2, expected: undefined }, "Account          500 records, 250/s"]
  ])("%j is told as %j", (given, expected) => {
    assert.equal(Report.progress({ object: "Account", ...given }), expected)
  })

  it("is one line of finite numbers, and promises nothing below zero", () => {
    const given = fc.record({
      object: fc.string(),
      read: fc.nat(),
      seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
      expected: fc.option(fc.nat(), { nil: undefined })
    })
    fc.assert(
      fc.property(given, (given) => {
        const told = Report.progress({ ...given, object: "x" })
        return !/NaN|Infinity|-\d|\n/.test(told) && !/\n/.test(Report.progress(given))
      })
    )
  })
})

describe("a table", () => {
  const columns = [{ name: "one" }, { name: "two", isNumber: true }, { name: "three", most: 4 }]

  it("stands in columns, painted or not, wide characters too", () => {
    const rows: ReadonlyArray<ReadonlyArray<Table.Cell>> = [
      ["日本", "7", "short"],
      [["a", "green"], "1,000", ""]
    ]
    const plain = ["ONE     TWO  THREE", "日本      7  sho…", "a     1,000"]
    assert.deepEqual(Table.format(Text.paint(false), columns, rows), plain)
    const painted = Table.format(Text.paint(true), columns, rows)
    assert.ok(painted[2]!.startsWith("\u001b[32ma\u001b[0m "))
    const codes = ["\u001b[32m", "\u001b[2m", "\u001b[0m"]
    const bare = painted.map((line) => codes.reduce((text, code) => text.replaceAll(code, ""), line).trimEnd())
    assert.deepEqual(bare, plain)
  })

  it("has one line per row, whatever is in it", () => {
    const row = fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), fc.string({ unit: "binary" }))
    fc.assert(
      fc.property(fc.array(row, { maxLength: 3 }), (rows) => {
        const lines = Table.format(Text.paint(false), columns, rows)
        return lines.length === rows.length + 1 && lines.every((line) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(line))
      }),
      { numRuns: 40 }
    )
  })
})
