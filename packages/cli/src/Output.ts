/**
 * Where commands write: results to stdout, progress to stderr while somebody
 * watches it.
 *
 * @since 0.1.0
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Report from "./Report.ts"
import * as Text from "./Text.ts"

/** @category models @since 0.1.0 */
export interface Output {
  readonly paint: Text.Paint
  /** A line of the result. */
  readonly line: (text: string) => Effect.Effect<void>
  /** Replaces the progress that is shown. */
  readonly progress: (text: string) => Effect.Effect<void>
}

/** @category constructors @since 0.1.0 */
export const make = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const isWatched = yield* stdio.stderrIsTerminal
  // Nobody is told when progress cannot be shown: the result can.
  const progress = (text: string) =>
    isWatched ? Effect.ignore(Stream.run(Stream.make(text), stdio.stderr({ endOnDone: false }))) : Effect.void
  return {
    paint: Text.paint(canColor),
    line: (text) => Effect.andThen(progress(Report.noProgress), Console.log(text)),
    progress
  } satisfies Output as Output
})
