/** Repetitions on a clock the test holds: never sooner than asked, never longer than the cap. */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
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
      const fiber = yield* Effect.forkChild(Transport.retrying(limits)(read))
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
    assert.deepEqual(await attempts({}, busy(7000), ["6999 millis", "1 millis"]), [1, 2])
  })

  it("delays grow, and never pass the longest", async () => {
    const limits = { retries: 100, retryDelay: "1 second", retryDelayMax: "4 seconds" } as const
    const steps = Array.from({ length: 11 }, () => "4 seconds" as const)
    const counts = await attempts(limits, busy(), steps)
    assert.ok(counts[0]! >= 2 && counts[0]! <= 4)
    // Once at the cap, each four seconds see one more attempt.
    for (let at = 4; at < counts.length; at++) assert.equal(counts[at]! - counts[at - 1]!, 1)
  })

  it("no number of retries is exceeded", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (retries) => {
        assert.deepEqual(await attempts({ retries }, busy(), ["1 hour"]), [1 + retries])
      }),
      { numRuns: 10 }
    ))

  it("what time does not cure is not repeated", async () => {
    const invalid = new ChangeSource.SourceError({ reason: "Invalid", source: "salesforce", message: "m" })
    assert.deepEqual(await attempts({}, invalid, ["1 hour"]), [1])
  })

  it("a wait is a number of seconds or a date, and anything else is none", () => {
    const now = Stamp.toMillis("2026-05-01T08:00:00.000Z")
    const at = (offset: number) => new Date(now + offset).toUTCString()
    const table: ReadonlyArray<readonly [header: string | undefined, now: number | undefined, number | undefined]> = [
      [undefined, now, undefined],
      ["0", now, 0],
      ["120", undefined, 120_000],
      [at(30_000), now, 30_000],
      [at(-30_000), now, 0],
      [at(30_000), undefined, undefined],
      ["-1", now, undefined],
      ["1.5", now, undefined],
      ["", now, undefined],
      ["9999999999", now, undefined]
    ]
    for (const [header, now, expected] of table) assert.equal(Transport.retryAfter(header, now), expected)
  })
})
