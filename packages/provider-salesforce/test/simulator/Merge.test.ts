/** Records that went into others and records that came back, as clients can see it. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const at = (time: string) => `2026-05-01T${time}.000+0000`

describe("Merge", () => {
  it("losers are deleted and say where they went, the winner is changed, and what pointed at them points at it", () =>
    run({ accounts: 0 }, ({ call, post, query, simulator }) =>
      Effect.gen(function* () {
        const made = (yield* post("/__mutate", {
          ops: ["Winner", "First", "Second", "Other"].map((Name) => ({
            op: "create",
            entity: "Account",
            fields: { Name }
          }))
        })).json.results.map(({ id }) => id)
        const [winner = "", first = "", second = "", other = ""] = made
        const children = (yield* post("/__mutate", {
          ops: [
            { op: "create", entity: "Contact", fields: { LastName: "Moves", AccountId: first } },
            { op: "create", entity: "Contact", fields: { LastName: "Stays", AccountId: other } },
            { op: "update", entity: "Account", id: winner, fields: { ParentId: second } }
          ]
        })).json.results.map(({ id }) => id)
        yield* simulator.control.advance(60_000)
        const merged = yield* post("/__mutate", {
          ops: [{ op: "merge", entity: "Account", id: winner, losers: [first, second], fields: { Phone: "1" } }]
        })
        assert.deepEqual(
          merged.json.results.map(({ id }) => id),
          [winner, winner, children[0], first, second]
        )
        const soql = "SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Account ORDER BY Name"
        const seen = (yield* query(soql, "queryAll")).json.records.map((row) => [
          row.Id,
          row["IsDeleted"],
          row["MasterRecordId"],
          row["SystemModstamp"]
        ])
        assert.deepEqual(seen, [
          [first, true, winner, at("08:01:00")],
          [other, false, null, at("08:00:00")],
          [second, true, winner, at("08:01:00")],
          [winner, false, null, at("08:01:00")]
        ])
        assert.deepEqual(Caller.ids((yield* query(soql)).json.records), [other, winner])
        const [row] = (yield* query(`SELECT Phone, ParentId FROM Account WHERE Id = '${winner}'`)).json.records
        assert.deepEqual([row["Phone"], row["ParentId"]], ["1", null])
        const contacts = (yield* query("SELECT AccountId, SystemModstamp FROM Contact ORDER BY LastName")).json.records
        assert.deepEqual(
          contacts.map((row) => [row["AccountId"], row["SystemModstamp"]]),
          [
            [winner, at("08:01:00")],
            [other, at("08:00:00")]
          ]
        )
        const window = "start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z"
        const { json } = yield* call(`${base}/sobjects/Account/deleted/?${window}`)
        assert.deepEqual(
          new Set(json.deletedRecords.map(({ deletedDate, id }) => `${id} ${deletedDate}`)),
          new Set([`${first} ${at("08:01:00")}`, `${second} ${at("08:01:00")}`])
        )
      })
    ))

  it("a merge is one transaction: until it commits all of it is as it was", () =>
    run({ accounts: 3 }, ({ query, simulator }) =>
      Effect.gen(function* () {
        const ids = query("SELECT Id FROM Account ORDER BY Id")
        const [winner, loser] = Caller.ids((yield* ids).json.records) as [string, string, string]
        yield* simulator.control.mutate({
          ops: [
            { op: "merge", entity: "Account", id: winner, losers: [loser], lateMs: 5000, fields: { Name: "Merged" } }
          ]
        })
        const own = query(`SELECT Name FROM Account WHERE Id = '${winner}'`)
        assert.equal((yield* ids).json.totalSize, 3)
        assert.notEqual((yield* own).json.records[0]["Name"], "Merged")
        yield* simulator.control.advance(5000)
        assert.equal((yield* ids).json.totalSize, 2)
        assert.equal((yield* own).json.records[0]["Name"], "Merged")
      })
    ))

  it("what cannot be merged is refused, and nothing is done", () =>
    run({ accounts: 5, opportunities: 2 }, ({ call, post, query }) =>
      Effect.gen(function* () {
        const [a, b, c, d] = Caller.ids((yield* query("SELECT Id FROM Account")).json.records)
        const deals = Caller.ids((yield* query("SELECT Id FROM Opportunity")).json.records)
        const before = (yield* call("/__state")).text
        for (const [entity, id, losers, fields] of [
          ["Account", a, []],
          ["Account", a, [a]],
          ["Account", a, [b, b]],
          ["Account", a, [b, c, d]],
          ["Account", a, [b, "001000000000000AAA"]],
          ["Account", a, [b], { Nope: 1 }],
          ["Opportunity", deals[0], [deals[1]]],
          ["Nope", a, [b]]
        ]) {
          const { status } = yield* post("/__mutate", { ops: [{ op: "merge", entity, id, losers, fields }] })
          assert.ok(status === 400 || status === 404, String(status))
          assert.equal((yield* call("/__state")).text, before)
        }
      })
    ))

  it("an undeleted record is back with its Id and a new stamp, and belongs to nobody", () =>
    run({ accounts: 3 }, ({ call, query, simulator }) =>
      Effect.gen(function* () {
        const { control } = simulator
        const [winner, loser] = Caller.ids((yield* query("SELECT Id FROM Account")).json.records) as [string, string]
        yield* control.mutate({ ops: [{ op: "merge", entity: "Account", id: winner, losers: [loser] }] })
        yield* control.advance(90_000)
        yield* control.mutate({ ops: [{ op: "undelete", entity: "Account", id: loser }] })
        const soql = `SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Account WHERE Id = '${loser}'`
        const [row] = (yield* query(soql)).json.records
        assert.deepEqual(
          [row.Id, row["IsDeleted"], row["MasterRecordId"], row["SystemModstamp"]],
          [loser, false, null, at("08:01:30")]
        )
        const window = "start=2026-05-01T07:00:00Z&end=2026-05-01T09:00:00Z"
        assert.deepEqual((yield* call(`${base}/sobjects/Account/deleted/?${window}`)).json.deletedRecords, [])
        assert.ok((yield* call(`${base}/sobjects/Account/updated/?${window}`)).json.ids.includes(loser))
      })
    ))
})
