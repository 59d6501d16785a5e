/** Repetitions on a clock the test holds: never sooner than asked, never longer than the cap. */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as RetryAfter from "@tidemark/http/RetryAfter"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as RetryBudget from "../src/RetryBudget.ts"
import * as SalesforceError from "../src/SalesforceError.ts"
import * as Stamp from "../src/Stamp.ts"
import * as Transport from "../src/Transport.ts"

const busy = (retryAfter?: number) =>
  SalesforceError.fromAnswer({ source: "salesforce", status: 503, body: "", retryAfter })

/** Advances the clock by `steps` and gives how many attempts had been made after each. */
const attempts = (
  limits: Transport.Limits,
  error: ChangeSource.SourceError,
  steps: ReadonlyArray<Duration.Input>
): Promise<ReadonlyArray<number>> =>
  Effect.runPromise(
    Effect.gen(function* () {
      let made = 0
      const read = Effect.suspend(() => {
        made++
        return Effect.fail(error)
      })
      const budget = yield* RetryBudget.make({ burst: 1000 })
      const fiber = yield* Effect.forkChild(Transport.retrying(limits, budget)(read))
      const counts: Array<number> = []
      for (const step of steps) {
        yield* TestClock.adjust(step)
        counts.push(made)
      }
      yield* Fiber.interrupt(fiber)
      return counts
    }).pipe(Effect.provide(TestClock.layer()))
  )

describe("Transport", () => {
  it("the wait the server asks for is the least wait", async () => {
    assert.deepEqual(await attempts({}, busy(7000), ["6999 millis", "701 millis"]), [1, 2])
  })

  it("whatever busy status asks to wait, in seconds or until a date, is waited for, and little longer", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(429, 420, 503),
        fc.integer({ min: 1, max: 10 }),
        fc.boolean(),
        async (status, seconds, isDate) => {
          const now = Stamp.toMillis("2026-05-01T08:00:00.000Z")
          const header = isDate ? new Date(now + seconds * 1000).toUTCString() : `${seconds}`
          const retryAfter = RetryAfter.fromHeader(header, now)
          const error = SalesforceError.fromAnswer({ source: "salesforce", status, body: "", retryAfter })
          assert.deepEqual(await attempts({ retries: 1 }, error, [seconds * 1000 - 1, seconds * 100 + 1]), [1, 2])
        }
      ),
      { numRuns: 30 }
    ))

  it("a wait that makes no sense leaves the usual one", async () => {
    for (const header of [undefined, "soon", "-5", "1e3", "99999999999999999999", "Thu, 32 May 2026 08:00:00 GMT"]) {
      const error = busy(RetryAfter.fromHeader(header, 0))
      assert.deepEqual(await attempts({ retries: 1 }, error, ["159 millis", "41 millis"]), [1, 2])
    }
  })

  it("delays grow, and never pass the longest", async () => {
    const limits = { retries: 100, retryDelay: "1 second", retryDelayMax: "4 seconds" } as const
    const steps = Array.from({ length: 11 }, () => "4 seconds" as const)
    const counts = await attempts(limits, busy(), steps)
    assert.ok(counts[0]! >= 2 && counts[0]! <= 4)
    // At the cap a delay is four seconds less at most a fifth.
    for (let at = 4; at < counts.length; at++) assert.ok([1, 2].includes(counts[at]! - counts[at - 1]!))
  })

  it("no number of retries is exceeded", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (retries) => {
        assert.deepEqual(await attempts({ retries }, busy(), ["1 hour"]), [1 + retries])
      }),
      { numRuns: 10 }
    ))

  it("a delay is never below what the server asks for, nor above the longest and a tenth of what it asks for", () => {
    const whole = (max: number) => fc.integer({ min: 0, max })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(whole(5000), whole(20_000), whole(200), whole(60_000), random, (first, most, made, asked, random) => {
        const delay = Transport.delay({ first, most, made, retryAfter: asked, random })
        assert.ok(delay >= asked)
        assert.ok(delay <= Math.max(most, asked * 1.1))
        if (asked === 0) assert.ok(delay >= Math.min(most, first) * 0.8)
      })
    )
  })

  it("clients that were told the same wait do not come back at once", () => {
    const at = (random: number) => Transport.delay({ first: 200, most: 10_000, made: 0, retryAfter: 5000, random })
    assert.deepEqual([at(0), at(0.5)], [5000, 5250])
  })

  it("what time does not cure is not repeated", async () => {
    const invalid = new ChangeSource.SourceError({ reason: "Invalid", source: "salesforce", message: "m" })
    assert.deepEqual(await attempts({}, invalid, ["1 hour"]), [1])
  })

  for (const [timeouts, limits] of [
    [{ request: "0 millis" }, {}],
    [{ idle: "2 days" }, {}],
    [{}, { body: 0 }],
    [{}, { pages: 0 }],
    [{}, { retries: -1 }],
    [{}, { retries: 101 }],
    [{}, { retryDelay: "0 millis" }],
    [{}, { retryDelayMax: "2 hours" }]
  ] as const) {
    it(`${JSON.stringify({ ...timeouts, ...limits })} is refused`, async () => {
      const error = await Effect.runPromise(Effect.flip(Transport.check(timeouts, limits)))
      assert.equal(error.reason, "Invalid")
    })
  }
})
