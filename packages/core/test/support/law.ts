/**
 * How a law is tried: as a property that must hold for the rule, and that must
 * not hold for a rule known to be wrong. A law that cannot fail shows nothing.
 *
 * `RUNS` sets the number of cases of every law, `SEED` makes a run repeatable.
 */
import * as fc from "fast-check"
import * as assert from "node:assert/strict"

const runs = process.env["RUNS"] === undefined ? undefined : Number(process.env["RUNS"])
const seed = process.env["SEED"] === undefined ? {} : { seed: Number(process.env["SEED"]) }

/** Most cases before a wrong rule must have been caught. */
const patience = 20_000

/** Tries a law on `cases` cases, or on as many as `RUNS` says. */
export const holds = <Ts>(law: fc.IProperty<Ts>, cases = 500): void =>
  fc.assert(law, { ...seed, numRuns: runs ?? cases })

/** Asserts that a law is broken, by its own assertion and not by an accident. */
export const isCaught = <Ts>(law: fc.IProperty<Ts>): void => {
  const details = fc.check(law, { ...seed, numRuns: patience, endOnFailure: true })
  assert.ok(details.failed, `the wrong rule passed ${details.numRuns} cases`)
  if (!(details.errorInstance instanceof assert.AssertionError)) throw details.errorInstance
}

/** `items` cut into pieces, none empty, at the places that `cuts` names. */
export const pieces = <A>(items: ReadonlyArray<A>, cuts: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<A>> => {
  const places = [...new Set([0, ...cuts.filter((cut) => cut > 0 && cut < items.length), items.length])]
  return places
    .toSorted((a, b) => a - b)
    .slice(0, -1)
    .map((from, index, sorted) => items.slice(from, sorted[index + 1] ?? items.length))
    .filter((piece) => piece.length > 0)
}

/** `items` in an order that `keys` decide; items beyond the keys come last. */
export const shuffled = <A>(items: ReadonlyArray<A>, keys: ReadonlyArray<number>): ReadonlyArray<A> =>
  items
    .map((item, index) => [keys[index] ?? Infinity, item] as const)
    .toSorted(([a], [b]) => (a === b ? 0 : a - b))
    .map(([, item]) => item)

/** Places to cut a list of at most `length` at. */
export const cuts = (length: number): fc.Arbitrary<ReadonlyArray<number>> =>
  fc.array(fc.integer({ min: 0, max: length }), { maxLength: 4 })

/** Keys to shuffle a list of at most `length` with. */
export const order = (length: number): fc.Arbitrary<ReadonlyArray<number>> =>
  fc.array(fc.integer({ min: 0, max: 100 }), { minLength: length, maxLength: length })
