/**
 * `demo`: the main job before your eyes. An org is copied into PostgreSQL by
 * processes that are killed again and again while the org goes on; then the two
 * are compared.
 *
 * The report goes to stdout, what happens meanwhile to stderr.
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Database from "./Database.ts"
import * as Flags from "./flags.ts"
import * as Judge from "./Judge.ts"
import * as Play from "./Play.ts"
import * as Progress from "./Progress.ts"
import * as Relaying from "./Relaying.ts"
import * as Verdict from "./Verdict.ts"
import type * as Worker from "./Worker.ts"

export const demo = Command.make(
  "demo",
  {
    json: Flag.Boolean("json").pipe(Flag.withDescription("End with one JSON line"), Flag.withDefault(false)),
    records: Flags.whole("records", 21_000, 100, 1_000_000, "How many records there are at the start"),
    seed: Flags.seed,
    history: Flags.history
  },
  Effect.fnUntraced(function* ({ history, json, records, seed }) {
    const fs = yield* FileSystem.FileSystem
    const directory = Option.isSome(history) ? history.value : yield* fs.makeTempDirectoryScoped()
    const started = yield* Clock.currentTimeMillis
    const population = Play.population(records)
    yield* Console.error(introduction(population))
    const over = yield* Deferred.make<void>()
    const play = yield* Play.make({
      database: yield* Database.make(yield* Database.server, "demo"),
      population,
      seed,
      directory,
      isRelayed: true,
      batchSize: Math.max(20, Math.min(500, Math.floor(records / 40)))
    })
    const relaying = yield* Effect.forkScoped(
      Relaying.run(play.settings, relayAims, over, (kill) => play.kills.push(kill))
    )
    yield* backfill(play, records)
    yield* incremental(play)
    yield* Console.error("3. The org rests. Runs go on until one finds nothing new.")
    yield* Play.calm(play)
    yield* Deferred.succeed(over, undefined)
    yield* Fiber.join(relaying)
    yield* Console.error("4. The check reads what the org, the database's triggers and this killer wrote down.\n")
    yield* Play.close(play, [`--records=${records}`, `--seed=${seed}`])
    const { handling, verdict, violations } = yield* Judge.judge(directory)
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - started) / 100) / 10
    yield* Console.log(
      json
        ? JSON.stringify({ ...verdict, seconds, handled: handling })
        : report(verdict, seconds, Option.getOrUndefined(history))
    )
    return yield* Verdict.require(verdict, violations)
  }, Effect.scoped)
).pipe(Command.withDescription("Copy an org while processes are killed, then compare"))

// -----------------------------------------------------------------------------
// acts
// -----------------------------------------------------------------------------

/** Kills during the backfill: after so many commits, inside a transaction or wherever the process is. */
const aims: ReadonlyArray<Worker.Aim> = [
  { _tag: "Inside", commits: 3 },
  { _tag: "After", commits: 5 },
  { _tag: "Inside", commits: 2 },
  { _tag: "Anytime", millis: 1_200 },
  { _tag: "Inside", commits: 6 },
  { _tag: "Inside", commits: 4 }
]

/** The same of the relays beside it, which hand on what was committed. */
const relayAims: ReadonlyArray<Worker.Aim> = [
  { _tag: "Inside", commits: 3 },
  { _tag: "Inside", commits: 6 }
]

const backfill = Effect.fnUntraced(function* (play: Play.Play, records: number) {
  yield* Console.error(
    "1. Backfill. Each process is killed (SIGKILL), the next one goes on; users go on editing, creating and deleting."
  )
  const bar = Progress.make("   copied", records)
  const note = () => `· killed ${play.kills.length} times, ${inside(play)} inside a transaction`
  const copied = Effect.map(
    play.database.sql<{ count: number }>`select count(*)::int as count from history.row where before is null`,
    ([row]) => row?.count ?? 0
  )
  const drawing = yield* copied.pipe(
    Effect.flatMap((count) => bar(Math.min(count, records - 1), note())),
    Effect.repeat(Schedule.spaced("100 millis")),
    Effect.forkScoped
  )
  for (const [index, aim] of aims.entries()) {
    yield* Play.disturb(play, index, 40)
    yield* Play.kill(play, aim)
  }
  yield* Play.run(play)
  yield* Fiber.interrupt(drawing)
  yield* bar(records, note())
})

const rounds = 3

const incremental = Effect.fnUntraced(function* (play: Play.Play) {
  yield* Console.error("2. Incremental runs, with changes upstream before each of them.")
  for (let round = 1; round <= rounds; round++) {
    yield* Play.disturb(play, aims.length + round, 300)
    const ended = yield* Play.kill(play, { _tag: "Inside", commits: 0 })
    const lines = ended._tag === "Exited" ? ended.lines : yield* Play.run(play)
    const sum = (of: (line: Worker.Line) => number) =>
      Progress.count(lines.reduce((total, line) => total + of(line), 0))
    yield* Console.error(
      `   ${ended._tag === "Killed" ? "one process killed, the next: " : ""}${sum(({ created }) => created)} created, ` +
        `${sum(({ updated }) => updated)} updated, ${sum(({ deleted }) => deleted)} deleted`
    )
  }
}, Effect.scoped)

const inside = ({ kills }: Play.Play): number => kills.filter(({ point }) => point === "inside-tx").length

// -----------------------------------------------------------------------------
// words
// -----------------------------------------------------------------------------

const introduction = ({ accounts, contacts, opportunities }: Play.Population): string =>
  [
    `An org with ${Progress.count(accounts)} accounts, ${Progress.count(contacts)} contacts and ` +
      `${Progress.count(opportunities)} opportunities; a tie of ${Progress.count(Math.min(Play.tie, accounts))} accounts`,
    "with one stamp; rows that become visible minutes late; one account that is edited all the time.",
    ""
  ].join("\n")

/** For people. `history` is where it was asked to be kept. */
export const report = (verdict: Judge.Verdict, seconds: number, history: string | undefined): string =>
  [
    verdict.ok ? "The copy is in step with the org." : "The copy is NOT in step with the org.",
    "",
    `  records       ${Progress.count(verdict.records)}`,
    `  lost          ${Progress.count(verdict.lost)}`,
    `  doubled       ${Progress.count(verdict.doubled)}`,
    `  stale         ${Progress.count(verdict.stale)}`,
    `  events        ${Progress.count(verdict.events.found)} of ${Progress.count(verdict.events.expected)}`,
    `  kills         ${verdict.kills}, ${verdict.kills_in_tx} of them inside an open transaction`,
    `  seconds       ${seconds}`,
    ...(history === undefined ? [] : [`  history       ${history}`])
  ].join("\n")
