// Goal: what a schema does not know is kept, left out or refused as agreed, and touches nothing else.
// Method: readings with hostile names, against a statement of each mode made of plain entries.
// Guarantees: L23, S15, S28, S29, S37.
import * as Extras from "@tidemark/core/model/Extras"
import * as Contract from "@tidemark/core/rules/Contract"
import * as BigDecimal from "effect/BigDecimal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Law from "../support/law.ts"

const Deal = Schema.Struct({
  name: Schema.String,
  stage: Schema.NullOr(Schema.Literals(["open", "won"])),
  kind: Schema.optionalKey(Schema.Literal("new")),
  rank: Schema.Literals(["a", "b"]),
  extras: Extras.Extras
})
type Deal = typeof Deal.Type
const { extras: _, ...bare } = Deal.fields
const Bare = Schema.Struct(bare)

const names = fc.constantFrom("__proto__", "constructor", "toString", "region", "Region__c")
const value = fc.oneof(
  fc.constantFrom(null, 0, "x", ""),
  fc.integer(),
  fc.dictionary(names, fc.integer(), { maxKeys: 2 })
)
/** Own members, whatever they are called. */
const bag = fc.array(fc.tuple(names, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries))
const deal: fc.Arbitrary<Deal> = fc.record({
  name: fc.string(),
  stage: fc.constantFrom(null, "open" as const, "won" as const),
  rank: fc.constantFrom("a" as const, "b" as const),
  extras: bag as fc.Arbitrary<Extras.Extras>
})
const before = fc.option(deal, { nil: undefined })
const keeping = Contract.make(Deal)

const merged = (contract: Contract.Contract, was: Deal | undefined, reading: object) =>
  Result.getOrThrow(Contract.merge<Deal>(contract, was, reading as Partial<Deal>))
const refusal = (contract: Contract.Contract, was: Deal | undefined, reading: object) =>
  Result.match(Contract.merge<Deal>(contract, was, reading as Partial<Deal>), {
    onFailure: ({ code, message }) => `${code}: ${message}`,
    onSuccess: () => undefined
  })
/** Names and values, as an own property of that name has them. */
const entries = (record: object) => new Map(Object.entries(record))

type Merge = typeof Contract.merge<Deal>
const touchesOwnKeysOnly = (merge: Merge) =>
  fc.property(before, bag, bag, (was, fields, extras) => {
    const reading = Object.fromEntries([...Object.entries(fields), ["extras", extras]])
    const { record } = Result.getOrThrow(merge(keeping, was, reading as Partial<Deal>))
    const expected = new Map(entries(was?.extras ?? {}))
    for (const name of Object.keys(reading)) {
      if (name === "extras") for (const [key, one] of entries(extras)) expected.set(key, one as Schema.Json)
      else expected.set(name, fields[name] as Schema.Json)
    }
    assert.deepEqual(entries(record.extras), expected)
    assert.equal(Object.getPrototypeOf(record), Object.prototype)
    assert.equal(Object.getPrototypeOf(record.extras), Object.prototype)
    const { extras: _, ...rest } = record
    const { extras: __, ...known } = was ?? { extras: {} }
    assert.deepEqual(rest, known)
  })

describe("Contract", () => {
  it("L23 a reading touches its own keys only, in the extras too, whatever they are called", () => {
    Law.holds(touchesOwnKeysOnly(Contract.merge))
    Law.isCaught(
      touchesOwnKeysOnly((contract, was, reading) =>
        Contract.merge(contract, was === undefined ? undefined : { ...was, extras: {} }, reading)
      )
    )
    Law.isCaught(
      touchesOwnKeysOnly((contract, was, reading) =>
        Result.map(Contract.merge(contract, was, reading), (one) => ({
          ...one,
          record: { ...one.record, extras: Object.assign({}, one.record.extras) }
        }))
      )
    )
  })

  it("S28 a field that is not known is kept, left out or refused, and counted unless it is refused", () => {
    const was: Deal = { name: "n", stage: null, rank: "a", extras: { old: 1 } }
    const reading = { name: "m", Region__c: "north", Size__c: null }
    assert.deepEqual(merged(keeping, was, reading), {
      record: { ...was, name: "m", extras: { old: 1, Region__c: "north", Size__c: null } },
      unknown: { fields: 2, values: 0 }
    })
    const ignoring = Contract.make(Deal, { unknownFields: "Ignore" })
    assert.deepEqual(merged(ignoring, was, reading), {
      record: { ...was, name: "m" },
      unknown: { fields: 2, values: 0 }
    })
    assert.match(
      refusal(Contract.make(Deal, { unknownFields: "Quarantine" }), was, reading)!,
      /^UnknownField: "Region__c"/
    )
    const plain = Contract.merge(Contract.make(Bare), undefined, { name: "m", Region__c: 1 } as object)
    assert.deepEqual(Result.getOrThrow(plain), { record: { name: "m" }, unknown: { fields: 1, values: 0 } })
  })

  it("S28 a value that is not listed is kept, left out or refused, where its field can be without one", () => {
    const was: Deal = { name: "n", stage: "won", kind: "new", rank: "a", extras: {} }
    assert.deepEqual(merged(keeping, was, { stage: "lost", kind: "old" }), {
      record: { name: "n", stage: null, rank: "a", extras: { stage: "lost", kind: "old" } },
      unknown: { fields: 0, values: 2 }
    })
    const ignoring = Contract.make(Deal, { unknownValues: "Ignore" })
    assert.deepEqual(merged(ignoring, was, { stage: "lost", rank: "c" }).record, was)
    assert.deepEqual(merged(ignoring, undefined, { stage: "lost", kind: "old" }).record, { stage: null, extras: {} })
    for (const contract of [keeping, ignoring])
      assert.match(refusal(contract, undefined, { rank: "c" })!, /^UnknownValue: "rank" has the value "c"/)
    const strict = Contract.make(Deal, { unknownValues: "Quarantine" })
    assert.match(refusal(strict, was, { stage: "lost" })!, /^UnknownValue/)
  })

  it("what was kept leaves the extras once its field is known and read", () => {
    const was: Deal = { name: "n", stage: null, rank: "a", extras: { stage: "lost", name: "old", other: 1 } }
    assert.deepEqual(merged(keeping, was, { stage: "open", name: "m" }).record, {
      name: "m",
      stage: "open",
      rank: "a",
      extras: { other: 1 }
    })
  })

  it("S29 a value of another type is no new value: it is left for the check to refuse", () => {
    for (const stage of [1, true, {}, ["open"]]) {
      const { record, unknown } = merged(keeping, undefined, { stage })
      assert.deepEqual([record.stage, unknown], [stage, undefined])
    }
    assert.equal(merged(keeping, undefined, { extras: "no object" }).record.extras as unknown, "no object")
  })

  it("whole numbers and decimals that JSON cannot hold are kept as texts", () => {
    const reading = { big: 2n ** 80n, exact: BigDecimal.make(1234567890123456789n, 4), double: 0.1 }
    assert.deepEqual(merged(keeping, undefined, reading).record.extras, {
      big: "1208925819614629174706176",
      exact: "123456789012345.6789",
      double: 0.1
    })
  })

  it("a contract that cannot be kept is no contract", () => {
    assert.throws(() => Contract.make(Bare, { unknownFields: "Keep" }), /no field to keep/)
    assert.throws(() => Contract.make(Schema.Struct({ a: Extras.Extras, b: Extras.Extras })), /a and b both/)
    assert.throws(() => Contract.make(Schema.Struct({ a: Schema.optionalKey(Extras.Extras) })), /may not be absent/)
  })
})
