/**
 * A program run to its end, away from the caller's surroundings: in `/`, with
 * nothing to read, and with an environment that holds `PATH` and a fixed locale
 * and time zone only. So neither a read-only or deleted current directory nor
 * variables such as `PGDATA` change what it does, and no secret reaches it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { spawn, type SpawnOptions } from "node:child_process"
import type { Account } from "./Account.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Exit {
  /** Exit status; `undefined` when it could not be started or was killed by a signal. */
  readonly status: number | undefined
  /** The end of what it wrote on both outputs, or why it could not be started. */
  readonly output: string
}

/** Most characters kept of an output. @category constants @since 0.1.0 */
export const outputMax = 16_384

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Runs a program as the account, or as ourselves when there is none. Never
 * fails: a program that cannot be started is an `Exit` without a status.
 * Interruption kills it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (file: string, args: ReadonlyArray<string>, account: Account | undefined): Effect.Effect<Exit> =>
  Effect.callback<Exit>((resume) => {
    const child = spawn(file, args, { ...surroundings(account), stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    const collect = (text: string) => {
      output = (output + text).slice(-outputMax)
    }
    child.stdout.setEncoding("utf8").on("data", collect)
    child.stderr.setEncoding("utf8").on("data", collect)
    child.once("error", (error) => resume(Effect.succeed({ status: undefined, output: error.message })))
    child.once("close", (status) => resume(Effect.succeed({ status: status ?? undefined, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** How every child of this module is spawned. @category constructors @since 0.1.0 */
export const surroundings = (account: Account | undefined): SpawnOptions => ({
  cwd: "/",
  env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
  ...(account === undefined ? {} : { uid: account.uid, gid: account.gid })
})
