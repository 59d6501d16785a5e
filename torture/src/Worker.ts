/**
 * The command line as a process, and ways to end it.
 *
 * A kill says where it struck. It stops the process first (SIGSTOP): then it can
 * send nothing more, and once its connections rest, what the server says of them
 * is true until the kill.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import type { SqlClient } from "effect/sql/SqlClient"
import * as path from "node:path"
import type * as Database from "./Database.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

export interface Kill {
  readonly t: string
  readonly pid: number
  readonly signal: "SIGKILL"
  readonly point: "inside-tx" | "outside" | "unknown"
}

/** What one object's line says. */
export interface Line {
  readonly object: string
  readonly status: string
  readonly read: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly seconds: number
}

/** How a process ended. */
export type Ended =
  | { readonly _tag: "Killed"; readonly kill: Kill }
  | { readonly _tag: "Exited"; readonly code: number; readonly lines: ReadonlyArray<Line>; readonly errors: string }

/**
 * When to kill: `Inside` an open transaction that has written, `After` so many
 * commits of this process wherever it is then, or so many ms after its start.
 */
export type Aim =
  | { readonly _tag: "Inside"; readonly commits: number }
  | { readonly _tag: "After"; readonly commits: number }
  | { readonly _tag: "Anytime"; readonly millis: number }

export interface Settings {
  readonly database: Database.Database
  readonly org: { readonly url: string; readonly token: string; readonly apiVersion: string }
  readonly objects: ReadonlyArray<string>
  /** Default: the command's own. */
  readonly batchSize?: number
  readonly isTakingOver?: boolean
  /** Default: 500 ms. */
  readonly lease?: string
}

/** A process did something no process should. */
export class WorkerError extends Schema.TaggedError<WorkerError>()("WorkerError", { message: Schema.String }) {}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

const main = path.join(import.meta.dirname, "../../examples/cli-sync/src/main.ts")

/** How long a process may take. Default of all. */
const patienceDefault = Duration.minutes(5)

let started = 0

/**
 * Runs one process to its end, or to its kill.
 */
export const run = (settings: Settings, aim?: Aim) =>
  start(commandLine(settings), ({ name, pid }) =>
    aim === undefined ? Effect.never : strike(settings.database.sql, name, pid, aim)
  )

/**
 * Runs one process to its end. After `commits` commits of live lanes, outside a transaction, it
 * is stopped, and goes on once `meanwhile` is done. Fails when it ends before it
 * could be stopped: then nothing was done meanwhile.
 */
export const pause = Effect.fnUntraced(function* <A, E, R>(
  settings: Settings,
  commits: number,
  meanwhile: Effect.Effect<A, E, R>
) {
  let isPaused = false
  const ended = yield* start(commandLine(settings), ({ name, pid }) =>
    Effect.gen(function* () {
      yield* reach(settings.database.sql, commits, "live")
      while (true) {
        yield* send(pid, "SIGSTOP")
        if (!(yield* isLeftOpen(settings.database.sql, name))) break
        yield* send(pid, "SIGCONT")
      }
      isPaused = true
      yield* meanwhile
      yield* send(pid, "SIGCONT")
      return yield* Effect.never
    })
  )
  return isPaused ? ended : yield* new WorkerError({ message: "a worker ended before it could be stopped" })
})

/**
 * A process beside which something else is done: what that kills, ends here.
 * `commandLine` gets the name that tells the process's connections apart.
 */
export const start = Effect.fnUntraced(function* <E, R>(
  commandLine: (name: string) => ReadonlyArray<string>,
  beside: (process: { readonly name: string; readonly pid: number }) => Effect.Effect<Kill, E, R>,
  patience: Duration.Duration = patienceDefault
) {
  const name = `worker-${++started}`
  const handle = yield* ChildProcess.make(process.execPath, commandLine(name), {
    stdin: "ignore",
    killSignal: "SIGKILL"
  })
  const exited = Effect.gen(function* () {
    const [out, errors] = yield* Effect.all(
      [Stream.mkString(Stream.decodeText(handle.stdout)), Stream.mkString(Stream.decodeText(handle.stderr))],
      { concurrency: 2 }
    )
    const code = yield* handle.exitCode
    const lines = out.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []))
    return { _tag: "Exited", code, lines, errors } as const
  })
  const killed = Effect.gen(function* () {
    const kill = yield* beside({ name, pid: handle.pid })
    // A process that had come to its end meanwhile was not killed.
    return yield* Exit.isSuccess(yield* Effect.exit(handle.exitCode))
      ? Effect.never
      : Effect.succeed({ _tag: "Killed", kill } as const)
  })
  return yield* Effect.raceFirst(exited, killed).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(new WorkerError({ message: `${name} did not end within ${Duration.format(patience)}` }))
    })
  )
}, Effect.scoped)

const commandLine =
  ({ batchSize, database, isTakingOver, lease, objects, org }: Settings) =>
  (name: string): ReadonlyArray<string> => [
    main,
    "sync",
    "--source=salesforce",
    `--url=${org.url}`,
    `--token=${org.token}`,
    `--api-version=${org.apiVersion}`,
    `--objects=${objects.join(",")}`,
    `--database-url=${database.urlOf(name)}`,
    `--lease=${lease ?? "500ms"}`,
    "--json",
    ...(batchSize === undefined ? [] : [`--batch-size=${batchSize}`]),
    ...(isTakingOver === true ? ["--take-over"] : [])
  ]

/** Runs a process that must end well. */
export const complete = Effect.fnUntraced(function* (settings: Settings) {
  const ended = yield* run(settings)
  if (ended._tag === "Exited" && ended.code === 0) return ended.lines
  const message = ended._tag === "Exited" ? `it ended with ${ended.code}: ${ended.errors}` : "it was killed"
  return yield* new WorkerError({ message: `an undisturbed worker failed: ${message}` })
})

// -----------------------------------------------------------------------------
// killing
// -----------------------------------------------------------------------------

/** Kills a process where the aim says. */
export const strike = Effect.fnUntraced(function* (sql: SqlClient, name: string, pid: number, aim: Aim) {
  if (aim._tag === "Anytime") {
    yield* Effect.sleep(Duration.millis(aim.millis))
    return yield* kill(pid, "unknown")
  }
  yield* reach(sql, aim.commits)
  while (true) {
    if (aim._tag === "After" || (yield* isWriting(sql, name))) {
      yield* send(pid, "SIGSTOP")
      const isInside = yield* isLeftOpen(sql, name)
      if (isInside || aim._tag === "After") return yield* kill(pid, isInside ? "inside-tx" : "outside")
      yield* send(pid, "SIGCONT")
    }
    yield* Effect.sleep(pulse)
  }
})

/** How often the server is asked. */
const pulse = Duration.millis(2)

/** Waits for so many more commits, of the lanes of that name, or of whichever. */
const reach = Effect.fnUntraced(function* (sql: SqlClient, more: number, lane = "%") {
  const before = yield* commits(sql, lane)
  yield* commits(sql, lane).pipe(
    Effect.repeat({ until: (count) => count - before >= more, schedule: Schedule.spaced(pulse) })
  )
})

/** Kills a process at once. */
export const kill = (pid: number, point: Kill["point"]): Effect.Effect<Kill> =>
  Effect.map(send(pid, "SIGKILL"), () => ({ t: new Date().toISOString(), pid, signal: "SIGKILL", point }))

/** To a process that is no more nothing is sent, for ever: its end is told by other means. */
const send = (pid: number, signal: NodeJS.Signals): Effect.Effect<void> =>
  Effect.catch(
    Effect.try(() => void process.kill(pid, signal)),
    () => Effect.never
  )

const commits = (sql: SqlClient, lane: string) =>
  Effect.map(
    sql<{ count: number }>`select count(*)::int as count from history.lane where lane like ${`%/${lane}`}`,
    ([row]) => row?.count ?? 0
  )

/** Whether a worker is in a transaction that has written. */
export const isWriting = (sql: SqlClient, name: string) =>
  Effect.map(
    sql`select 1 from pg_stat_activity where application_name = ${name} and backend_xid is not null`,
    (rows) => rows.length > 0
  )

/** Whether a stopped process leaves a transaction open that has written, once its connections rest. */
export const isLeftOpen = (sql: SqlClient, name: string) =>
  sql<{ isResting: boolean; isOpen: boolean }>`select
      coalesce(bool_and(state <> 'active'), true) as "isResting",
      coalesce(bool_or(state = 'idle in transaction' and backend_xid is not null), false) as "isOpen"
    from pg_stat_activity where application_name = ${name}`.pipe(
    Effect.map(([row]) => ({ isResting: row?.isResting ?? true, isOpen: row?.isOpen ?? false })),
    Effect.repeat({ while: ({ isResting }) => !isResting, schedule: Schedule.spaced(pulse) }),
    Effect.map(({ isOpen }) => isOpen)
  )
