// Goal: an operator is told where things stand, what ran, what waits and what to do, in words that stay as they are.
// Method: the commands in this process over a store in memory, at a time that stands still; what is shown is written down
// here. Guarantees: C12, C13.
import { Write } from "@tidemark/core"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as World from "./support/World.ts"

const taken = new Write.Rejection({ code: "23505", message: "the name is taken" })

const deals = (...names: ReadonlyArray<string>): Array<World.Deal> =>
  names.map((name, index) => ({ id: `d${index + 1}`, at: index + 1, name }))

/** A world where `poison` is refused. */
const operated = (
  body: (world: World.World) => Effect.Effect<void>,
  given: Array<World.Deal> = deals("Anvil", "poison", "Bellows"),
  options: World.Options = { refuse: (name) => (name === "poison" ? taken : undefined) }
) => World.operated(body, given, options)

const lines = (...texts: ReadonlyArray<string>) => texts.map((text) => `${text}\n`).join("")

describe("status", () => {
  it("tells where every lane stands, and what to do about what waits", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        assert.deepEqual(yield* world.run("status"), {
          code: 0,
          out: "Nothing was ever synced into this database. sync brings the first records.\n",
          err: "",
          progress: ""
        })
        assert.equal((yield* world.run("sync")).code, 3)
        const { code, out } = yield* world.run("status")
        assert.equal(code, 3)
        assert.equal(
          out,
          lines(
            "OBJECT  LANE  STATE  LAST RUN  BEGAN                 READ  CHANGED  WAITING  CURSOR",
            "Deal    live  Free   Partial   2026-05-01T12:00:00Z     3        2        1  3",
            "Deal: 1 record waits in quarantine. quarantine list --object Deal tells why; once the cause is mended, quarantine redrive --all --object Deal."
          )
        )
      })
    ))

  it("tells a lane that runs from one that is stopped, and a program all of it", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* world.run("sync")
        const held = yield* World.claim(world).pipe(Effect.orDie)
        assert.match((yield* world.run("status")).out, /live {2}Running, 30\.0 s left {2}Succeeded/)
        const lanes = Context.get(world.context, Lanes.Lanes)
        yield* Effect.orDie(lanes.release(held, "50 records in a row were refused"))
        const { code, out } = yield* world.run("status", "--json", "--object", "deal")
        assert.equal(code, 3)
        const [line, ...others] = out.trimEnd().split("\n")
        assert.deepEqual(others, [])
        const {
          lanes: [lane],
          ...feed
        } = JSON.parse(line!)
        assert.deepEqual(feed, {
          object: "Deal",
          quarantined: 0,
          quarantinedMore: false,
          next: [
            "the lane live is stopped: 50 records in a row were refused. Look at what was refused (quarantine list --object Deal), mend its cause, then sync --release."
          ]
        })
        const { lastRun, ...rest } = lane
        assert.deepEqual(rest, {
          lane: "live",
          partition: "",
          state: "Stopped",
          leaseSeconds: 0,
          message: "50 records in a row were refused",
          cursor: 2
        })
        assert.deepEqual([lastRun.id, lastRun.status, lastRun.read], ["run-1", "Succeeded", 2])
        assert.equal((yield* world.run("sync")).code, 2)
        assert.equal((yield* world.run("run", "--release")).code, 0)
        assert.equal((yield* world.run("status")).code, 0)
      }),
      deals("Anvil", "Bellows")
    ))

  it("counts what waits up to a thousand, and says when there is more", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* world.run("sync", "--json")
        const { out } = yield* world.run("status", "--json")
        const { quarantined, quarantinedMore } = JSON.parse(out)
        assert.deepEqual([quarantined, quarantinedMore], [1000, true])
        assert.match((yield* world.run("status")).out, / {2}1,000\+ {2}/)
      }),
      // Half of them are taken, or the brake would stop the lane.
      Array.from({ length: 1_001 * 6 }, (_, index) => ({
        id: `d${index}`,
        at: index,
        name: index % 6 === 5 ? "poison" : "x"
      })),
      { batchSize: 500, refuse: (name) => (name === "poison" ? taken : undefined) }
    ))
})

describe("runs", () => {
  it("are listed newest first, in pieces, and shown with what they did", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        assert.equal((yield* world.run("runs")).out, "Nothing ran yet.\n")
        yield* world.run("sync")
        yield* TestClock.setTime(World.noon + 60_000)
        world.deals.push({ id: "d1", at: 4, name: "Anvil 2" })
        yield* world.run("sync")
        const head =
          "RUN    OBJECT  LANE  STATUS     BEGAN                  TOOK  READ  CREATED  UPDATED  DELETED  REFUSED"
        const second =
          "run-2  Deal    live  Succeeded  2026-05-01T12:01:00Z  0.0 s     2        0        1        0        0"
        const first =
          "run-1  Deal    live  Partial    2026-05-01T12:00:00Z  0.0 s     3        2        0        0        1"
        assert.equal((yield* world.run("runs")).out, lines(head, second, first))
        assert.equal(
          (yield* world.run("runs", "--limit", "1", "--object", "Deal")).out,
          lines(head, second, "older: runs --before run-2 --object Deal")
        )
        assert.equal(
          (yield* world.run("runs", "--before", "run-2")).out.replaceAll(/ +/g, " "),
          lines(head, first).replaceAll(/ +/g, " ")
        )
        assert.equal((yield* world.run("runs", "--before", "run-1")).out, "Nothing is older.\n")
        assert.equal(
          (yield* world.run("runs", "show", "run-1", "--limit", "2")).out,
          lines(
            "Deal live  Partial",
            "  run      run-1",
            "  began    2026-05-01T12:00:00Z, to 2026-05-01T12:00:00Z (0.0 s), by Manual",
            "  counts   3 read, 2 created, 1 quarantined",
            "+ d1  created, revision 1",
            '    name  "Anvil"',
            "x d2  refused: the name is taken (23505)",
            "  more: runs show run-1 --after 2"
          )
        )
        assert.match((yield* world.run("runs", "show", "run-1", "--after", "2")).out, /\+ d3 {2}created/)
        const json = (yield* world.run("runs", "show", "run-2", "--json")).out.trimEnd().split("\n")
        assert.deepEqual(
          json.map((line) => JSON.parse(line).decision),
          [undefined, "Updated"]
        )
      })
    ))
})

describe("quarantine", () => {
  it("lists what waits, shows one whole, and what would free it", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        assert.equal((yield* world.run("quarantine", "list")).out, "Nothing waits.\n")
        yield* world.run("sync")
        const listed = lines(
          "REFUSAL    OBJECT  RECORD  STATUS  SINCE                 TRIES  CODE   MESSAGE",
          "refusal-1  Deal    d2      Open    2026-05-01T12:00:00Z      1  23505  the name is taken"
        )
        assert.equal((yield* world.run("quarantine", "list")).out, listed)
        for (const found of [["--code", "23505"], ["--id", "d2"], ["--object", "crm/Deal"], ["--all"]]) {
          assert.equal((yield* world.run("quarantine", "list", ...found)).out, listed)
        }
        for (const none of [
          ["--code", "x"],
          ["--id", "d1"]
        ]) {
          assert.equal((yield* world.run("quarantine", "list", ...none)).out, "Nothing waits.\n")
        }
        assert.equal(
          (yield* world.run("quarantine", "show", "refusal-1")).out,
          lines(
            "Deal d2  Open",
            "  refusal  refusal-1, refused once since 2026-05-01T12:00:00Z",
            "  run      run-1",
            "  account  acme",
            "  version  crm/at 000000002",
            "  reason   the name is taken (23505)",
            "  next     Another record holds a value that must be unique. A newer version of the record frees it by itself, if it is accepted. Where the cause is here, mend it, then quarantine redrive refusal-1.",
            "  observation",
            "    {",
            '      "_tag": "Upsert",',
            '      "externalId": "d2",',
            '      "origin": "Poll",',
            '      "record": {',
            '        "name": "poison"',
            "      },",
            '      "version": {',
            '        "domain": "crm/at",',
            '        "value": "000000002",',
            '        "epoch": 0,',
            '        "observedAt": 2',
            "      }",
            "    }"
          )
        )
      })
    ))

  it("is redriven once its cause is mended: pressed twice, the second finds nothing to do", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* world.run("sync")
        const redrive = (...args: ReadonlyArray<string>) => world.run("quarantine", "redrive", ...args)
        const again = yield* redrive("--all")
        assert.equal(again.code, 3)
        assert.equal(
          again.out,
          "Deal             Partial    1 tried: 0 applied, 1 refused again, 0 no longer needed (0.0 s)\n"
        )
        world.refuse = () => undefined
        const dry = yield* redrive("refusal-1", "--dry-run")
        assert.equal(
          dry.out,
          lines(
            "+ Deal d2  would be created, revision 1",
            '    name  "poison"',
            "Deal             Planned    1 tried: 1 applied, 0 refused again, 0 no longer needed (0.0 s)",
            "Nothing was written."
          )
        )
        assert.equal((yield* world.run("status")).code, 3, "a dry run writes nothing")
        const { code, out } = yield* redrive("refusal-1", "--json")
        assert.equal(code, 0)
        const { runs, seconds, ...line } = JSON.parse(out)
        assert.deepEqual([runs.length, seconds], [1, 0])
        assert.deepEqual(line, {
          object: "Deal",
          status: "Succeeded",
          tried: 1,
          applied: 1,
          refused: 0,
          unneeded: 0,
          sourceOnly: 0,
          misfit: 0,
          unread: 0
        })
        const second = JSON.parse((yield* redrive("refusal-1", "--json")).out)
        assert.deepEqual([second.tried, second.unneeded, second.runs], [0, 1, []])
        assert.equal((yield* redrive("--code", "23505")).code, 0)
        assert.equal((yield* world.run("status")).code, 0)
        assert.match((yield* world.run("quarantine", "list", "--all")).out, /Redriven/)
        assert.match((yield* world.run("quarantine", "show", "refusal-1")).out, /nothing: it was tried again/)
      })
    ))
})

describe("migrate", () => {
  it("tells what it would run, runs it, and then has nothing to do", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        assert.equal((yield* world.run("status")).code, 2)
        assert.match((yield* world.run("runs")).err, /no tables of the engine.*migrate/)
        assert.equal(
          (yield* world.run("migrate", "--dry-run")).out,
          lines(
            "Would bring the engine's tables from no tables to version 1, in one transaction:",
            "-- 1 first tables",
            "create table a ();",
            "create table b ();",
            "Nothing was written."
          )
        )
        assert.equal(
          (yield* world.run("migrate")).out,
          lines("Brought the engine's tables from no tables to version 1:", "  1 first tables")
        )
        assert.deepEqual(JSON.parse((yield* world.run("migrate", "--json")).out), {
          from: 1,
          to: 1,
          status: "Current",
          migrations: []
        })
        assert.equal((yield* world.run("status")).code, 0)
      }),
      [],
      { isNew: true }
    ))
})

describe("a wrong call", () => {
  it("is one sentence with its remedy, and nothing is written", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        yield* world.run("sync")
        const before = (yield* world.run("runs", "--json")).out
        for (const [args, expected] of [
          [["runs", "show", "nonsense"], /^There is no run nonsense\. runs lists them with their ids\.$/],
          [["runs", "--before", "run-9"], /no run run-9/],
          [["runs", "--object", "Lead"], /^Lead was never synced into this database\. There is Deal\.$/],
          [["status", "--object", "Lead"], /There is Deal/],
          [["quarantine", "show", "\u001b[2J"], /no refusal \\u\{1b\}\[2J/],
          [["quarantine", "redrive"], /Give ids of refusals, or --code CODE, or --all/],
          [["quarantine", "redrive", "--all", "--code", "x"], /one of them, not several/],
          [["quarantine", "redrive", "refusal-9"], /no refusal refusal-9.*quarantine list/],
          [["quarantine", "redrive", "--all", "--object", "Lead"], /Lead is none of the objects of this call: Deal/]
        ] as const) {
          const { code, err, out } = yield* world.run(...args)
          assert.deepEqual([code, out, err.split("\n").length], [2, "", 1], args.join(" "))
          assert.match(err, expected)
        }
        for (const args of [
          ["runs", "--limit", "0"],
          ["runs", "show"],
          ["quarantine", "list", "--id", ""]
        ]) {
          assert.equal((yield* world.run(...args)).code, 2, args.join(" "))
        }
        assert.equal((yield* world.run("runs", "--json")).out, before)
      })
    ))

  it.each([
    [{ version: 3 }, /of version 3, and this program knows them up to 1\. Use the newer program/],
    [{ latest: 2, pending: [{ id: 2, name: "more", statements: [] }] }, /of version 1.*reads version 2.*migrate/]
  ])("meets tables of another version with words", (standing, expected) =>
    operated(
      Effect.fnUntraced(function* (world) {
        for (const args of [["status"], ["runs"], ["quarantine", "list"], ["quarantine", "redrive", "--all"]]) {
          const { code, err } = yield* world.run(...args)
          assert.equal(code, 2)
          assert.match(err, expected)
        }
      }),
      [],
      { standing }
    )
  )
})

describe("a reader that goes away", () => {
  it("ends a command that only tells, and none that does something", () =>
    operated(
      Effect.fnUntraced(function* (world) {
        world.readers = 0
        const { code, err } = yield* world.run("sync", "--json")
        assert.equal(code, 3, "the exit code is that of the sync")
        assert.match(err, /The command goes on/)
        for (const args of [["status"], ["runs"], ["quarantine", "list"], ["plan"], ["migrate"]]) {
          const ended = yield* world.run(...args)
          assert.equal(ended.code, 0, args.join(" "))
        }
        world.readers = Infinity
        assert.match((yield* world.run("runs")).out, /Partial/)
      })
    ))
})
