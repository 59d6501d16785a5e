/** No more requests at once, and none sooner, than the pace allows; and none is lost. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Pace from "../src/Pace.ts"

const whole = (min: number, max: number) => fc.integer({ min, max })

describe("Pace", () => {
  it("at no time are more requests under way than allowed, in no span do more begin, and all are made", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({ concurrency: whole(1, 4), requests: whole(1, 5), count: whole(1, 20), lasts: whole(0, 3000) }),
        ({ concurrency, count, lasts, requests }) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const pace = yield* Pace.make({ concurrency, requests, per: "1 second" })
              const begun: Array<number> = []
              let [underWay, most, done] = [0, 0, 0]
              const request = Effect.gen(function* () {
                begun.push(yield* Clock.currentTimeMillis)
                most = Math.max(most, ++underWay)
                yield* Effect.sleep(lasts)
                underWay--
                done++
              })
              const all = Effect.forEach(Array.from({ length: count }), () => pace(request), {
                concurrency: "unbounded"
              })
              const fiber = yield* Effect.forkChild(all)
              yield* TestClock.adjust("5 minutes")
              yield* Fiber.join(fiber)
              assert.equal(done, count)
              assert.ok(most <= concurrency)
              // A full rest may be used at once, and the next second gives as many again.
              for (const at of begun) {
                const within = begun.filter((other) => other >= at && other < at + 1000)
                assert.ok(within.length <= 2 * requests, `${within.length} requests in a second`)
              }
              const [first = 0, last = 0] = [begun[0], begun.at(-1)]
              assert.ok(count <= requests + Math.ceil(((last - first) / 1000) * requests) + 1)
            }).pipe(Effect.provide(TestClock.layer()))
          )
      ),
      { numRuns: 40 }
    ))

  it("two clients do not share a pace", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const paces = yield* Effect.all([Pace.make({ requests: 1 }), Pace.make({ requests: 1 })])
        for (const pace of paces) yield* pace(Effect.void)
        assert.equal(yield* Clock.currentTimeMillis, 0)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  it("a request that is given up while it waits lets the next one go", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const pace = yield* Pace.make({ concurrency: 1 })
        const holder = yield* Effect.forkChild(pace(Effect.never))
        const waiting = yield* Effect.forkChild(pace(Effect.never))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(waiting)
        yield* Fiber.interrupt(holder)
        yield* pace(Effect.void)
      }).pipe(Effect.provide(TestClock.layer()))
    ))

  for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { requests: 0 }, { per: "0 millis" }] as const) {
    it(`${JSON.stringify(options)} is refused`, async () => {
      const error = await Effect.runPromise(Effect.flip(Pace.make(options)))
      assert.equal(error.reason, "Invalid")
      assert.match(error.message, /pace\./)
    })
  }
})
