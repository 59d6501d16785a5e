/**
 * When refusals stop a lane.
 *
 * Guarantees: L14, L16, W77
 */
import * as Brake from "@tidemark/core/rules/Brake"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { cuts, holds, isCaught, pieces } from "../support/law.ts"

type Count = typeof Brake.count

/** Long runs of both kinds, around the bounds. */
const refusals: fc.Arbitrary<ReadonlyArray<boolean>> = fc
  .array(
    fc.record({
      length: fc.oneof(fc.integer({ min: 1, max: 52 }), fc.integer({ min: 1, max: 400 })),
      /** One in so many is refused; 1 for all, 0 for none. */
      every: fc.constantFrom(0, 0, 1, 2, 4, 5, 6)
    }),
    { minLength: 1, maxLength: 12 }
  )
  .map((runs) =>
    runs.flatMap(({ every, length }) => Array.from({ length }, (_, index) => every > 0 && index % every === 0))
  )

/** The rule in words, over all that was counted; where it trips, if it does. */
const tripsAt = (refusals: ReadonlyArray<boolean>): number | undefined => {
  for (let seen = 1; seen <= refusals.length; seen++) {
    if (!refusals[seen - 1]) continue
    const recent = refusals.slice(Math.max(0, seen - 1_000), seen)
    const refused = recent.filter(Boolean).length
    const isInARow = seen >= 50 && refusals.slice(seen - 50, seen).every(Boolean)
    if (isInARow || (refused >= 50 && refused * 5 > recent.length)) return seen
  }
  return undefined
}

const countIn = (count: Count, parts: ReadonlyArray<ReadonlyArray<boolean>>) => {
  let brake = Brake.released
  for (const part of parts) {
    const next = count(brake, part)
    brake = next.brake
    if (next.isTripped) return next
  }
  return { brake, isTripped: false }
}

const batchFree = (count: Count) =>
  fc.property(refusals, cuts(500), (refusals, places) => {
    assert.deepEqual(countIn(count, pieces(refusals, places)), countIn(count, [refusals]))
  })

const asSaid = (count: Count) =>
  fc.property(refusals, cuts(500), (refusals, places) => {
    const { brake, isTripped } = countIn(count, pieces(refusals, places))
    const place = tripsAt(refusals)
    assert.equal(isTripped, place !== undefined)
    if (place !== undefined) assert.equal(brake.seen, place)
  })

/** Fewer than 50 refusals among any 1,000 in a row. */
const rare = fc
  .array(fc.nat(2_999), { maxLength: 49 })
  .map((places) => Array.from({ length: 3_000 }, (_, index) => places.includes(index)))

const patient = (count: Count) =>
  fc.property(rare, cuts(3_000), (refusals, places) =>
    assert.equal(countIn(count, pieces(refusals, places)).isTripped, false)
  )

const bounded = (count: Count) =>
  fc.property(refusals, (refusals) => {
    const { brake } = countIn(
      count,
      pieces(
        refusals,
        [...refusals.keys()].filter((place) => place % 100 === 0)
      )
    )
    assert.ok(brake.refused.length <= 1_000)
    assert.ok(brake.refused.every((one) => one <= brake.seen && one > brake.seen - 1_000))
    assert.deepEqual(Schema.decodeUnknownSync(Brake.Brake)(JSON.parse(JSON.stringify(brake))), brake)
  })

const shareOfBatch: Count = (brake, refusals) => {
  const all = Array.from(refusals)
  return { ...Brake.count(brake, all), isTripped: all.filter(Boolean).length > Brake.shareMax * all.length }
}
const inARowOfBatch: Count = (brake, refusals) => Brake.count({ ...brake, inARow: 0 }, refusals)
const withoutRow: Count = (brake, refusals) => {
  const parts = Array.from(refusals).flatMap((one) => [one, false])
  return Brake.count({ ...brake, inARow: 0 }, parts)
}
const everlasting: Count = (brake, refusals) => {
  const all = Array.from(refusals)
  const refused = [...brake.refused, ...all.flatMap((one, index) => (one ? [brake.seen + index + 1] : []))]
  return {
    brake: { seen: brake.seen + all.length, refused, inARow: 0 },
    isTripped: refused.length >= Brake.refusalsMin
  }
}

describe("Brake", () => {
  it("L16 trips at 50 refusals in a row, or at 50 that are more than a fifth of the last 1,000", () =>
    holds(asSaid(Brake.count), 300))
  it("L14 L16 counting in pieces equals counting at once", () => holds(batchFree(Brake.count), 300))
  it("L16 fewer than 50 refusals among the last 1,000 never trip it, whatever the batches", () =>
    holds(patient(Brake.count), 100))
  it("L16 keeps no more than the last 1,000, in a form that can be stored", () => holds(bounded(Brake.count), 100))

  it("W77 a share of one batch is caught", () => isCaught(patient(shareOfBatch)))
  it("L14 a row that begins anew with each batch is caught", () => isCaught(batchFree(inARowOfBatch)))
  it("L16 a brake without a row is caught", () => isCaught(asSaid(withoutRow)))
  it("L16 a brake that never forgets is caught", () => {
    isCaught(asSaid(everlasting))
    isCaught(bounded(everlasting))
  })

  it("W77 a batch of one poison record stops no lane, nor do 49 of them", () => {
    assert.equal(countIn(Brake.count, [[true]]).isTripped, false)
    assert.equal(
      countIn(
        Brake.count,
        Array.from({ length: 49 }, () => [true])
      ).isTripped,
      false
    )
    assert.equal(
      countIn(
        Brake.count,
        Array.from({ length: 50 }, () => [true])
      ).isTripped,
      true
    )
  })
  it("L16 is patient with a fifth, and not with more", () => {
    const one = (every: number) => Array.from({ length: 3_000 }, (_, index) => index % every === every - 1)
    assert.equal(countIn(Brake.count, [one(5)]).isTripped, false)
    assert.equal(countIn(Brake.count, [one(4)]).isTripped, true)
  })
})
