/**
 * Events that are published and handed out while workers are killed and stopped, to
 * the end, and the history of it.
 */
import { Migrations, PgPipeline, PgStore } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import * as Database from "../Database.ts"
import * as Progress from "../Progress.ts"
import type * as Check from "./Check.ts"
import * as Chronicle from "./Chronicle.ts"
import * as Crew from "./Crew.ts"
import * as Facts from "./Facts.ts"
import * as Feed from "./Feed.ts"
import * as Target from "./Target.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

export interface Options {
  readonly events: number
  readonly workers: number
  readonly keys: number
  readonly fail: number
  /** In seconds; 0 for no kills. */
  readonly killEvery: number
  readonly stops: number
  /** Of a delivery, in ms. */
  readonly lease: number
  /** The relay has that lease by itself. */
  readonly isDefault: boolean
  readonly seed: number
  readonly directory: string
}

interface Play {
  readonly options: Options
  readonly database: Database.Database
  readonly target: Target.Target
  readonly crew: Crew.Crew
  readonly feed: Feed.Feed
  readonly refused: ReadonlyArray<string>
  /** In ms since the epoch. */
  readonly started: number
  /** Effects of `books`. */
  books: number
}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** Most events that are published and that somebody has not handled yet. */
const window = 2_000
/** How often it is asked how far all are. */
const pulse = Duration.millis(250)
/** How long nothing may be handled before the play is judged as it is. */
const stalled = Duration.minutes(2)
/** What a delivery may wait beyond a lease, in ms: for a poll, and for its turn on a machine that is busy. */
const turn = 10_000

const lines = ["facts", "events", "handled", "attempts", "deliveries", "dead", "kills", "stops"]
const files = [...lines.map((name) => `${name}.jsonl`), "settings.json", "final.json"]

// -----------------------------------------------------------------------------
// playing
// -----------------------------------------------------------------------------

/** Plays to the end, and writes the history. Answers how many seconds there were events to hand out. */
export const play = Effect.fnUntraced(function* (options: Options, args: ReadonlyArray<string>) {
  const one = yield* prepare(options)
  for (let worker = 0; worker < options.workers; worker++) yield* Crew.hire(one.crew)
  const feeding = yield* feedOf(one)
  const disturbing = yield* disturb(one)
  yield* Effect.raceFirst(Deferred.await(one.crew.failure), settled(one, feeding))
  const seconds = (Date.now() - one.started) / 1_000
  yield* Fiber.interruptAll(disturbing)
  yield* Crew.dismiss(one.crew)
  yield* write(one, args)
  return seconds
}, Effect.scoped)

const prepare = Effect.fnUntraced(function* (options: Options) {
  const { directory, events, keys, lease } = options
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(directory, { recursive: true })
  for (const file of files) yield* fs.remove(path.join(directory, file), { force: true })
  const at = (file: string) => path.resolve(directory, file)
  yield* fs.writeFileString(at("attempts.jsonl"), "")
  const server = yield* EmbeddedPostgres.make({ settings })
  const database = yield* Database.make(server, "events")
  yield* Effect.provideService(Migrations.run({ appRole: Database.role }), SqlClient, database.sql)
  yield* Chronicle.install(database.sql, Database.role)
  const refused = Facts.refused(keys)
  const isRefused = ({ consumer, key }: Target.Handled) => consumer === "stubborn" && refused.includes(key)
  const target = yield* Target.serve({ file: at("handled.jsonl"), isRefused })
  const { fail, isDefault, seed } = options
  const crew = yield* Crew.make(database, {
    port: target.port,
    attempts: at("attempts.jsonl"),
    seed,
    fail,
    ...(isDefault ? {} : { lease })
  })
  const one: Play = {
    options,
    database,
    target,
    crew,
    refused,
    started: Date.now(),
    books: 0,
    feed: Feed.make({ events, keys, allowed: () => allowed(one) })
  }
  return one
})

/** Commit times tell the order of commits. A killed worker loses nothing that the server has, synced to a disk or not. */
const settings = { track_commit_timestamp: "on", shared_buffers: "256MB", max_wal_size: "4GB", max_connections: "400" }

const feedOf = ({ database, feed, options }: Play) => {
  const ports = PgStore.layer().pipe(
    Layer.provideMerge(PgPipeline.layer({ url: Redacted.make(database.urlOf("feed")), maxConnections: 4 }))
  )
  return Feed.run(feed).pipe(Random.withSeed(options.seed), Effect.provide(ports), Effect.forkScoped)
}

// -----------------------------------------------------------------------------
// disturbing
// -----------------------------------------------------------------------------

/** A signal that was begun is sent to its end: no worker is left behind stopped. */
const disturb = Effect.fnUntraced(function* ({ crew, options }: Play) {
  const { killEvery, lease, seed, stops, workers } = options
  const killing = Effect.gen(function* () {
    for (let number = 0; ; number++) {
      yield* Effect.sleep(Duration.seconds(killEvery))
      yield* Effect.uninterruptible(Crew.kill(crew, number % 2 === 0))
    }
  })
  let begun = 0
  const stopping = Effect.gen(function* () {
    while (begun++ < stops) yield* Effect.uninterruptible(Crew.stop(crew, Duration.millis(pauseOf(lease))))
  })
  const fibers = [...(killEvery > 0 ? [killing] : []), ...Array.from({ length: stoppersOf(workers) }, () => stopping)]
  return yield* Effect.forEach(fibers, (fiber, place) =>
    fiber.pipe(
      Random.withSeed(seed + place + 1),
      Effect.catchCause((cause) => Deferred.failCause(crew.failure, cause)),
      Effect.forkScoped
    )
  )
})

const stopsOf = ({ stops }: Crew.Crew): number => stops.filter(({ signal }) => signal === "SIGCONT").length

const hasStopped = ({ crew, options }: Play): boolean => stopsOf(crew) >= options.stops

const hasKilled = ({ crew, options }: Play): boolean =>
  options.killEvery === 0 || crew.kills.some(({ point }) => point === "inside-tx")

/** How long a worker is stopped, in ms, and how many are at once. */
const pauseOf = (lease: number): number => lease * 1.3 + 200
const stoppersOf = (workers: number): number => Math.max(1, Math.floor(workers / 3))

/**
 * Not far ahead of whoever handles least; and spread over the time that stops will
 * take. The last tenth is kept back until all disturbances struck: it comes little by
 * little, for who has nothing to do cannot be killed inside a transaction.
 */
const allowed = (one: Play): number => {
  const { feed, options, started } = one
  const { events, killEvery, lease, stops, workers } = options
  const length = Math.max(1, (stops / stoppersOf(workers)) * (pauseOf(lease) + 500))
  const elapsed = Date.now() - started
  const late = hasStopped(one) ? Math.max(0, elapsed - length) / (killsAwaited * killEvery * 1_000) : 0
  const share = Math.min(0.9, 0.05 + (0.85 * elapsed) / length) + 0.1 * Math.min(1, late)
  const kept = hasStopped(one) && hasKilled(one) ? events : Math.ceil(events * share)
  return Math.min(handledLeast(one) + window, kept, feed.events)
}

/** How many kills are waited for until one is inside a transaction. Each second one is meant to be. */
const killsAwaited = 8

// -----------------------------------------------------------------------------
// watching
// -----------------------------------------------------------------------------

/** Committed events of keys that are refused. */
const heldBack = ({ feed, refused }: Play): number =>
  refused.reduce((sum, key) => sum + (feed.committed.get(key) ?? 0), 0)

const handledLeast = (one: Play): number => {
  const { books, target } = one
  const of = (consumer: string) => target.counts.get(consumer) ?? 0
  return Math.min(books, of("calls"), Math.max(of("stubborn"), of("stubborn") + heldBack(one)))
}

/** Until all is handled, what was refused last; or until nothing is handled any more. */
const settled = Effect.fnUntraced(function* <E>(one: Play, feeding: Fiber.Fiber<void, E>) {
  const { crew, database, options, target } = one
  const { events } = options
  const bar = Progress.make("handled", events)
  let last = { handled: -1, at: Date.now() }
  let isAccepted = false
  while (Date.now() - last.at < Duration.toMillis(stalled)) {
    const [row] = yield* database.sql<{ handled: number; waiting: boolean }>`select
      (select count(*)::int from torture.handled) as handled, exists (select from tidemark.delivery) as waiting`
    one.books = row!.handled
    const handled = one.books + [...target.counts.values()].reduce((sum, count) => sum + count, 0)
    if (handled > last.handled) last = { handled, at: Date.now() }
    const least = handledLeast(one)
    yield* bar(Math.min(least, events), `· ${crew.kills.length} kills, ${stopsOf(crew)} stops`)
    if (!isAccepted && least >= events && hasStopped(one)) {
      yield* Fiber.join(feeding)
      target.accept()
      isAccepted = true
    }
    if (isAccepted && !row!.waiting) return
    const failed = feeding.pollUnsafe()
    if (failed !== undefined) yield* failed
    yield* Effect.sleep(pulse)
  }
})

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

const write = Effect.fnUntraced(function* (one: Play, args: ReadonlyArray<string>) {
  const { crew, database, options, refused } = one
  const { directory, lease, seed } = options
  const fs = yield* FileSystem.FileSystem
  const at = (file: string) => path.join(directory, file)
  yield* Chronicle.dump(database.sql, directory)
  const jsonl = (lines: ReadonlyArray<object>) => lines.map((line) => `${JSON.stringify(line)}\n`).join("")
  yield* fs.writeFileString(at("kills.jsonl"), jsonl(crew.kills))
  yield* fs.writeFileString(at("stops.jsonl"), jsonl(crew.stops))
  const told: Check.Settings = {
    consumers: Facts.consumers,
    transactional: ["books"],
    refused: { stubborn: refused },
    patience: lease + turn
  }
  yield* fs.writeFileString(at("settings.json"), JSON.stringify(told))
  const sides = yield* Chronicle.both(database.sql)
  yield* fs.writeFileString(at("final.json"), JSON.stringify({ ...sides, seed, args }))
})
