// Goal: the judge of histories finds what is wrong with one, whatever wrote it. Guarantees: L26, L27.
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
type Files = Record<
  "upstream" | "visible" | "rows" | "items" | "events" | "handled" | "lanes" | "kills",
  Array<Line>
> & {
  final: Record<"upstream" | "local" | "projection", Record<string, Record<string, Line>>>
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
  handled: [
    handled("2", "created", 1),
    handled("1", "created", 1),
    handled("1", "edited", 2),
    handled("2", "deleted", 2)
  ],
  lanes: [
    { seq: 1, lane: "live", epoch: 1, batch_no: 1, cursor: { at: "2026-01-01" } },
    { seq: 2, lane: "live", epoch: 2, batch_no: 2, cursor: { at: "2026-01-02" } }
  ],
  kills: [{ t: "", pid: 1, signal: "SIGKILL", point: "inside-tx" }],
  final: {
    upstream: { [entity]: { 1: second } },
    local: { [entity]: { 1: second } },
    projection: {
      [entity]: {
        1: { status: "edited", revision: 2, events: 2 },
        2: { status: "deleted", revision: 2, events: 2 }
      }
    }
  }
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

const handled = (id: string, what: string, revision: number): Line => ({
  t: "",
  consumer: "projection",
  event: String(event(id, what, revision)["id"]),
  entity,
  key: id,
  revision,
  attempt: 1,
  late: false,
  pid: 1
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
    const { handling, verdict, violations } = await judge(right())
    assert.deepEqual(violations, [])
    assert.deepEqual(handling, { expected: 4, found: 4 })
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
    ["a batch committed twice", /^OutOfOrder lane\/live/m, ({ lanes }) => lanes.push(lanes[1]!)],
    ["an event that nobody handled", /^Unhandled Account\/1: .* revision 2/m, ({ handled }) => handled.splice(2, 1)],
    ["a consumer that handled nothing", /^Unhandled Account\/2/m, (files) => (files.handled = [])],
    [
      "a second consumer that missed one",
      /^Unhandled Account\/1: .*, by other$/m,
      ({ handled }) => handled.push({ ...handled[0]!, consumer: "other" })
    ],
    [
      "an event handled twice",
      /^HandledTwice Account\/1/m,
      ({ handled }) => handled.push({ ...handled[2]!, late: true })
    ],
    ["an event handled that nobody told", /^HandledUnknown/m, ({ handled }) => (handled[2]!["event"] = "9/9")],
    ["an event handled as another", /^HandledOther/m, ({ handled }) => (handled[0]!["key"] = "3")],
    [
      "events of a record handled in the wrong order",
      /^HandledOutOfOrder Account\/1/m,
      ({ handled }) => handled.push(...handled.splice(1, 1))
    ],
    [
      "a projection that missed an event",
      /^Projection Account\/1: .* after 1 events$/m,
      ({ final }) => (final.projection[entity]!["1"]!["events"] = 1)
    ],
    [
      "a projection of an older event",
      /^Projection Account\/1: /m,
      ({ final }) => (final.projection[entity]!["1"]!["revision"] = 1)
    ],
    [
      "a projection that kept what is gone",
      /^Projection Account\/2: present/m,
      ({ final }) => (final.projection[entity]!["2"]!["status"] = "edited")
    ],
    [
      "a projection without a record",
      /^Projection Account\/1: absent/m,
      ({ final }) => delete final.projection[entity]!["1"]
    ]
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

  it("with an event handled late is right", async () => {
    const files = right()
    files.handled.push({ ...files.handled.splice(1, 1)[0]!, late: true })
    const { verdict, violations } = await judge(files)
    assert.deepEqual([verdict.ok, violations], [true, []])
  })

  it("without a kill inside a transaction shows too little", async () => {
    const { verdict } = await judge({ ...right(), kills: [{ t: "", pid: 1, signal: "SIGKILL", point: "outside" }] })
    assert.equal(verdict.ok, false)
  })
})
