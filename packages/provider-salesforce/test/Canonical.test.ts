/** Canonical values: one form per value, and nothing silently lost. */
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"

const field = (name: string, type: string, nillable = true) => ({ name, type, nillable })

const fields = [
  field("Id", "id", false),
  field("Name", "string"),
  field("StageName", "picklist"),
  field("AccountId", "reference"),
  field("IsClosed", "boolean", false),
  field("Seats", "int"),
  field("Amount", "currency"),
  field("CloseDate", "date"),
  field("CreatedDate", "datetime"),
  field("BillingAddress", "address"),
  field("Body", "base64"),
  field("Odd", "somethingNew")
]

const row = {
  attributes: { type: "Opportunity", url: "/services/data/v66.0/sobjects/Opportunity/006000000000001" },
  Id: "006A0000006Vm9r",
  Name: "Big",
  StageName: "Closed Won",
  AccountId: "001A0000006Vm9rIAC",
  IsClosed: true,
  Seats: 5,
  Amount: 1250.5,
  CloseDate: "2026-05-01",
  CreatedDate: "2026-05-01T07:25:37.000+0000",
  BillingAddress: { city: "Oslo" }
}

const base = fc.stringMatching(/^[a-zA-Z0-9]{15}$/)

describe("Canonical ids", () => {
  it("the published example has its published suffix", () => {
    assert.equal(Canonical.id("001A0000006Vm9r"), "001A0000006Vm9rIAC")
  })

  it("the suffix says exactly which characters are upper case", () => {
    fc.assert(
      fc.property(base, (text) => {
        const suffix = Canonical.id(text)!.slice(15)
        const upper = [...suffix].flatMap((character) => {
          const value = /[A-Z]/.test(character) ? character.charCodeAt(0) - 65 : Number(character) + 26
          return value.toString(2).padStart(5, "0").split("").toReversed()
        })
        assert.deepEqual(
          upper.map((bit) => bit === "1"),
          [...text].map((character) => character !== character.toLowerCase())
        )
      })
    )
  })

  it("different ids stay different where case is ignored", () => {
    fc.assert(
      fc.property(base, fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }), (a, flips) => {
        const b = [...a].map((c, i) =>
          flips[i] === true ? (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()) : c
        )
        const other = b.join("")
        assert.equal(a === other, Canonical.id(a)!.toLowerCase() === Canonical.id(other)!.toLowerCase())
      })
    )
  })

  it("both lengths of an id have one form, which is its own, whatever suffix was written", () => {
    fc.assert(
      fc.property(base, fc.stringMatching(/^[a-zA-Z0-9]{3}$/), (text, suffix) => {
        const long = Canonical.id(text)!
        assert.equal(Canonical.id(long), long)
        assert.equal(Canonical.id(text + suffix), long)
      })
    )
  })

  it("what is no id has none", () => {
    for (const text of ["", "001", "001A0000006Vm9r'", "001A0000006Vm9rIA", "001A0000006Vm9rIACX", "001A0000006Vm9 "]) {
      assert.equal(Canonical.id(text), undefined)
    }
    // The neighbours of the digits and letters.
    for (const character of "/:@[`{") assert.equal(Canonical.id(`001A0000006Vm9${character}`), undefined)
  })
})

describe("Canonical records", () => {
  const read = Canonical.reader(fields)

  it("a row of REST becomes a canonical record", () => {
    assert.deepEqual(
      read(row),
      Result.succeed({
        Id: "006A0000006Vm9rIAC",
        Name: "Big",
        StageName: "Closed Won",
        AccountId: "001A0000006Vm9rIAC",
        IsClosed: true,
        Seats: 5,
        Amount: 1250.5,
        CloseDate: "2026-05-01",
        CreatedDate: "2026-05-01T07:25:37.000Z"
      })
    )
  })

  it("a canonical record is its own canonical form", () => {
    const value = fc.oneof(
      fc.string(),
      fc.double(),
      fc.constant(null),
      fc.boolean(),
      fc.constant("2026-05-01T07:25:37.000+0000")
    )
    const rows = fc.record({
      Id: base,
      Name: fc.oneof(fc.string(), fc.constant(null)),
      AccountId: fc.oneof(base, fc.constant(null)),
      Seats: fc.oneof(fc.integer(), fc.constant(-0)),
      Amount: fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), value),
      CreatedDate: fc.oneof(fc.constant("2026-05-01T07:25:37.000+0000"), value)
    })
    fc.assert(
      fc.property(rows, (change) => {
        const first = read({ ...row, ...change })
        if (Result.isFailure(first)) return
        assert.deepEqual(read({ ...first.success }), first)
        assert.ok(Schema.is(Canonical.schemaFromDescribe(fields))(first.success))
      })
    )
  })

  it("a value is taken exactly when the schema of the fields takes its canonical form", () => {
    const isRecord = Schema.is(Canonical.schemaFromDescribe(fields))
    const record = Result.getOrThrow(read(row))
    const value = fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.jsonValue(),
      fc.constantFrom(null, undefined, -0, 2 ** 53, "2026-05-01", "2026-02-30", "2026-05-01T07:25:37.000Z")
    )
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(record)), value, (name, value) => {
        assert.equal(Result.isSuccess(read({ ...row, [name]: value })), isRecord({ ...record, [name]: value }))
      }),
      { numRuns: 2000 }
    )
  })

  it("minus zero is zero", () => {
    const record = Result.getOrThrow(read({ ...row, Amount: -0, Seats: -0 }))
    assert.ok(Object.is(record["Amount"], 0) && Object.is(record["Seats"], 0))
  })

  const refused: { readonly [why: string]: object } = {
    "text where a number belongs": { Amount: "12" },
    "a fraction where an integer belongs": { Seats: 1.5 },
    "a number beyond the largest": { Amount: JSON.parse("1e400") as number },
    "an integer beyond exactness": { Seats: 2 ** 53 },
    "a day that does not exist": { CloseDate: "2026-02-30" },
    "a datetime that does not exist": { CreatedDate: "2026-02-30T00:00:00.000+0000" },
    "no boolean where one is always": { IsClosed: null },
    "a list where text belongs": { Name: ["a"] }
  }
  for (const [why, change] of Object.entries(refused)) {
    it(`${why} is refused, and the field is named`, () => {
      const result = read({ ...row, ...change })
      assert.ok(Result.isFailure(result))
      assert.match(result.failure, new RegExp(Object.keys(change)[0]!))
    })
  }

  it("an absent field is not null", () => {
    const { Name: _, ...rest } = row
    assert.ok(Result.isFailure(read(rest)))
    assert.ok(Result.isSuccess(read({ ...row, Name: null })))
  })

  it("keys that reach for the prototype change nothing", () => {
    const record = Result.getOrThrow(
      read(JSON.parse(`{"__proto__": {"Name": "evil"}, ${JSON.stringify(row).slice(1)}`) as object as Canonical.Row)
    )
    assert.equal(record["Name"], "Big")
    assert.equal(Object.getPrototypeOf(record), Object.prototype)
  })

  it("fields without one canonical value are left out, with the reason", () => {
    const { kept, leftOut } = Canonical.partition(fields)
    assert.deepEqual(
      leftOut.map(({ field }) => field),
      ["BillingAddress", "Body", "Odd"]
    )
    assert.ok(leftOut.every(({ note }) => note.length > 10))
    assert.equal(kept.length, fields.length - 3)
  })

  it("days and instants carry the annotation a sink chooses its column by", () => {
    const columns = Canonical.schemaFromDescribe(fields).fields
    const formatOf = (name: string) => {
      const { members } = columns[name] as Schema.Top as Schema.NullOr<Schema.Top>
      return Schema.resolveAnnotations(members[0])?.["format"]
    }
    assert.deepEqual(["CloseDate", "CreatedDate", "Name"].map(formatOf), ["date", "date-time", undefined])
  })

  it("the schema makes a differ that sees one changed field", () => {
    const differ = FieldDiffer.fromSchema(Canonical.schemaFromDescribe(fields))
    const before = Result.getOrThrow(read(row))
    const patch = differ.diff(before, { ...before, Amount: 7 })
    assert.deepEqual(Object.keys(differ.toJson(patch)), ["Amount"])
  })
})
