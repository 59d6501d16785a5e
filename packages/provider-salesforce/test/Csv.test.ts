/** CSV read piece by piece: what was written is read, wherever it is cut; what is no CSV is refused. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Csv from "../src/Csv.ts"
import * as Writing from "./support/CsvWriting.ts"

const read = (text: string, options: Csv.Options = {}, size = text.length) => {
  const reader = Csv.reader(options)
  const rows: Array<Csv.Row> = []
  for (let at = 0; at < text.length; at += Math.max(1, size)) {
    const some = reader.push(text.slice(at, at + Math.max(1, size)))
    if (Result.isFailure(some)) return some
    rows.push(...some.success)
  }
  return Result.map(reader.end(), (last) => [...rows, ...last])
}

const refused = (text: string, options: Csv.Options = {}) => {
  for (const size of [1, 2, 3, text.length]) {
    const result = read(text, options, size)
    if (Result.isSuccess(result)) return `read as ${JSON.stringify(result.success)}`
    if (size === text.length) return result.failure.message
  }
  return ""
}

describe("a CSV text", () => {
  it("is read as the rows that were written, in pieces of any size", () =>
    fc.assert(
      fc.property(Writing.tables, Writing.styles, fc.integer({ min: 1, max: 20 }), (table, style, size) => {
        const text = Writing.write(table, style)
        assert.deepEqual(read(text, style, size), Result.succeed(table))
      }),
      { numRuns: 1000 }
    ))

  it("is read from UTF-8 that is cut anywhere, inside of characters too", () =>
    fc.assert(
      fc.asyncProperty(Writing.tables, Writing.styles, fc.integer({ min: 1, max: 9 }), async (table, style, size) => {
        const bytes = new TextEncoder().encode(Writing.write(table, style))
        const rows = Csv.rows(style)(Stream.fromIterable(Writing.pieces(bytes, size)))
        assert.deepEqual(await Effect.runPromise(Stream.runCollect(rows)), table)
      })
    ))

  it.each([
    ["nothing has no rows", "", []],
    ["a row without a line break at the end is one", "a,b", [["a", "b"]]],
    ["a field behind the last delimiter is empty", "a,\n", [["a", ""]]],
    ["an empty line is one empty field", "a\n\nb\n", [["a"], [""], ["b"]]],
    ["line breaks in quotes stay as they are", '"a\r\nb","c\nd\re"\r\n', [["a\r\nb", "c\nd\re"]]],
    ["a quote in quotes is doubled", '"a""b",""""\n', [['a"b', '"']]]
  ])("%s", (_, text, expected) => {
    for (const size of [1, 2, 3, 100]) assert.deepEqual(read(text, {}, size), Result.succeed(expected))
  })

  it.each([
    ["a quote inside a field", 'a"b,c\n', /Row 1 .*quote/],
    ["text behind a quoted field", 'x\n"a"b\n', /Row 2 .*closing quote/],
    ["an end inside quotes", 'x\n"a', /Row 2 .*inside quotes/],
    ["a carriage return alone", "a\rb\n", /Row 1 .*carriage return/],
    ["a carriage return at the end", "a\r", /Row 1 .*carriage return/],
    ["a row that is too short", "a,b\nc\n", /Row 2 .*1 fields.*first has 2/],
    ["a row that is too long", "a,b\nc,d,e\n", /Row 2 .*3 fields/]
  ])("with %s is none, wherever it is cut", (_, text, expected) => {
    assert.match(refused(text), expected)
  })

  it("grows no field, no row and no number of columns beyond its limit", () => {
    assert.match(refused(`a,"${"x".repeat(11)}`, { fieldMax: 10 }), /longer than 10/)
    assert.match(refused(`${"ab,".repeat(6)}`, { rowMax: 10 }), /row is longer than 10/)
    assert.match(refused(",".repeat(10), { columnsMax: 10 }), /more than 10 fields/)
    assert.deepEqual(
      read("ab,ab,ab\n".repeat(50), { rowMax: 6, fieldMax: 2, columnsMax: 3 }).pipe(Result.isSuccess),
      true
    )
  })

  it("that is no UTF-8 is refused", async () => {
    for (const bytes of [Uint8Array.of(97, 0xff, 10), Uint8Array.of(97, 0xc3)]) {
      const error = await Effect.runPromise(Effect.flip(Stream.runCollect(Csv.rows()(Stream.make(bytes)))))
      assert.match(error.message, /UTF-8/)
    }
  })
})
