/** Instants as text, against JavaScript's own calendar. */
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Stamp from "../src/Stamp.ts"

const instants = fc.oneof(
  fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
  fc.integer({ min: 0, max: 4_102_444_800_000 })
)

describe("Stamp", () => {
  it("every instant of the years 0 to 9999 survives the way to text and back", () => {
    fc.assert(
      fc.property(instants, (at) => {
        const text = Stamp.fromMillis(at)
        assert.equal(text, new Date(at).toISOString())
        assert.equal(Stamp.toMillis(text!), at)
      })
    )
  })

  it("text sorts as time does", () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        assert.equal(Math.sign(a - b), Stamp.fromMillis(a)! < Stamp.fromMillis(b)! ? -1 : a === b ? 0 : 1)
      })
    )
  })

  it("the forms of one instant have one canonical form", () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: -14 * 60, max: 14 * 60 }), fc.boolean(), (at, offset, colon) => {
        const local = new Date(at + offset * 60_000).toISOString()
        fc.pre(/^\d{4}-/.test(local))
        const sign = offset < 0 ? "-" : "+"
        const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0")
        const minutes = String(Math.abs(offset) % 60).padStart(2, "0")
        const written = `${local.slice(0, -1)}${sign}${hours}${colon ? ":" : ""}${minutes}`
        assert.equal(Stamp.fromText(written), new Date(at).toISOString())
      })
    )
  })

  const texts: { readonly [text: string]: string | undefined } = {
    "2026-05-01T07:25:37.000+0000": "2026-05-01T07:25:37.000Z",
    "2026-05-01T07:25:37.000Z": "2026-05-01T07:25:37.000Z",
    "2026-05-01T07:25:37Z": "2026-05-01T07:25:37.000Z",
    "2026-05-01T07:25:37.5Z": "2026-05-01T07:25:37.500Z",
    "2026-05-01T07:25:37.123456Z": "2026-05-01T07:25:37.123Z",
    "2026-05-01T09:25:37+02:00": "2026-05-01T07:25:37.000Z",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000Z",
    "2026-02-29T00:00:00Z": undefined,
    "2026-02-30T00:00:00Z": undefined,
    "2026-13-01T00:00:00Z": undefined,
    "2026-05-01T24:00:00Z": undefined,
    "2026-05-01T07:25:60Z": undefined,
    "2026-05-01T07:25:37": undefined,
    "2026-05-01": undefined,
    "0000-01-01T00:00:00+14:00": undefined,
    infinity: undefined,
    "": undefined
  }
  for (const [text, expected] of Object.entries(texts)) {
    it(`reads ${text === "" ? "nothing" : text} as ${expected ?? "no instant"}`, () => {
      assert.equal(Stamp.fromText(text), expected)
    })
  }

  it("outside the years 0 to 9999, and between milliseconds, there is no stamp", () => {
    for (const at of [-62_167_219_200_001, 253_402_300_800_000, 0.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      assert.equal(Stamp.fromMillis(at), undefined)
    }
  })

  it("a text with one character changed is a stamp exactly when JavaScript writes it so", () => {
    const written = (text: string) => {
      const at = new Date(text)
      return Number.isFinite(at.getTime()) && at.toISOString() === text
    }
    const character = fc.oneof(fc.constantFrom(..."0123456789"), fc.string({ minLength: 1, maxLength: 1 }))
    fc.assert(
      fc.property(instants, fc.nat(23), character, (at, index, character) => {
        const text = Stamp.fromMillis(at)!
        const changed = text.slice(0, index) + character + text.slice(index + 1)
        assert.equal(Stamp.isStamp(changed), written(changed))
        assert.equal(Stamp.fromText(changed.replace("Z", "+0000")), written(changed) ? changed : undefined)
        assert.equal(Stamp.isDay(changed.slice(0, 10)), written(`${changed.slice(0, 10)}T00:00:00.000Z`))
      }),
      { numRuns: 1000 }
    )
  })

  it("only canonical text is a Stamp, and only real days are a Day", () => {
    const stamp = Schema.is(Stamp.Stamp)
    assert.ok(stamp("2026-05-01T07:25:37.000Z"))
    for (const text of [
      "2026-05-01T07:25:37Z",
      "2026-02-30T00:00:00.000Z",
      "2026-05-01T24:00:00.000Z",
      "2026-05-01T07:60:00.000Z",
      "2026-05-01T07:25:60.000Z",
      "2026-05-01T07:25:37.000+0000"
    ]) {
      assert.ok(!stamp(text), text)
    }
    const day = Schema.is(Stamp.Day)
    assert.ok(day("2024-02-29"))
    for (const text of ["2026-02-29", "2026-00-10", "2026-5-1", "2026-05-01T00:00:00Z"]) assert.ok(!day(text), text)
  })
})
