/**
 * Stored positions.
 *
 * Guarantees: L01, L08
 */
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const Place = Schema.Struct({ at: Schema.String, id: Schema.NullOr(Schema.String) })
type Place = typeof Place.Type

const pair = CursorRule.make<Place>({
  codec: Place,
  codecVersion: 2,
  positions: "Unique",
  resume: "Exclusive",
  order: (a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id === b.id ? 0 : undefined)
})
const token = CursorRule.make<string>({ codec: Schema.String, positions: "Shared", resume: "Inclusive" })
const day = CursorRule.make<Date>({
  codec: Schema.DateFromString,
  positions: "Shared",
  resume: "Inclusive",
  order: (a, b) => a.getTime() - b.getTime()
})

const texts = fc.constantFrom("", "a", "b", "2026-01-01T00:00:00.000+0000", "\u{1F30A}", '"')
const places = fc.record({ at: texts, id: fc.option(texts) }, { noNullPrototype: true })
const days = fc.integer({ min: 0, max: 3 }).map((n) => new Date(n))

type Decode = typeof CursorRule.decode

/** Through JSON text, as a store keeps it. */
const stored = <C>(rule: CursorRule.CursorRule<C>, position: C): CursorRule.Stored =>
  JSON.parse(JSON.stringify(Result.getOrThrow(CursorRule.encode(rule, position))))

const comesBack = <C>(rule: CursorRule.CursorRule<C>, positions: fc.Arbitrary<C>, decode: Decode) =>
  fc.property(positions, positions, (a, b) => {
    const again = Result.getOrThrow(decode(rule, stored(rule, a)))
    assert.deepEqual(again, a)
    assert.ok(rule.equals(again, a) && rule.equals(a, again) && rule.equals(a, a))
    assert.equal(rule.equals(a, b), rule.equals(b, a))
    assert.equal(rule.equals(a, b), JSON.stringify(stored(rule, a)) === JSON.stringify(stored(rule, b)))
  })

const refusesUnknown = (decode: Decode) =>
  fc.property(places, fc.integer({ min: 0, max: 4 }), (place, codecVersion) => {
    const result = decode(pair, { ...stored(pair, place), codecVersion })
    assert.equal(Result.isSuccess(result), codecVersion === pair.codecVersion)
    if (Result.isFailure(result)) assert.ok(result.failure instanceof CursorRule.CursorError)
  })

const ordered = <C>(rule: CursorRule.CursorRule<C>, positions: fc.Arbitrary<C>) =>
  fc.property(positions, positions, positions, (a, b, c) => {
    assert.ok(!CursorRule.isBackward(rule, a, a))
    assert.ok(!(CursorRule.isBackward(rule, a, b) && CursorRule.isBackward(rule, b, a)))
    assert.ok(!(CursorRule.isBackward(rule, a, b) && rule.equals(a, b)))
    if (CursorRule.isBackward(rule, a, b) && CursorRule.isBackward(rule, b, c)) {
      assert.ok(CursorRule.isBackward(rule, a, c))
    }
  })

const anyVersion: Decode = (rule, { value }) => CursorRule.decode(rule, { codecVersion: rule.codecVersion, value })
const fromTheBeginning: Decode = <C>(rule: CursorRule.CursorRule<C>) =>
  CursorRule.decode(rule, { codecVersion: rule.codecVersion, value: { at: "", id: null } })

describe("CursorRule", () => {
  it("L08 a stored position decodes to itself, and equality agrees with what is stored", () => {
    holds(comesBack(pair, places, CursorRule.decode))
    holds(comesBack(token, texts, CursorRule.decode))
    holds(comesBack(day, days, CursorRule.decode))
  })
  it("L08 another codec version is an error, never a position", () => holds(refusesUnknown(CursorRule.decode)))
  it("L08 reading any version is caught", () => isCaught(refusesUnknown(anyVersion)))
  it("L08 beginning anew is caught", () => isCaught(comesBack(pair, places, fromTheBeginning)))

  it.each<Schema.Json>([null, "a", 1, [], {}, { at: "a" }, { at: 1, id: null }])(
    "L08 a stored value of another shape is an error: %j",
    (value) => assert.ok(Result.isFailure(CursorRule.decode(pair, { codecVersion: 2, value })))
  )
  it("L08 a position that does not fit its codec is an error", () => {
    const strict = CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" })
    assert.ok(Result.isFailure(CursorRule.encode(strict, 1.5)))
  })

  it("L01 order is strict, and never contradicts equality", () => {
    holds(ordered(pair, places))
    holds(ordered(day, days))
  })
  it("L01 an order that calls equal positions backward is caught", () =>
    isCaught(ordered({ ...day, order: (a, b) => (a.getTime() >= b.getTime() ? 1 : -1) }, days)))
  it("L01 nothing is backward where positions cannot be compared", () => {
    assert.ok(!CursorRule.isBackward(token, "b", "a"))
    assert.ok(!CursorRule.isBackward(pair, { at: "a", id: "2" }, { at: "a", id: "1" }))
    assert.ok(CursorRule.isBackward(pair, { at: "b", id: "1" }, { at: "a", id: "2" }))
  })
})
