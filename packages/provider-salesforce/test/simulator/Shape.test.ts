/** What an org looks like, over HTTP: fields that are hidden, objects and fields that come and go, odd objects. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const shape = ({ post }: Caller.Caller, ...schema: ReadonlyArray<object>) => post("/__mutate", { schema })
const describeOf = ({ call }: Caller.Caller, object: string) => call(`${base}/sobjects/${object}/describe`)
const names = (answer: Caller.Answer) => answer.json.fields.map(({ name }) => name)
const code = ({ json, status }: Caller.Answer) => [status, json[0]?.errorCode]
const send = ({ call }: Caller.Caller, method: string, path: string, body: object) =>
  call(`${base}/sobjects/${path}`, { method, body: JSON.stringify(body) })

describe("field-level security", () => {
  it("a hidden field is not described, not selected, not filtered or sorted by, not written; and shown again it is", () =>
    run({ accounts: 5 }, (caller) =>
      Effect.gen(function* () {
        const { query, simulator } = caller
        const [{ Id: id }] = (yield* query("SELECT Id FROM Account")).json.records
        const before = (yield* query("SELECT Id, Phone, SystemModstamp FROM Account")).json.records
        const described = yield* describeOf(caller, "Account")
        assert.equal((yield* shape(caller, { op: "hideField", entity: "Account", name: "Phone" })).status, 200)
        assert.deepEqual(
          names(yield* describeOf(caller, "Account")),
          names(described).filter((name) => name !== "Phone")
        )
        for (const soql of [
          "SELECT phone FROM Account",
          "SELECT Id FROM Account WHERE Phone = 'x'",
          "SELECT Id FROM Account ORDER BY Phone"
        ]) {
          const refused = yield* query(soql)
          assert.deepEqual(code(refused), [400, "INVALID_FIELD"])
          assert.match(refused.json[0]?.message ?? "", /No such column 'phone' on entity 'Account'/i)
        }
        assert.ok(!("Phone" in (yield* caller.call(`${base}/sobjects/Account/${id}`)).json))
        assert.deepEqual(code(yield* send(caller, "PATCH", `Account/${id}`, { Phone: "1" })), [400, "INVALID_FIELD"])
        assert.deepEqual(code(yield* send(caller, "POST", "Account", { Name: "N", Phone: "1" })), [
          400,
          "INVALID_FIELD"
        ])
        assert.ok("Phone" in ((yield* simulator.control.state).entities["Account"]?.[id] ?? {}))
        yield* shape(caller, { op: "showField", entity: "Account", name: "Phone" })
        assert.equal((yield* describeOf(caller, "Account")).text, described.text)
        assert.deepEqual((yield* query("SELECT Id, Phone, SystemModstamp FROM Account")).json.records, before)
      })
    ))

  it.each([
    [{ op: "hideField", entity: "Account", name: "SystemModstamp" }, 400],
    [{ op: "hideField", entity: "Account", name: "Nope" }, 404],
    [{ op: "hideField", entity: "Nope", name: "Name" }, 404],
    [{ op: "hideField", entity: "Organization", name: "Name" }, 404],
    [{ op: "removeField", entity: "Account", name: "Name" }, 400],
    [{ op: "addField", entity: "Account", field: { name: "Plain", type: "string" } }, 400],
    [{ op: "addField", entity: "Account", field: { name: "EXTERNAL_ID__c", type: "string" } }, 400],
    [{ op: "addField", entity: "Account", field: { name: "A__c", type: "address" } }, 400],
    [{ op: "addObject", name: "Plain" }, 400],
    [{ op: "addObject", name: "Made__c", fields: [{ name: "Plain", type: "string" }] }, 400],
    [{ op: "removeObject", name: "Account" }, 400],
    [{ op: "removeObject", name: "Nope__c" }, 404]
  ])("%j is refused with %i", (change, status) =>
    run({ accounts: 1 }, (caller) =>
      Effect.gen(function* () {
        const before = yield* caller.call(`${base}/sobjects`)
        assert.equal((yield* shape(caller, change)).status, status)
        assert.equal((yield* caller.call(`${base}/sobjects`)).text, before.text)
      })
    )
  )
})

describe("custom fields", () => {
  it("one that comes is empty everywhere, moves no stamp, and can be written; one that goes takes its values along", () =>
    run({ accounts: 20 }, (caller) =>
      Effect.gen(function* () {
        const { query } = caller
        const before = (yield* query("SELECT Id, SystemModstamp FROM Account ORDER BY Id")).json.records
        const id = before[0].Id
        yield* shape(
          caller,
          { op: "addField", entity: "Account", field: { name: "Score__c", type: "double", label: "The Score" } },
          { op: "addField", entity: "account", field: { name: "Is_Key__c", type: "boolean" } },
          { op: "addField", entity: "Account", field: { name: "Seen__c", type: "datetime" } }
        )
        const described = (yield* describeOf(caller, "Account")).json.fields
        const score = described.find(({ name }) => name === "Score__c")
        assert.deepEqual([score?.["custom"], score?.["label"], score?.type], [true, "The Score", "double"])
        const { json } = yield* query("SELECT Score__c, Is_Key__c FROM Account WHERE Is_Key__c = false")
        assert.equal(json.totalSize, 20)
        assert.ok(json.records.every((row) => row["Score__c"] === null && row["Is_Key__c"] === false))
        assert.deepEqual((yield* query("SELECT Id, SystemModstamp FROM Account ORDER BY Id")).json.records, before)
        const written = { Score__c: 1.5, Seen__c: "2026-04-30T10:00:00+02:00" }
        assert.equal((yield* send(caller, "PATCH", `Account/${id}`, written)).status, 204)
        const [row] = (yield* query("SELECT Score__c, Seen__c FROM Account WHERE Score__c > 1")).json.records
        assert.deepEqual([row["Score__c"], row["Seen__c"]], [1.5, "2026-04-30T08:00:00.000+0000"])
        yield* shape(caller, { op: "removeField", entity: "Account", name: "Score__c" })
        assert.deepEqual(code(yield* query("SELECT Score__c FROM Account")), [400, "INVALID_FIELD"])
        assert.ok(!names(yield* describeOf(caller, "Account")).includes("Score__c"))
        yield* shape(caller, { op: "addField", entity: "Account", field: { name: "Score__c", type: "double" } })
        assert.equal((yield* query("SELECT Id FROM Account WHERE Score__c != null")).json.totalSize, 0)
      })
    ))

  it("a formula comes to another value without a stamp, also in a transaction that is open, and nobody writes it", () =>
    run({ accounts: 5 }, (caller) =>
      Effect.gen(function* () {
        const { query, simulator } = caller
        const field = { name: "Score__c", type: "double", calculated: true }
        yield* shape(caller, { op: "addField", entity: "Account", field })
        const rows = (yield* query("SELECT Id, SystemModstamp, Score__c FROM Account ORDER BY Id")).json.records
        const { Id: id } = rows[0]
        const described = (yield* describeOf(caller, "Account")).json.fields.find(({ name }) => name === "Score__c")
        const flags = ["calculated", "createable", "updateable"].map((flag) => described?.[flag])
        assert.deepEqual(flags, [true, false, false])
        assert.deepEqual(code(yield* send(caller, "PATCH", `Account/${id}`, { Score__c: 1 })), [
          400,
          "INVALID_FIELD_FOR_INSERT_UPDATE"
        ])
        const change = { op: "update" as const, entity: "Account", id, fields: { Name: "Late" }, lateMs: 5000 }
        yield* simulator.control.mutate({ ops: [change] })
        yield* shape(caller, { op: "calculate", entity: "Account", id, values: { Score__c: 7 } })
        const after = (yield* query("SELECT Id, SystemModstamp, Score__c FROM Account ORDER BY Id")).json.records
        assert.deepEqual(
          after,
          rows.map((row) => (row.Id === id ? { ...row, Score__c: 7 } : row))
        )
        yield* simulator.control.advance(6000)
        const [late] = (yield* query(`SELECT Name, Score__c FROM Account WHERE Id = '${id}'`)).json.records
        assert.deepEqual([late["Name"], late["Score__c"]], ["Late", 7])
      })
    ))

  it.each([
    [{ id: "001000000000000AAA", values: { Score__c: 1 } }, 404],
    [{ values: { Name: "x" } }, 400],
    [{ values: { score__c: 1 } }, 400]
  ])("what is no formula of a record is not calculated: %o is refused", (change, status) =>
    run({ accounts: 1 }, (caller) =>
      Effect.gen(function* () {
        const field = { name: "Score__c", type: "double", calculated: true }
        yield* shape(caller, { op: "addField", entity: "Account", field })
        const [{ Id: id }] = (yield* caller.query("SELECT Id FROM Account")).json.records
        const refused = yield* shape(caller, { op: "calculate", entity: "Account", id, ...change })
        assert.equal(refused.status, status)
      })
    )
  )

  it("a page that was asked for before shows the field, a transaction that is open commits with it", () =>
    run({ accounts: 300 }, (caller) =>
      Effect.gen(function* () {
        const { call, query, simulator } = caller
        const first = yield* query("SELECT Id, External_Id__c FROM Account ORDER BY Id", "query", 200)
        const { Id: id } = first.json.records[0]
        const change = { op: "update" as const, entity: "Account", id, fields: { Name: "Late" }, lateMs: 5000 }
        yield* simulator.control.mutate({ ops: [change] })
        yield* shape(
          caller,
          { op: "removeField", entity: "Account", name: "External_Id__c" },
          { op: "addField", entity: "Account", field: { name: "New__c", type: "string" } }
        )
        const { json } = yield* call(first.json.nextRecordsUrl)
        assert.ok(json.records.every((row) => "External_Id__c" in row))
        const late = query(`SELECT Name, New__c FROM Account WHERE Id = '${id}'`)
        assert.notEqual((yield* late).json.records[0]["Name"], "Late")
        yield* simulator.control.advance(5000)
        const [row] = (yield* late).json.records
        assert.deepEqual([row["Name"], row["New__c"]], ["Late", null])
        assert.ok(!("External_Id__c" in ((yield* simulator.control.state).entities["Account"]?.[id] ?? {})))
      })
    ))
})

describe("custom objects", () => {
  const shipment = {
    op: "addObject",
    name: "Shipment__c",
    fields: [
      { name: "Weight__c", type: "double" },
      { name: "Account__c", type: "reference", referenceTo: "Account" },
      { name: "State__c", type: "picklist", values: ["Open", "Gone"] }
    ],
    records: 12
  }

  it("one that comes is listed, described, queried, written and replicated; one that goes is gone", () =>
    run({ accounts: 5 }, (caller) =>
      Effect.gen(function* () {
        const { call, query, simulator } = caller
        assert.deepEqual(code(yield* query("SELECT Id FROM Shipment__c")), [400, "INVALID_TYPE"])
        const made = yield* shape(caller, shipment)
        assert.equal(made.json.results.length, 12)
        const listed = (yield* call(`${base}/sobjects`)).json.sobjects.find(({ name }) => name === "Shipment__c")
        assert.deepEqual([listed?.keyPrefix, listed?.replicateable], ["a00", true])
        assert.ok(names(yield* describeOf(caller, "shipment__c")).includes("Weight__c"))
        const children = (yield* describeOf(caller, "Account")).json["childRelationships"]
        assert.match(JSON.stringify(children), /"childSObject":"Shipment__c".*"field":"Account__c"/)
        const { json } = yield* query("SELECT Id, State__c FROM Shipment__c ORDER BY SystemModstamp, Id")
        assert.equal(json.totalSize, 12)
        assert.ok(json.records.every(({ Id }) => Id.startsWith("a00")))
        const { Id: id } = json.records[0]
        assert.equal((yield* send(caller, "PATCH", `Shipment__c/${id}`, { Weight__c: 3 })).status, 204)
        assert.equal((yield* send(caller, "POST", "Shipment__c", { Name: "S" })).status, 201)
        yield* simulator.control.mutate({ random: { count: 30, seed: 1, entity: "Shipment__c" } })
        const feed = `${base}/sobjects/Shipment__c/updated/?start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z`
        assert.ok((yield* call(feed)).json.ids.length >= 12)
        yield* shape(caller, { op: "removeObject", name: "Shipment__c" })
        assert.deepEqual(code(yield* query("SELECT Id FROM Shipment__c")), [400, "INVALID_TYPE"])
        assert.deepEqual(code(yield* describeOf(caller, "Shipment__c")), [404, "NOT_FOUND"])
        assert.equal((yield* simulator.control.state).entities["Shipment__c"], undefined)
      })
    ))

  it("its flags say what it lacks, and the server lacks it", () =>
    run({ accounts: 1 }, (caller) =>
      Effect.gen(function* () {
        const { call, query, simulator } = caller
        const flags = { stamped: false, replicateable: false, undeletable: false, createable: false }
        yield* shape(
          caller,
          { op: "addObject", name: "Bare__c", records: 3, ...flags },
          { op: "addObject", name: "Blind__c", queryable: false }
        )
        const { json } = yield* describeOf(caller, "Bare__c")
        assert.deepEqual(
          ["queryable", "replicateable", "undeletable", "createable", "mergeable"].map((flag) => json[flag]),
          [true, false, false, false, false]
        )
        assert.deepEqual(code(yield* query("SELECT SystemModstamp FROM Bare__c")), [400, "INVALID_FIELD"])
        const feed = `${base}/sobjects/Bare__c/deleted/?start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z`
        assert.deepEqual(code(yield* call(feed)), [400, "INVALID_TYPE"])
        const { Id: id } = (yield* query("SELECT Id FROM Bare__c")).json.records[0]
        assert.equal((yield* call(`${base}/sobjects/Bare__c/${id}`, { method: "DELETE" })).status, 405)
        yield* simulator.control.mutate({ ops: [{ op: "delete", entity: "Bare__c", id }] })
        assert.equal((yield* query("SELECT Id FROM Bare__c", "queryAll")).json.totalSize, 2)
        assert.equal((yield* describeOf(caller, "Blind__c")).json["queryable"], false)
        assert.deepEqual(code(yield* query("SELECT Id FROM Blind__c")), [400, "INVALID_TYPE_FOR_OPERATION"])
      })
    ))
})

describe("odd objects", () => {
  it("lack stamps, feeds or queries, and their describes say so", () =>
    run({ accounts: 5, contacts: 1, opportunities: 1, oddObjects: true }, (caller) =>
      Effect.gen(function* () {
        const { json } = yield* caller.call(`${base}/sobjects`)
        const flags = ["queryable", "replicateable", "undeletable"] as const
        const told = new Map<string, ReadonlyArray<unknown>>()
        for (const { name } of json.sobjects) {
          const described = yield* describeOf(caller, name)
          const stamps = names(described).filter((name) => /Date$|Modstamp$|Time$/.test(name))
          told.set(name, [...flags.map((flag) => described.json[flag]), stamps.join()])
        }
        const all = "CreatedDate,LastModifiedDate,SystemModstamp"
        assert.deepEqual(told.get("Account"), [true, true, true, all])
        assert.deepEqual(told.get("LoginHistory"), [true, false, false, "LoginTime"])
        assert.deepEqual(told.get("AccountShare"), [true, false, false, "LastModifiedDate"])
        assert.deepEqual(told.get("Group"), [true, false, false, all])
        assert.deepEqual(told.get("ActivityHistory"), [false, false, false, all])
        assert.deepEqual(told.get("Wide_Reading__c"), [true, true, true, all])
        for (const [name, [isQueryable]] of told) {
          const answer = yield* caller.query(`SELECT Id FROM ${name}`)
          if (isQueryable === true) assert.ok(answer.json.totalSize > 0, name)
          else assert.deepEqual(code(answer), [400, "INVALID_TYPE_FOR_OPERATION"])
        }
        const logins = (yield* caller.query("SELECT LoginTime, UserId FROM LoginHistory")).json.records
        assert.ok(logins.every((row) => row["LoginTime"] !== null && String(row["UserId"]).startsWith("005")))
        assert.deepEqual(code(yield* caller.query("SELECT SystemModstamp FROM LoginHistory")), [400, "INVALID_FIELD"])
      })
    ))

  it("the names of the wide one do not fit an address, and its pages come smaller than asked", () =>
    run({ accounts: 0, oddObjects: true }, (caller) =>
      Effect.gen(function* () {
        const { pages, query } = caller
        const fields = names(yield* describeOf(caller, "Wide_Reading__c"))
        assert.ok(fields.length > 650)
        assert.equal((yield* query(`SELECT ${fields.join()} FROM Wide_Reading__c`)).status, 414)
        const sizes = (columns: number) =>
          Effect.map(pages(`SELECT ${fields.slice(0, columns).join()} FROM Wide_Reading__c`), (all) =>
            all.map((page) => page.length)
          )
        assert.deepEqual(yield* sizes(20), [300])
        assert.deepEqual(yield* sizes(400), [300])
        assert.deepEqual(yield* sizes(401), [250, 50])
      })
    ))

  it("pages halve with the width of rows", () =>
    run({ accounts: 0 }, (caller) =>
      Effect.gen(function* () {
        const fields = Array.from({ length: 110 }, (_, index) => ({ name: `F${index}__c`, type: "string" }))
        yield* shape(caller, { op: "addObject", name: "Broad__c", fields, records: 2086 })
        const columns = fields.map(({ name }) => name)
        const sizes = (soql: string) => Effect.map(caller.pages(soql), (all) => all.map((page) => page.length))
        assert.deepEqual(yield* sizes(`SELECT ${columns.slice(0, 100).join()} FROM Broad__c`), [2000, 86])
        assert.deepEqual(yield* sizes(`SELECT ${columns.slice(0, 101).join()} FROM Broad__c`), [1000, 1000, 86])
      })
    ))
})
