// Goal: a settlement that PostgreSQL takes back to end a deadlock says so, has settled nothing, and is accepted when it is
// tried again; the relay tries it again by itself. A relay refuses to start while rows wait that nobody declares.
// Method: a session that locks two deliveries against the order of settlements, stepped by the server's own lock waits; its
// own patience with deadlocks is long, so that the settlement is the one to give way. Guarantees: L25, L27.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const { appUrl, owner, ownerUrl } = yield* Stage.make
  const rival = yield* Database.client(ownerUrl)
  yield* rival`set deadlock_timeout = '1min'`
  return { owner, rival, one: yield* Stage.process(appUrl) }
})

const live = (name: string, body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const made = EventType.define({
  type: "made",
  direction: "change",
  aggregate: "note",
  payload: Schema.Struct({ revision: Schema.Int })
})

const lock = (sql: PgClient.PgClient, revision: number) =>
  sql`select 1 from tidemark.delivery d join tidemark.event e on e.seq = d.seq
    where e.revision = ${String(revision)}::int for update of d`

/** Holds the second delivery, waits until `settling` waits for it, and then asks for the first. */
const cross = <A, E>(
  rival: PgClient.PgClient,
  owner: PgClient.PgClient,
  settling: Effect.Effect<A, E>
): Effect.Effect<A, unknown> =>
  Effect.gen(function* () {
    yield* rival`begin`
    yield* lock(rival, 2)
    const fiber = yield* Effect.forkChild(settling, { startImmediately: true })
    yield* Stage.waiting(owner)
    yield* lock(rival, 1)
    yield* rival`commit`
    return yield* Fiber.join(fiber)
  })

const two = Owed.append({ key: "a", revision: 1 }, { key: "b", revision: 2 })

describe("a settlement", () => {
  live(
    "of several verdicts that ends a deadlock is a conflict, and is accepted the next time",
    ({ one, owner, rival }) =>
      Effect.gen(function* () {
        yield* one(Owed.consumer("billing"))
        yield* one(two)
        const [first, second] = yield* one(Owed.claim())
        const settling = Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
          deliveries.settle([
            { held: first!, verdict: { _tag: "Ack" } },
            { held: second!, verdict: Owed.retry(Duration.zero) }
          ])
        )
        const error = yield* cross(rival, owner, Effect.flip(one(settling)))
        assert.deepEqual([error.reason, error.code], ["Conflict", "40P01"])
        const untouched = yield* owner`select count(*)::int as held from tidemark.delivery where held`
        assert.deepEqual(untouched, [{ held: 2 }])
        assert.equal((yield* one(settling)).length, 2)
        assert.deepEqual(Owed.names(yield* one(Owed.claim())), ["b2"])
      })
  )

  live("L25 of a relay that ends a deadlock is tried again, and no handler is asked twice", ({ one, owner, rival }) =>
    Effect.gen(function* () {
      const handled: Array<number> = []
      const conflicts: Array<string | undefined> = []
      const [begun, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const billing = Consumer.make("billing", {
        on: [made],
        start: "Beginning",
        handler: ({ payload: { revision } }, { attempt }) =>
          Effect.gen(function* () {
            handled.push(revision)
            if (handled.length === 2) yield* Deferred.succeed(begun, undefined)
            yield* Deferred.await(goOn)
            const after = Duration.zero
            if (revision === 2 && attempt === 1) return yield* new Consumer.RetryAfter({ after, message: "not yet" })
          })
      })
      const options = { registry: yield* EventRegistry.make(made), consumers: [billing] }
      yield* one(Relay.prepare(options))
      yield* one(two)
      const draining = Effect.gen(function* () {
        const right = yield* Deliveries.Deliveries
        const settle: typeof right.settle = (all) =>
          Effect.tapError(right.settle(all), ({ code }) => Effect.sync(() => conflicts.push(code)))
        return yield* Effect.provideService(Relay.drainOnce(options), Deliveries.Deliveries, { ...right, settle })
      })
      const fiber = yield* Effect.forkChild(one(draining), { startImmediately: true })
      yield* Deferred.await(begun)
      const ended = Effect.andThen(Deferred.succeed(goOn, undefined), Fiber.join(fiber))
      const { acknowledged, lost, retried } = yield* cross(rival, owner, ended)
      assert.deepEqual([acknowledged, retried, lost], [2, 1, 0])
      assert.deepEqual(conflicts, ["40P01"])
      assert.deepEqual(handled.toSorted(), [1, 2, 2])
    })
  )
})

describe("a relay", () => {
  live("that declares another name refuses to start while anything waits, and says what mends it", ({ one }) =>
    Effect.gen(function* () {
      const registry = yield* EventRegistry.make(made)
      const declared = (name: string) => ({
        registry,
        consumers: [Consumer.make(name, { on: [made], start: "Beginning", handler: () => Effect.void })]
      })
      yield* one(Relay.prepare(declared("billing")))
      yield* one(Relay.prepare(declared("books")))
      const consumers = yield* one(Consumers.Consumers)
      yield* consumers.change("billing", { _tag: "Retire", ifDone: true }, "ann")
      yield* one(two)
      const error = yield* Effect.flip(one(Relay.prepare(declared("ledger"))))
      assert.deepEqual(error._tag === "RelayError" && [error.reason, error.consumers], ["Undeclared", ["books"]])
      assert.match(error.message, /: books\. .*: outbox rename books NEW; .*: outbox retire books, with --give-up/)
      const names = (yield* consumers.list).map(({ name }) => name)
      assert.deepEqual(names, ["billing", "books"])
      yield* consumers.change("books", { _tag: "Rename", to: "ledger" }, "ann")
      yield* one(Relay.prepare(declared("ledger")))
      assert.equal((yield* one(Relay.drainOnce(declared("ledger")))).acknowledged, 2)
    })
  )
})
