/**
 * Commands that show what holds. Results go to stdout, progress and problems to
 * stderr. Exit codes: 0 what was claimed holds, 1 it does not, 2 the call is wrong.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import { demo } from "./demo.ts"
import { events } from "./events.ts"
import { kills } from "./kills.ts"
import { laws } from "./laws.ts"
import { simulator } from "./simulator.ts"

/** The parser of the command line tells its own errors. */
const isTold = CliError.isCliError

const torture = Command.make("torture").pipe(Command.withSubcommands([demo, events, kills, laws, simulator]))

const program = Command.runWith(torture, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (isTold(error) ? Effect.void : Console.error(error.message))),
  Effect.catch((error) => Effect.succeed(isTold(error) || error._tag === "SimulatorError" ? 2 : 1)),
  Effect.provide(Layer.mergeAll(NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)))
)

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    Exit.isSuccess(exit) && typeof exit.value === "number" ? onExit(exit.value) : Runtime.defaultTeardown(exit, onExit)
})
