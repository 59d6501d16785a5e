/** A record has one canonical form, whether REST answered it as JSON or a bulk file holds it as text. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as BulkRow from "../src/BulkRow.ts"
import * as Canonical from "../src/Canonical.ts"
import * as Csv from "../src/Csv.ts"
import * as Stamp from "../src/Stamp.ts"
import * as Writing from "./support/CsvWriting.ts"

/** A value as JSON and as a bulk file writes it. */
interface Written {
  readonly json: unknown
  readonly cell: string
}

const same = (text: string): Written => ({ json: text, cell: text })
const nothing: fc.Arbitrary<Written> = fc.constantFrom({ json: null, cell: "" }, { json: "", cell: "" })
const absent: fc.Arbitrary<Written> = fc.constant({ json: null, cell: "" })

const texts = fc.oneof(Writing.text.map(same), nothing)
const ids = fc
  .stringMatching(/^[a-zA-Z0-9]{15}$/)
  .chain((id) => fc.tuple(fc.constantFrom(id, Canonical.id(id)!), fc.constantFrom(id, Canonical.id(id)!)))
  .map(([json, cell]): Written => ({ json, cell }))
const wholes = fc
  .tuple(fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constant(-0)), fc.constantFrom("", ".0", ".00"))
  .map(([json, tail]): Written => ({ json, cell: `${Object.is(json, -0) ? "-0" : json}${tail}` }))
const doubles = fc
  .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())
  .map(([json, isExponent]): Written => ({ json, cell: isExponent ? json.toExponential() : String(json) }))
const instants = fc
  .integer({ min: -62_135_596_800_000, max: 253_402_300_799_000 })
  .map((millis) => Stamp.fromMillis(millis)!)
  .map((stamp): Written => ({ json: stamp.replace("Z", "+0000"), cell: stamp }))
const days = fc.integer({ min: 0, max: 40_000 }).map((day) => same(Stamp.fromMillis(day * 86_400_000)!.slice(0, 10)))
const booleans = fc.boolean().map((json): Written => ({ json, cell: String(json) }))

/** Every type of a field that has a canonical value. */
const types: { readonly [type: string]: fc.Arbitrary<Written> } = {
  string: texts,
  picklist: texts,
  multipicklist: texts,
  combobox: texts,
  textarea: texts,
  email: texts,
  phone: texts,
  url: texts,
  encryptedstring: texts,
  time: fc.oneof(fc.constant(same("10:30:00.000Z")), absent),
  DataCategoryGroupReference: texts,
  id: ids,
  reference: fc.oneof(ids, nothing),
  boolean: booleans,
  int: fc.oneof(wholes, absent),
  long: fc.oneof(wholes, absent),
  double: fc.oneof(doubles, absent),
  currency: fc.oneof(doubles, wholes, absent),
  percent: fc.oneof(doubles, absent),
  date: fc.oneof(days, absent),
  datetime: fc.oneof(instants, absent)
}

const fields = Object.keys(types).map((type) => ({ name: type === "id" ? "Id" : `F_${type}__c`, type }))
const record = fc.record(types)
const canonical = Canonical.reader(fields)

const rest = (one: { readonly [type: string]: Written }): Canonical.Row =>
  JSON.parse(JSON.stringify(Object.fromEntries(fields.map(({ name, type }) => [name, one[type]!.json]))))

const bulk = (records: ReadonlyArray<{ readonly [type: string]: Written }>): Array<Array<string>> => [
  fields.map(({ name }) => name),
  ...records.map((one) => fields.map(({ type }) => one[type]!.cell))
]

const read = (pages: ReadonlyArray<string>, style: Writing.Style, size: number) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const reader = BulkRow.reader("salesforce/Account", fields)
      const rows: Array<Canonical.Row> = []
      for (const page of pages) {
        const bytes = Stream.fromIterable(Writing.pieces(new TextEncoder().encode(page), size))
        yield* Stream.runForEach(Csv.rows(style)(bytes), (row) =>
          Effect.map(Effect.fromResult(reader(row)), (read) => (read === undefined ? 0 : rows.push(read)))
        )
      }
      return rows
    })
  )

describe("one canonical form", () => {
  it("every type that has a canonical value is among those tried", () => {
    assert.deepEqual(Object.keys(types).toSorted(), Canonical.types().toSorted())
  })

  it("a record of REST and of a bulk file, over any number of pages, cut anywhere, are the same", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(record, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
        Writing.styles,
        fc.integer({ min: 1, max: 400 }),
        async (pages, style, size) => {
          const texts = pages.map((records) => Writing.write(bulk(records), style))
          const told = (await read(texts, style, size)).map((row) => canonical(row))
          assert.deepEqual(
            told,
            pages.flat().map((one) => canonical(rest(one)))
          )
          for (const one of told) assert.ok(Result.isSuccess(one), JSON.stringify(one))
        }
      ),
      { numRuns: 200 }
    ))

  it.each([
    ["boolean", "TRUE"],
    ["boolean", "1"],
    ["int", "1.5"],
    ["int", "0x10"],
    ["int", " 1"],
    ["int", "9007199254740993"],
    ["double", "1e400"],
    ["double", "NaN"],
    ["double", "1,5"],
    ["date", "2026-02-30"],
    ["datetime", "2026-05-01"]
  ])("a %s of %j is refused, and not taken for another value", (type, cell) => {
    const row = { Id: "001000000000001AAA", Value__c: BulkRow.value(type, cell) }
    const result = Canonical.reader([
      { name: "Id", type: "id" },
      { name: "Value__c", type }
    ])(row)
    assert.ok(Result.isFailure(result) && result.failure.includes("Value__c"))
  })
})

describe("the header of a result", () => {
  const pair = [
    { name: "Id", type: "id" },
    { name: "Name", type: "string" }
  ]
  const failure = (header: Csv.Row, ...rows: ReadonlyArray<Csv.Row>) => {
    const reader = BulkRow.reader("salesforce/Account", pair)
    const results = [header, ...rows].map(reader)
    const failed = results.find(Result.isFailure)
    return failed === undefined ? undefined : [failed.failure.reason, failed.failure.message.split(". ")[0]]
  }

  it.each([
    ["an unknown name", ["Id", "Nope"], /"Nope"/],
    ["a name twice", ["Id", "Id"], /"Id"/],
    ["a missing name", ["Id"], /Name/],
    ["a web page", ["<html>"], /"<html>"/]
  ])("with %s is refused", (_, header, expected) => {
    const [reason, message] = failure(header) ?? []
    assert.equal(reason, "Malformed")
    assert.match(message ?? "", expected)
  })

  it("may have another order and case, and comes again with every page", () => {
    const reader = BulkRow.reader("salesforce/Account", pair)
    const rows = [
      ["NAME", "ID"],
      ["Quay", "001"],
      ["NAME", "ID"],
      ["Id", "x"]
    ].map(reader)
    assert.deepEqual(
      rows.map((row) => Result.getOrThrow(row)),
      [undefined, { Name: "Quay", Id: "001" }, undefined, { Name: "Id", Id: "x" }]
    )
  })

  it("has as many names as its rows have fields, and names Id", () => {
    assert.match(String(failure(["Id", "Name"], ["001"])), /1 fields/)
    const [, ...others] = pair
    assert.ok(Result.isFailure(BulkRow.reader("salesforce/Account", others)(["Name"])))
  })
})
