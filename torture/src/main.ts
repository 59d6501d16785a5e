/**
 * Commands that simulate. One JSON line goes to stdout for programs to read;
 * everything else goes to stderr.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import * as Command from "effect/cli/Command"
import { simulator } from "./simulator.ts"

const torture = Command.make("torture").pipe(Command.withSubcommands([simulator]))

const program = Command.runWith(torture, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (error._tag === "SimulatorError" ? Console.error(error.message) : Effect.void)),
  Effect.catch(() => Effect.succeed(2)),
  Effect.provide(Layer.mergeAll(NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)))
)

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    Exit.isSuccess(exit) && typeof exit.value === "number" ? onExit(exit.value) : Runtime.defaultTeardown(exit, onExit)
})
