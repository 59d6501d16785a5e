/**
 * `kills`: a sync of many records whose process is killed again and again while
 * the org goes on; then what is left is judged by the history.
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Command from "effect/cli/Command"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Database from "./Database.ts"
import * as Flags from "./flags.ts"
import * as Judge from "./Judge.ts"
import * as Play from "./Play.ts"
import * as Progress from "./Progress.ts"
import * as Verdict from "./Verdict.ts"
import * as Worker from "./Worker.ts"

export const kills = Command.make(
  "kills",
  {
    kills: Flags.whole("kills", 100, 1, 10_000, "How often a worker is killed"),
    records: Flags.whole("records", 20_000, 100, 1_000_000, "How many records there are at the start"),
    seed: Flags.seed,
    history: Flags.history
  },
  Effect.fnUntraced(function* ({ history, kills, records, seed }) {
    const fs = yield* FileSystem.FileSystem
    const directory = Option.isSome(history) ? history.value : yield* fs.makeTempDirectoryScoped()
    const started = yield* Clock.currentTimeMillis
    const server = yield* Database.server
    const population = Play.population(records)
    const loaded = longer * records
    yield* Console.error(`An undisturbed load of ${loaded} records`)
    const rate = yield* undisturbed(yield* Database.make(server, "undisturbed"), Play.population(loaded), seed)
    yield* Console.error(`${rate} records/s. Now with ${kills} kills:`)
    const play = yield* Play.make({
      database: yield* Database.make(server, "disturbed"),
      population,
      seed,
      directory,
      batchSize: Math.max(20, Math.min(100, Math.floor(records / kills)))
    })
    yield* torture(play, kills).pipe(Random.withSeed(seed))
    yield* Console.error("Calm now; undisturbed runs until nothing is new")
    yield* Play.calm(play)
    yield* Play.close(play, [`--kills=${kills}`, `--records=${records}`, `--seed=${seed}`])
    const { verdict, violations } = yield* Judge.judge(directory)
    const seconds = Math.round(((yield* Clock.currentTimeMillis) - started) / 100) / 10
    yield* Console.log(JSON.stringify({ ...verdict, seconds, records_per_second: rate }))
    return yield* Verdict.require(verdict, violations)
  }, Effect.scoped)
).pipe(Command.withDescription("Kill a sync again and again, and judge what is left"))

/** The undisturbed load is longer than the disturbed one: a short load tells how long a process takes to start. */
const longer = 3

/** Records per second of one load that nobody disturbs, from nothing, in the default batches, under the default lease. */
const undisturbed = Effect.fnUntraced(function* (
  database: Database.Database,
  population: Play.Population,
  seed: number
) {
  const org = yield* Simulator.make({ seed, ...population })
  const lines = yield* Worker.complete({ database, org, objects: Play.objects, lease: "30s" })
  const sum = (of: (line: Worker.Line) => number) => lines.reduce((total, line) => total + of(line), 0)
  return Math.round(sum(({ read }) => read) / sum(({ seconds }) => seconds))
}, Effect.scoped)

/** Most workers that may come to their end before their kill, for each that is killed. */
const missesMax = 3

const torture = Effect.fnUntraced(function* (play: Play.Play, kills: number) {
  const bar = Progress.make("kills", kills)
  for (let round = 1; play.kills.length < kills; round++) {
    if (round > 10 + missesMax * kills) {
      return yield* new Worker.WorkerError({ message: `only ${play.kills.length} of ${kills} kills struck` })
    }
    yield* Play.disturb(play, round, 30)
    yield* Play.kill(play, yield* aim(play.kills.length))
    yield* bar(play.kills.length)
  }
})

/** Every other kill inside a transaction. */
const aim = Effect.fnUntraced(function* (number: number): Effect.fn.Return<Worker.Aim> {
  const commits = yield* Random.nextIntBetween(0, 4)
  if (number % 2 === 0) return { _tag: "Inside", commits }
  return number % 4 === 1
    ? { _tag: "After", commits: commits + 1 }
    : { _tag: "Anytime", millis: yield* Random.nextIntBetween(100, 1500) }
})
