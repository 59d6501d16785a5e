/**
 * What a compiled detection does with records.
 *
 * Guarantees: S15, S28, S37
 */
import * as Detection from "@tidemark/core/model/Detection"
import * as Name from "@tidemark/core/model/Name"
import * as Detecting from "@tidemark/core/rules/Detecting"
import * as Matching from "@tidemark/core/rules/Matching"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Detections from "../support/Detections.ts"
import * as Filters from "../support/Filters.ts"
import * as Hostile from "../support/Hostile.ts"
import { holds, isCaught } from "../support/law.ts"

type Options = Detection.Options<"salesforce">

const poll = (options: Partial<Options> = {}) =>
  Detection.poll({ provider: "salesforce", object: "Account", mapping: { name: "Name" }, ...options })
const compiled = (options: Partial<Options> = {}) =>
  Result.getOrThrow(Detecting.compile(poll(options), Detections.account))
const stamp = "2026-05-01T07:25:37.000Z"

const value = fc.oneof(
  Filters.hostile,
  fc.constantFrom<unknown>("x", "y", 1, 2.5, true, "2026-05-01", stamp, " a;b "),
  fc.dictionary(fc.constant("Name"), fc.constantFrom<unknown>("x", null, {}), { noNullPrototype: true })
)
const keys = [...Detections.account.fields.map(({ name }) => name), "Owner", "New__c", "__proto__", "constructor"]
const record: fc.Arbitrary<Matching.Row> = fc
  .tuple(
    fc.uniqueArray(fc.tuple(fc.oneof(fc.constantFrom(...keys), Hostile.name), value), { maxLength: 12 }),
    fc.boolean()
  )
  .map(([pairs, isFull]) => {
    const row = Object.fromEntries(pairs) as Record<string, unknown>
    return isFull ? { Stamp: stamp, Name: "x", Amount: 2, IsActive: true, ...row } : row
  })

type Map = (detection: Detection.Detection, record: Matching.Row) => ReturnType<Detecting.Compiled["map"]>
const mapped: Map = (detection, record) =>
  Result.getOrThrow(Detecting.compile(detection, Detections.account)).map(record)

const invents = (map: Map) =>
  fc.property(Detections.compiling, record, (detection, record) => {
    const before = Object.entries(record)
    const result = map(detection, record)
    assert.deepEqual(
      Object.entries(record).map(([key, one], index) => key === before[index]?.[0] && Object.is(one, before[index][1])),
      before.map(() => true)
    )
    if (Result.isFailure(result)) return
    const { extras, fields } = result.success
    for (const special of ["__proto__", "constructor", "toString"])
      for (const part of [fields, extras]) assert.ok(Object.hasOwn(part, special) || !(special in part), special)
    for (const [name, rule] of Object.entries(detection.mapping)) {
      if ("constant" in rule) assert.deepEqual(fields[name], rule.constant)
      else if (Name.follow(record, rule.path) === undefined)
        assert.deepEqual([Object.hasOwn(fields, name), fields[name]], ["default" in rule, rule.default])
      else assert.ok(Object.hasOwn(fields, name))
    }
    for (const name of Object.keys(fields)) assert.ok(Object.hasOwn(detection.mapping, name), name)
    for (const name of Object.keys(extras)) {
      assert.equal(detection.unknownFields, "Keep")
      assert.ok(Object.hasOwn(record, name) && !Detections.account.fields.some((field) => field.name === name), name)
    }
  })

const wrongly =
  (change: (fields: Record<string, unknown>, detection: Detection.Detection) => Record<string, unknown>): Map =>
  (detection, record) =>
    Result.map(mapped(detection, record), ({ extras, fields }) => ({
      extras,
      fields: change(Object.assign(Object.create(null) as Record<string, unknown>, fields), detection) as typeof fields
    }))

describe("a mapped record", () => {
  it("has what its mapping names and the record has, and inherits nothing", () => holds(invents(mapped), 3_000))
  it("would not, if absent fields became null", () =>
    isCaught(
      invents(
        wrongly((fields, { mapping }) => {
          for (const name of Object.keys(mapping)) fields[name] ??= null
          return fields
        })
      )
    ))
  it("would inherit, as a plain object", () => isCaught(invents(wrongly((fields) => ({ ...fields })))))

  const map = (options: Partial<Options>, row: Matching.Row) =>
    Result.match(compiled(options).map(row), {
      onFailure: ({ code, message }) => ({ code, message }),
      onSuccess: ({ extras, fields }) => ({ fields: { ...fields }, extras: { ...extras } })
    })

  it("tells absent from null, and takes defaults for absent fields only", () => {
    const mapping = { a: "Name", b: Detection.field("Notes", { default: "none" }), c: Detection.field("Owner.Name") }
    assert.deepEqual(map({ mapping }, {}), { fields: { b: "none" }, extras: {} })
    assert.deepEqual(map({ mapping }, { Name: null, Notes: null, Owner: null }), {
      fields: { a: null, b: null, c: null },
      extras: {}
    })
  })
  it("is refused with every field that does not fit, and without their values", () => {
    const mapping = {
      a: Detection.field("Name", { presence: "Required" }),
      b: Detection.field("Notes", { transforms: ["toNumber"] }),
      c: Detection.field("Id", { presence: "Required", transforms: ["emptyToNull"] }),
      d: "Amount"
    }
    assert.deepEqual(map({ mapping }, { Notes: "secret", Id: "", Amount: Number.NaN }), {
      code: "Unmapped",
      message:
        "a: Name is required, and has no value; b: Notes toNumber does not take this text; " +
        "c: Id is required, and has no value; d: Amount holds this number, which cannot be carried"
    })
  })
  it("S28 keeps, leaves out, or is refused for fields that are new", () => {
    const row = { Name: "x", New__c: { deep: 1 }, Amount: 1 }
    assert.deepEqual(map({ unknownFields: "Keep" }, row), { fields: { name: "x" }, extras: { New__c: { deep: 1 } } })
    assert.deepEqual(map({ unknownFields: "Ignore" }, row), { fields: { name: "x" }, extras: {} })
    assert.deepEqual(map({ unknownFields: "Quarantine" }, row), {
      code: "UnknownField",
      message: '"New__c" is a field that is not known'
    })
  })
  it("S37 takes no name for special", () => {
    const row = JSON.parse('{"Name":"x","__proto__":{"polluted":true},"constructor":1}') as Matching.Row
    const { extras } = Result.getOrThrow(compiled({ unknownFields: "Keep" }).map(row))
    assert.deepEqual(Object.keys(extras).toSorted(), ["__proto__", "constructor"])
    assert.equal("polluted" in extras, false)
    assert.equal("polluted" in {}, false)
  })
})

/** What is to be done, said once more from the words of each choice. */
const expected = (detection: Detection.Detection, record: Matching.Row, isRefused: boolean): string => {
  const sees = Detections.account.fields.find(({ caseSensitive }) => caseSensitive)
  assert.equal(sees?.name, "Id")
  const wanted = detection.filters.every((filter) =>
    Matching.matches(filter.operator === "eq" && filter.field === "Id" ? { ...filter, case: "Exact" } : filter, record)
  )
  if (!wanted) return `Leave ${detection.leaves}`
  const isPositioned = ![undefined, null, ""].includes(Name.follow(record, "Stamp") as undefined)
  if (!isPositioned && detection.missingCursor !== "Include")
    return detection.missingCursor === "Raise" ? "Raise" : "Pass"
  return isRefused ? "Refuse" : `Admit ${isPositioned}`
}

const decisionOf = (decision: Detecting.Decision): string =>
  decision._tag === "Leave"
    ? `Leave ${decision.leaves}`
    : decision._tag === "Admit"
      ? `Admit ${decision.hasPosition}`
      : decision._tag

type Decide = (detection: Detection.Detection, record: Matching.Row) => Detecting.Decision
const decided: Decide = (detection, record) =>
  Result.getOrThrow(Detecting.compile(detection, Detections.account)).decide(record)

const decides = (decide: Decide) =>
  fc.property(Detections.compiling, record, (detection, record) => {
    const isRefused = Result.isFailure(mapped(detection, record))
    assert.equal(decisionOf(decide(detection, record)), expected(detection, record, isRefused))
  })

describe("any record", () => {
  it("is decided by its filters, then its position, then its mapping", () => holds(decides(decided), 5_000))
  it("would not be, if what the provider was asked were taken for granted", () =>
    isCaught(
      decides((detection, record) => {
        const { rest } = Result.getOrThrow(Detecting.compile(detection, Detections.account))
        const decision = decided(detection, record)
        return decision._tag === "Leave" && Matching.matches(rest, record) ? { _tag: "Pass" } : decision
      })
    ))
  it("is decided by the selected fields alone", () =>
    holds(
      fc.property(Detections.compiling, record, (detection, record) => {
        if (detection.unknownFields !== "Ignore") return
        const { decide, select } = Result.getOrThrow(Detecting.compile(detection, Detections.account))
        const part = Object.fromEntries(
          Object.entries(record).filter(
            ([key]) => select.includes(key) || select.some((name) => name.startsWith(`${key}.`))
          )
        )
        assert.deepEqual(decide(part), decide(record))
      }),
      2_000
    ))
  it("that is wanted is one that the provider is asked for", () =>
    holds(
      fc.property(Detections.compiling, record, (detection, record) => {
        const { decide, pushed, rest } = Result.getOrThrow(Detecting.compile(detection, Detections.account))
        const isLeft = decide(record)._tag === "Leave"
        assert.equal(Matching.matches(pushed, record) && Matching.matches(rest, record), !isLeft)
        if (detection.leaves === "Delete") assert.ok(Matching.matches(pushed, record))
      }),
      3_000
    ))
})
