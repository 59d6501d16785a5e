/**
 * Fingerprints of plain values.
 *
 * Guarantees: L21
 */
import * as Fingerprint from "@tidemark/core/model/Fingerprint"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

type Of = typeof Fingerprint.of

/** Small, so that values of nearly the same parts in another arrangement happen. */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(null, true, 0, 1, "", "0", "1", "a", "null"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true })
  )
})).value

/** Canonical JSON: two values are equal exactly when their texts are. */
const canonical = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(canonical).join()}]`
    : typeof value === "object" && value !== null
      ? `{${Object.entries(value)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`)
          .join()}}`
      : JSON.stringify(value)

/** The same value with its keys in another order. */
const turned = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(turned)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .toReversed()
            .map(([key, one]) => [key, turned(one)])
        )
      : value

const tells = (of: Of) =>
  fc.property(fc.array(value, { minLength: 2, maxLength: 12 }), (values) => {
    const byText = new Map(values.map((one) => [canonical(one), of(one)] as const))
    for (const one of values) assert.equal(of(turned(one)), byText.get(canonical(one)))
    assert.equal(new Set(byText.values()).size, byText.size, "two values have one fingerprint")
  })

const unbounded: Of = (value) => Fingerprint.of(canonical(value).replaceAll(/[[\]{},]/g, " "))
const ordered: Of = (value) => Fingerprint.of(JSON.stringify(value))

describe("Fingerprint", () => {
  it("L21 is one for equal values and another for others", () => holds(tells(Fingerprint.of), 5_000))
  it("L21 a fingerprint without bounds of objects and lists is caught", () => isCaught(tells(unbounded)))
  it("L21 a fingerprint of the order of keys is caught", () => isCaught(tells(ordered)))

  it("L21 tells where an object ends", () => {
    assert.notEqual(Fingerprint.of({ a: { b: 1 } }), Fingerprint.of({ a: {}, b: 1 }))
    assert.notEqual(Fingerprint.of([{ a: 1 }, "b"]), Fingerprint.of([{ a: 1, b: "b" }]))
  })
  it("L21 tells kinds apart", () => {
    const values = [null, undefined, "null", "undefined", 1, "1", 1n, true, "true", [], {}, "", [undefined], [[]]]
    assert.equal(new Set(values.map(Fingerprint.of)).size, values.length)
  })
  it("L21 does not count keys without a value, nor the sign of zero", () => {
    assert.equal(Fingerprint.of({ a: 1, b: undefined }), Fingerprint.of({ a: 1 }))
    assert.equal(Fingerprint.of([0]), Fingerprint.of([-0]))
  })
  it("L21 takes what has a JSON form by it", () => {
    assert.equal(Fingerprint.of(new Date(0)), Fingerprint.of("1970-01-01T00:00:00.000Z"))
  })
  it("L21 tells `__proto__` from nothing", () =>
    assert.notEqual(Fingerprint.of(JSON.parse('{"__proto__":1}')), Fingerprint.of({})))
})
