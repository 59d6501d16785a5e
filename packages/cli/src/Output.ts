/**
 * Where commands write: results to stdout, progress to stderr while somebody
 * watches it.
 *
 * A reader may go away (`runs | head -1`). A command that only tells then has
 * nothing left to do and ends with `Lost`; one that does something goes on
 * (`whoever`), and says once that its results were lost.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A result could not be told. @category errors @since 0.1.0 */
export class Lost extends Data.TaggedError("Lost")<{
  readonly message: string
  /** Whoever read the results has gone away, and wants no more of them. */
  readonly isUnread: boolean
}> {}

/** @category models @since 0.1.0 */
export interface Output {
  readonly paint: Text.Paint
  /** Lines of the result. */
  readonly lines: (texts: ReadonlyArray<string>) => Effect.Effect<void, Lost>
  /** A line of the result. */
  readonly line: (text: string) => Effect.Effect<void, Lost>
  /** Whether somebody watches the progress. */
  readonly isWatched: boolean
  /** Replaces the progress that is shown; `text` is one line, and safe. */
  readonly progress: (text: string) => Effect.Effect<void>
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/**
 * Writes whole lines to stdout, and answers once they are taken. The default is the
 * console, which does not tell whether they were: an application of Node gives one
 * that does.
 *
 * @category services
 * @since 0.1.0
 */
export const Results = Context.Reference<(text: string) => Effect.Effect<void, Lost>>("@tidemark/cli/Output/Results", {
  defaultValue: () => (text) => Console.log(text)
})

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** With `isTold`, progress is told where nobody watches too: a line each second. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (options: { readonly isTold?: boolean } = {}) {
  const stdio = yield* Stdio.Stdio
  const write = yield* Results
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const isTerminal = yield* stdio.stderrIsTerminal
  const told = { at: -Infinity, isShown: false }
  // Nobody is told when progress cannot be shown: the result can.
  const show = (text: string) => Effect.ignore(Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false })))
  const tell = Effect.fnUntraced(function* (text: string) {
    const now = yield* Clock.currentTimeMillis
    if (now - told.at < 1_000) return
    told.at = now
    yield* show(`${text}\n`)
  })
  const draw = (text: string) =>
    Effect.suspend(() => {
      told.isShown = true
      return show(`${noProgress}${text}`)
    })
  const wipe = Effect.suspend(() => {
    if (!told.isShown) return Effect.void
    told.isShown = false
    return show(noProgress)
  })
  const lines = (texts: ReadonlyArray<string>) =>
    texts.length === 0 ? Effect.void : Effect.andThen(wipe, write(texts.join("\n")))
  const output: Output = {
    paint: Text.paint(canColor),
    lines,
    line: (text) => lines([text]),
    isWatched: isTerminal || options.isTold === true,
    progress: (text) => (isTerminal ? draw(text) : options.isTold === true ? tell(text) : Effect.void)
  }
  return output
})

/** Wipes the line of the terminal. */
const noProgress = "\r\u001b[2K"

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * The same for a command that does something: what it does matters more than who
 * reads of it. That results are lost is said once, on stderr.
 *
 * @category combinators
 * @since 0.1.0
 */
export const whoever = (
  output: Output
): Omit<Output, "line" | "lines"> & {
  readonly lines: (texts: ReadonlyArray<string>) => Effect.Effect<void>
  readonly line: (text: string) => Effect.Effect<void>
} => {
  let isLost = false
  const lines = (texts: ReadonlyArray<string>) =>
    Effect.suspend(() =>
      isLost
        ? Effect.void
        : Effect.catch(output.lines(texts), (lost) => {
            isLost = true
            return Console.error(`${lost.message} The command goes on; its exit code tells how it ended.`)
          })
    )
  return { ...output, lines, line: (text) => lines([text]) }
}
