/**
 * What a demonstration and a torture have in common: an org, a database, workers
 * that are killed while the org goes on, and the history of it all.
 */
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as path from "node:path"
import type * as Database from "./Database.ts"
import * as Names from "./Names.ts"
import * as Recorder from "./Recorder.ts"
import * as Worker from "./Worker.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How many records of each object there are at the start. */
export interface Population {
  readonly accounts: number
  readonly contacts: number
  readonly opportunities: number
}

export interface Play {
  readonly org: Simulator.Simulator
  readonly database: Database.Database
  readonly names: Names.Names
  /** An account that is edited all the time. */
  readonly hot: string
  readonly settings: Worker.Settings
  readonly seed: number
  /** Where the history goes. */
  readonly directory: string
  /** Whether a relay runs beside the workers. */
  readonly isRelayed: boolean
  readonly kills: Array<Worker.Kill>
}

export const objects = ["Account", "Contact", "Opportunity"]

/** `records` in the shape of an org: most are accounts. */
export const population = (records: number): Population => {
  const opportunities = Math.floor(records / 5)
  const contacts = Math.floor((records * 3) / 10)
  return { accounts: records - contacts - opportunities, contacts, opportunities }
}

// -----------------------------------------------------------------------------
// playing
// -----------------------------------------------------------------------------

/** Records that share one stamp: more than any page holds, where there are so many. */
export const tie = 2_500

/** An org whose history begins, and a database that is watched. */
export const make = Effect.fnUntraced(function* (options: {
  readonly database: Database.Database
  readonly population: Population
  readonly seed: number
  readonly directory: string
  readonly batchSize: number
  readonly isRelayed?: boolean
}) {
  const { database, directory, population, seed } = options
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(directory, { recursive: true })
  for (const file of files) yield* fs.remove(path.join(directory, file), { force: true })
  const org = yield* Simulator.make({ seed, ...population, tie, shortPages: true, history: directory })
  const { entities } = yield* org.control.state
  yield* Recorder.install(database.sql)
  const play: Play = {
    org,
    database,
    names: Names.make(entities),
    hot: Object.keys(entities["Account"] ?? {})[0] ?? "",
    settings: { database, org, objects, batchSize: options.batchSize },
    seed,
    directory,
    isRelayed: options.isRelayed ?? false,
    kills: []
  }
  return play
})

/**
 * What users do meanwhile: edits, new records, deletions, some in transactions that
 * stay open for minutes, and one account that is edited each time.
 */
export const disturb = Effect.fnUntraced(function* ({ hot, org, seed }: Play, round: number, changes: number) {
  yield* org.control.mutate({
    random: { count: changes, seed: seed * 10_000 + round, lateMaxMs: Duration.toMillis("4 minutes") },
    ops: [{ op: "update", entity: "Account", id: hot, fields: { Description: `Edited ${round} times` } }]
  })
  yield* org.control.advance(20_000 + (round % 7) * 15_000)
})

/** Runs one worker towards its kill; whether it was struck. */
export const kill = Effect.fnUntraced(function* ({ kills, settings }: Play, aim: Worker.Aim) {
  const ended = yield* Worker.run(settings, aim)
  if (ended._tag === "Killed") kills.push(ended.kill)
  else if (ended.code !== 0) {
    return yield* new Worker.WorkerError({ message: `a worker ended with ${ended.code}: ${ended.errors}` })
  }
  return ended
})

/** Runs one worker to its end. */
export const run = ({ settings }: Play) => Worker.complete(settings)

/** Most runs that may be needed once nothing changes any more. */
const runsMax = 5

/** Lets all become visible, and runs workers until there is nothing new. */
export const calm = Effect.fnUntraced(function* ({ org, settings }: Play) {
  for (let run = 0; run < runsMax; run++) {
    yield* org.control.advance(Duration.toMillis("10 minutes"))
    const lines = yield* Worker.complete(settings)
    const isBusy = lines.some(({ status }) => status !== "Succeeded")
    const news = lines.reduce((sum, line) => sum + line.created + line.updated + line.deleted, 0)
    if (!isBusy && news === 0) return
  }
  return yield* new Worker.WorkerError({ message: `there is still something new after ${runsMax} undisturbed runs` })
})

/** Writes the rest of the history: the database's side, the kills, and what both sides hold in the end. */
export const close = Effect.fnUntraced(function* (play: Play, args: ReadonlyArray<string>) {
  const { database, directory, names, org, seed } = play
  const fs = yield* FileSystem.FileSystem
  yield* Recorder.dump(database.sql, directory, names)
  if (play.isRelayed) yield* Recorder.dumpHandled(database.sql, directory, names)
  const kills = play.kills.map((kill) => `${JSON.stringify(kill)}\n`).join("")
  yield* fs.writeFileString(path.join(directory, "kills.jsonl"), kills)
  const { entities } = yield* org.control.state
  const upstream: Record<string, unknown> = {}
  const local: Record<string, unknown> = {}
  const projection: Record<string, unknown> = {}
  for (const [lower, { entity }] of names) {
    const records = Object.entries(entities[entity] ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
    upstream[entity] = Object.fromEntries(records.map(([id, record]) => [id, Names.contentOf(record)]))
    local[entity] = yield* Recorder.local(database.sql, names, lower)
    if (play.isRelayed) projection[entity] = yield* Recorder.projection(database.sql, lower)
  }
  const final = { upstream, local, ...(play.isRelayed ? { projection } : {}), seed, args }
  yield* fs.writeFileString(path.join(directory, "final.json"), JSON.stringify(final))
})

const files = [
  ...["upstream", "visible", "rows", "items", "events", "handled", "lanes", "kills"].map((name) => `${name}.jsonl`),
  "final.json"
]
