/**
 * The process that works in a data directory, as `postmaster.pid` names it.
 *
 * The file outlives a server that was killed, and process ids are used again, so
 * its word is checked against the command line of that process. On Linux that
 * also tells a server from a zombie that nobody reaped.
 * A file whose process is something else is removed, for PostgreSQL itself would
 * take that process for a server and refuse to start for ever.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fs from "node:fs/promises"
import * as path from "node:path"
import * as Command from "./Command.ts"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Process id of the live server in this directory, `undefined` when there is
 * none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = Effect.fnUntraced(function* (directory: string): Effect.fn.Return<number | undefined> {
  const file = path.join(directory, "postmaster.pid")
  const text = yield* contentOf(file)
  const pid = Number.parseInt(text ?? "", 10)
  if (!(yield* isAlive(pid))) return undefined
  if (yield* isServer(pid, directory)) return pid
  if ((yield* contentOf(file)) === text) yield* Effect.promise(() => fs.rm(file, { force: true }))
  return undefined
})

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/**
 * Whether the server with this process id says that it accepts connections.
 *
 * @category guards
 * @since 0.1.0
 */
export const isReady = (directory: string, pid: number): Effect.Effect<boolean> =>
  Effect.map(contentOf(path.join(directory, "postmaster.pid")), (text) => {
    // PostgreSQL, pidfile.h: line 1 is the process id, line 8 the state of the postmaster.
    const lines = text?.split("\n") ?? []
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready"
  })

/** Whether a process with this id exists, a zombie included. @category guards @since 0.1.0 */
export const isAlive = (pid: number): Effect.Effect<boolean> =>
  !Number.isInteger(pid) || pid <= 0
    ? Effect.succeed(false)
    : Effect.try({
        try: () => process.kill(pid, 0),
        // EPERM: it exists and belongs to somebody else.
        catch: (cause) => cause instanceof Error && "code" in cause && cause.code === "EPERM"
      }).pipe(Effect.catch((isForeign) => Effect.succeed(isForeign)))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What a file holds, `undefined` when it cannot be read: it is gone, or not ours to judge. */
const contentOf = (file: string): Effect.Effect<string | undefined> =>
  Effect.map(Effect.option(Effect.tryPromise(() => fs.readFile(file, "utf8"))), Option.getOrUndefined)

/**
 * Whether this process is a postmaster in this directory. When in doubt it is:
 * one whose command line cannot be read, or has the directory from elsewhere.
 */
const isServer = Effect.fnUntraced(function* (pid: number, directory: string): Effect.fn.Return<boolean> {
  if (process.platform !== "linux") {
    const shown = yield* Command.run("/bin/ps", ["-ww", "-o", "command=", "-p", String(pid)], undefined)
    return shown.status !== 0 || shown.output.includes("postgres")
  }
  const words = (yield* contentOf(`/proc/${pid}/cmdline`))?.split("\0")
  if (words === undefined) return true
  const named = words.indexOf("-D")
  const isElsewhere = named >= 0 && path.resolve("/", words[named + 1] ?? "") !== directory
  return path.basename(words[0] ?? "").startsWith("postgres") && !isElsewhere
})
