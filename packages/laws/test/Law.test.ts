// Goal: a law tells what breaks it, so that it can be tried again.
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Law from "@tidemark/laws/Law"
import * as Telling from "@tidemark/laws/Telling"
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

const failure = (check: Promise<unknown>): Promise<unknown> =>
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

  it("says how many cases obeyed, and where it says nothing of what it was given", async () => {
    const claims = (value: number) =>
      value < 50 ? Effect.void : Effect.succeed(new Law.NotApplicable({ reason: "it is large" }))
    const law = (least: number) =>
      Law.make({
        id: "L00",
        claim: "numbers are good",
        runs: 100,
        arbitrary: fc.integer({ min: least, max: 99 }),
        all: { size: 100 - least, at: (place) => place + least },
        holds: claims
      })
    expect(await law(0).check()).toEqual({ law: "L00 numbers are good", cases: 50 })
    expect(await law(50).check()).toEqual({ law: "L00 numbers are good", cases: 0, notApplicable: "it is large" })
    expect((await Law.verify([law(0), law(50)])).map(({ cases }) => cases)).toEqual([50, 0])
  })
})

describe("what breaks a law", () => {
  const text = async (holds: (value: ReadonlyArray<object>) => Effect.Effect<void, Law.Violation>, value: unknown) => {
    const law = Law.make({
      id: "L00",
      claim: "nothing is lost",
      runs: 1,
      arbitrary: fc.constant(value as ReadonlyArray<object>),
      holds
    })
    return String(((await failure(law.check({ seed: 7 }))) as Law.Broken).message)
  }

  it("is told in short lines first: what was claimed, expected and found, and the steps", async () => {
    expect(await text(() => Law.same("the rows", ["a"], ["a", "b"]), [[{ put: "a" }, { put: "b" }], [{ remove: "c" }]]))
      .toBe(`L00 nothing is lost
is broken after 1 case: the rows
  expected ["a","b"]
  found    ["a"]
with
  1.1 {"put":"a"}
  1.2 {"put":"b"}
  2.1 {"remove":"c"}
try it again: law.check({ seed: 7, path: "0" })

in full
  counterexample: [[{"put":"a"},{"put":"b"}],[{"remove":"c"}]]`)
  })

  it("names what has names, and tells a case of one value by itself", async () => {
    const message = await text(() => Law.requires(false, () => "no"), { before: [1, { a: 2 }], count: 3 })
    expect(message.split("\n").slice(1, 6)).toEqual([
      "is broken after 1 case: no",
      "with",
      "  before.1 1",
      '  before.2 {"a":2}',
      "  count 3"
    ])
    expect(await text(() => Law.requires(false, () => "no"), "x")).toContain('\nwith\n  "x"\ntry it again')
  })

  it("shows long values where they differ, short, and in full behind", async () => {
    const [is, should] = [`${"a".repeat(900)}X${"c".repeat(900)}`, `${"a".repeat(900)}Y${"c".repeat(900)}`]
    const message = await text(() => Law.same("the text", is, should), [])
    const [short, full] = message.split("\n\nin full\n") as [string, string]
    expect(short).toMatch(/expected \.\.\.a+Yc+\.\.\. \(of 1803 characters\)\n {2}found {4}\.\.\.a+Xc+\.\.\. \(of 1803/)
    expect(full).toContain(`  expected: "${should}"\n  found: "${is}"\n`)
  })

  it("is bounded, however large the case is: short lines, few of them, and an end to what is told in full", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({ length: fc.integer({ min: 0, max: 60_000 }), count: fc.integer({ min: 0, max: 200 }) }),
        fc.boolean(),
        async ({ count, length }, isCompared) => {
          const long = "\u{1f600}".repeat(length)
          const value = Array.from({ length: count }, (_, index) => ({ index, long: index < 3 ? long : "" }))
          const message = await text(
            () => (isCompared ? Law.same("it", [long], []) : Law.requires(false, () => `${long}\n${long}`)),
            value
          )
          const [short, full] = message.split("\n\nin full\n") as [string, string]
          const lines = short.split("\n")
          expect(lines.length).toBeLessThan(30)
          for (const line of lines) expect(line.length).toBeLessThan(260)
          expect(full.length).toBeLessThan(3 * Telling.fullMax + 500)
          expect(message.isWellFormed()).toBe(true)
          if (count > 20) expect(short).toContain(`  and ${count - 20} more`)
        }
      ),
      { numRuns: 40 }
    ))
})
