/** Bitmaps of change events mark exactly the fields they were made from, or are refused. */
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as ChangeEvent from "../src/ChangeEvent.ts"

const order: ReadonlyArray<ChangeEvent.Place> = Array.from({ length: 90 }, (_, index) =>
  index === 4 ? { name: "Address", fields: ["Street", "City", "State"] } : { name: `F${index}` }
)

/** Written digit by digit: each holds four fields, the last one the first four. */
const bitmap = (marks: ReadonlySet<number>, count: number): string => {
  const digits = Array.from({ length: Math.ceil(count / 4) }, (_, digit) =>
    [0, 1, 2, 3].reduce((sum, bit) => sum + (marks.has(digit * 4 + bit) ? 2 ** bit : 0), 0).toString(16)
  )
  return `0x${digits.toReversed().join("")}`
}

const marked = (...bitmaps: ReadonlyArray<string>) => ChangeEvent.marked("cdc", bitmaps, order)

describe("a bitmap", () => {
  it("marks the fields it was made from, in a compound field too", () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(89)), fc.uniqueArray(fc.nat(2)), (top, parts) => {
        const names = ["Street", "City", "State"]
        const expected = [
          ...top.toSorted((a, b) => a - b).map((index) => order[index]!.name),
          ...parts.toSorted().map((index) => `Address.${names[index]}`)
        ]
        const read = marked(bitmap(new Set(top), 90), `4-${bitmap(new Set(parts), 3)}`)
        assert.deepEqual(read, Result.succeed(expected))
      })
    ))

  it.each([
    ["no text of a bitmap", "400800", /is none/],
    ["an empty one", "0x", /is none/],
    ["one too long", `0x${"0".repeat(ChangeEvent.digitsMax + 1)}`, /is none/],
    ["a field that is not there", `0x${"8".padEnd(24, "0")}`, /90 fields/],
    ["a part that is not there", "4-0x08", /3 fields/],
    ["a part of a field that is not compound", "5-0x01", /not compound/],
    ["a part of no field", "900-0x01", /not compound/]
  ])("with %s is refused", (_, text, expected) => {
    const result = marked(text)
    assert.ok(Result.isFailure(result))
    assert.equal(result.failure.reason, "Malformed")
    assert.match(result.failure.message, expected)
  })
})
