// Goal: a transactional handler has its effect once, alone or with others in one unit of work.
// Guarantees: L26.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Memory from "@tidemark/memory/Memory"
import { drainAll, drainFor, forced, one, paid, publish, sent, shares } from "./relaySupport.ts"

describe("a transactional handler", () => {
  const notes = (transactional: (cents: number, attempt: number) => Effect.Effect<unknown, string>, together = 1) =>
    one(
      Consumer.make("mail", {
        on: [paid],
        start: "Beginning",
        together,
        transactional: ({ payload }, { attempt }) =>
          Effect.andThen(sent(`note-${payload.cents}-${attempt}`), transactional(payload.cents, attempt))
      })
    )

  const effects = Effect.map(Memory.events("acme" as never), (events) =>
    events.filter(({ type }) => type === "mail_sent").map(({ key }) => key)
  )

  it.effect("L26 leaves its effect and the receipt, or neither", () =>
    Effect.gen(function* () {
      const options = yield* notes((cents, attempt) =>
        cents === 1 && attempt === 1 ? Effect.fail("after the effect") : Effect.void
      )
      yield* publish("a", 1)
      yield* publish("b", 2)
      yield* drainAll(options)
      assert.deepEqual(yield* effects, ["note-2-1"])
      yield* drainFor(options)
      assert.deepEqual(yield* effects, ["note-2-1", "note-1-2"])
      assert.deepEqual(yield* shares, ["mail 1 Receipt", "mail 2 Receipt"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L26 of several events at once leaves the effects and receipts of all", () =>
    Effect.gen(function* () {
      const commits: Array<string> = []
      const hook = (point: string) =>
        Effect.sync(() => void (point === "UnitOfWork.commit:before" && commits.push(point)))
      const options = yield* notes(() => Effect.void, 3)
      yield* Effect.forEach(["a", "b", "c", "d"], (key, index) => publish(key, index))
      yield* publish("a", 4)
      const database = (yield* Memory.Store).connection.database
      yield* Effect.provide(drainAll(options), Memory.layerFrom(database, { hook }), { local: true })
      assert.deepEqual((yield* effects).toSorted(), ["note-0-1", "note-1-1", "note-2-1", "note-3-1", "note-4-1"])
      assert.equal(commits.length, 3)
      assert.ok((yield* shares).every((share) => share.endsWith("Receipt")))
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L26 of several events at once, one of which fails, leaves all but that one", () =>
    Effect.gen(function* () {
      const options = yield* notes(
        (cents, attempt) => (cents === 2 && attempt === 1 ? Effect.interrupt : Effect.void),
        10
      )
      yield* Effect.forEach(["a", "b", "c"], (key, index) => publish(key, index + 1))
      yield* drainAll(options)
      assert.deepEqual(yield* effects, ["note-1-1", "note-3-1"])
      assert.deepEqual(yield* shares, ["mail 1 Receipt", "mail 2 Delivery", "mail 3 Receipt"])
      yield* drainFor(options)
      assert.deepEqual(yield* effects, ["note-1-1", "note-3-1", "note-2-2"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L26 of several events at once, one of which somebody else has by now, leaves the others", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const options = yield* notes(() => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn)), 2)
      yield* publish("a", 1)
      yield* publish("b", 2)
      yield* Relay.prepare(options)
      const draining = yield* Effect.forkChild(Relay.drainOnce(options))
      yield* Deferred.await(begun)
      const [held] = yield* forced(yield* Deliveries.Deliveries)
      assert.deepEqual([held?.event.key, held?.attempt], ["a", 2])
      yield* Deferred.succeed(goOn, undefined)
      const { acknowledged, lost } = yield* Fiber.join(draining)
      assert.deepEqual([acknowledged, lost], [1, 1])
      assert.deepEqual(yield* effects, ["note-2-1"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L26 whose delivery somebody else has by now leaves nothing", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const options = yield* notes(() => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(goOn)))
      yield* publish("a", 1)
      yield* Relay.prepare(options)
      const draining = yield* Effect.forkChild(Relay.drainOnce(options))
      yield* Deferred.await(begun)
      // Another process takes over: the lease was not extended in time.
      const deliveries = yield* Deliveries.Deliveries
      const [held] = yield* forced(deliveries)
      assert.equal(held?.attempt, 2)
      yield* Deferred.succeed(goOn, undefined)
      assert.equal((yield* Fiber.join(draining)).lost, 1)
      assert.deepEqual(yield* effects, [])
    }).pipe(Effect.provide(Memory.layer()))
  )
})
