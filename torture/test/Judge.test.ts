// Goal: the judge of histories finds what is wrong with one, whatever wrote it.
// Method: a small history that is right, and one lie at a time in its files.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, describe, it } from "vitest"
import * as Judge from "../src/Judge.ts"

type Line = Record<string, unknown>
type Files = Record<"upstream" | "visible" | "rows" | "items" | "events" | "lanes" | "kills", Array<Line>> & {
  final: { upstream: Record<string, Record<string, Line>>; local: Record<string, Record<string, Line>> }
}

const entity = "Account"
const tenant = "default"
const [first, second] = [
  { Name: "A", Size: 1 },
  { Name: "B", Size: 1 }
]

/** One account: created, edited; another: created, deleted. */
const right = (): Files => ({
  upstream: [
    { t: "", op: "create", entity, id: "1", version: "v1", fields: first, by: "user" },
    { t: "", op: "create", entity, id: "2", version: "v2", fields: first, by: "user" },
    { t: "", op: "update", entity, id: "1", version: "v3", fields: second, by: "user" },
    { t: "", op: "delete", entity, id: "2", version: "v4", fields: null, by: "user" }
  ],
  visible: [{ t: "", entity, id: "1", version: "v1" }],
  rows: [
    { seq: 1, tenant, entity, id: "1", revision: 1, before: null, after: first },
    { seq: 2, tenant, entity, id: "2", revision: 1, before: null, after: first },
    { seq: 3, tenant, entity, id: "1", revision: 2, before: first, after: second },
    { seq: 4, tenant, entity, id: "2", revision: 2, before: first, after: null }
  ],
  items: [
    item("1", "Created", 1, { Name: { after: "A" }, Size: { after: 1 } }),
    item("2", "Created", 1, { Name: { after: "A" }, Size: { after: 1 } }),
    item("1", "Updated", 2, { Name: { before: "A", after: "B" } }),
    item("2", "Deleted", 2, { Name: { before: "A" }, Size: { before: 1 } })
  ],
  events: [event("1", "created", 1), event("2", "created", 1), event("1", "edited", 2), event("2", "deleted", 2)],
  lanes: [
    { seq: 1, lane: "live", epoch: 1, batch_no: 1, cursor: { at: "2026-01-01" } },
    { seq: 2, lane: "live", epoch: 2, batch_no: 2, cursor: { at: "2026-01-02" } }
  ],
  kills: [{ t: "", pid: 1, signal: "SIGKILL", point: "inside-tx" }],
  final: { upstream: { [entity]: { 1: second } }, local: { [entity]: { 1: second } } }
})

const item = (id: string, operation: string, revision: number, patch: Line): Line => ({
  run: "r",
  tenant,
  entity,
  id,
  operation,
  outcome: "Applied",
  reason: null,
  revision,
  patch
})

const event = (id: string, what: string, revision: number): Line => ({
  id: `${id}/${revision}`,
  tenant,
  type: `account_${what}`,
  entity,
  key: id,
  revision,
  payload: {}
})

let directory = ""
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }))

const judge = (files: Files) => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "history-"))
  const { final, ...lines } = files
  for (const [name, all] of Object.entries(lines)) {
    fs.writeFileSync(path.join(directory, `${name}.jsonl`), all.map((line) => `${JSON.stringify(line)}\n`).join(""))
  }
  fs.writeFileSync(path.join(directory, "final.json"), JSON.stringify(final))
  return Effect.runPromise(Judge.judge(directory).pipe(Effect.provide(NodeServices.layer)))
}

describe("a history", () => {
  it("that is right is found right, and counted", async () => {
    const { verdict, violations } = await judge(right())
    assert.deepEqual(violations, [])
    assert.deepEqual(verdict, {
      ok: true,
      lost: 0,
      doubled: 0,
      stale: 0,
      events: { expected: 4, found: 4 },
      kills: 1,
      kills_in_tx: 1,
      records: 1
    })
  })

  const lies: ReadonlyArray<readonly [string, RegExp, (files: Files) => void]> = [
    ["a record that is missing", /^Lost Account\/1/m, ({ final }) => delete final.local[entity]!["1"]],
    ["a record that should be gone", /^Unexpected Account\/2/m, ({ final }) => (final.local[entity]!["2"] = first)],
    ["a record with old fields", /^Stale Account\/1/m, ({ final }) => (final.local[entity]!["1"] = first)],
    [
      "a final state that upstream never told of",
      /^(Lost|Stale) Account/m,
      ({ final }) => {
        final.upstream[entity] = { 1: first }
        final.local[entity] = { 1: first }
      }
    ],
    ["an event that is missing", /^EventMissing Account\/1/m, ({ events }) => events.splice(2, 1)],
    ["an event told twice", /^Doubled Account\/1/m, ({ events }) => events.push(event("1", "edited", 2))],
    [
      "an event of another kind",
      /^EventUnexpected Account\/1/m,
      ({ events }) => (events[2] = event("1", "deleted", 2))
    ],
    [
      "events of a record in the wrong order",
      /^OutOfOrder Account\/1/m,
      (files) => (files.events = files.events.toReversed())
    ],
    ["a change applied twice", /^Doubled Account\/1/m, ({ items }) => items.push(items[2]!)],
    [
      "a patch from another state",
      /^BrokenChain/m,
      ({ items }) => (items[2]!["patch"] = { Name: { before: "X", after: "B" } })
    ],
    ["two creations", /^Alternation Account\/1/m, ({ items }) => (items[2]!["operation"] = "Created")],
    ["a revision that is missing", /^Gap Account\/1/m, ({ items }) => (items[2]!["revision"] = 3)],
    [
      "a row that is not what its change says",
      /^BrokenChain/m,
      ({ rows }) => (rows[2]!["after"] = { Name: "C", Size: 1 })
    ],
    ["a row that upstream never was", /^Unexpected/m, ({ rows }) => (rows[2]!["after"] = { Name: "C", Size: 1 })],
    ["rows in the wrong order", /^OutOfOrder Account\/1/m, (files) => (files.rows = files.rows.toReversed())],
    ["a cursor that went back", /^CursorBack lane\/live/m, ({ lanes }) => (lanes[1]!["cursor"] = { at: "2025-12-31" })],
    ["a batch committed twice", /^OutOfOrder lane\/live/m, ({ lanes }) => lanes.push(lanes[1]!)]
  ]
  for (const [what, finding, lie] of lies) {
    it(`with ${what} is found out`, async () => {
      const files = right()
      lie(files)
      const { verdict, violations } = await judge(files)
      assert.equal(verdict.ok, false)
      assert.match(violations.join("\n"), finding)
    })
  }

  it("without a kill inside a transaction shows too little", async () => {
    const { verdict } = await judge({ ...right(), kills: [{ t: "", pid: 1, signal: "SIGKILL", point: "outside" }] })
    assert.equal(verdict.ok, false)
  })
})
