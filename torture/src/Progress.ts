/**
 * A bar on stderr: redrawn in place on a terminal, else one line for each tenth.
 */
import * as Effect from "effect/Effect"

const width = 30

/** Tells how much of `total` is done. */
export type Progress = (done: number, note?: string) => Effect.Effect<void>

export const make = (label: string, total: number): Progress => {
  let tenths = -1
  return (done, note = "") =>
    Effect.sync(() => {
      const share = total === 0 ? 1 : Math.min(1, done / total)
      const filled = Math.round(share * width)
      const text = `${label.padEnd(10)} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${count(done)} of ${count(total)} ${note}`
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}${share === 1 ? "\n" : ""}`)
      else if (Math.floor(share * 10) > tenths) process.stderr.write(`${text.trimEnd()}\n`)
      tenths = Math.max(tenths, Math.floor(share * 10))
    })
}

/** `12345` as `12,345`. */
export const count = (value: number): string => value.toLocaleString("en-US")
