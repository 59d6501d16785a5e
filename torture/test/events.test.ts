// Goal: events reach their consumers once and in order while processes are killed and stopped; and whoever says so
// would find out if they did not. Guarantees: L24, L25, L26, L27, L29, L32, L33.
// Method: the command as a user runs it, small; and the check on a small history that is right, with one lie at a time.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, it } from "vitest"
import * as Check from "../src/events/Check.ts"
import * as Facts from "../src/events/Facts.ts"
import { report } from "../src/events.ts"

const main = path.join(import.meta.dirname, "../src/main.ts")

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | null; readonly out: string; readonly errors: string }>((resolve) => {
    const child = spawn(process.execPath, [main, "events", ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let [out, errors] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (errors += data))
    child.once("close", (code) => resolve({ code, out, errors }))
  })

const scratch = () => fs.mkdtempSync(path.join(os.tmpdir(), "events-"))

type Line = Record<string, unknown>

const linesOf = (directory: string, name: string): ReadonlyArray<Line> =>
  fs
    .readFileSync(path.join(directory, `${name}.jsonl`), "utf8")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]))

// -----------------------------------------------------------------------------
// command
// -----------------------------------------------------------------------------

describe("events", () => {
  it("L25 L26 L27 L29 L32 are handled once and in order, whoever is killed or stopped", async () => {
    const directory = scratch()
    const small = [
      "--events=600",
      "--workers=3",
      "--keys=60",
      "--kill-every=3",
      "--stops=3",
      "--lease=1000",
      "--seed=2"
    ]
    const { code, errors, out } = await run(...small, "--json", `--history=${directory}`)
    assert.equal(code, 0, errors)
    const { events_per_second, kills, kills_in_tx, overtaken, seconds, takeover_seconds_max, ...found } = JSON.parse(
      out.trimEnd().split("\n").at(-1) ?? ""
    ) as Record<string, number>
    assert.deepEqual(found, {
      ok: true,
      events: 600,
      handled: 1_800,
      lost: 0,
      doubled_effects: 0,
      inversions: 0,
      blocked_other_keys: 0,
      stale_settlements: 0,
      stops: 3,
      dead: 0
    })
    assert.ok(kills! > 0 && kills_in_tx! > 0 && overtaken! >= 0 && seconds! > 0 && events_per_second! > 0)
    assert.ok(takeover_seconds_max! >= 0)
    // Written the way that others can judge.
    const fields = (name: string) => Object.keys(linesOf(directory, name)[0] ?? {})
    const handled = ["t", "consumer", "event", "entity", "key", "revision", "attempt", "late", "pid"]
    assert.deepEqual(fields("handled"), handled)
    assert.deepEqual(fields("events"), ["id", "tenant", "type", "entity", "key", "revision", "payload"])
    assert.deepEqual(fields("kills"), ["t", "pid", "signal", "point"])
    const final = JSON.parse(fs.readFileSync(path.join(directory, "final.json"), "utf8")) as Line
    assert.deepEqual(Object.keys(final), ["upstream", "local", "seed", "args"])
    assert.deepEqual(final["upstream"], final["local"])
    // Not by good luck: many calls failed, and attempts say so.
    const attempts = linesOf(directory, "attempts")
    assert.ok(attempts.length > 1_800 * 1.05 && attempts.some(({ attempt }) => Number(attempt) > 2))
    fs.rmSync(directory, { recursive: true })
  }, 150_000)

  it("numbers that are none are named, with exit code 2", async () => {
    for (const wrong of ["--workers=1", "--fail=2", "--keys=0"]) {
      const { code, errors, out } = await run(wrong)
      assert.deepEqual([code, out.includes("{")], [2, false])
      assert.match(errors, new RegExp(wrong.split("=")[0]!.slice(2)))
    }
  })

  it("tells a person what was found", () => {
    const verdict = { ...right, seconds: 3, events_per_second: 7 }
    assert.match(report(verdict, undefined), /^Every consumer handled[^]*events +4, handled 8 times[^]*lost +0\n/)
    assert.match(report({ ...verdict, ok: false, lost: 3 }, "DIR"), /^NOT every[^]*lost +3\n[^]*history +DIR$/)
  })
})

describe("chance", () => {
  it("fails the share of calls that it is told to, and the same ones each time", () => {
    const course = (attempt: number) =>
      Facts.courseOf({ seed: 1, fail: 0.1, consumer: "books", event: `e${attempt}`, attempt })
    const courses = Array.from({ length: 20_000 }, (_, attempt) => course(attempt))
    const failed = courses.filter((one) => one === "Before" || one === "After").length
    assert.ok(failed > 1_800 && failed < 2_200, `${failed}`)
    assert.deepEqual(
      courses.slice(0, 100),
      Array.from({ length: 100 }, (_, attempt) => course(attempt))
    )
  })
})

// -----------------------------------------------------------------------------
// check
// -----------------------------------------------------------------------------

const names = ["facts", "events", "handled", "attempts", "deliveries", "dead", "kills", "stops"] as const

type Files = Record<(typeof names)[number], Array<Line>>

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()

const event = (key: string, revision: number): Line => ({
  id: `acme/${key}/${revision}`,
  tenant: "acme",
  type: "order_placed",
  entity: "order",
  key,
  revision,
  payload: { fact: key === "a" ? revision : 10 + revision }
})

const call = (t: number, consumer: string, key: string, revision: number, attempt = 1, pid = 9): Line => ({
  t: at(t),
  consumer,
  event: `acme/${key}/${revision}`,
  entity: "order",
  key,
  revision,
  attempt,
  late: false,
  pid
})

const delivery = (seq: number, t: number, op: string, by: string, key = "a", revision = 1, consumer = "books") => ({
  seq,
  t: at(t),
  consumer,
  event: `acme/${key}/${revision}`,
  epoch: 2,
  op,
  by
})

const fact = (t: number, key: string, fact: number): Line => ({ t: at(t), tenant: "acme", entity: "order", key, fact })

/**
 * Two keys of two events, two consumers. A worker was killed with the first event of
 * `a`, and another was stopped with it; `b` was refused by `calls` for a minute.
 */
const history = (): Files => ({
  facts: [fact(0, "a", 1), fact(0, "a", 2), fact(0, "b", 11), fact(0, "b", 12)],
  events: [event("a", 1), event("a", 2), event("b", 1), event("b", 2)],
  handled: [
    call(15, "books", "a", 1, 3, 3),
    call(16, "books", "a", 2),
    call(2, "books", "b", 1),
    call(3, "books", "b", 2),
    call(2, "calls", "a", 1),
    call(3, "calls", "a", 2),
    call(60, "calls", "b", 1, 3),
    call(61, "calls", "b", 2)
  ],
  attempts: [
    call(1, "books", "a", 1, 1, 1),
    call(8, "books", "a", 1, 2, 2),
    call(14, "books", "a", 1, 3, 3),
    call(16, "books", "a", 2),
    call(1, "books", "b", 1),
    call(2, "books", "b", 2),
    call(1, "calls", "a", 1),
    call(2, "calls", "a", 2),
    call(1, "calls", "b", 1, 1),
    call(30, "calls", "b", 1, 2),
    call(60, "calls", "b", 1, 3),
    call(61, "calls", "b", 2)
  ],
  deliveries: [
    delivery(1, 8, "claim", "worker-2"),
    delivery(2, 14, "claim", "worker-3"),
    delivery(3, 15, "settle", "worker-3"),
    delivery(4, 30, "claim", "worker-1", "b", 1, "calls"),
    delivery(5, 31, "settle", "worker-1", "b", 1, "calls")
  ],
  dead: [],
  kills: [{ t: at(3), pid: 1, signal: "SIGKILL", point: "inside-tx" }],
  stops: [
    { t: at(9), pid: 2, signal: "SIGSTOP" },
    { t: at(20), pid: 2, signal: "SIGCONT" }
  ]
})

const right: Check.Verdict = {
  ok: true,
  events: 4,
  handled: 8,
  lost: 0,
  doubled_effects: 0,
  inversions: 0,
  blocked_other_keys: 0,
  stale_settlements: 0,
  kills: 1,
  kills_in_tx: 1,
  stops: 1,
  overtaken: 1,
  dead: 0,
  takeover_seconds_max: 5
}

const settings: Check.Settings = {
  consumers: ["books", "calls"],
  transactional: ["books"],
  refused: { calls: ["b"] },
  patience: 10_000
}

const judge = async (files: Files) => {
  const directory = scratch()
  for (const name of names) {
    fs.writeFileSync(
      path.join(directory, `${name}.jsonl`),
      files[name].map((line) => `${JSON.stringify(line)}\n`).join("")
    )
  }
  fs.writeFileSync(path.join(directory, "settings.json"), JSON.stringify(settings))
  const judged = await Effect.runPromise(Check.judge(directory).pipe(Effect.provide(NodeServices.layer)))
  fs.rmSync(directory, { recursive: true })
  return judged
}

type Finding = "lost" | "doubled_effects" | "inversions" | "blocked_other_keys" | "stale_settlements"

const lies: ReadonlyArray<readonly [string, Partial<Record<Finding, number>>, (files: Files) => void]> = [
  ["an event that a consumer never handled", { lost: 1 }, ({ handled }) => handled.splice(7, 1)],
  ["a fact without an event", { lost: 1 }, ({ facts }) => facts.push(fact(1, "a", 3))],
  ["an effect that is there twice", { doubled_effects: 1 }, ({ handled }) => handled.push(call(61, "calls", "b", 2))],
  ["an event of what was taken back", { doubled_effects: 1 }, ({ facts }) => facts.splice(0, 1)],
  [
    "two events of one fact",
    { doubled_effects: 1 },
    ({ attempts, events, handled }) => {
      attempts.push(call(16, "calls", "a", 3))
      events.push({ ...event("a", 3), payload: { fact: 2 } })
      handled.push(call(17, "books", "a", 3), call(17, "calls", "a", 3))
    }
  ],
  ["an effect of what is no event", { doubled_effects: 1 }, ({ handled }) => handled.push(call(17, "books", "a", 3))],
  [
    "effects of a key in the wrong order",
    { inversions: 1 },
    (files) => (files.handled = [files.handled[1]!, files.handled[0]!, ...files.handled.slice(2)])
  ],
  [
    "a key that waited for one that is refused",
    { blocked_other_keys: 1 },
    ({ attempts }) => (attempts[7] = call(31, "calls", "a", 2))
  ],
  [
    "a settlement by a worker that others overtook",
    { stale_settlements: 1 },
    ({ deliveries }) => (deliveries[2] = delivery(3, 15, "settle", "worker-2"))
  ],
  [
    "an effect that committed behind a later attempt",
    { stale_settlements: 1 },
    ({ handled }) => (handled[0] = call(15, "books", "a", 1, 2, 2))
  ]
]

describe("a history of deliveries", () => {
  it("that is right is found right, and counted", async () => {
    const { verdict, violations } = await judge(history())
    assert.deepEqual(violations, [])
    assert.deepEqual(verdict, right)
  })

  for (const [what, findings, lie] of lies) {
    it(`with ${what} is found out`, async () => {
      const files = history()
      lie(files)
      const { verdict, violations } = await judge(files)
      const { blocked_other_keys, doubled_effects, inversions, lost, stale_settlements } = verdict
      const none = { lost: 0, doubled_effects: 0, inversions: 0, blocked_other_keys: 0, stale_settlements: 0 }
      const found = { lost, doubled_effects, inversions, blocked_other_keys, stale_settlements }
      assert.deepEqual([verdict.ok, violations.length, found], [false, 1, { ...none, ...findings }])
    })
  }

  it("may hold what is late beside its key, and what was given up", async () => {
    const files = history()
    files.handled[0] = { ...call(18, "books", "a", 1, 3, 3), late: true }
    files.handled = [files.handled[1]!, files.handled[0]!, ...files.handled.slice(2, 7)]
    files.dead.push({ consumer: "calls", event: "acme/b/2" })
    const { verdict, violations } = await judge(files)
    assert.deepEqual([verdict.ok, violations, verdict.dead], [true, [], 1])
  })

  it("does not take a key for blocked whose workers were killed one after the other", async () => {
    const files = history()
    files.attempts[7] = call(20, "calls", "a", 2)
    assert.equal((await judge(files)).verdict.blocked_other_keys, 0)
    files.attempts[7] = call(31, "calls", "a", 2)
    files.deliveries.push(delivery(6, 11, "claim", "worker-2", "a", 2, "calls"))
    files.deliveries.push(delivery(7, 21, "claim", "worker-3", "a", 2, "calls"))
    assert.equal((await judge(files)).verdict.blocked_other_keys, 0)
    files.deliveries.pop()
    assert.equal((await judge(files)).verdict.blocked_other_keys, 1)
  })

  it("says how long what a killed worker held waited for another one", async () => {
    const files = history()
    files.deliveries[0] = delivery(1, 13, "claim", "worker-2")
    assert.equal((await judge(files)).verdict.takeover_seconds_max, 10)
  })

  it("without events shows nothing", async () => {
    const none = Object.fromEntries(names.map((name) => [name, []])) as unknown as Files
    assert.equal((await judge(none)).verdict.ok, false)
  })
})
