/**
 * Histories on disk: `upstream.jsonl` and `visible.jsonl`, appended to.
 *
 * What a request changed is written before the request is answered.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import type * as History from "./History.ts"
import * as SimulatorError from "./SimulatorError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Journal {
  /** Throws what the disk throws. */
  readonly write: (entries: ReadonlyArray<History.Entry>) => void
}

/** Keeps nothing. @category constructors @since 0.1.0 */
export const none: Journal = { write: () => {} }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Makes the directory if there is none. Fails with `History` when it cannot be
 * written to.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (directory: string): Effect.Effect<Journal, SimulatorError.SimulatorError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          fs.mkdirSync(directory, { recursive: true })
          const append = (name: string) => fs.openSync(path.join(directory, name), "a")
          return { upstream: append("upstream.jsonl"), visible: append("visible.jsonl") }
        },
        catch: (cause) =>
          new SimulatorError.SimulatorError({
            reason: "History",
            message: `The directory ${directory} cannot be written to: give one that can.`,
            cause
          })
      }),
      (files) => Effect.sync(() => [files.upstream, files.visible].forEach((file) => fs.closeSync(file)))
    ),
    (files) => ({
      write: (entries) => {
        const texts = { upstream: "", visible: "" }
        for (const { file, line } of entries) texts[file] += `${JSON.stringify(line)}\n`
        if (texts.upstream !== "") fs.appendFileSync(files.upstream, texts.upstream)
        if (texts.visible !== "") fs.appendFileSync(files.visible, texts.visible)
      }
    })
  )
