/** Names are checked against what the object shows, and near misses are named. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Describe from "../src/Describe.ts"

const account = Schema.decodeUnknownSync(Describe.Describe)({
  name: "Account",
  label: "Account",
  queryable: true,
  replicateable: true,
  undeletable: true,
  newInWinter30: { anything: [1] },
  fields: [
    { name: "Id", type: "id", nillable: false, somethingNew: true },
    { name: "AnnualRevenue", type: "currency" },
    { name: "BillingCity", type: "string", length: null }
  ]
})

describe("Describe", () => {
  it("unknown properties are ignored, and missing flags are no failure", () => {
    assert.deepEqual(
      account.fields.map(({ name }) => name),
      ["Id", "AnnualRevenue", "BillingCity"]
    )
  })

  it("names are answered once each, in the order asked", () => {
    const selected = Result.getOrThrow(Describe.select(account, ["BillingCity", "Id", "BillingCity"]))
    assert.deepEqual(
      selected.map(({ name }) => name),
      ["BillingCity", "Id"]
    )
  })

  it("a name with a typing error is refused with the name that was meant", () => {
    const result = Describe.select(account, ["AnualRevenu"])
    assert.ok(Result.isFailure(result))
    assert.equal(result.failure.reason, "Invalid")
    assert.match(result.failure.message, /Account\.AnualRevenu .*AnnualRevenue/)
  })

  it("a name like no other is refused without a guess", () => {
    const result = Describe.select(account, ["Zq"])
    assert.ok(Result.isFailure(result))
    assert.doesNotMatch(result.failure.message, /Did you mean/)
  })

  it("an unknown object is refused with the object that was meant", () => {
    const flags = { queryable: true, replicateable: true, undeletable: true }
    const global = { sobjects: ["Account", "Opportunity"].map((name) => ({ name, ...flags })) }
    assert.match(Describe.unknownObject("oportunity", global).message, /Opportunity/)
  })
})
