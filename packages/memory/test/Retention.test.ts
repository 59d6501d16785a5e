// Goal: retention refuses ages that would let a message be handled twice, goes on where it was interrupted, and tells
// what it removed.
// Method: the memory store under a test clock. Guarantees: L31, O20.
import { it } from "@effect/vitest"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Retention from "@tidemark/core/engine/Retention"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as Keeping from "@tidemark/core/rules/Keeping"
import * as Memory from "@tidemark/memory/Memory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import assert from "node:assert/strict"
import { describe } from "vitest"

const live = (name: string, body: Effect.Effect<void, unknown, Memory.Services>) =>
  it.effect(name, () => Effect.provide(body, Memory.layer()))

const tenant = Subscription.TenantId.make("acme")
const message = (place: number): Inbox.Message => ({ tenant, consumer: "billing", id: `m${place}` })

/** Messages that were handled, one after the other. */
const handle = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, place) => place),
    (place) => Inbox.once(message(place), Effect.void)
  )

const left = Effect.flatMap(Memory.Store, ({ state }) =>
  Effect.map(state, ({ tables }) => Array.from(tables.inbox).length)
)

describe("ages", () => {
  live(
    "L31 shorter than the longest redelivery are refused before anything is removed, and the remedy is told",
    Effect.gen(function* () {
      yield* handle(1)
      yield* TestClock.adjust("100 days")
      const longest = Keeping.redelivery()
      for (const part of ["events", "messages"] as const) {
        const short = Duration.subtract(longest, Duration.seconds(1))
        const error = yield* Effect.flip(Retention.run({ ages: { [part]: short } }))
        assert.ok(error._tag === "RetentionError")
        assert.deepEqual([error.reason, error.part], ["TooShort", part])
        assert.match(error.message, /handled twice: keep them at least as long/)
        yield* Retention.run({ ages: { messages: "365 days", [part]: longest } })
      }
      // One of the consumers goes on trying for longer.
      const patient: Backoff.Backoff = { ...Backoff.standard, attempts: 100 }
      const error = yield* Effect.flip(Retention.run({ schedules: [Backoff.standard, patient] }))
      assert.ok(error._tag === "RetentionError")
    })
  )

  live(
    "L31 what is younger stays, and goes when it is not",
    Effect.gen(function* () {
      yield* handle(3)
      yield* TestClock.adjust(Duration.subtract(Keeping.agesDefault.messages, Duration.seconds(1)))
      assert.deepEqual(yield* Retention.run(), Expiry.noCounts)
      yield* TestClock.adjust("2 seconds")
      assert.deepEqual(yield* Retention.run(), { ...Expiry.noCounts, messages: 3 })
      assert.equal(yield* left, 0)
    })
  )
})

describe("pieces", () => {
  live(
    "between two of them it waits, and may be interrupted: what is left goes the next time",
    Effect.gen(function* () {
      yield* handle(10)
      yield* TestClock.adjust("100 days")
      const told: Array<number> = []
      const running = yield* Effect.forkChild(
        Retention.run({ limit: 4, pause: "1 minute" }, ({ messages }) => Effect.sync(() => told.push(messages))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("90 seconds")
      yield* Fiber.interrupt(running)
      assert.deepEqual(told, [0, 4])
      assert.equal(yield* left, 6)
      assert.equal((yield* Retention.run({ limit: 4 })).messages, 6)
    })
  )

  live(
    "again and again, an hour after the last one",
    Effect.gen(function* () {
      yield* handle(2)
      const running = yield* Effect.forkChild(Retention.every(Retention.intervalDefault), { startImmediately: true })
      const hours = Duration.toHours(Keeping.agesDefault.messages)
      const pass = (times: number) =>
        Effect.forEach(Array.from({ length: times }), () => TestClock.adjust("1 hour"), { discard: true })
      yield* pass(hours - 1)
      assert.equal(yield* left, 2)
      yield* pass(3)
      assert.equal(yield* left, 0)
      yield* Fiber.interrupt(running)
    })
  )
})
