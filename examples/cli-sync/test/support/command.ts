/**
 * The command as a process of its own.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import { onTestFinished } from "vitest"

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Lines of JSON. */
  readonly lines: ReadonlyArray<Record<string, any>>
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits until stdout or stderr has told it; fails when the process ends first. */
  readonly told: (pattern: RegExp) => Promise<void>
}

const main = path.join(import.meta.dirname, "../../src/main.ts")

/** Starts a program; `stdout` is where its results go, a pipe of ours unless it says otherwise. */
export const startFile = (file: string, args: ReadonlyArray<string>, stdout: "pipe" | number = "pipe"): Started => {
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", stdout, "pipe"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  let [out, err] = ["", ""]
  const listeners = new Set<() => void>()
  const onData = (keep: () => void) => {
    keep()
    for (const listener of listeners) listener()
  }
  child.stdout?.on("data", (data) => onData(() => (out += data)))
  child.stderr?.on("data", (data) => onData(() => (err += data)))
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code) =>
      resolve({
        code,
        out,
        err,
        lines: out.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []))
      })
    )
  )
  const told = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const listener = () => {
        if (!pattern.test(out + err)) return
        listeners.delete(listener)
        resolve()
      }
      listeners.add(listener)
      listener()
      void ended.then(({ code }) => reject(new Error(`it ended with ${code} before it told ${pattern}: ${out}${err}`)))
    })
  return { child, ended, told }
}

export const start = (args: ReadonlyArray<string>, stdout?: "pipe" | number): Started => startFile(main, args, stdout)

export const run = (...args: ReadonlyArray<string>): Promise<Ended> => start(args).ended
