/**
 * What changed between two records, field by field.
 *
 * Guarantees: L17, L18, L19, L20, L21, L23
 */
import * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import * as Rich from "../support/Rich.ts"

type Differ = FieldDiffer.FieldDiffer<Rich.Rich>
const differ: Differ = FieldDiffer.fromSchema(Rich.Rich, { ignore: ["note"] })
const compared: ReadonlyArray<Rich.Name> = Rich.names.filter((name) => name !== "note")

/** Whether two patches say the same. Values come from other objects, so each field decides what is equal. */
const samePatch = (a: FieldPatch.FieldPatch, b: FieldPatch.FieldPatch): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.keys(a).every((name) =>
    (["before", "after"] as const).every((side) => {
      const [one, other] = [Rich.get(a, name) as object | undefined, Rich.get(b, name) as object | undefined]
      if (one === undefined || other === undefined) return one === other
      const record = (change: object) => ({ [name]: Rich.get(change, side) })
      return Rich.isSame(name as Rich.Name, record(one), record(other))
    })
  )

const isEqual = (a: Rich.Rich, b: Rich.Rich) => compared.every((name) => Rich.isSame(name, a, b))

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

const law =
  (claim: (differ: Differ, records: readonly [Rich.Rich, Rich.Rich, Rich.Rich]) => void) => (differ: Differ) =>
    fc.property(Rich.records, (records) => claim(differ, records))

const identity = law((differ, [a]) => {
  assert.ok(FieldPatch.isEmpty(differ.diff(a, a)))
  assert.deepEqual(Object.keys(differ.diff(a, Rich.remade(a))), [])
})
const exact = law((differ, [a, b]) => {
  const changed = compared.filter((name) => !Rich.isSame(name, a, b))
  assert.deepEqual(new Set(Object.keys(differ.diff(a, b))), new Set(changed))
  for (const [name, { after, before }] of Object.entries(differ.diff(a, b))) {
    assert.equal(before, Rich.get(a, name))
    assert.equal(after, Rich.get(b, name))
  }
})
const applies = law((differ, [a, b]) => {
  const patched = differ.patch(a, differ.diff(a, b))
  for (const name of compared) assert.ok(Rich.isSame(name, patched, b), `${name} was not patched`)
  assert.equal(Object.getPrototypeOf(patched), Object.getPrototypeOf(a))
})
const ignores = law((differ, [a, b, c]) => {
  for (const patch of [differ.diff(a, b), differ.create(a), differ.combine(differ.diff(a, b), differ.diff(b, c))]) {
    assert.ok(!Object.hasOwn(patch, "note"))
  }
  const forged = { ...differ.diff(a, b), note: { before: "x", after: "y" }, unknown: { before: 1, after: 2 } }
  const patched = differ.patch(a, forged)
  assert.equal(patched.note, a.note)
  assert.ok(!Object.hasOwn(patched, "unknown"))
})
const inverts = law((differ, [a, b]) =>
  assert.ok(samePatch(differ.diff(b, a), FieldPatch.invert(differ.diff(a, b))), "the way back is not the inverse")
)
const combines = law((differ, [a, b, c]) => {
  const combined = differ.combine(differ.diff(a, b), differ.diff(b, c))
  assert.ok(samePatch(combined, differ.diff(a, c)), `${Object.keys(combined)} for ${Object.keys(differ.diff(a, c))}`)
})
const fingerprints = law((differ, [a, b]) => {
  assert.equal(differ.fingerprint(a), differ.fingerprint(Rich.remade(a)))
  assert.equal(differ.fingerprint(a) === differ.fingerprint(b), isEqual(a, b))
})
const ownKeys = law((differ, [a, b]) => {
  for (const patch of [differ.diff(a, b), differ.create(b)]) {
    for (const name of Object.keys(patch)) assert.ok(Object.hasOwn(a, name) || Object.hasOwn(b, name), name)
    for (const name in patch) assert.ok(Object.hasOwn(patch, name), name)
    for (const name of ["__proto__", ...Object.getOwnPropertyNames(Object.prototype)])
      assert.equal(name in patch, Object.hasOwn(patch, name), name)
  }
  assert.equal(({} as { own?: unknown }).own, undefined)
})
const creates = law((differ, [a]) => {
  assert.deepEqual(new Set(Object.keys(differ.create(a))), new Set(compared.filter((name) => Object.hasOwn(a, name))))
  for (const { before } of Object.values(differ.create(a))) assert.equal(before, undefined)
})
const encodes = law((differ, [a, b]) => {
  const patch = differ.diff(a, b)
  const json = JSON.parse(JSON.stringify(differ.toJson(patch))) as FieldDiffer.PatchJson
  assert.deepEqual(Object.keys(json), Object.keys(patch))
  for (const [name, { after, before }] of Object.entries(patch)) {
    const change = Rich.get(json, name) as object
    assert.deepEqual(["before" in change, "after" in change], [before !== undefined, after !== undefined])
    const field = Schema.toCodecJson(Rich.get(Rich.Rich.fields, name) as Schema.Codec<unknown, unknown>)
    const decode = Schema.decodeUnknownSync(field)
    for (const side of ["before", "after"] as const) {
      const value = patch[name]![side]
      if (value === undefined) continue
      const [one, other] = [{ [name]: decode(Rich.get(change, side)) }, { [name]: value }]
      assert.ok(Rich.isSame(name as Rich.Name, one, other), `${name} is not what it was`)
    }
  }
})

// -----------------------------------------------------------------------------
// wrong differs
// -----------------------------------------------------------------------------

const assigned = (patch: FieldPatch.FieldPatch): FieldPatch.FieldPatch => {
  const copy: Record<string, FieldPatch.FieldChange> = {}
  for (const name of Object.keys(patch)) copy[name] = patch[name]!
  return copy
}
/** `__proto__` is assigned, so it sets a prototype and is no field. */
const hidesProto: Differ = { ...differ, diff: (a, b) => assigned(differ.diff(a, b)) }
const assignsProto: Differ = {
  ...differ,
  patch: (old, patch) => {
    const record = { ...old } as Record<string, unknown>
    for (const name of Object.keys(patch)) {
      if (!compared.includes(name as Rich.Name)) continue
      if (patch[name]!.after === undefined) delete record[name]
      else record[name] = patch[name]!.after
    }
    return record as Rich.Rich
  }
}
const inherited = (a: object, b: object): FieldPatch.FieldPatch => {
  const changes = Object.create(null) as Record<string, FieldPatch.FieldChange>
  for (const name of compared) {
    const [before, after] = [(a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]]
    if (before !== after) changes[name] = { before, after }
  }
  return changes
}
const readsInherited: Differ = {
  ...differ,
  diff: inherited,
  create: (record) => inherited(Object.create(null) as object, record)
}
const keepsCleared: Differ = {
  ...differ,
  patch: (old, patch) =>
    differ.patch(old, Object.fromEntries(Object.entries(patch).filter(([, { after }]) => after !== undefined)))
}
const ignoresNothing: Differ = FieldDiffer.fromSchema(Rich.Rich)
const createsAlways: Differ = { ...differ, diff: (_, b) => differ.create(b) }
const lastBefore: Differ = { ...differ, combine: (first, second) => ({ ...first, ...second }) }
const written: Differ = {
  ...differ,
  fingerprint: (record) =>
    JSON.stringify(
      compared.map((name) => Rich.get(record, name)),
      (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)
    )
}
const constant: Differ = { ...differ, fingerprint: () => "same" }

describe("FieldDiffer", () => {
  it("L17 finds no difference between equal records, however their values are written", () => holds(identity(differ)))
  it("L21 finds a difference in exactly the fields that are not equal, with both values", () => holds(exact(differ)))
  it("L18 a patch makes the record it was made from, on fields that are compared", () => holds(applies(differ)))
  it("L19 ignored and unknown fields are in no patch, and no patch changes them", () => holds(ignores(differ)))
  it("L20 the way back is the inverse patch", () => holds(inverts(differ)))
  it("L18 the patches of two steps combine to the patch of both", () => holds(combines(differ)))
  it("L21 equal records have equal fingerprints, others do not", () => holds(fingerprints(differ)))
  it("L23 a patch has own keys of the records alone", () => holds(ownKeys(differ)))
  it("L18 a record made out of nothing is all of its fields", () => holds(creates(differ)))
  it("L18 a patch survives its JSON, with no key where there was no value", () => holds(encodes(differ)))

  it("L23 a differ that hides __proto__ is caught", () => isCaught(exact(hidesProto)))
  it("L23 a patch that assigns __proto__ is caught", () => isCaught(applies(assignsProto)))
  it("L23 L21 a differ that reads inherited values and compares by reference is caught", () => {
    isCaught(exact(readsInherited))
    isCaught(identity(readsInherited))
    isCaught(ownKeys(readsInherited))
  })
  it("L18 a patch that keeps cleared fields, or changes nothing, is caught", () => {
    isCaught(applies(keepsCleared))
    isCaught(applies({ ...differ, patch: (old) => old }))
  })
  it("L21 a differ that sees nothing is caught", () => isCaught(exact({ ...differ, diff: () => FieldPatch.empty })))
  it("L19 a differ that ignores nothing is caught", () => isCaught(ignores(ignoresNothing)))
  it("L17 L20 a differ that calls everything new is caught", () => {
    isCaught(identity(createsAlways))
    isCaught(inverts(createsAlways))
  })
  it("L18 a combination that forgets where it began is caught", () => isCaught(combines(lastBefore)))
  it("L21 a fingerprint of how values are written is caught", () => isCaught(fingerprints(written)))
  it("L21 a fingerprint that is always the same is caught", () => isCaught(fingerprints(constant)))
})

describe("FieldDiffer examples", () => {
  const Price = Schema.Struct({ amount: Schema.BigDecimal, tag: Schema.optionalKey(Schema.String) })
  const prices = FieldDiffer.fromSchema(Price)
  const price = (amount: string) => ({ amount: BigDecimal.fromStringUnsafe(amount) })

  it("L17 1.10 and 1.1 do not differ, and have one fingerprint", () => {
    assert.deepEqual(Object.keys(prices.diff(price("1.10"), price("1.1"))), [])
    assert.equal(prices.fingerprint(price("1.10")), prices.fingerprint(price("1.1")))
    assert.notEqual(prices.fingerprint(price("1.10")), prices.fingerprint(price("1.01")))
  })
  it("L18 a field that is cleared and set again in two steps is no change", () => {
    const [none, some] = [price("1"), { ...price("1"), tag: "a" }]
    assert.ok(FieldPatch.isEmpty(prices.combine(prices.diff(none, some), prices.diff(some, none))))
  })
  it("L23 keys outside the schema are no part of the record", () => {
    const extra = { ...price("1"), color: "red" }
    assert.ok(FieldPatch.isEmpty(prices.diff(price("1"), extra)))
    assert.equal(prices.fingerprint(price("1")), prices.fingerprint(extra))
  })
  it("L20 undoing an undoing is doing", () => {
    const patch = prices.diff(price("1"), { ...price("2"), tag: "a" })
    assert.deepEqual(FieldPatch.invert(FieldPatch.invert(patch)), patch)
    assert.ok(FieldPatch.isEmpty(FieldPatch.empty) && !FieldPatch.isEmpty(patch))
  })
})
