/**
 * The same over PostgreSQL: two processes, as the application's role, one endpoint
 * that fails, and one that goes away.
 *
 * Method: real time, delays of milliseconds; a test ends when the endpoint had all.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Relay from "@tidemark/core/engine/Relay"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Backoff from "@tidemark/core/rules/Backoff"
import { Migrations, PgStore, PgWake } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { afterAll, beforeAll, describe, it } from "vitest"
import { first, forwarder, publish, relayOf } from "./support/Events.ts"
import * as Receiver from "./support/Receiver.ts"

const clientOf = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 4 })

/** What a process of the application has. */
const processOf = (url: string) =>
  Layer.mergeAll(PgStore.layer(), PgWake.layer).pipe(Layer.provideMerge(clientOf(url)), Layer.fresh)

const server = Scope.makeUnsafe()
let cluster = ""

beforeAll(async () => {
  const make = Effect.gen(function* () {
    const { url } = yield* EmbeddedPostgres.make()
    yield* execute(url, "create role application login")
    return url
  })
  cluster = await Effect.runPromise(Scope.provide(make, server))
})

afterAll(() => Effect.runPromise(Scope.close(server, Exit.void)))

const execute = (url: string, statement: string) =>
  Effect.provide(
    Effect.flatMap(SqlClient, (sql) => sql.unsafe(statement)),
    clientOf(url)
  )

/** A migrated database: its addresses for its owner and for the application. */
const staged = Effect.fnUntraced(function* (name: string) {
  yield* execute(cluster, `create database ${name}`)
  const owner = cluster.replace(/\/postgres$/, `/${name}`)
  yield* Effect.provide(Migrations.run({ appRole: "application" }), clientOf(owner))
  return { owner, application: owner.replace("postgres@", "application@") }
})

const quick: Backoff.Backoff = {
  ...Backoff.standard,
  base: Duration.millis(5),
  cap: Duration.millis(50)
}

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))

describe("over PostgreSQL", () => {
  it("each event of a commit is posted in the order of its key, though the endpoint fails and two processes post", () =>
    run(
      Effect.gen(function* () {
        const { application, owner } = yield* staged("failing")
        const hasAll = yield* Deferred.make<void>()
        const taken: Array<Receiver.Got> = []
        const receiver = yield* Receiver.serve((message) => {
          if (message.index % 10 === 3) return message.index % 20 === 3 ? 500 : (response) => void response.destroy()
          taken.push(message)
          if (taken.length === 40) Deferred.doneUnsafe(hasAll, Effect.void)
          return 200
        })
        const relays = yield* Effect.all(
          [1, 2].map(() => Effect.flatMap(forwarder(receiver.url, { retry: quick, concurrency: 4 }), relayOf))
        )
        yield* Effect.provide(
          Effect.gen(function* () {
            yield* Relay.prepare(relays[0]!)
            for (let key = 0; key < 8; key++) yield* publish(`k${key}`, 1, 2, 3, 4, 5)
          }),
          processOf(application)
        )
        const poll = { active: "20 millis", idle: "100 millis" } as const
        const running = yield* Effect.forEach(relays, (relay) =>
          Effect.forkChild(Effect.provide(Relay.run({ ...relay, poll }), processOf(application), { local: true }))
        )
        yield* Deferred.await(hasAll)
        yield* Fiber.interruptAll(running)
        assert.ok(receiver.got.every((message) => message.isGenuine(first)))
        assert.equal(new Set(taken.map(({ id }) => id)).size, 40)
        for (let key = 0; key < 8; key++) {
          const revisions = taken.filter(({ json }) => json.key === `k${key}`).map(({ json }) => json.revision)
          assert.deepEqual(revisions, [1, 2, 3, 4, 5])
        }
        const left = Effect.flatMap(
          SqlClient,
          (sql) => sql`select (select count(*)::int from tidemark.receipt) as receipts,
            (select count(*)::int from tidemark.delivery) as waiting`
        )
        assert.deepEqual(yield* Effect.provide(left, clientOf(owner)), [{ receipts: 40, waiting: 0 }])
      })
    ))

  it("an endpoint that is gone pauses its consumer, as the application's role", () =>
    run(
      Effect.gen(function* () {
        const { application } = yield* staged("gone")
        const receiver = yield* Receiver.serve(() => 410)
        const relay = yield* Effect.flatMap(forwarder(receiver.url, { retry: quick, concurrency: 1 }), relayOf)
        const program = Effect.gen(function* () {
          yield* Relay.prepare(relay)
          for (const key of ["a", "b", "c"]) yield* publish(key, 1)
          yield* Relay.drainOnce(relay)
          return yield* (yield* Consumers.Consumers).list
        })
        const [consumer] = yield* Effect.provide(program, processOf(application))
        assert.deepEqual([consumer?.status, consumer?.waiting, receiver.got.length], ["Paused", 3, 1])
        assert.match(consumer?.changed?.by ?? "", /^410 Gone of 127\.0\.0\.1/)
      })
    ))
})
