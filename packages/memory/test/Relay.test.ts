// Goal: the relay brings every event to its consumers, in order, whatever handlers and processes do.
// Guarantees: L25, L26, L27, L29, L33, L34, L35, O07, O09, O10, O11, O15, O16, O22.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Memory from "@tidemark/memory/Memory"
import { drainAll, drainFor, elapse, forced, one, paid, publish, registry, shares } from "./relaySupport.ts"
import { processOf } from "./support.ts"

describe("a handler", () => {
  it.effect("L27 L29 meets the events of a key in order, and a key that fails holds up no other", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ key, payload }, { attempt }) =>
            Effect.suspend(() => {
              if (key === "a" && payload.cents === 1 && attempt < 3) return Effect.fail("not yet")
              return Effect.sync(() => handled.push(`${key}${payload.cents}`))
            })
        })
      )
      yield* publish("a", 1, 2, 3)
      yield* publish("b", 1, 2)
      const report = yield* drainAll(options)
      assert.deepEqual(handled, ["b1", "b2"])
      assert.deepEqual([report.acknowledged, report.retried], [2, 1])
      yield* drainFor(options)
      assert.deepEqual(handled, ["b1", "b2", "a1", "a2", "a3"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O16 that fails for 72 hours is asked again, and at the end its key goes on", () =>
    Effect.gen(function* () {
      let attempts = 0
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ payload }) =>
            Effect.suspend(() => (payload.cents === 1 ? (attempts++, Effect.die("down")) : Effect.void))
        })
      )
      yield* publish("a", 1, 2)
      yield* Relay.prepare(options)
      const hours = yield* drainFor(options)
      assert.ok(hours > 72 && hours < 90, `${hours} hours`)
      assert.equal(attempts, 28)
      assert.deepEqual(yield* shares, ["mail 1 DeadLetter", "mail 2 Receipt"])
      const letters = yield* DeadLetters.DeadLetters
      const [letter] = yield* letters.list()
      assert.deepEqual([letter?.attempts, letter?.error], [28, "down"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("says that no further attempt can help, or when there is to be one", () =>
    Effect.gen(function* () {
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ key }, { attempt }) =>
            key === "a"
              ? Effect.fail(new Consumer.DeadLetter({ message: "no such address" }))
              : attempt === 1
                ? Effect.fail(new Consumer.RetryAfter({ after: Duration.hours(2), message: "busy" }))
                : Effect.void
        })
      )
      yield* publish("a", 1)
      yield* publish("b", 2)
      yield* drainAll(options)
      assert.deepEqual(yield* shares, ["mail 1 DeadLetter", "mail 2 Delivery"])
      yield* elapse(Duration.minutes(119))
      assert.equal((yield* Relay.drainOnce(options)).acknowledged, 0)
      yield* elapse(Duration.minutes(1))
      assert.equal((yield* Relay.drainOnce(options)).acknowledged, 1)
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O09 O10 that dies, hangs, or interrupts itself has failed once", () =>
    Effect.gen(function* () {
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          timeout: "5 seconds",
          handler: ({ key }) => (key === "a" ? Effect.die("oh") : key === "b" ? Effect.never : Effect.interrupt)
        })
      )
      for (const key of ["a", "b", "c"]) yield* publish(key, 1)
      yield* Relay.prepare(options)
      const draining = yield* Effect.forkChild(Relay.drainOnce(options))
      yield* elapse("10 seconds")
      const report = yield* Fiber.join(draining)
      // Two of them were due again in the meantime.
      assert.ok(report.retried >= 3, `${report.retried}`)
      assert.equal(report.acknowledged + report.released + report.dead + report.lost, 0)
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O19 has the same key for every attempt, another one for each event", () =>
    Effect.gen(function* () {
      const keys: Array<string> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: (_, { attempt, idempotencyKey }) =>
            Effect.suspend(() => (keys.push(idempotencyKey), attempt === 1 ? Effect.fail("no") : Effect.void))
        })
      )
      yield* publish("a", 1, 2)
      yield* Relay.prepare(options)
      yield* drainFor(options)
      assert.equal(keys.length, 4)
      assert.deepEqual([keys[0], keys[2]], [keys[1], keys[3]])
      assert.notEqual(keys[0], keys[2])
    }).pipe(Effect.provide(Memory.layer()))
  )
})

describe("a relay", () => {
  it.effect("W76 claims no more than it can hand out, and a consumer no more than it says", () =>
    Effect.gen(function* () {
      const { connection } = yield* Memory.Store
      const most = new Map<string, number>()
      const begun = new Map<string, number>()
      const consumer = (name: string, concurrency?: number) =>
        Consumer.make(name, {
          on: [paid],
          start: "Beginning",
          ...(concurrency === undefined ? {} : { concurrency }),
          handler: () =>
            Effect.gen(function* () {
              begun.set(name, (begun.get(name) ?? 0) + 1)
              most.set(name, Math.max(most.get(name) ?? 0, begun.get(name)!))
              yield* Effect.yieldNow
              begun.set(name, begun.get(name)! - 1)
            })
        })
      const options = {
        registry: yield* registry,
        consumers: [consumer("many"), consumer("few", 2)],
        concurrency: { change: 5 }
      }
      for (let key = 0; key < 20; key++) yield* publish(`k${key}`, key)
      yield* drainAll(options)
      assert.deepEqual(Object.fromEntries(most), { many: 5, few: 2 })
      assert.equal([...connection.database.state.tables.deliveries].length, 0)
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O22 is woken by a commit, and looks again by itself", () =>
    Effect.gen(function* () {
      const handled: Array<number> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ payload }) => Effect.sync(() => handled.push(payload.cents))
        })
      )
      yield* Relay.prepare(options)
      const running = yield* Effect.forkChild(Relay.run(options))
      yield* elapse("1 millis")
      yield* publish("a", 1)
      yield* elapse("1 millis")
      assert.deepEqual(handled, [1])
      const { connection } = yield* Memory.Store
      connection.database.listeners.clear()
      yield* elapse("5 seconds")
      yield* publish("a", 2)
      yield* elapse("1 seconds")
      assert.deepEqual(handled, [1])
      yield* elapse("30 seconds")
      assert.deepEqual(handled, [1, 2])
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("tries again what failed when it is due, though it was idle", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: (_, { attempt }) =>
            Effect.flatMap(
              Effect.clockWith((clock) => clock.currentTimeMillis),
              (now) => Effect.suspend(() => (at.push(now), attempt < 3 ? Effect.fail("no") : Effect.void))
            )
        })
      )
      yield* Relay.prepare(options)
      yield* publish("a", 1)
      const running = yield* Effect.forkChild(Relay.run(options))
      for (let second = 0; second < 6; second++) yield* elapse("1 seconds")
      assert.equal(at.length, 3, `${at.join(", ")}`)
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L35 that is interrupted gives handlers time, and releases what they do not end, uncounted", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ key }) =>
            Effect.andThen(
              key === "long" ? Effect.never : Effect.sleep("5 seconds"),
              Effect.sync(() => handled.push(key))
            )
        })
      )
      yield* Relay.prepare(options)
      yield* publish("short", 1)
      yield* publish("long", 1)
      const running = yield* Effect.forkChild(Relay.run({ ...options, grace: "6 seconds" }))
      yield* elapse("1 seconds")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(running))
      yield* elapse("1 seconds")
      yield* publish("new", 1)
      yield* elapse("9 seconds")
      yield* Fiber.join(stopping)
      assert.deepEqual(handled, ["short"])
      const { connection } = yield* Memory.Store
      const left = [...connection.database.state.tables.deliveries].map(([, { attempts, event, isHeld }]) => ({
        key: event.key,
        attempts,
        isHeld
      }))
      assert.deepEqual(
        left.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
        [
          { key: "long", attempts: 0, isHeld: false },
          { key: "new", attempts: 0, isHeld: false }
        ]
      )
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L35 stops a handler whose delivery another process has, as soon as it knows", () =>
    Effect.gen(function* () {
      const stopped: Array<string> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          timeout: "9 seconds",
          handler: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped.push("stopped")))
        })
      )
      yield* publish("a", 1)
      yield* Relay.prepare(options)
      const running = yield* Effect.forkChild(Relay.run(options))
      yield* elapse("1 seconds")
      const [taken] = yield* forced(yield* Deliveries.Deliveries)
      assert.equal(taken?.attempt, 2)
      yield* elapse("4 seconds")
      assert.deepEqual(stopped, ["stopped"])
      yield* Fiber.interrupt(running)
      const { connection } = yield* Memory.Store
      const left = [...connection.database.state.tables.deliveries].map(([, { attempts, epoch, isHeld }]) => [
        attempts,
        epoch,
        isHeld
      ])
      assert.deepEqual(left, [[2, 2, true]])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L33 hands out again what a process that died held, once its lease is over", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const handled: Array<string> = []
      const options = (who: string, handler: Effect.Effect<unknown>) =>
        one(
          Consumer.make("mail", {
            on: [paid],
            start: "Beginning",
            handler: (_, { attempt }) =>
              Effect.andThen(
                handler,
                Effect.sync(() => handled.push(`${who} ${attempt}`))
              )
          })
        )
      const dying = yield* options("first", Effect.never)
      const living = yield* options("second", Effect.void)
      yield* processOf(database)(Effect.andThen(publish("a", 1), Relay.prepare(dying)))
      const isDead = { now: false }
      const hook = (point: string) =>
        isDead.now && point.startsWith("Deliveries.") ? Effect.fail(cut(point)) : Effect.void
      yield* Effect.forkChild(processOf(database, hook)(Relay.run(dying)))
      yield* elapse("1 seconds")
      isDead.now = true
      yield* elapse("8 seconds")
      assert.equal((yield* processOf(database)(Relay.drainOnce(living))).acknowledged, 0)
      yield* elapse("2 seconds")
      assert.equal((yield* processOf(database)(Relay.drainOnce(living))).acknowledged, 1)
      assert.deepEqual(handled, ["second 2"])
    })
  )
})

const cut = (operation: string) =>
  new StoreError({ reason: "Unavailable", operation, message: "the connection was cut" })
