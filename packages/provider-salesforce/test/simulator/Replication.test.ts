/** The replication feeds: their windows, and how far they may be trusted. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const rest = (text: string) => text.replace("Z", ".000+0000")
const feed = ({ call }: Caller.Caller, kind: "updated" | "deleted", start: string, end: string, object = "Account") =>
  call(`${base}/sobjects/${object}/${kind}/?start=${encodeURIComponent(start)}&end=${encodeURIComponent(end)}`)

const windows: ReadonlyArray<readonly ["updated" | "deleted", start: string, end: string, code: string]> = [
  ["deleted", "2026-05-01T07:00:00Z", "2026-05-01T08:00:00Z", "200"],
  ["deleted", "2026-05-01T09:00:00+02:00", "2026-05-01T08:00:00.000Z", "200"],
  ["deleted", "2026-05-01T08:00:00Z", "2026-05-01T07:00:00Z", "INVALID_REPLICATION_DATE"],
  ["deleted", "2026-05-01T07:59:00Z", "2026-05-01T08:00:00Z", "INVALID_REPLICATION_DATE"],
  ["deleted", "2026-05-01T07:58:59Z", "2026-05-01T08:00:00Z", "200"],
  ["deleted", "2026-04-16T08:00:00Z", "2026-05-01T08:00:00Z", "200"],
  ["deleted", "2026-04-16T07:59:59Z", "2026-05-01T08:00:00Z", "INVALID_REPLICATION_DATE"],
  ["updated", "2026-04-01T08:00:00Z", "2026-05-01T08:00:00Z", "200"],
  ["updated", "2026-04-01T07:59:59Z", "2026-05-01T08:00:00Z", "INVALID_REPLICATION_DATE"],
  ["updated", "2026-05-01T07:00:00 00:00", "2026-05-01T08:00:00Z", "INVALID_REPLICATION_DATE"],
  ["updated", "yesterday", "2026-05-01T08:00:00Z", "INVALID_REPLICATION_DATE"]
]

describe("Replication", () => {
  it.each(windows)("%s from %s to %s is answered with %s", (kind, start, end, code) =>
    run({}, (caller) =>
      Effect.map(feed(caller, kind, start, end), ({ json, status }) => {
        assert.equal(status === 200 ? "200" : json[0]?.errorCode, code)
        assert.ok(status === 200 || status === 400)
      })
    )
  )

  it("a feed needs both ends, and an object that has one", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const missing = yield* caller.call(`${base}/sobjects/Account/deleted?start=2026-05-01T07:00:00Z`)
        assert.deepEqual([missing.status, missing.json[0]?.errorCode], [400, "MISSING_ARGUMENT"])
        const other = yield* feed(caller, "updated", "2026-05-01T07:00:00Z", "2026-05-01T08:00:00Z", "Organization")
        assert.deepEqual([other.status, other.json[0]?.errorCode], [400, "INVALID_TYPE"])
      })
    ))

  it("deleted and purged records are listed, undeleted ones are not", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const { control } = caller.simulator
        const [a, b, c, d] = Object.keys((yield* control.state).entities["Account"] ?? {}) as [
          string,
          string,
          string,
          string
        ]
        const change = (op: "delete" | "purge" | "undelete", id: string) =>
          control.mutate({ ops: [{ op, entity: "Account", id }] })
        yield* Effect.forEach([a, b, c], (id) => change("delete", id))
        yield* control.advance(600_000)
        yield* change("undelete", b)
        yield* change("purge", c)
        yield* change("purge", d)
        const { json } = yield* feed(caller, "deleted", "2026-05-01T07:00:00Z", "2026-05-01T09:00:00Z")
        assert.deepEqual(
          new Map(json.deletedRecords.map(({ deletedDate, id }) => [id, deletedDate])),
          new Map([
            [a, rest("2026-05-01T08:00:00Z")],
            [c, rest("2026-05-01T08:00:00Z")],
            [d, rest("2026-05-01T08:10:00Z")]
          ])
        )
        assert.equal(json.latestDateCovered, rest("2026-05-01T08:10:00Z"))
        assert.equal(json.earliestDateAvailable, rest("2026-04-16T08:10:00Z"))
        const later = yield* feed(caller, "deleted", "2026-05-01T08:05:00Z", "2026-05-01T09:00:00Z")
        assert.deepEqual(
          later.json.deletedRecords.map(({ id }) => id),
          [d]
        )
        const updated = yield* feed(caller, "updated", "2026-05-01T08:00:00Z", "2026-05-01T09:00:00Z")
        assert.deepEqual(updated.json.ids, [b])
      })
    ))

  it("a transaction that is open holds the covered date back, and what it did comes later", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const { control } = caller.simulator
        const [id = ""] = Object.keys((yield* control.state).entities["Account"] ?? {})
        yield* control.mutate({ ops: [{ op: "delete", entity: "Account", id, lateMs: 300_000 }] })
        yield* control.advance(299_999)
        const window = ["2026-05-01T07:00:00Z", "2026-05-01T09:00:00Z"] as const
        const early = yield* feed(caller, "deleted", ...window)
        assert.deepEqual(early.json.deletedRecords, [])
        assert.equal(early.json.latestDateCovered, rest("2026-05-01T08:00:00Z"))
        yield* control.advance(1)
        const [from] = [early.json.latestDateCovered]
        const late = yield* feed(caller, "deleted", from, window[1])
        assert.deepEqual(late.json.deletedRecords, [{ id, deletedDate: rest("2026-05-01T08:00:00Z") }])
        assert.equal(late.json.latestDateCovered, rest("2026-05-01T08:05:00Z"))
      })
    ))

  it("seconds can be made to be ignored", () =>
    run({ ignoresSeconds: true, start: "2026-05-01T08:00:30Z" }, (caller) =>
      Effect.gen(function* () {
        const { control } = caller.simulator
        const [id = ""] = Object.keys((yield* control.state).entities["Account"] ?? {})
        yield* control.mutate({ ops: [{ op: "delete", entity: "Account", id }] })
        const { json } = yield* feed(caller, "deleted", "2026-05-01T07:00:59Z", "2026-05-01T08:00:59Z")
        assert.deepEqual([json.deletedRecords, json.latestDateCovered], [[], rest("2026-05-01T08:00:00Z")])
        yield* control.advance(60_000)
        const later = yield* feed(caller, "deleted", "2026-05-01T07:00:59Z", "2026-05-01T08:01:59Z")
        assert.equal(later.json.deletedRecords.length, 1)
      })
    ))
})
