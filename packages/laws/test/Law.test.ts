// Goal: a law tells what breaks it, so that it can be tried again.
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Law from "@tidemark/laws/Law"
import { describe, expect, it } from "vitest"

/** A law about the numbers from 0 to 99 that some of them break; `tried` is what it looked at. */
const lawOf = (isBroken: (value: number) => boolean, tried: Array<number> = []) =>
  Law.make({
    id: "L00",
    claim: "numbers are good",
    runs: 100,
    arbitrary: fc.integer({ min: 0, max: 99 }),
    all: { size: 100, at: (place) => place },
    holds: (value) => {
      tried.push(value)
      return Law.requires(!isBroken(value), () => `${value} is bad`)
    }
  })

const failure = (check: Promise<void>): Promise<unknown> =>
  check.then(
    () => undefined,
    (error: unknown) => error
  )

describe("a law", () => {
  it("tries all values when it may try as many, and some when it may not", () => {
    const [all, some]: [Array<number>, Array<number>] = [[], []]
    return lawOf(() => false, all)
      .check()
      .then(() => lawOf(() => false, some).check({ runs: 20 }))
      .then(() => {
        expect(all).toEqual(Array.from({ length: 100 }, (_, place) => place))
        expect(some.length).toBe(20)
      })
  })

  it("finds its counterexample again by seed and path", () =>
    failure(lawOf((value) => value > 77).check()).then((error) => {
      expect(error).toBeInstanceOf(Law.Broken)
      const { path, seed } = error as Law.Broken
      const tried: Array<number> = []
      return failure(lawOf((value) => value > 77, tried).check({ seed, path })).then((again) => {
        expect((again as Law.Broken).counterexample).toBe((error as Law.Broken).counterexample)
        expect(tried[0]).toBe(Number((error as Law.Broken).counterexample))
      })
    }))

  it("is broken by an accident as well", () => {
    const law = Law.always({ id: "L00", claim: "nothing happens", holds: Effect.die(new Error("it did")) })
    return failure(law.check()).then((error) => expect(String((error as Error).message)).toContain("it did"))
  })
})
