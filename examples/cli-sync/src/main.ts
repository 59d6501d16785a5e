/**
 * The main job as a command: brings Salesforce objects into PostgreSQL tables,
 * one incremental run per object, tells what such a run would do, and shows an
 * operator what ran, what waits, and how to go on.
 *
 * Results go to stdout, progress and problems to stderr. The help names the exit
 * codes.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Application, migrate, plan, Problem, quarantine, runs, status, sync } from "@tidemark/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { HttpClient } from "effect/http/HttpClient"
import * as Command from "effect/cli/Command"
import { Migrations } from "@tidemark/sql-pg"
import * as Database from "./database.ts"
import { flags, required } from "./flags.ts"
import * as Process from "./process.ts"
import * as Salesforce from "./salesforce.ts"

type Input = Command.Command.Config.Infer<typeof flags>

const application = ({ dataDir, databaseUrl, objects, token, url, ...settings }: Input) =>
  Layer.effect(
    Application,
    Effect.gen(function* () {
      const http = yield* HttpClient
      const scope = yield* Effect.scope
      const where = { url: Option.getOrUndefined(databaseUrl), dataDir }
      // An embedded server is started by the first who needs it: the help does not.
      const database = yield* Layer.buildWithScope(Database.layer(where), scope).pipe(
        Effect.mapError(Database.unreachable),
        Effect.cached
      )
      const over = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
        Layer.unwrap(Effect.map(database, (sql) => Layer.provide(layer, Layer.succeedContext(sql))))
      const source = Effect.gen(function* () {
        const names = (yield* required("objects", objects)).split(",").flatMap((name) => name.trim() || [])
        return { ...settings, url: yield* required("url", url), token: yield* required("token", token), objects: names }
      })
      return {
        feeds: Effect.gen(function* () {
          const asked = yield* source
          return yield* Effect.provideContext(Salesforce.feeds(asked), yield* database)
        }).pipe(Effect.provideService(HttpClient, http)),
        reading: over(Database.reading),
        writing: over(Database.writing),
        standing: Database.isThere(where)
          ? Effect.flatMap(database, (sql) => Effect.provideContext(Database.standing, sql))
          : Effect.succeed(Migrations.nothingYet),
        migrate: Effect.flatMap(database, (sql) => Effect.provideContext(Database.migrate, sql)),
        store: Effect.flatMap(database, (sql) =>
          Database.store.pipe(Effect.provideContext(sql), Effect.provideService(Scope.Scope, scope))
        )
      }
    })
  )

const exitCodes = Problem.exitCodes.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)

const tidemark = Command.make("tidemark").pipe(
  Command.withDescription(
    ["Keep a local copy of a SaaS system's records in step with the original", "", "  Exit codes:", ...exitCodes].join(
      "\n"
    )
  ),
  Command.withSharedFlags(flags),
  Command.withSubcommands([sync, plan, status, runs, quarantine, migrate]),
  Command.provide(application),
  Command.withExamples([
    {
      command:
        "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account,Contact",
      description: "Sync two objects into an embedded PostgreSQL in .tidemark"
    },
    { command: "tidemark status", description: "Where they stand, and what to do next" },
    { command: "tidemark quarantine list", description: "What was refused, and why" }
  ])
)

const program = Command.runWith(tidemark, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (Problem.isTold(error) ? Console.error(error.message) : Effect.void)),
  Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
  Effect.provide(
    Layer.mergeAll(
      NodeServices.layer,
      NodeHttpClient.layerUndici,
      Process.results,
      Layer.succeed(Logger.LogToStderr, true)
    )
  )
)

Process.run(program)
