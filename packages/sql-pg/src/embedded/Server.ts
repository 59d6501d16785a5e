/**
 * A running PostgreSQL server whose life is held to ours.
 *
 * It runs under a small shell that blocks on its standard input, whose other end
 * only this process holds. When this process ends, by SIGKILL too, the shell
 * reads the end of its input and stops the server. The shell leads a session of
 * its own, so Ctrl-C at a terminal reaches us and not the server.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as Account from "./Account.ts"
import type { Binaries } from "./Binaries.ts"
import * as Command from "./Command.ts"
import * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"
import * as Holder from "./Holder.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  readonly binaries: Binaries
  readonly account: Account.Account | undefined
  /** Prepared. */
  readonly directory: string
  /** Whether the directory goes with the server, even if nobody is left to remove it. */
  readonly isTemporary: boolean
  /** `false` turns off everything that outlives a crash of the machine. */
  readonly durable: boolean
  /** On 127.0.0.1; not 0. */
  readonly port: number
  /** Parameters of `postgresql.conf`, after ours. */
  readonly settings: Readonly<Record<string, string>>
}

/** How long an orderly stop may take before the server is killed; its log is enough to recover. */
const stopMax = Duration.seconds(10)

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Starts a server and answers when it accepts connections. Stops it when the
 * scope closes. Fails when the server ends before that, with what it said.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<void, EmbeddedPostgresError.EmbeddedPostgresError, Scope.Scope> {
  const child = yield* Effect.acquireRelease(launch(options), stop)
  const ready = Effect.flatMap(Deferred.await(child.server), (pid) =>
    Holder.isReady(options.directory, pid).pipe(Effect.repeat({ until: (isReady) => isReady, schedule: pace }))
  )
  const ended = Effect.flatMap(Deferred.await(child.ended), (output) =>
    Effect.fail(
      EmbeddedPostgresError.fromOutput({
        program: "postgres",
        output,
        dataDir: options.directory,
        account: Account.nameOf(options.account),
        port: options.port
      })
    )
  )
  yield* Effect.raceFirst(ready, ended)
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Between two looks at a starting server. */
const pace = Schedule.spaced("10 millis")

/**
 * `$1` is the signal that stops the server, `$2` a directory to remove after it
 * or nothing, the rest its command line. The signal is sent again each second,
 * for the first may come before the server listens to signals. The shell itself
 * says nothing after the start: to write when nobody reads would end it early.
 */
const watch = `
signal=$1 directory=$2; shift 2
exec 3<&0
"$@" 0</dev/null 1>&2 3<&- & server=$!
{ read -r _ <&3; while kill -"$signal" "$server"; do sleep 1; done; } 0</dev/null 1>/dev/null 2>&1 & watcher=$!
trap "" PIPE; echo "$server"
exec 1>/dev/null 2>&1 3<&-
wait "$server"; status=$?
kill "$watcher"
if [ -n "$directory" ]; then rm -rf -- "$directory"; fi
exit "$status"
`

interface Child {
  readonly process: ChildProcess
  /** Process id of the server. */
  readonly server: Deferred.Deferred<number>
  /** The end of its log, once it and the shell have ended. */
  readonly ended: Deferred.Deferred<string>
}

const launch = (options: Options): Effect.Effect<Child> =>
  Effect.gen(function* () {
    const server = yield* Deferred.make<number>()
    const ended = yield* Deferred.make<string>()
    return yield* Effect.sync(() => {
      // The data of a temporary server need no orderly stop.
      const stopping = [options.isTemporary ? "QUIT" : "INT", options.isTemporary ? options.directory : ""]
      const child = spawn("/bin/sh", ["-c", watch, "sh", ...stopping, ...commandOf(options)], {
        ...Command.surroundings(options.account),
        detached: true,
        stdio: ["pipe", "pipe", "pipe"]
      })
      let log = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        Deferred.doneUnsafe(server, Effect.succeed(Number.parseInt(text, 10)))
      })
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        log = (log + text).slice(-Command.outputMax)
      })
      child.stdin.on("error", (error) => (log += error.message))
      child.once("error", (error) => Deferred.doneUnsafe(ended, Effect.succeed(error.message)))
      child.once("close", () => Deferred.doneUnsafe(ended, Effect.succeed(log)))
      return { process: child, server, ended }
    })
  })

const commandOf = (options: Options): ReadonlyArray<string> => {
  const forgetful = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    ...(options.durable ? {} : forgetful),
    ...options.settings
  }
  return [
    options.binaries.postgres,
    "-D",
    options.directory,
    "-p",
    String(options.port),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  ]
}

/** Closing its input stops the server; killing its session is for one that does not stop. */
const stop = (child: Child): Effect.Effect<void> =>
  Effect.sync(() => child.process.stdin?.end()).pipe(
    Effect.andThen(Deferred.await(child.ended)),
    Effect.timeoutOrElse({
      duration: stopMax,
      orElse: () =>
        Effect.andThen(
          Effect.sync(() => child.process.pid !== undefined && process.kill(-child.process.pid, "SIGKILL")),
          Deferred.await(child.ended)
        )
    }),
    Effect.asVoid
  )
