/** The API over HTTP: what any client of Salesforce relies on. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Caller from "./support/Caller.ts"
import { base, ids, run } from "./support/Caller.ts"

const refused = (answer: Caller.Answer, status: number, errorCode: string) => {
  assert.equal(answer.status, status, answer.text)
  assert.equal(answer.json.length, 1)
  assert.equal(answer.json[0]?.errorCode, errorCode)
  assert.equal(typeof answer.json[0]?.message, "string")
}

describe("REST answers", () => {
  it("every answer tells the simulated time and the use of the API", () =>
    run({ start: "2026-05-01T08:00:00.900Z" }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const first = yield* call("/services/data", { headers: { authorization: "" } })
        assert.equal(first.headers.get("date"), "Fri, 01 May 2026 08:00:00 GMT")
        assert.equal(first.headers.get("sforce-limit-info"), "api-usage=0/5000000")
        yield* simulator.control.advance(61_000)
        const second = yield* query("SELECT Id FROM Nothing")
        assert.equal(second.status, 400)
        assert.equal(second.headers.get("date"), "Fri, 01 May 2026 08:01:01 GMT")
        assert.equal(second.headers.get("sforce-limit-info"), "api-usage=1/5000000")
        assert.match(second.headers.get("content-type") ?? "", /^application\/json/)
      })
    ))

  it("versions are shown to anybody, and only they are served", () =>
    run({}, ({ call }) =>
      Effect.gen(function* () {
        const { json } = yield* call("/services/data/", { headers: { authorization: "" } })
        assert.equal(json.length, 36)
        assert.deepEqual(json.at(-1), { label: "Spring '26", url: base, version: "66.0" })
        assert.equal(json.at(-2)?.label, "Winter '26")
        assert.equal(json[0]?.label, "Summer '14")
        assert.equal((yield* call("/services/data/v59.0/limits")).status, 200)
        for (const version of ["v67.0", "v30.0", "v66", "66.0"]) {
          refused(yield* call(`/services/data/${version}/limits`), 404, "NOT_FOUND")
        }
      })
    ))

  it("what does not exist is refused as Salesforce does", () =>
    run({}, ({ call, post }) =>
      Effect.gen(function* () {
        for (const path of [
          "/",
          "/nothing",
          `${base}/nothing`,
          `${base}/sobjects/Nothing/describe`,
          "/services/x",
          "/%ff"
        ]) {
          refused(yield* call(path), 404, "NOT_FOUND")
        }
        refused(yield* post(`${base}/query?q=x`, {}), 405, "METHOD_NOT_ALLOWED")
        refused(yield* call(`${base}/query`), 400, "MALFORMED_QUERY")
        const long = `SELECT Id FROM Account WHERE Name = '${"x".repeat(17_000)}'`
        const address = yield* call(`${base}/query?q=${encodeURIComponent(long)}`)
        assert.deepEqual(
          [address.status, address.text],
          [414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"]
        )
        const head = yield* call(`${base}/limits`, { headers: { "x-long": "x".repeat(16_300) } })
        assert.deepEqual(
          [head.status, head.text],
          [431, "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>"]
        )
        assert.equal((yield* call(`${base}/limits`, { headers: { "x-long": "x".repeat(15_000) } })).status, 200)
      })
    ))

  it("objects are described with their fields and flags", () =>
    run({}, ({ call }) =>
      Effect.gen(function* () {
        const all = yield* call(`${base}/sobjects`)
        assert.deepEqual(
          all.json.sobjects.map((object) => [object.name, object.keyPrefix, object.replicateable]),
          [
            ["Account", "001", true],
            ["Contact", "003", true],
            ["Opportunity", "006", true],
            ["Organization", "00D", false]
          ]
        )
        for (const { name, urls } of all.json.sobjects) {
          const { json } = yield* call(urls.describe)
          assert.equal(json.name, name)
          const fields = new Map(json.fields.map((field) => [field.name, field]))
          assert.equal(fields.size, json.fields.length)
          assert.equal(fields.get("Id")?.type, "id")
          assert.equal(fields.get("SystemModstamp")?.type, "datetime")
          assert.equal(fields.get("SystemModstamp")?.updateable, false)
          for (const { compoundFieldName } of json.fields) {
            assert.ok(compoundFieldName === null || fields.has(compoundFieldName))
          }
        }
        const { json } = yield* call(`${base}/sobjects/account/describe/`)
        const field = (name: string) => json.fields.find((field) => field.name === name)
        assert.equal(json.undeletable, true)
        assert.deepEqual(
          [field("AnnualRevenue")?.type, field("AnnualRevenue")?.precision, field("NumberOfEmployees")?.soapType],
          ["currency", 18, "xsd:int"]
        )
        assert.deepEqual([field("External_Id__c")?.externalId, field("External_Id__c")?.unique], [true, true])
        assert.deepEqual(field("ParentId")?.referenceTo, ["Account"])
        assert.equal(field("Description")?.filterable, false)
        assert.equal(field("Rating")?.picklistValues.length, 3)
      })
    ))

  it("the account can be known by every way there is", () =>
    run({ org: 12 }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const { json } = yield* query("SELECT Id, Name, InstanceName, IsSandbox FROM Organization")
        assert.equal(json.records[0].Id, simulator.orgId)
        assert.match(simulator.orgId, /^00D.{15}$/)
        assert.equal((yield* call("/services/oauth2/userinfo")).json.organization_id, simulator.orgId)
        const { json: resources } = yield* call(base)
        const identity = yield* call(resources.identity.slice(simulator.url.length))
        assert.equal(identity.json.organization_id, simulator.orgId)
        const other = yield* Caller.start({ org: 13 })
        assert.notEqual(other.simulator.orgId, simulator.orgId)
      })
    ))
})

describe("REST queries", () => {
  it("rows show their attributes first, then the fields in the order asked", () =>
    run({}, ({ query }) =>
      Effect.gen(function* () {
        const { json } = yield* query("SELECT systemmodstamp, Id, billingaddress, BillingCity FROM account LIMIT 1")
        const [row] = json.records
        assert.deepEqual(Object.keys(row), ["attributes", "SystemModstamp", "Id", "BillingAddress", "BillingCity"])
        assert.deepEqual(row.attributes, { type: "Account", url: `${base}/sobjects/Account/${row.Id}` })
        assert.match(String(row["SystemModstamp"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/)
        assert.equal(row["BillingAddress"] === null ? null : Object(row["BillingAddress"]).city, row["BillingCity"])
        assert.deepEqual((yield* query("SELECT count() FROM Account")).json, { totalSize: 60, done: true, records: [] })
      })
    ))

  it("pages have two thousand rows, or as few as asked for, and name the next one", () =>
    run({ accounts: 4100 }, ({ pages, query }) =>
      Effect.gen(function* () {
        const first = yield* query("SELECT Id FROM Account")
        assert.deepEqual([first.json.totalSize, first.json.done], [4100, false])
        assert.match(first.json.nextRecordsUrl, /^\/services\/data\/v66\.0\/query\/0r8[a-zA-Z0-9]{15}-2000$/)
        assert.deepEqual(
          (yield* pages("SELECT Id FROM Account")).map((page) => page.length),
          [2000, 2000, 100]
        )
        const small = yield* pages("SELECT Id FROM Account LIMIT 900", "query", 400)
        assert.deepEqual(
          small.map((page) => page.length),
          [400, 400, 100]
        )
        assert.equal((yield* query("SELECT Id FROM Account", "query", 5)).json.records.length, 200)
        assert.equal((yield* query("SELECT Id FROM Account", "query", 9999)).json.records.length, 2000)
        assert.equal(new Set((yield* pages("SELECT Id FROM Account")).flatMap(ids)).size, 4100)
      })
    ))

  it("a tie larger than a page is read whole", () =>
    run({ accounts: 3000, tie: 2500 }, ({ pages }) =>
      Effect.gen(function* () {
        const all = yield* pages("SELECT Id, SystemModstamp FROM Account ORDER BY SystemModstamp, Id")
        const rows = all.flat()
        const stamps = Map.groupBy(rows, (row) => row["SystemModstamp"])
        const tie = [...stamps.values()].find((rows) => rows.length >= 2500)
        assert.ok(tie !== undefined)
        assert.deepEqual(ids(tie), ids(tie).toSorted(Caller.idOrder))
        assert.equal(new Set(ids(rows)).size, 3000)
      })
    ))

  it("no page is longer than the longest there may be, whatever is asked", () =>
    run({ accounts: 90, pageMax: 40 }, ({ pages }) =>
      Effect.gen(function* () {
        const all = yield* pages("SELECT Id FROM Account ORDER BY SystemModstamp, Id")
        assert.deepEqual(
          all.map((page) => page.length),
          [40, 40, 10]
        )
        assert.equal(new Set(all.flatMap(ids)).size, 90)
      })
    ))

  it("short pages are not the end, and lose nothing", () =>
    run({ accounts: 3000, shortPages: true }, ({ pages }) =>
      Effect.gen(function* () {
        const soql = "SELECT Id FROM Account ORDER BY SystemModstamp, Id"
        const all = yield* pages(soql, "query", 200)
        const sizes = all.map((page) => page.length)
        assert.ok(sizes.slice(0, -1).some((size) => size < 200))
        assert.ok(sizes.every((size) => size >= 1 && size <= 200))
        const [whole] = yield* pages(`${soql} LIMIT 2000`)
        assert.deepEqual(all.flatMap(ids).slice(0, whole?.length), ids(whole ?? []))
        assert.equal(new Set(all.flatMap(ids)).size, 3000)
      })
    ))

  it("the pages of a query are a snapshot, whatever happens between them", () =>
    run({ accounts: 900 }, ({ call, pages, query, simulator }) =>
      Effect.gen(function* () {
        const soql = "SELECT Id, Name FROM Account ORDER BY SystemModstamp, Id"
        const before = (yield* pages(soql, "query", 300)).flat()
        let page = yield* query(soql, "query", 300)
        const all: Array<ReadonlyArray<Caller.Row>> = [page.json.records]
        while (page.json.done === false) {
          yield* simulator.control.mutate({ random: { count: 100, seed: all.length } })
          const [next, again] = [yield* call(page.json.nextRecordsUrl), yield* call(page.json.nextRecordsUrl)]
          assert.equal(next.text, again.text)
          page = next
          all.push(page.json.records)
        }
        assert.deepEqual(all.flat(), before)
        assert.notDeepEqual((yield* pages(soql, "query", 300)).flat(), before)
      })
    ))

  it("the address of a page expires on command, after two days, and is never guessed", () =>
    run({ accounts: 900 }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const next = Effect.map(query("SELECT Id FROM Account", "query", 200), ({ json }) =>
          String(json.nextRecordsUrl)
        )
        const old = yield* next
        assert.equal((yield* call(old.replace("/query/", "/queryAll/"))).status, 200)
        yield* simulator.control.mutate({ expireLocators: true })
        refused(yield* call(old), 400, "INVALID_QUERY_LOCATOR")
        const fresh = yield* next
        assert.equal((yield* call(fresh)).status, 200)
        for (const guessed of ["-1", "-99999", "0r8xx0000000001AAA-200", "nonsense", "%27"]) {
          refused(yield* call(`${base}/query/${guessed}`), 400, "INVALID_QUERY_LOCATOR")
        }
        yield* simulator.control.advance(2 * 86_400_000)
        refused(yield* call(fresh), 400, "INVALID_QUERY_LOCATOR")
      })
    ))

  it("addresses of pages can be made to live shorter", () =>
    run({ accounts: 900, locatorMs: 900_000 }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const { nextRecordsUrl } = (yield* query("SELECT Id FROM Account", "query", 200)).json
        yield* simulator.control.advance(899_999)
        const next = yield* call(nextRecordsUrl)
        assert.equal(next.status, 200)
        yield* simulator.control.advance(1)
        refused(yield* call(nextRecordsUrl), 400, "INVALID_QUERY_LOCATOR")
        refused(yield* call(next.json.nextRecordsUrl), 400, "INVALID_QUERY_LOCATOR")
      })
    ))

  it("deleted rows are in queryAll alone", () =>
    run({}, ({ query, simulator }) =>
      Effect.gen(function* () {
        const [row] = (yield* query("SELECT Id FROM Account LIMIT 1")).json.records
        yield* simulator.control.advance(5000)
        yield* simulator.control.mutate({ ops: [{ op: "delete", entity: "Account", id: row.Id }] })
        const soql = `SELECT Id, IsDeleted, SystemModstamp FROM Account WHERE Id = '${row.Id}'`
        assert.equal((yield* query(soql)).json.totalSize, 0)
        const [deleted] = (yield* query(soql, "queryAll")).json.records
        assert.deepEqual([deleted["IsDeleted"], deleted["SystemModstamp"]], [true, "2026-05-01T08:00:05.000+0000"])
        assert.equal((yield* query("SELECT count() FROM Account", "queryAll")).json.totalSize, 60)
      })
    ))

  it("errors are arrays of one with message and code", () =>
    run({}, ({ query }) =>
      Effect.gen(function* () {
        refused(yield* query("SELECT Id FORM Account"), 400, "MALFORMED_QUERY")
        refused(yield* query("SELECT Nope FROM Account"), 400, "INVALID_FIELD")
        refused(yield* query("SELECT Id FROM Nope"), 400, "INVALID_TYPE")
      })
    ))

  it("hostile queries never bring it down", () =>
    run({ accounts: 3 }, ({ query }) =>
      Effect.gen(function* () {
        const hostile = [
          "(".repeat(8000),
          `SELECT Id FROM Account WHERE ${"NOT (".repeat(1500)}`,
          `SELECT Id FROM Account WHERE Name LIKE '${"%a".repeat(1500)}'`,
          `SELECT Id FROM Account WHERE Id IN (${"'x',".repeat(2000)}'x')`,
          "SELECT __proto__ FROM constructor",
          "SELECT constructor, toString FROM Account WHERE hasOwnProperty = 1",
          "SELECT Id FROM Account WHERE Name = '\u0000\ud83d'",
          "\u202e SELECT Id FROM Account",
          "SELECT Id FROM Account WHERE Name = 'x' OR Name != null; DROP TABLE Account --"
        ]
        for (const soql of hostile) {
          const { json, status } = yield* query(soql.toWellFormed())
          assert.ok([200, 400, 414].includes(status), `${status} ${soql.slice(0, 60)}`)
          assert.ok(status !== 400 || typeof json[0]?.errorCode === "string")
        }
        assert.equal((yield* query("SELECT Id FROM Account")).json.totalSize, 3)
      })
    ))
})

describe("REST records", () => {
  it("a record can be made, read, changed and deleted, in the name of the client", () =>
    run({}, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const send = (method: string, path: string, body?: unknown) =>
          call(`${base}/sobjects/Account${path}`, {
            method,
            headers: { "sforce-call-options": "client=crm-bridge" },
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
          })
        refused(yield* send("POST", "", { Phone: "1" }), 400, "REQUIRED_FIELD_MISSING")
        refused(yield* send("POST", "", { Name: "A", Nope: "1" }), 400, "INVALID_FIELD")
        refused(yield* call(`${base}/sobjects/Account`, { method: "POST", body: "[]" }), 400, "JSON_PARSER_ERROR")
        const made = yield* send("POST", "", { attributes: { type: "Account" }, Name: "Made" })
        assert.deepEqual([made.status, made.json.success, made.json.errors], [201, true, []])
        const { id } = made.json
        const read = yield* send("GET", `/${id.slice(0, 15)}`)
        assert.deepEqual([read.json["Id"], read.json["Name"], read.json["Phone"]], [id, "Made", null])
        const two = yield* send("GET", `/${id}?fields=Name,Id`)
        assert.deepEqual(Object.keys(two.json), ["attributes", "Name", "Id"])
        assert.equal((yield* send("PATCH", `/${id}`, { Name: "Changed" })).status, 204)
        assert.equal((yield* query(`SELECT Name FROM Account WHERE Id = '${id}'`)).json.records[0]["Name"], "Changed")
        assert.equal((yield* send("DELETE", `/${id}`)).status, 204)
        refused(yield* send("DELETE", `/${id}`), 404, "ENTITY_IS_DELETED")
        refused(yield* send("GET", `/${id}`), 404, "ENTITY_IS_DELETED")
        refused(yield* send("GET", "/nonsense"), 404, "NOT_FOUND")
        refused(yield* send("GET", "/001000000000000AAA"), 404, "NOT_FOUND")
        assert.equal((yield* simulator.control.state).entities["Account"]?.[id], undefined)
      })
    ))
})
