/** Starting and steering a simulator: clock, changes, faults, histories, repetition. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, it } from "vitest"
import type * as Faults from "../../src/simulator/Faults.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const failure = (options: Simulator.Options) => Effect.runPromise(Effect.flip(Effect.scoped(Simulator.make(options))))

describe("Simulator options", () => {
  it.each([
    [{ accounts: -1 }, "accounts"],
    [{ accounts: 1.5 }, "accounts"],
    [{ accounts: Number.NaN }, "accounts"],
    [{ accounts: 1, port: 65_536 }, "port"],
    [{ accounts: 1, start: "soon" }, "start"],
    [{ accounts: 1, seed: -2 }, "seed"],
    [{ accounts: 1, dailyLimit: -1 }, "dailyLimit"],
    [{ accounts: 1, sessionMs: 0.5 }, "sessionMs"],
    [{ accounts: 1, locatorMs: Number.NaN }, "locatorMs"],
    [{ accounts: 1, pageMax: 0 }, "pageMax"],
    [{ accounts: 1, faults: ["unheard-of" as Faults.Kind] }, "faults"]
  ])("%j is refused, naming %s", async (options, name) => {
    const { message, reason } = await failure({ seed: 1, ...options })
    assert.equal(reason, "Options")
    assert.ok(message.includes(`option ${name} `), message)
  })

  it("a port that is taken and a directory that cannot be are told apart", () =>
    run({}, ({ simulator }) =>
      Effect.gen(function* () {
        const port = Number(new URL(simulator.url).port)
        const taken = yield* Effect.flip(Simulator.make({ seed: 1, accounts: 1, port }))
        assert.equal(taken.reason, "Listen")
        const unwritable = yield* Effect.flip(Simulator.make({ seed: 1, accounts: 1, history: "/dev/null/history" }))
        assert.equal(unwritable.reason, "History")
      })
    ))

  it("a served simulator goes on until it is closed", async () => {
    const served = await Effect.runPromise(Simulator.serve({ seed: 1, accounts: 3 }))
    const { call } = Caller.over(served)
    assert.equal((await Effect.runPromise(call(base))).status, 200)
    await Effect.runPromise(served.close)
    assert.ok(Exit.isFailure(await Effect.runPromiseExit(call(base))))
  })
})

describe("Simulator clock", () => {
  it("stands still until it is told to go, and never goes back", () =>
    run({}, ({ call, post, simulator }) =>
      Effect.gen(function* () {
        assert.deepEqual((yield* call("/__clock")).json, { now: "2026-05-01T08:00:00.000Z" })
        assert.deepEqual((yield* post("/__clock", { advance: 1500 })).json, { now: "2026-05-01T08:00:01.500Z" })
        assert.deepEqual((yield* post("/__clock", { set: "2026-05-01T11:00:00+02:00" })).json, {
          now: "2026-05-01T09:00:00.000Z"
        })
        for (const body of [{ set: "2026-05-01T08:00:00Z" }, { set: "x" }, { advance: -1 }, {}, { advance: "1" }]) {
          assert.equal((yield* post("/__clock", body)).status, 400)
        }
        assert.equal(yield* simulator.control.now, "2026-05-01T09:00:00.000Z")
        assert.equal((yield* Effect.flip(simulator.control.set("2026-05-01T08:00:00Z"))).reason, "Refused")
      })
    ))

  it("in real time it goes on from its start, and can be moved forward", () =>
    run({ realtime: true }, ({ simulator }) =>
      Effect.gen(function* () {
        const first = yield* simulator.control.now
        assert.ok(first >= "2026-05-01T08:00:00.000Z" && first < "2026-05-01T08:10:00.000Z")
        const later = yield* simulator.control.advance(3_600_000)
        assert.ok(later >= "2026-05-01T09:00:00.000Z")
        assert.ok((yield* simulator.control.now) >= later)
      })
    ))
})

describe("Simulator control", () => {
  it("changes over HTTP tell the Id, the version, and when they can be seen", () =>
    run({}, ({ call, post }) =>
      Effect.gen(function* () {
        const { json } = yield* post("/__mutate", {
          ops: [
            { op: "create", entity: "Account", fields: { Name: "Made" } },
            { op: "create", entity: "Contact", lateMs: 2500 }
          ]
        })
        assert.equal(json.now, "2026-05-01T08:00:00.000Z")
        assert.deepEqual(
          json.results.map(({ version, visibleAt }) => [version, visibleAt]),
          [
            ["2026-05-01T08:00:00.000Z", "2026-05-01T08:00:00.000Z"],
            ["2026-05-01T08:00:00.000Z", "2026-05-01T08:00:02.500Z"]
          ]
        )
        const [account, contact] = json.results
        const state = (yield* call("/__state?requests=1")).json
        assert.equal(state.entities["Account"]?.[account?.id ?? ""]?.["Name"], "Made")
        assert.equal(state.entities["Account"]?.[account?.id ?? ""]?.["SystemModstamp"], "2026-05-01T08:00:00.000+0000")
        assert.equal(state.entities["Contact"]?.[contact?.id ?? ""], undefined)
        assert.deepEqual(state.requests, {})
        const random = yield* post("/__mutate", { random: { count: 25, seed: 9, update: 1 } })
        assert.equal(random.json.results.length, 25)
      })
    ))

  it("a change that is refused names its place, and leaves those before it", () =>
    run({}, ({ post, simulator }) =>
      Effect.gen(function* () {
        const answer = yield* post("/__mutate", {
          ops: [
            { op: "create", entity: "Account", fields: { Name: "Kept" } },
            { op: "delete", entity: "Account", id: "001000000000000AAA" },
            { op: "create", entity: "Account", fields: { Name: "Never" } }
          ]
        })
        assert.equal(answer.status, 404)
        assert.match(answer.json[0]?.message ?? "", /^ops\[1\]: /)
        const names = Object.values((yield* simulator.control.state).entities["Account"] ?? {}).map(({ Name }) => Name)
        assert.ok(names.includes("Kept") && !names.includes("Never"))
        for (const body of [
          { ops: [{ op: "explode", entity: "Account" }] },
          { ops: 1 },
          { random: { count: -1, seed: 1 } }
        ]) {
          assert.equal((yield* post("/__mutate", body)).status, 400)
        }
        assert.equal((yield* post("/__mutate", { ops: [{ op: "create", entity: "Organization" }] })).status, 404)
      })
    ))

  it("requests are written down and counted, control is not", () =>
    run({ accounts: 300 }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const page = yield* query("SELECT Id FROM Account", "query", 200)
        yield* call(page.json.nextRecordsUrl)
        yield* call(`${base}/sobjects/Account/${page.json.records[0].Id}`)
        const { json } = yield* call("/__requests")
        assert.equal(json.requests.length, 3)
        assert.deepEqual(json.requests[0], {
          t: "2026-05-01T08:00:00.000Z",
          method: "GET",
          path: `${base}/query`,
          query: { q: "SELECT Id FROM Account" },
          status: 200
        })
        assert.deepEqual(yield* simulator.control.counts, {
          [`${base}/query`]: 1,
          [`${base}/query/{locator}`]: 1,
          [`${base}/sobjects/Account/{id}`]: 1
        })
      })
    ))
})

describe("Simulator histories", () => {
  const lines = (directory: string, name: string) =>
    fs
      .readFileSync(path.join(directory, name), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line))

  it("changes are written when they are made, and again when they are seen", () => {
    const directory = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "simulator-")), "deep", "history")
    return run({ accounts: 20, contacts: 5, history: directory }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const upstream = () => lines(directory, "upstream.jsonl")
        const visible = () => lines(directory, "visible.jsonl")
        assert.equal(upstream().length, 25)
        assert.ok(upstream().every(({ by, op }) => op === "create" && by === "user"))
        assert.equal(visible().length, 25)
        const { control } = simulator
        const id = upstream()[0].id
        yield* control.mutate({ ops: [{ op: "update", entity: "Account", id, fields: { Name: "N" }, lateMs: 900 }] })
        const { fields, ...change } = upstream()[25]
        assert.deepEqual(change, {
          t: "2026-05-01T08:00:00.000Z",
          op: "update",
          entity: "Account",
          id,
          version: "2026-05-01T08:00:00.000Z",
          by: "user"
        })
        assert.equal(fields.Name, "N")
        assert.match(fields.CreatedDate, /^2.*\.000Z$/)
        for (const name of ["Id", "IsDeleted", "SystemModstamp", "LastModifiedDate"]) assert.ok(!(name in fields))
        assert.equal(visible().length, 25)
        yield* control.advance(1000)
        assert.deepEqual(visible()[25], {
          t: "2026-05-01T08:00:00.900Z",
          entity: "Account",
          id,
          version: "2026-05-01T08:00:00.000Z"
        })
        const headers = { "sforce-call-options": "client=bridge" }
        yield* call(`${base}/sobjects/Account/${id}`, { method: "DELETE", headers })
        const deletion = upstream()[26]
        assert.deepEqual([deletion.op, deletion.by, deletion.fields], ["delete", "api:bridge", null])
        assert.deepEqual([deletion.version, visible()[26].t], ["2026-05-01T08:00:01.000Z", "2026-05-01T08:00:01.000Z"])
        yield* query("SELECT Id FROM Account")
        assert.equal(visible().length, 27)
      })
    ).finally(() => fs.rmSync(path.join(directory, "..", ".."), { recursive: true }))
  })
})

describe("Simulator repetition", () => {
  const story = (caller: Caller.Caller) =>
    Effect.gen(function* () {
      const { call, pages, post, query } = caller
      const told: Array<unknown> = []
      for (const seed of [1, 2, 3]) {
        told.push(yield* post("/__mutate", { random: { count: 40, seed, lateMaxMs: 4000 } }))
        told.push(yield* post("/__clock", { advance: 2500 }))
        told.push(yield* query("SELECT Id, Name FROM Account", "queryAll", 200))
        told.push(yield* pages("SELECT Id FROM Account ORDER BY Industry", "query", 200))
        told.push(yield* call(`${base}/sobjects/Account/deleted/?start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z`))
      }
      const [winner, loser] = Caller.ids((yield* pages("SELECT Id FROM Contact ORDER BY Id")).flat())
      for (const address of ["/query", "/describe"]) {
        yield* post("/__fault", { match: address, kind: "429Absurd", every: 2, times: 2 })
        yield* post("/__fault", { match: address, kind: "429Date", nth: 2 })
      }
      told.push(
        yield* post("/__mutate", {
          schema: [
            { op: "addObject", name: "Parcel__c", fields: [{ name: "Weight__c", type: "double" }], records: 5 },
            { op: "addField", entity: "Account", field: { name: "Score__c", type: "int" } },
            { op: "hideField", entity: "Account", name: "Phone" }
          ],
          ops: [{ op: "merge", entity: "Contact", id: winner, losers: [loser] }],
          random: { count: 40, seed: 4 },
          expireToken: true
        })
      )
      const form = `grant_type=refresh_token&client_id=c&refresh_token=${caller.simulator.refreshToken}`
      const grant = yield* call("/services/oauth2/token", { method: "POST", body: form })
      const headers = { authorization: `Bearer ${grant.json.access_token}` }
      told.push(grant)
      for (const path of ["sobjects/Account/describe", "sobjects/Parcel__c/describe", "limits", "sobjects"]) {
        told.push(yield* call(`${base}/${path}`, { headers }))
      }
      told.push(yield* call(`${base}/query?q=SELECT+Id,Score__c+FROM+Account`, { headers }))
      told.push(yield* call("/__state"))
      return JSON.stringify(told).replaceAll(caller.simulator.url, "")
    })

  it("the same seed and the same requests give the same bytes, another seed others", () =>
    run({ accounts: 700, contacts: 30, shortPages: true }, (first) =>
      Effect.gen(function* () {
        const told = yield* story(first)
        const again = yield* Caller.start({ accounts: 700, contacts: 30, shortPages: true })
        assert.equal(yield* story(again), told)
        assert.equal(again.simulator.token, first.simulator.token)
        const other = yield* Caller.start({ accounts: 700, contacts: 30, shortPages: true, seed: 8 })
        assert.notEqual(yield* story(other), told)
        assert.notEqual(other.simulator.token, first.simulator.token)
      })
    ))
})
