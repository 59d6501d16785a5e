/**
 * Days and instants against the calendar that JavaScript has.
 *
 * Guarantees: S36
 */
import * as Calendar from "@tidemark/core/model/Calendar"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds } from "../support/law.ts"

const two = (value: number) => String(value).padStart(2, "0")

describe("a day", () => {
  it("is one that the calendar has, in the years 1 to 9999", () =>
    holds(
      fc.property(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 0, max: 13 }), fc.nat(32), (y, m, d) => {
        const text = `${String(y).padStart(4, "0")}-${two(m)}-${two(d)}`
        const there = new Date(`${text}T00:00:00Z`)
        const isReal = y > 0 && !Number.isNaN(there.getTime()) && there.toISOString().startsWith(text)
        assert.equal(Calendar.isDay(text), isReal, text)
      }),
      5_000
    ))
  it("is the last of a February in every fourth year, but for three centuries of four", () => {
    for (let year = 1; year <= 9999; year++) {
      const text = `${String(year).padStart(4, "0")}-02-29`
      assert.equal(Calendar.isDay(text), new Date(`${text}T00:00:00Z`).getUTCDate() === 29, text)
      assert.equal(
        Calendar.toMillis(`${text.slice(0, 4)}-03-01T00:00:00Z`),
        Date.parse(`${text.slice(0, 4)}-03-01T00:00:00Z`)
      )
    }
  })
  it("is nothing else", () => {
    for (const text of ["", "2026-5-1", "2026-05-01T00:00:00Z", "+12026-05-01", "infinity", "2026-05-01 "])
      assert.ok(!Calendar.isDay(text), text)
  })
})

describe("an instant", () => {
  const earliest = Date.parse("0001-01-01T00:00:00Z")
  const latest = Date.parse("9999-12-31T23:59:59.999Z")

  it("is read as it was written, at any offset", () =>
    holds(
      fc.property(
        fc.integer({ min: earliest, max: latest }),
        fc.integer({ min: -1439, max: 1439 }),
        (millis, offset) => {
          assert.equal(Calendar.toMillis(Calendar.fromMillis(millis) ?? ""), millis)
          const local = millis + offset * 60_000
          if (local < earliest || local > latest) return
          const sign = offset < 0 ? "-" : "+"
          const [hours, minutes] = [two(Math.floor(Math.abs(offset) / 60)), two(Math.abs(offset) % 60)]
          const wall = new Date(local).toISOString().slice(0, -1)
          for (const colon of ["", ":"])
            assert.equal(Calendar.toMillis(`${wall}${sign}${hours}${colon}${minutes}`), millis)
        }
      ),
      3_000
    ))
  it("is cut off below the millisecond", () => {
    assert.equal(Calendar.toMillis("1970-01-01T00:00:00.123999999Z"), 123)
    assert.equal(Calendar.toMillis("1970-01-01T00:00:00.1Z"), 100)
  })
  it("is nothing else", () => {
    const others = [
      "2026-05-01",
      "2026-05-01T07:25:37",
      "2026-05-01 07:25:37Z",
      "2026-02-30T00:00:00Z",
      "2026-05-01T24:00:00Z",
      "2026-05-01T07:25:60Z",
      "2026-05-01T07:60:00Z",
      "2026-05-01T07:25:37+24:00",
      "2026-05-01T07:25:37.Z",
      "0000-01-01T00:00:00Z",
      "0001-01-01T00:00:00+00:01",
      "+010000-01-01T00:00:00Z",
      "2026-05-01T07:25:37Z\n"
    ]
    for (const text of others) assert.equal(Calendar.toMillis(text), undefined, text)
    for (const millis of [Number.NaN, 0.5, earliest - 1, latest + 1, 1e300])
      assert.equal(Calendar.fromMillis(millis), undefined)
  })
})
