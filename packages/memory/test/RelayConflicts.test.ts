// Goal: a deadlock between two settlements, or a lock that is not given in time, is nobody's fault: the relay tries again,
// asks no handler twice, and ends where it does not get through.
// Method: a store whose claims and settlements conflict as often as they are told to. Guarantees: L25, L27.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Memory from "@tidemark/memory/Memory"
import { elapse, paid, publish, registry, shares } from "./relaySupport.ts"
import { processOf } from "./support.ts"

const deadlock = (operation: string) =>
  new StoreError({ reason: "Conflict", operation, code: "40P01", message: "deadlock detected" })

/** Drains two keys, one of which fails once, while calls of `point` conflict so often in a row. */
const drain = (point: string, times: number) =>
  Effect.gen(function* () {
    const database = yield* Memory.makeDatabase
    const handled: Array<string> = []
    const mail = Consumer.make("mail", {
      on: [paid],
      start: "Beginning",
      handler: ({ key, payload: { cents } }, { attempt }) =>
        Effect.suspend(() => {
          handled.push(`${key}${cents}`)
          if (key === "b" && attempt === 1)
            return Effect.fail(new Consumer.RetryAfter({ after: Duration.zero, message: "no" }))
          return Effect.void
        })
    })
    const options = { registry: yield* registry, consumers: [mail] }
    let left = times
    const hook = (at: string) =>
      Effect.suspend(() => (at === point && left-- > 0 ? Effect.fail(deadlock(at)) : Effect.void))
    yield* processOf(database)(Effect.andThen(Relay.prepare(options), publish("a", 1, 2)))
    yield* processOf(database)(publish("b", 1))
    const draining = yield* Effect.forkChild(Effect.result(processOf(database, hook)(Relay.drainOnce(options))))
    for (let second = 0; second < 40; second++) yield* elapse("1 seconds")
    const result = yield* Fiber.join(draining)
    return { result, handled: handled.toSorted(), left: yield* processOf(database)(shares) }
  })

describe("a relay whose calls conflict", () => {
  for (const point of ["Deliveries.claim", "Deliveries.settle"]) {
    it.effect(`L25 L27 gets through ${point}, and asks no handler twice`, () =>
      Effect.gen(function* () {
        const { handled, left, result } = yield* drain(point, 3)
        assert.equal(result._tag, "Success", JSON.stringify(result))
        assert.deepEqual(handled, ["a1", "a2", "b1", "b1"])
        assert.deepEqual(left, ["mail 1 Receipt", "mail 1 Receipt", "mail 2 Receipt"])
      })
    )

    it.effect(`ends where ${point} conflicts for good, and leaves what it holds to its lease`, () =>
      Effect.gen(function* () {
        const { left, result } = yield* drain(point, Infinity)
        assert.equal(result._tag === "Failure" && result.failure.reason, "Conflict")
        assert.deepEqual(left, ["mail 1 Delivery", "mail 1 Delivery", "mail 2 Delivery"])
      })
    )
  }
})
