/**
 * Long lists of fields are split so that every query fits an address, and rows of
 * one record are merged only where they bear one stamp.
 */
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Parts from "../src/Parts.ts"
import * as Paths from "../src/Paths.ts"
import * as Soql from "../src/Soql.ts"

const head = ["Id", "SystemModstamp", "IsDeleted", "MasterRecordId"]
const object = "Wide_Reading__c"
const id = "001000000000001AAA"

const names = fc
  .array(fc.integer({ min: 1, max: 40 }), { maxLength: 700 })
  .map((lengths) => lengths.map((length, index) => `F${index}${"x".repeat(length)}`))

const wide = Array.from({ length: 650 }, (_, index) => `Measured_Value_Of_Channel_${index}__c`)

/** The longest condition on a position, in the order of an incremental read. */
const position = Soql.or(
  Soql.compare("SystemModstamp", ">", Soql.dateTime("2026-05-01T07:25:37.000Z")),
  Soql.and(
    Soql.compare("SystemModstamp", "=", Soql.dateTime("2026-05-01T07:25:37.000Z")),
    Soql.compare("Id", ">", Soql.id(id))
  )
)
const order = [
  { field: "SystemModstamp", direction: "ASC" },
  { field: "Id", direction: "ASC" }
] as const

const length = (query: Omit<Soql.Query, "from">): number =>
  Result.getOrThrow(
    Paths.query(
      "queryAll",
      Result.getOrThrow(Soql.format({ from: object, ...query }))
    )({ origin: "https://acme.my.salesforce.com", base: "/services/data/v66.0" })
  ).length

describe("parts of a list of fields", () => {
  it("hold every field once, and Id and stamp each", () =>
    fc.assert(
      fc.property(names, fc.integer({ min: 300, max: 12_000 }), (fields, addressMax) => {
        const parts = Parts.make({ head, fields, object, addressMax })
        assert.deepEqual(parts[0].select.slice(0, head.length), head)
        for (const { select } of parts.slice(1)) assert.deepEqual(select.slice(0, 2), ["Id", "SystemModstamp"])
        const told = parts.flatMap(({ select }, index) => select.slice(index === 0 ? head.length : 2))
        assert.deepEqual(told, fields)
        for (const { select } of parts.slice(1)) assert.ok(select.length > 2, "a part asks for nothing")
      })
    ))

  it("fit an address, with a position or with as many Ids as they say", () =>
    fc.assert(
      fc.property(names, fc.integer({ min: 1000, max: 12_000 }), (fields, addressMax) => {
        const parts = Parts.make({ head, fields, object, addressMax })
        assert.ok(length({ select: parts[0].select, where: position, orderBy: order }) <= addressMax)
        for (const { idsMax, select } of parts) {
          const ids = Array.from({ length: idsMax - 1 }, () => Soql.id(id))
          assert.ok(length({ select, where: Soql.isIn("Id", [Soql.id(id), ...ids]) }) <= addressMax)
        }
      })
    ))

  it("are one where the list fits, and few where it does not", () => {
    const usual = { head, object, addressMax: Paths.addressMax }
    assert.equal(Parts.make({ ...usual, fields: wide.slice(0, 250) }).length, 1)
    const parts = Parts.make({ ...usual, fields: wide })
    assert.equal(parts.length, 5)
    for (const { idsMax } of parts) assert.equal(idsMax, Parts.idsMost)
  })

  it("leave room for a condition of the caller's own", () => {
    const usual = { head, object, fields: wide.slice(0, 250), addressMax: Paths.addressMax }
    assert.ok(Parts.make({ ...usual, reserved: 4000 }).length > 1)
  })
})

describe("rows of one record", () => {
  const row = (stamp: string, fields: object) => ({ Id: id, SystemModstamp: stamp, ...fields })
  const early = "2026-05-01T07:25:37.000+0000"
  const late = "2026-05-01T07:25:38.000+0000"

  it.each([
    ["of one stamp are merged", [row(early, { A: 1 }), row(early, { B: 2 })], "Whole"],
    ["of two stamps are torn", [row(early, { A: 1 }), row(late, { B: 2 })], "Torn"],
    ["of which one is missing are torn", [row(early, { A: 1 }), undefined], "Torn"],
    ["that are all missing are those of a record that is gone", [undefined, undefined], "Gone"]
  ] as const)("%s", (_, rows, expected) => {
    const merged = Parts.merge(rows)
    assert.equal(merged._tag, expected)
    if (merged._tag === "Whole") assert.deepEqual(merged.row, row(early, { A: 1, B: 2 }))
    if (merged._tag === "Torn" && rows[1] !== undefined) assert.equal(merged.newest, "2026-05-01T07:25:38.000Z")
  })

  it("keep a field of any name as data", () => {
    const rows = [row(early, {}), JSON.parse(`{"Id":"${id}","SystemModstamp":"${early}","__proto__":{"polluted":1}}`)]
    const merged = Parts.merge(rows)
    assert.equal(merged._tag, "Whole")
    assert.equal((merged as unknown as { row: { polluted?: number } }).row.polluted, undefined)
  })
})
