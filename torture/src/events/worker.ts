/**
 * One process that runs the relay over PostgreSQL with all consumers, until it is
 * told to end or is killed. Its only argument is its settings as JSON.
 *
 * A handler writes a line when it is given an event, before anything else.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import { PgPipeline, PgStore, PgWake } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import * as fs from "node:fs"
import * as Facts from "./Facts.ts"
import * as Target from "./Target.ts"

export interface Settings {
  readonly url: string
  /** Of the other place. */
  readonly port: number
  /** Where lines of attempts go: many processes append to it. */
  readonly attempts: string
  readonly seed: number
  readonly fail: number
  /** In ms. Default: the relay's own. */
  readonly lease?: number
}

type Received = Consumer.Received<Facts.Definition>

const settings = JSON.parse(process.argv[2] ?? "{}") as Settings

/** Lines are short, so each is appended whole, whenever the process is killed. */
const file = fs.openSync(settings.attempts, "a")

/** With a lease of its own a worker looks and gives up as often as that asks for. */
const { lease } = settings
const timing = lease === undefined ? {} : { timeout: lease * 0.8 }
const pace = lease === undefined ? {} : { lease, poll: { active: Math.min(lease, 1_000), idle: lease } }

const begin = (consumer: Facts.ConsumerName, { entity, id, key, revision }: Received, info: Consumer.Info) =>
  Effect.sync((): readonly [Target.Handled, Facts.Course] => {
    const { attempt, isLate } = info
    const handled = { consumer, event: id, entity, key, revision, attempt, late: isLate, pid: process.pid }
    fs.writeSync(file, `${JSON.stringify({ t: new Date().toISOString(), ...handled })}\n`)
    return [handled, Facts.courseOf({ ...settings, consumer, event: id, attempt })]
  })

/** An effect that fails before it or behind it, or takes its time, as chance wants. */
const staged = <E, R>(course: Facts.Course, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    if (course === "Before") return yield* Effect.die(new Error("it failed before its effect"))
    yield* effect
    if (course === "Slow") yield* Effect.sleep("40 millis")
    if (course === "After") return yield* Effect.fail("it failed behind its effect")
  })

const books = Consumer.make("books", {
  on: Facts.types,
  start: "Beginning",
  retry: Facts.retry,
  ...timing,
  transactional: (event, info) =>
    Effect.gen(function* () {
      const [one, course] = yield* begin("books", event, info)
      const sql = yield* SqlClient
      yield* staged(
        course,
        sql`insert into torture.handled (consumer, event, entity, key, revision, attempt, late, pid)
          values (${one.consumer}, ${one.event}, ${one.entity}, ${one.key}, ${String(one.revision)}::int,
            ${String(one.attempt)}::int, ${String(one.late)}::boolean, ${String(one.pid)}::int)`
      )
    })
})

const calling = (name: "calls" | "stubborn", { call }: Target.Caller) =>
  Consumer.make(name, {
    on: Facts.types,
    start: "Beginning",
    retry: Facts.retry,
    ...timing,
    handler: (event, info) =>
      Effect.gen(function* () {
        const [one, course] = yield* begin(name, event, info)
        yield* staged(course, call(info.idempotencyKey, one))
      })
  })

const program = Effect.gen(function* () {
  const caller = yield* Target.connect(settings.port)
  const options = {
    registry: yield* Facts.registry,
    consumers: [books, calling("calls", caller), calling("stubborn", caller)],
    ...pace
  }
  // A registration does not wait for long behind a unit of work that appends: appends would wait behind it.
  yield* Relay.prepare(options).pipe(
    Effect.retry({
      schedule: Schedule.spaced("100 millis"),
      times: 100,
      while: (error) => error._tag === "StoreError" && error.reason === "Conflict"
    })
  )
  return yield* Relay.run(options)
}).pipe(Effect.scoped)

const url = Redacted.make(settings.url)

const ports = PgStore.layer().pipe(
  Layer.provideMerge(PgPipeline.layer({ url, maxConnections: 4 })),
  Layer.provideMerge(PgWake.layer.pipe(Layer.provide(PgClient.layer({ url, maxConnections: 1 }))))
)

NodeRuntime.runMain(program.pipe(Effect.provide(Layer.mergeAll(ports, Layer.succeed(Logger.LogToStderr, true)))))
