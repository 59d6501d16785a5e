/**
 * The relay as a process: hands the events of a database to `projection`, as long as
 * it runs, or with `--drain` until none is left.
 *
 * Any number of them may run at once, and each may be killed at any time: what it
 * had under way is handed out again once its lease is over.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Configuration, Problem } from "@tidemark/cli"
import { Deliveries, Relay } from "@tidemark/core"
import { Migrations, PgPipeline, PgStore, PgWake } from "@tidemark/sql-pg"
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Process from "./process.ts"
import * as Projection from "./projection.ts"

const flags = {
  databaseUrl: Flag.Redacted("database-url").pipe(
    Flag.withDescription("PostgreSQL with the events, such as postgres://user@host/database")
  ),
  objects: Flag.String("objects").pipe(
    Flag.withDescription("API names of the objects whose events are handled, such as Account,Contact"),
    Flag.filterMap(
      (text) => Option.liftPredicate(Arr.isArrayNonEmpty)(text.split(",").filter((name) => name !== "")),
      () => "names with commas between them"
    )
  ),
  lease: Flag.String("lease").pipe(
    Flag.withDescription("How long an event stays with a process that does not answer; 10s when not given"),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(Configuration.spanOf(text)),
      () => "a duration such as 500ms, 30s or 5m"
    ),
    Flag.withDefault(Relay.leaseDefault)
  ),
  drain: Flag.Boolean("drain").pipe(
    Flag.withDescription("End once the consumer is owed nothing any more"),
    Flag.withDefault(false)
  )
}

/** The ports, a connection to write, and one to listen on. */
const database = (url: Redacted.Redacted) =>
  Layer.mergeAll(
    PgStore.layer().pipe(Layer.provideMerge(PgPipeline.layer({ url, maxConnections: 8 }))),
    PgWake.layer.pipe(Layer.provide(PgClient.layer({ url, maxConnections: 1 })))
  )

/** Ends once nothing is owed to the consumer but what was given up. */
const drained = Effect.gen(function* () {
  const deliveries = yield* Deliveries.Deliveries
  const left = Effect.map(deliveries.backlog, (backlog) =>
    backlog
      .filter(({ consumer }) => consumer === Projection.name)
      .reduce((sum, one) => sum + Deliveries.waiting(one), 0)
  )
  yield* Effect.repeat(left, { until: (count) => count === 0, schedule: Schedule.spaced("200 millis") })
})

const relay = Command.make(
  "relay",
  flags,
  Effect.fnUntraced(function* ({ databaseUrl, drain, lease, objects }) {
    const running = Effect.gen(function* () {
      yield* Migrations.run()
      yield* Projection.create
      const projection = yield* Projection.make(objects, Duration.times(lease, 2 / 3))
      const options = { ...projection, lease }
      yield* Relay.prepare(options)
      yield* drain ? Effect.raceFirst(drained, Relay.run(options)) : Relay.run(options)
    })
    yield* Effect.mapError(Effect.provide(running, database(databaseUrl)), (error) =>
      Problem.from(error, { hasCommitted: true })
    )
  })
).pipe(Command.withDescription("Hand events to the consumers of this program, until it is ended"))

const program = Command.runWith(relay, { version: "0.0.0" })(process.argv.slice(2)).pipe(
  Effect.as(0),
  Effect.tapError((error) => (Problem.isTold(error) ? Console.error(error.message) : Effect.void)),
  Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
  Effect.provide(Layer.mergeAll(NodeServices.layer, Layer.succeed(Logger.LogToStderr, true)))
)

Process.run(program)
