/** The small parts: Ids, instants, patterns, chance. */
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Instant from "../../src/simulator/Instant.ts"
import * as Pattern from "../../src/simulator/Pattern.ts"
import * as Random from "../../src/simulator/Random.ts"
import * as RecordId from "../../src/simulator/RecordId.ts"
import * as Token from "../../src/simulator/Token.ts"
import { idOrder } from "./support/Caller.ts"

const short = fc.stringMatching(/^[a-zA-Z0-9]{15}$/)

describe("RecordId", () => {
  it.each([
    ["001000000000001", "001000000000001AAA"],
    ["00D000000000062", "00D000000000062EAA"],
    ["ABCDEABCDEABCDE", "ABCDEABCDEABCDE555"]
  ])("the long form of %s is %s", (short, long) => assert.equal(RecordId.parse(short), long))

  it("each of the three last characters tells the case of five", () => {
    fc.assert(
      fc.property(short, (short) => {
        const suffix = [0, 5, 10].map((from) => {
          const bits = Array.from(short.slice(from, from + 5)).map((letter, bit) =>
            /[A-Z]/.test(letter) ? 2 ** bit : 0
          )
          return "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits.reduce((sum, bit) => sum + bit, 0)]
        })
        assert.equal(RecordId.parse(short), short + suffix.join(""))
      })
    )
  })

  it("an Id is found again whatever became of its case", () => {
    fc.assert(
      fc.property(short, (short) => {
        const long = RecordId.parse(short) ?? ""
        assert.ok(long.startsWith(short))
        assert.equal(RecordId.parse(long), long)
        assert.equal(RecordId.parse(long.toUpperCase()), long)
        assert.equal(RecordId.parse(long.toLowerCase()), long)
      })
    )
  })

  it.each([
    "",
    "001",
    "00100000000000",
    "0010000000000010",
    "001000000000001AA!",
    "00100000000000é",
    "001000000000001BAA"
  ])("%s is no Id", (text) => assert.equal(RecordId.parse(text), undefined))

  it("the key sorts as the server does, which is not as strings do", () => {
    fc.assert(
      fc.property(short, short, (a, b) => {
        const [x, y] = [RecordId.sortKey(a), RecordId.sortKey(b)]
        assert.equal(Math.sign(idOrder(a, b)), x < y ? -1 : x > y ? 1 : 0)
      })
    )
    assert.deepEqual(["00A", "00a"].toSorted(), ["00A", "00a"])
    assert.ok(RecordId.sortKey("00A") > RecordId.sortKey("00a"))
  })
})

describe("Instant", () => {
  const instant = fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9000, 0) })

  it("writes what the platform writes", () => {
    fc.assert(
      fc.property(instant, (at) => {
        const date = new Date(at)
        assert.equal(Instant.toCanonical(at), date.toISOString())
        assert.equal(Instant.toRest(at), date.toISOString().replace("Z", "+0000"))
        assert.equal(Instant.toDay(at), date.toISOString().slice(0, 10))
        assert.equal(Instant.toHttp(at), date.toUTCString())
      })
    )
  })

  it("reads what it writes", () => {
    fc.assert(
      fc.property(instant, (at) => {
        assert.equal(Instant.parse(Instant.toCanonical(at)), at)
        assert.equal(Instant.parse(Instant.toRest(at)), at)
      })
    )
  })

  it.each([
    "2026-02-29T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-05-01T24:00:00Z",
    "2026-05-01T00:00:60Z",
    "2026-05-01T00:00:00",
    "2026-05-01T00:00:00+15:00",
    "2026-05-01",
    "tomorrow"
  ])("%s is no instant", (text) => assert.equal(Instant.parse(text), undefined))
})

describe("Pattern", () => {
  it("matches as the regular expression of the same meaning", () => {
    const meanings = new Map([
      ["%", ".*"],
      ["_", "."],
      [".", "\\."]
    ])
    const pieces = fc.array(fc.constantFrom("%", "_", "a", "B", "\\%", "\\_", "."), { maxLength: 8 })
    const texts = fc.string({ unit: fc.constantFrom("a", "b", "%", "_", "."), maxLength: 8 })
    fc.assert(
      fc.property(pieces, texts, (pieces, text) => {
        const regular = pieces.map((piece) => meanings.get(piece) ?? piece).join("")
        assert.equal(
          Pattern.isMatch(Pattern.parse(pieces.join("")), text),
          new RegExp(`^${regular}$`, "i").test(text),
          `${pieces.join("")} ${text}`
        )
      }),
      { numRuns: 1000 }
    )
  })

  it("a pattern of many wildcards costs no more than its length times the text's", () => {
    assert.equal(Pattern.isMatch(Pattern.parse("%a".repeat(2000) + "b"), "a".repeat(4000)), false)
    assert.equal(Token.unescape("\\_"), "_")
  })
})

describe("Random", () => {
  const draw = (seed: number, name: string) => {
    const random = Random.make(seed, name)
    return Array.from({ length: 20 }, () => random.below(1000))
  }

  it("the same seed and name give the same numbers, others give others", () => {
    assert.deepEqual(draw(1, "a"), draw(1, "a"))
    assert.notDeepEqual(draw(1, "a"), draw(2, "a"))
    assert.notDeepEqual(draw(1, "a"), draw(1, "b"))
  })

  it("numbers stay in range and reach all of it", () => {
    const random = Random.make(3, "range")
    const seen = new Set(Array.from({ length: 500 }, () => random.below(7)))
    assert.deepEqual(
      [...seen].toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6]
    )
  })
})
