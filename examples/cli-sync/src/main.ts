/**
 * The main job as a command: brings Salesforce objects into PostgreSQL tables,
 * one incremental run per object, or tells what such a run would do.
 *
 * Results go to stdout, progress and problems to stderr. Exit codes: 0 done, 1
 * failed after something was committed or for a reason nobody here can mend, 2
 * nothing was written and the call can be mended, 3 done with records in
 * quarantine, 130 interrupted.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Application, connection, Connection, plan, Problem, sync } from "@tidemark/cli"
import { GuardedHttpClient } from "@tidemark/provider-salesforce/guarded"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import type { HttpClient } from "effect/http/HttpClient"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Command from "effect/cli/Command"
import * as Config from "./config.ts"
import * as ConnectionToSalesforce from "./connection.ts"
import * as Database from "./database.ts"
import { flags, type Input } from "./flags.ts"
import * as Salesforce from "./salesforce.ts"

const application = (input: Input) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { database, source, ...wanted } = yield* Effect.flatMap(Config.load(input), Config.all)
      return Layer.effect(
        Application,
        Effect.gen(function* () {
          const context = yield* Effect.context<HttpClient | SqlClient>()
          return {
            feeds: Effect.provideContext(Salesforce.feeds(source, wanted), context),
            reading: Layer.provide(Database.reading, Layer.succeedContext(context)),
            writing: Layer.provide(Database.writing, Layer.succeedContext(context))
          }
        })
      ).pipe(Layer.provide([Database.layer(database), GuardedHttpClient.layer({ configured: source.addresses })]))
    })
  )

const root = Command.make("tidemark").pipe(Command.withSharedFlags(flags))

/** Both sides are reached for the commands that need them, and for no other. */
const bothSides = Layer.unwrap(Effect.map(root, application))
const oneSide = Layer.effect(Connection.Connection, Effect.flatMap(root, ConnectionToSalesforce.make))

const tidemark = root.pipe(
  Command.withDescription("Keep a local copy of a SaaS system's records in step with the original"),
  Command.withSubcommands([
    Command.provide(sync, bothSides),
    Command.provide(plan, bothSides),
    Command.provide(connection, oneSide)
  ]),
  Command.withExamples([
    {
      command:
        "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account,Contact",
      description: "Sync two objects into an embedded PostgreSQL in .tidemark"
    }
  ])
)

const program = Command.runWith(tidemark, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (error._tag === "Problem" ? Console.error(error.message) : Effect.void)),
  Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
  Effect.provide(Layer.mergeAll(NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)))
)

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    Exit.isSuccess(exit) && typeof exit.value === "number" ? onExit(exit.value) : Runtime.defaultTeardown(exit, onExit)
})
