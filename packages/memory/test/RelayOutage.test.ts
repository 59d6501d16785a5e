// Goal: the relay gets over what lasts: a target that is down for days, and a process that was killed.
// Guarantees: L25, L33, O16.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as Memory from "@tidemark/memory/Memory"
import { elapse, paid, publish, registry, shares } from "./relaySupport.ts"
import { processOf } from "./support.ts"

const one = <R>(consumer: Consumer.Consumer<R>) =>
  Effect.map(registry, (registry) => ({ registry, consumers: [consumer] }))

/**
 * Attempts that the schedule asks for until the first one behind an outage, each delay
 * at its middle, and nobody late: the fewest that a relay can do who does not know
 * when the outage ends.
 */
const ideal = (outage: number): number => {
  let at = 0
  for (let attempt = 1; ; attempt++) {
    if (at >= outage) return attempt
    at += Duration.toMillis(Backoff.after(Backoff.standard, attempt, 0.5)!)
  }
}

describe("a relay whose target is down for 72 hours", () => {
  const outage = Duration.toMillis("72 hours")
  const keys = 8

  it.effect("L25 O16 gives nothing up, delivers all of it afterwards, and tries no more often than it has to", () =>
    Effect.gen(function* () {
      const attempts = new Map<string, number>()
      const handled: Array<string> = []
      const options = yield* one(
        Consumer.make("mail", {
          on: [paid],
          start: "Beginning",
          handler: ({ id }) =>
            Effect.gen(function* () {
              attempts.set(id, (attempts.get(id) ?? 0) + 1)
              if ((yield* Clock.currentTimeMillis) < outage) return yield* Effect.fail("down")
              handled.push(id)
            })
        })
      )
      for (let key = 0; key < keys; key++) yield* publish(`k${key}`, 1, 2, 3)
      yield* Relay.prepare(options)
      // Nobody looks without a reason, and leases are long: else three days are a long time.
      const calm = { lease: "1 hours", poll: { active: "1 hours", idle: "1 hours" } } as const
      const running = yield* Effect.forkChild(Relay.run({ ...options, ...calm }))
      yield* elapse("1 millis")
      // Finely at first, where delays are short, and then as finely as they are long.
      for (let now = 1_000; now < outage * 1.2; now = Math.max(now + 1_000, now * 1.02)) {
        yield* TestClock.setTime(now)
        yield* elapse("1 millis")
      }
      yield* Fiber.interrupt(running)
      const ends = yield* shares
      assert.deepEqual([ends.length, new Set(ends.map((end) => end.split(" ")[2]))], [keys * 3, new Set(["Receipt"])])
      const order = (key: number) => handled.filter((id) => id.startsWith(`k${key}/`))
      for (let key = 0; key < keys; key++)
        assert.deepEqual(
          order(key),
          [1, 2, 3].map((n) => `k${key}/${n}`)
        )
      // What stands behind the first one of its key is tried once: nobody asked for it while the target was down.
      const all = [...attempts.values()].reduce((sum, count) => sum + count, 0)
      const least = keys * (ideal(outage) + 2)
      assert.ok(all <= 1.2 * least, `${all} attempts, and ${least} would do`)
    }).pipe(Effect.provide(Memory.layer()))
  )
})

describe("a relay beside one that was killed", () => {
  it.effect("L33 takes over within 15 seconds what a process that was killed held, though nothing wakes it", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const handled: Array<number> = []
      const options = (handler: Effect.Effect<unknown>) =>
        one(Consumer.make("mail", { on: [paid], start: "Beginning", handler: () => handler }))
      const living = yield* options(Effect.sync(() => handled.push(1)))
      const dying = yield* options(Effect.never)
      yield* processOf(database)(Effect.andThen(Relay.prepare(dying), publish("a", 1)))
      const isDead = { now: false }
      const hook = (point: string) =>
        isDead.now && point.startsWith("Deliveries.") ? Effect.fail(cut(point)) : Effect.void
      yield* Effect.forkChild(processOf(database, hook)(Relay.run(dying)))
      yield* elapse("1 seconds")
      const running = yield* Effect.forkChild(processOf(database)(Relay.run(living)))
      // Killed right behind an extension of its lease, and the other one has just found nothing.
      for (let second = 0; second < 41; second++) yield* elapse("1 seconds")
      isDead.now = true
      for (let second = 0; second < 15; second++) yield* elapse("1 seconds")
      assert.deepEqual(handled, [1])
      yield* Fiber.interrupt(running)
    })
  )
})

const cut = (operation: string) =>
  new StoreError({ reason: "Unavailable", operation, message: "the connection was cut" })
