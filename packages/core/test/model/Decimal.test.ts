/**
 * Decimals against whole numbers of any size.
 *
 * Guarantees: S34, S35
 */
import * as Decimal from "@tidemark/core/model/Decimal"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

interface Written {
  readonly text: string
  /** The number, in units of 10^-40. */
  readonly scaled: bigint
}

const write = (units: bigint, places: number, zeros: number): Written => {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0")
  const fraction = (places === 0 ? "" : digits.slice(-places)) + "0".repeat(zeros)
  const text = `${units < 0n ? "-" : ""}${digits.slice(0, digits.length - places)}${fraction === "" ? "" : `.${fraction}`}`
  return { text, scaled: units * 10n ** BigInt(40 - places) }
}

const units = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
const written = fc.tuple(units, fc.nat(25), fc.nat(3)).map((parts) => write(...parts))

/** Two that differ in their last digits, if at all. */
const close = fc
  .tuple(units, fc.bigInt({ min: -2n, max: 2n }), fc.nat(25), fc.nat(3))
  .map(([units, more, places, zeros]) => [write(units, places, 0), write(units + more, places, zeros)] as const)

const read = (text: string): Decimal.Decimal => {
  const decimal = Decimal.fromText(text)
  assert.ok(decimal !== undefined, text)
  return decimal
}

const ordered = (compare: (a: string, b: string) => number) =>
  fc.property(fc.oneof(close, fc.tuple(written, written)), ([a, b]) => {
    assert.equal(Math.sign(compare(a.text, b.text)), a.scaled < b.scaled ? -1 : a.scaled > b.scaled ? 1 : 0)
  })

describe("decimals", () => {
  it("are ordered as the numbers they write", () =>
    holds(
      ordered((a, b) => Decimal.compare(read(a), read(b))),
      2_000
    ))
  it("would not be, as doubles", () => isCaught(ordered((a, b) => Number(a) - Number(b))))

  it("mean the same with an exponent", () =>
    holds(
      fc.property(written, fc.integer({ min: -20, max: 20 }), (one, exponent) => {
        const shifted = read(`${one.text}e${exponent}`)
        const back = read(`${Decimal.format(shifted)}e${-exponent}`)
        assert.equal(Decimal.compare(back, read(one.text)), 0)
      }),
      1_000
    ))
  it("of doubles are what JSON would say", () =>
    holds(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        const decimal = Decimal.fromNumber(value)
        assert.ok(decimal !== undefined)
        assert.equal(Number(Decimal.format(decimal)), value + 0)
      }),
      2_000
    ))
  it("are written in one way, with the digits behind the point as they were", () => {
    const forms = ["1.10", "+1.10", "001.10", "0.0110e2", "110e-2"].map((text) => Decimal.format(read(text)))
    assert.deepEqual(forms, ["1.10", "1.10", "1.10", "1.10", "1.10"])
    assert.deepEqual(
      ["-0", "-0.0", "000"].map((text) => Decimal.format(read(text))),
      ["0", "0.0", "0"]
    )
  })
  it("are not any other text, nor one of too many digits", () => {
    const others = ["", " 1", "1 ", ".5", "1.", "0x10", "1e", "1e400", "1e999", "1e-401", "NaN", "Infinity", "1,5", "٣"]
    for (const text of [...others, "9".repeat(401), `1${"0".repeat(100_000)}`])
      assert.equal(Decimal.fromText(text), undefined, text.slice(0, 20))
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(Decimal.fromNumber(value), undefined)
  })
})
