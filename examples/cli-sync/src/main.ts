/**
 * The main job as a command: brings Salesforce objects into PostgreSQL tables,
 * one incremental run per object, or tells what such a run would do.
 *
 * Results go to stdout, progress and problems to stderr. Exit codes: 0 done, 1
 * failed after something was committed or for a reason nobody here can mend, 2
 * nothing was written and the call can be mended, 3 done with records in
 * quarantine, 130 interrupted.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Application, plan, Problem, sync } from "@tidemark/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type { FileSystem } from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Command from "effect/cli/Command"
import * as Database from "./database.ts"
import { flags } from "./flags.ts"
import * as Salesforce from "./salesforce.ts"

type Input = Command.Command.Config.Infer<typeof flags>

const application = ({ dataDir, databaseUrl, detections, objects, settle, ...settings }: Input) =>
  Layer.effect(
    Application,
    Effect.gen(function* () {
      const context = yield* Effect.context<HttpClient | SqlClient | FileSystem>()
      const wanted = {
        objects: Option.getOrUndefined(objects),
        detections: Option.getOrUndefined(detections),
        settle: Option.getOrUndefined(settle)
      }
      return {
        feeds: Effect.provideContext(Salesforce.feeds({ ...settings, ...wanted }), context),
        reading: Layer.provide(Database.reading, Layer.succeedContext(context)),
        writing: Layer.provide(Database.writing, Layer.succeedContext(context))
      }
    })
  ).pipe(Layer.provide(Database.layer({ url: Option.getOrUndefined(databaseUrl), dataDir })))

const tidemark = Command.make("tidemark").pipe(
  Command.withDescription("Keep a local copy of a SaaS system's records in step with the original"),
  Command.withSharedFlags(flags),
  Command.withSubcommands([sync, plan]),
  Command.provide(application),
  Command.withExamples([
    {
      command:
        "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account,Contact",
      description: "Sync two objects into an embedded PostgreSQL in .tidemark"
    },
    {
      command:
        "tidemark plan --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --detections detections.yaml",
      description: "Tell what a sync of the records that a file describes would do"
    }
  ])
)

const program = Command.runWith(tidemark, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (error._tag === "Problem" ? Console.error(error.message) : Effect.void)),
  Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
  Effect.provide(
    Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerUndici, Layer.succeed(Logger.LogToStderr, true))
  )
)

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    Exit.isSuccess(exit) && typeof exit.value === "number" ? onExit(exit.value) : Runtime.defaultTeardown(exit, onExit)
})
