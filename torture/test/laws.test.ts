// Goal: `laws` tries as many cases as it says, and a law that is broken shows.
import { Law } from "@tidemark/laws"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { check, shares } from "../src/laws.ts"

let tried = 0

const lawOf = (runs: number, holds = true): Law.Law =>
  Law.make({
    id: "L00",
    claim: holds ? "holds" : "does not hold",
    runs,
    arbitrary: runs === 1 ? fc.constant(0) : fc.integer(),
    holds: () =>
      Effect.andThen(
        Effect.sync(() => (tried += 1)),
        Law.requires(holds, () => "it never does")
      )
  })

describe("laws", () => {
  it("share all cases by what they ask for, a fixed case is tried once", () => {
    const given = shares([lawOf(1), lawOf(100), lawOf(300), lawOf(1)], 4_002)
    assert.deepEqual(
      given.map(([law, share]) => [law.runs, share]),
      [
        [1, 1],
        [1, 1],
        [100, 1_000],
        [300, 3_000]
      ]
    )
  })

  it("try exactly as many cases as they are told, however few", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 100_000 }),
        (weights, runs) => {
          const given = shares(
            weights.map((weight) => lawOf(weight)),
            runs
          )
          assert.equal(
            given.reduce((sum, [, share]) => sum + share, 0),
            runs
          )
        }
      )
    ))

  it("that hold are counted as such", async () => {
    tried = 0
    assert.equal(await Effect.runPromise(check([lawOf(10), lawOf(30)], 80, 1)), 0)
    assert.equal(tried, 80)
  })

  it("that do not are counted, and the others are tried all the same", async () => {
    assert.equal(await Effect.runPromise(check([lawOf(10, false), lawOf(30), lawOf(20, false)], 60, 1)), 2)
  })
})
