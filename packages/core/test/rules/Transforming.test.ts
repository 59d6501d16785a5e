/**
 * What a mapping does to one value.
 *
 * Guarantees: S34, S35, S36
 */
import type * as Detection from "@tidemark/core/model/Detection"
import * as Transforming from "@tidemark/core/rules/Transforming"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Detections from "../support/Detections.ts"
import * as Filters from "../support/Filters.ts"
import { holds, isCaught } from "../support/law.ts"

const refused = Symbol("refused")
const once = (transform: Detection.Transform, value: unknown): unknown =>
  Result.getOrElse(Transforming.apply([transform], value), () => refused)

const table: {
  readonly [T in Detection.Transform]: ReadonlyArray<readonly [value: unknown, result: Transforming.Value | symbol]>
} = {
  trim: [
    ["  a b\u00a0\n", "a b"],
    [" ", ""],
    [1, refused]
  ],
  lowercase: [
    ["ÀB1", "àb1"],
    [true, refused]
  ],
  uppercase: [
    ["straße", "STRASSE"],
    [1, refused]
  ],
  toNumber: [
    ["1.10", 1.1],
    ["-0", 0],
    ["1e3", 1000],
    [-0, 0],
    ["9007199254740993", refused],
    ["9007199254740992", refused],
    ["9007199254740991", 9007199254740991],
    [1e21, 1e21],
    ["0.1000000000000000055", refused],
    ["1e400", refused],
    ["", refused],
    ["0x10", refused],
    [" 1", refused],
    [true, refused],
    [Number.NaN, refused]
  ],
  toDecimalText: [
    ["9007199254740993", "9007199254740993"],
    ["1.10", "1.10"],
    ["+01.5e1", "15"],
    [1e21, "1000000000000000000000"],
    [1e-7, "0.0000001"],
    ["NaN", refused],
    ["", refused]
  ],
  toInstant: [
    ["2026-05-01T09:25:37.5+0200", "2026-05-01T07:25:37.500Z"],
    ["2026-05-01", refused],
    ["2026-02-30T00:00:00Z", refused],
    [0, refused]
  ],
  toDate: [
    ["2024-02-29", "2024-02-29"],
    ["2026-02-29", refused],
    ["2026-05-01T00:00:00Z", refused]
  ],
  splitList: [
    ["a;b c;;d", ["a", "b c", "d"]],
    ["", []],
    [1, refused]
  ],
  emptyToNull: [
    ["", null],
    [" ", " "],
    [0, 0],
    [false, false]
  ]
}

describe("a transform", () => {
  for (const [transform, rows] of Object.entries(table))
    it(transform, () => {
      for (const [value, result] of rows)
        assert.deepEqual(once(transform as Detection.Transform, value), result, String(value))
    })
  it("takes what it gave, and leaves it", () =>
    holds(
      fc.property(Detections.transform, fc.oneof(fc.string(), fc.double(), Filters.hostile), (transform, value) => {
        const result = Transforming.apply([transform], value)
        if (Result.isFailure(result)) return
        assert.deepEqual(Transforming.apply([transform, transform], value), result)
      }),
      3_000
    ))
})

type Apply = typeof Transforming.apply

const total = (apply: Apply) =>
  fc.property(fc.array(Detections.transform, { maxLength: 4 }), Filters.hostile, (transforms, value) => {
    const result = apply(transforms, value)
    assert.deepEqual(apply(transforms, null), Result.succeed(null))
    if (Result.isFailure(result)) {
      assert.ok(result.failure.length < 200)
      return
    }
    const [carried] = [result.success]
    const isPart = (one: unknown) => ["string", "boolean"].includes(typeof one) || Number.isFinite(one) || one === null
    assert.ok(Array.isArray(carried) ? carried.every((one) => typeof one === "string") : isPart(carried))
    assert.ok(!Object.is(carried, -0))
  })

const numeric = (toNumber: (text: string) => unknown) =>
  fc.property(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), fc.nat(3), (units, places) => {
    const text = String(units * 10n ** BigInt(places))
    const number = toNumber(text)
    if (number !== refused) assert.equal(BigInt(number as number), BigInt(text))
    assert.equal(number !== refused, Number.isSafeInteger(Number(text)))
  })

describe("any value", () => {
  it("is carried in a form that can be stored, or refused in few words", () => holds(total(Transforming.apply), 5_000))
  it("would not be, if it were passed on as it came", () =>
    isCaught(
      total((transforms, value) =>
        transforms.length === 0 ? Result.succeed(value as string) : Transforming.apply(transforms, value)
      )
    ))

  it("becomes a number without loss, or none", () =>
    holds(
      numeric((text) => once("toNumber", text)),
      2_000
    ))
  it("would lose digits, as JavaScript reads it", () => isCaught(numeric(Number)))
})

describe("transforms of a field", () => {
  it("that can never work are found by their types", () => {
    assert.deepEqual(Transforming.misfit(["trim", "toNumber", "trim"], "Text"), {
      index: 2,
      message: "trim takes Text, and gets Number"
    })
    assert.equal(Transforming.misfit(["splitList", "toDate"], "Text")?.index, 1)
    assert.equal(Transforming.misfit(["toInstant"], "Date")?.index, 0)
    assert.equal(Transforming.misfit(["trim"], "Boolean")?.index, 0)
  })
  it("may work otherwise, and where the type says nothing", () => {
    assert.equal(
      Transforming.misfit(["trim", "emptyToNull", "toNumber", "toDecimalText", "toNumber"], "Text"),
      undefined
    )
    assert.equal(Transforming.misfit(["trim"], "Other"), undefined)
    assert.equal(Transforming.misfit([], "Boolean"), undefined)
  })
})
