/**
 * This process: its signals, its exit code, and whoever reads its output.
 *
 * **Guarantees**
 *
 * - the first SIGINT or SIGTERM ends the command once the batch under way is
 *   committed or rolled back, after `patience` at the latest; a second one ends it
 *   at once; both exit with 130;
 * - a reader that goes away ends nobody by surprise: the write fails, and who
 *   wrote decides.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Operator, Output } from "@tidemark/cli"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as os from "node:os"

const interrupted = 130

/** Writes results to stdout, and tells of the write that failed. */
export const results = Layer.succeed(Output.Results, (text: string) =>
  Effect.callback<void, Output.Lost>((resume) => {
    process.stdout.write(`${text}\n`, (error) => resume(error == null ? Effect.void : Effect.fail(toLost(error))))
  })
)

/** Whoever runs the command, as the system calls them, and where. */
export const operator = Layer.sync(Operator, () => `${userName()}@${os.hostname()}`)

/** Not every account has a name: in a container it may have its number alone. */
const userName = (): string => {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? "unknown")
  }
}

const toLost = (error: Error & { readonly code?: string }): Output.Lost => {
  // After the first failure the stream is gone, and says only that.
  const isUnread = error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED"
  const message = isUnread
    ? "Nobody reads the results any more."
    : `The results could not be written: ${error.message}.`
  return new Output.Lost({ isUnread, message })
}

/** Runs a program that answers with its exit code. After the first signal it has `patience` to end. */
export const run = (program: Effect.Effect<number>, patience: Duration.Duration = Duration.seconds(30)): void => {
  // Who wrote is told by the write; without a listener the event would end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  let signals = 0
  const onSignal = () => {
    signals += 1
    if (signals > 1) process.exit(interrupted)
    process.stderr.write("Ending once the batch under way is committed or rolled back. Again: end at once.\n")
    setTimeout(() => process.exit(interrupted), Duration.toMillis(patience)).unref()
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
  NodeRuntime.runMain(program, {
    teardown: (exit, onExit) => {
      if (Exit.isSuccess(exit) && typeof exit.value === "number") return onExit(exit.value)
      return signals > 0 ? onExit(interrupted) : Runtime.defaultTeardown(exit, onExit)
    }
  })
}
