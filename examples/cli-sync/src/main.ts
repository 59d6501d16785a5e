/**
 * The main job as a command: brings Salesforce objects into PostgreSQL tables,
 * one incremental run per object, tells what such a run would do, and shows an
 * operator what ran, what waits, and how to go on.
 *
 * Results go to stdout, progress and problems to stderr. The help names the exit
 * codes.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  Application,
  connection,
  Connection,
  migrate,
  outbox,
  plan,
  Problem,
  quarantine,
  runs,
  status,
  sync
} from "@tidemark/cli"
import { GuardedHttpClient } from "@tidemark/http"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Command from "effect/cli/Command"
import { Migrations } from "@tidemark/sql-pg"
import * as Config from "./config.ts"
import * as ConnectionToSalesforce from "./connection.ts"
import * as Database from "./database.ts"
import { flags, type Input } from "./flags.ts"
import * as Process from "./process.ts"
import * as Salesforce from "./salesforce.ts"

/** Everything is read or reached by the first who needs it: the help does not. */
const application = (input: Input) =>
  Layer.effect(
    Application,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const config = yield* Effect.cached(Config.load(input))
      const where = Effect.flatMap(config, ({ database }) => database)
      const database = yield* where.pipe(
        Effect.flatMap((where) =>
          Effect.mapError(Layer.buildWithScope(Database.layer(where), scope), Database.unreachable)
        ),
        Effect.cached
      )
      const over = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
        Layer.unwrap(Effect.map(database, (sql) => Layer.provide(layer, Layer.succeedContext(sql))))
      const context = yield* Effect.context<Effect.Services<typeof config | typeof database>>()
      return Application.of({
        feeds: Effect.gen(function* () {
          const { source, ...wanted } = yield* Effect.flatMap(config, Config.all)
          const guarded = GuardedHttpClient.layer({ configured: source.addresses })
          const http = yield* Layer.buildWithScope(guarded, scope)
          return yield* Effect.provideContext(Salesforce.feeds(source, wanted), Context.merge(http, yield* database))
        }).pipe(Effect.provideContext(context)),
        reading: Layer.provide(over(Database.reading), Layer.succeedContext(context)),
        writing: Layer.provide(over(Database.writing), Layer.succeedContext(context)),
        standing: Effect.flatMap(where, (where) =>
          Database.isThere(where)
            ? Effect.flatMap(database, (sql) => Effect.provideContext(Database.standing, sql))
            : Effect.succeed(Migrations.nothingYet)
        ).pipe(Effect.provideContext(context)),
        migrate: Effect.flatMap(database, (sql) => Effect.provideContext(Database.migrate, sql)).pipe(
          Effect.provideContext(context)
        ),
        store: Effect.flatMap(database, (sql) =>
          Database.store.pipe(Effect.provideContext(sql), Effect.provideService(Scope.Scope, scope))
        ).pipe(Effect.provideContext(context))
      })
    })
  )

const exitCodes = Problem.exitCodes.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)

const root = Command.make("tidemark").pipe(Command.withSharedFlags(flags))
const bothSides = Layer.unwrap(Effect.map(root, application))
const oneSide = Layer.effect(Connection.Connection, Effect.flatMap(root, ConnectionToSalesforce.make))

const tidemark = root.pipe(
  Command.withDescription(
    ["Keep a local copy of a SaaS system's records in step with the original", "", "  Exit codes:", ...exitCodes].join(
      "\n"
    )
  ),
  Command.withSubcommands([
    Command.provide(sync, bothSides),
    Command.provide(plan, bothSides),
    Command.provide(status, bothSides),
    Command.provide(runs, bothSides),
    Command.provide(quarantine, bothSides),
    Command.provide(outbox, bothSides),
    Command.provide(migrate, bothSides),
    Command.provide(connection, oneSide)
  ]),
  Command.withExamples([
    {
      command:
        "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account,Contact",
      description: "Sync two objects into an embedded PostgreSQL in .tidemark"
    },
    {
      command: "tidemark plan --detections detections.yaml",
      description: "Tell what a sync would do, with tidemark.yaml"
    },
    { command: "tidemark status", description: "Where they stand, and what to do next" },
    { command: "tidemark quarantine list", description: "What was refused, and why" },
    { command: "tidemark outbox stats", description: "What consumers of events are owed" }
  ])
)

const program = Command.runWith(tidemark, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (Problem.isTold(error) ? Console.error(error.message) : Effect.void)),
  Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
  Effect.provide(
    Layer.mergeAll(NodeServices.layer, Process.results, Process.operator, Layer.succeed(Logger.LogToStderr, true))
  )
)

Process.run(program)
