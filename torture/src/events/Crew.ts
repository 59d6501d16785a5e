/**
 * Workers as processes: a number of them, of which some are killed and replaced, and
 * some are stopped for longer than their lease and go on.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import type { PlatformError } from "effect/PlatformError"
import type { SqlError } from "effect/sql/SqlError"
import type { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import type * as Database from "../Database.ts"
import * as Worker from "../Worker.ts"
import type * as Process from "./worker.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A signal that lets a process go on, or not. */
export interface Stop {
  readonly t: string
  readonly pid: number
  readonly signal: "SIGSTOP" | "SIGCONT"
}

interface Member {
  readonly name: string
  readonly pid: number
  /** `Chosen` by whoever sends it signals. */
  state: "Free" | "Chosen" | "Over"
  readonly ended: Fiber.Fiber<void>
}

export type Failure = Worker.WorkerError | SqlError | PlatformError

export interface Crew {
  readonly database: Database.Database
  readonly settings: Omit<Process.Settings, "url">
  readonly scope: Scope.Scope
  readonly members: Array<Member>
  readonly kills: Array<Worker.Kill>
  readonly stops: Array<Stop>
  /** Fails when a worker ends that nobody ended. */
  readonly failure: Deferred.Deferred<never, Failure>
  hired: number
}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

const main = path.join(import.meta.dirname, "worker.ts")

/** How long a worker is waited for to be in a transaction. */
const search = Duration.seconds(2)
/** How much of what a worker complains of is kept, in characters. */
const complaintMax = 2_000
/** How long a worker may take to end when it is told to. */
const farewell = Duration.seconds(60)

// -----------------------------------------------------------------------------
// hiring
// -----------------------------------------------------------------------------

export const make = Effect.fnUntraced(function* (
  database: Database.Database,
  settings: Crew["settings"]
): Effect.fn.Return<Crew, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const failure = yield* Deferred.make<never, Failure>()
  return { database, settings, scope, members: [], kills: [], stops: [], failure, hired: 0 }
})

/** Starts one worker more. */
export const hire = Effect.fnUntraced(function* (crew: Crew) {
  const name = `worker-${++crew.hired}`
  const settings: Process.Settings = { ...crew.settings, url: crew.database.urlOf(name) }
  const command = ChildProcess.make(process.execPath, [main, JSON.stringify(settings)], {
    stdin: "ignore",
    killSignal: "SIGKILL"
  })
  const handle = yield* Effect.provideService(command, Scope.Scope, crew.scope)
  let complaint = ""
  const listening = Stream.runForEach(Stream.decodeText(handle.all), (text) =>
    Effect.sync(() => {
      complaint = (complaint + text).slice(-complaintMax)
    })
  )
  const ended = yield* Effect.all([Effect.exit(listening), Effect.exit(handle.exitCode)], { concurrency: 2 }).pipe(
    Effect.flatMap(([, code]) => {
      if (member.state === "Over") return Effect.void
      const told = Exit.isSuccess(code) ? `with ${code.value}` : "by a signal"
      const message = `${name} ended ${told}, and nobody had told it to: ${complaint}`
      return Effect.asVoid(Deferred.fail(crew.failure, new Worker.WorkerError({ message })))
    }),
    Effect.forkIn(crew.scope)
  )
  const member: Member = { name, pid: handle.pid, state: "Free", ended }
  crew.members.push(member)
})

/** Ends all workers as an operator would, and waits for them. */
export const dismiss = Effect.fnUntraced(function* (crew: Crew) {
  const left = crew.members.filter(({ state }) => state !== "Over")
  for (const member of left) {
    member.state = "Over"
    signal(member.pid, "SIGTERM")
  }
  yield* Effect.forEach(left, ({ ended }) => Fiber.join(ended), { concurrency: "unbounded", discard: true }).pipe(
    Effect.timeoutOrElse({
      duration: farewell,
      orElse: () => Effect.fail(new Worker.WorkerError({ message: "a worker did not end when it was told to" }))
    })
  )
})

// -----------------------------------------------------------------------------
// signals
// -----------------------------------------------------------------------------

/** Kills one worker, and starts another in its place. */
export const kill = Effect.fnUntraced(function* (crew: Crew, isInside: boolean) {
  const member = yield* choose(crew)
  const point = isInside ? yield* stopInside(crew.database.sql, member) : "unknown"
  member.state = "Over"
  signal(member.pid, "SIGKILL")
  crew.kills.push({ t: new Date().toISOString(), pid: member.pid, signal: "SIGKILL", point })
  yield* Fiber.join(member.ended)
  crew.members.splice(crew.members.indexOf(member), 1)
  yield* hire(crew)
})

/** Stops one worker for so long, where it can be inside a transaction, and lets it go on. */
export const stop = Effect.fnUntraced(function* (crew: Crew, time: Duration.Duration) {
  const member = yield* choose(crew)
  yield* stopInside(crew.database.sql, member)
  crew.stops.push({ t: new Date().toISOString(), pid: member.pid, signal: "SIGSTOP" })
  yield* Effect.sleep(time)
  crew.stops.push({ t: new Date().toISOString(), pid: member.pid, signal: "SIGCONT" })
  signal(member.pid, "SIGCONT")
  member.state = "Free"
})

/** One that is at work and that nobody else has chosen. Another one at work is left in peace, to take over. */
const choose = Effect.fnUntraced(function* (crew: Crew) {
  while (true) {
    const working = yield* atWork(crew.database.sql)
    const free = crew.members.filter(({ name, state }) => state === "Free" && working.has(name))
    const member = free[yield* Random.nextIntBetween(0, Math.max(1, free.length))]
    if (member !== undefined && free.length > 1) {
      member.state = "Chosen"
      return member
    }
    yield* Effect.sleep("50 millis")
  }
})

/** Names of those that listen for deliveries: however slow the machine is, they have started. */
const atWork = (sql: SqlClient) =>
  Effect.map(
    sql<{ name: string }>`select application_name as name from pg_stat_activity where query ilike 'listen %'`,
    (rows) => new Set(rows.map(({ name }) => name))
  )

/**
 * Stops a worker while it has a transaction open that has written; after a while
 * wherever it is.
 */
const stopInside = Effect.fnUntraced(function* (sql: SqlClient, { name, pid }: Member) {
  const until = Date.now() + Duration.toMillis(search)
  while (true) {
    const isLast = Date.now() > until
    if (isLast || (yield* Worker.isWriting(sql, name))) {
      signal(pid, "SIGSTOP")
      if (yield* isLeftOpen(sql, name)) return "inside-tx"
      if (isLast) return "outside"
      signal(pid, "SIGCONT")
    }
    yield* Effect.sleep("2 millis")
  }
})

/** A statement of a stopped worker may wait for a lock for long: then nothing is known of it. */
const isLeftOpen = (sql: SqlClient, name: string) =>
  Effect.timeoutOrElse(Worker.isLeftOpen(sql, name), { duration: search, orElse: () => Effect.succeed(false) })

/** Nothing, where the process is no more: its end is told by other means. */
const signal = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    return
  }
}
