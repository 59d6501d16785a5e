// Goal: what fails is tried for about three days, ever less often, and then given up.
// Guarantees: W26, W40, O16.
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as Duration from "effect/Duration"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const backoff = fc.record({
  base: fc.integer({ min: 1, max: 5_000 }).map(Duration.millis),
  cap: fc.integer({ min: 5_000, max: 50_000 }).map(Duration.millis),
  jitter: fc.constantFrom(0, 0.1, 0.5, 1),
  attempts: fc.integer({ min: 1, max: 40 })
})

type After = typeof Backoff.after

const bounded = (after: After) =>
  fc.property(backoff, fc.integer({ min: 1, max: 60 }), chance, (options, attempt, chance) => {
    const delay = after(options, attempt, chance)
    assert.equal(delay === undefined, attempt >= options.attempts)
    if (delay === undefined) return
    const millis = Duration.toMillis(delay)
    assert.ok(millis <= Duration.toMillis(options.cap))
    assert.ok(millis >= Duration.toMillis(options.base) * (1 - options.jitter))
  })

const rising = (after: After) =>
  fc.property(backoff, fc.integer({ min: 1, max: 39 }), (options, attempt) => {
    const still = { ...options, jitter: 0, attempts: 50 }
    assert.ok(Duration.isLessThanOrEqualTo(after(still, attempt, 0)!, after(still, attempt + 1, 0)!))
  })

const span = (after: After, chance: number): number => {
  let millis = 0
  for (let attempt = 1; ; attempt++) {
    const delay = after(Backoff.standard, attempt, chance)
    if (delay === undefined) return millis / 3_600_000
    millis += Duration.toMillis(delay)
  }
}

const outlives = (after: After) =>
  fc.property(chance, (chance) => assert.ok(span(after, chance) > 72 && span(after, chance) < 82))

describe("the wait for the next attempt", () => {
  it("is bounded, and there is none after the last attempt", () => holds(bounded(Backoff.after)))
  it("rises", () => holds(rising(Backoff.after)))
  it("O16 outlives an outage of 72 hours by the standard", () => holds(outlives(Backoff.after)))

  it("W40 three attempts do not", () =>
    isCaught(outlives((options, attempt, chance) => Backoff.after({ ...options, attempts: 3 }, attempt, chance))))
  it("a delay without cap is caught", () =>
    isCaught(bounded((options, ...rest) => Backoff.after({ ...options, cap: Duration.infinity }, ...rest))))
  it("a retry for ever is caught", () =>
    isCaught(bounded((options, ...rest) => Backoff.after({ ...options, attempts: 1_000 }, ...rest))))
})

describe("span", () => {
  it("is no shorter than any course of delays, and as long as the longest of them", () =>
    fc.assert(
      fc.property(backoff, chance, (options, chance) => {
        const course = (of: number) => {
          let millis = 0
          for (let attempt = 1; attempt < options.attempts; attempt++) {
            millis += Duration.toMillis(Backoff.after(options, attempt, of)!)
          }
          return millis
        }
        const longest = Duration.toMillis(Backoff.span(options))
        assert.ok(course(chance) <= longest)
        // All chance but the last bit of it; each delay is a whole number of ms.
        assert.ok(longest - course(1 - Number.EPSILON) <= options.attempts)
      })
    ))
})
