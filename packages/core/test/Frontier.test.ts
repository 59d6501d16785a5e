// Goal: the cursor moves as far as it may, and no further. Guarantees: L01, L02, L03, L07, W02.
// Method: an independent statement of what a run that resumes would read again, for every kind of rule; the same laws on
// rules that are wrong, which they must catch.
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const numRuns = Number(process.env.RUNS ?? 5_000)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

type Rule = CursorRule.CursorRule<number>
type Advance = typeof Frontier.advance

const ruleOf = (positions: CursorRule.Positions, resume: CursorRule.Resume): Rule =>
  CursorRule.make({ codec: Schema.Int, positions, resume, order: (a, b) => a - b })

/** Arrivals of an ascending source: shared positions come in groups, unique ones rise. */
interface Read {
  readonly rule: Rule
  readonly start: number | undefined
  readonly arrivals: ReadonlyArray<Frontier.Arrival<number>>
}
const read: fc.Arbitrary<Read> = fc
  .record({
    positions: fc.constantFrom<CursorRule.Positions>("Unique", "Shared"),
    resume: fc.constantFrom<CursorRule.Resume>("Inclusive", "Exclusive"),
    start: fc.option(fc.constant(0), { nil: undefined }),
    steps: fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 2 }),
        isSettled: fc.boolean(),
        isHidden: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
        isMark: fc.integer({ min: 0, max: 5 }).map((n) => n === 0)
      }),
      { maxLength: 10 }
    )
  })
  .map(({ positions, resume, start, steps }) => {
    let position = start === undefined ? 0 : resume === "Exclusive" ? 1 : 0
    let hasBegun = false
    const arrivals = steps.map(({ gap, isHidden, isMark, isSettled }): Frontier.Arrival<number> => {
      position += positions === "Unique" && hasBegun ? gap + 1 : gap
      hasBegun = true
      // A mark says that all up to here was emitted, so what follows lies behind it.
      if (isMark)
        return { _tag: "Mark", position: positions === "Unique" || resume === "Inclusive" ? position : position++ }
      return { _tag: "Observed", position: isHidden ? undefined : position, isSettled }
    })
    return { rule: ruleOf(positions, resume), start, arrivals }
  })

const isReadAgain = (rule: Rule, from: number | undefined, position: number) =>
  from === undefined || (rule.resume === "Inclusive" ? position >= from : position > from)

/** Positions of what has not settled, and of what a source may still emit at its last position. */
const open = ({ arrivals, rule }: Read): ReadonlyArray<number> => {
  const held = arrivals.flatMap((one) =>
    one._tag === "Observed" && !one.isSettled && one.position !== undefined ? [one.position] : []
  )
  const last = arrivals.findLast((one) => one.position !== undefined)
  const mayFollow = rule.positions === "Shared" && last?._tag === "Observed" ? [last.position!] : []
  return [...held, ...mayFollow]
}

const noLoss = (advance: Advance) =>
  fc.property(read, (r) => {
    const { committed } = advance(r.rule, Frontier.start(r.start), r.arrivals)
    for (const position of open(r))
      assert.ok(isReadAgain(r.rule, committed, position), `${position} is lost behind ${committed}`)
  })

const isCaught = (advance: Advance) => assert.ok(fc.check(noLoss(advance), { numRuns: 5_000, ...seed }).failed)

describe("Frontier", () => {
  it("L02 L03 resuming from the committed position reads all that is open again", () =>
    fc.assert(noLoss(Frontier.advance), { numRuns, ...seed }))

  it("L01 the committed position never goes back, and pieces equal the whole", () =>
    fc.assert(
      fc.property(read, fc.array(fc.boolean()), (r, cuts) => {
        let frontier = Frontier.start(r.start)
        let piece: Array<Frontier.Arrival<number>> = []
        const flush = () => {
          const next = Frontier.advance(r.rule, frontier, piece)
          assert.ok(frontier.committed === undefined || next.committed! >= frontier.committed)
          frontier = next
          piece = []
        }
        r.arrivals.forEach((arrival, index) => {
          piece.push(arrival)
          if (cuts[index] === true) flush()
        })
        flush()
        assert.deepEqual(frontier, Frontier.advance(r.rule, Frontier.start(r.start), r.arrivals))
      }),
      { numRuns, ...seed }
    ))

  it("no later position among those seen is safe", () =>
    fc.assert(
      fc.property(read, (r) => {
        const { committed } = Frontier.advance(r.rule, Frontier.start(r.start), r.arrivals)
        const firstHeld = r.arrivals.findIndex((one) => one._tag === "Observed" && !one.isSettled)
        const seen = firstHeld < 0 ? r.arrivals : r.arrivals.slice(0, firstHeld + 1)
        const held = firstHeld < 0 ? undefined : r.arrivals[firstHeld]!.position
        if (firstHeld >= 0 && held === undefined) return
        for (const { position } of seen) {
          if (position === undefined || (committed !== undefined && position <= committed)) continue
          assert.ok(
            open({ ...r, arrivals: seen }).some((one) => !isReadAgain(r.rule, position, one)),
            `${position} was safe too`
          )
        }
      }),
      { numRuns, ...seed }
    ))

  it("unsorted and unpositioned sources move by marks alone", () =>
    fc.assert(
      fc.property(read, fc.constantFrom<CursorRule.Emission>("Unsorted", "Unpositioned"), (r, emission) => {
        const settled = r.arrivals.map((one): typeof one => (one._tag === "Mark" ? one : { ...one, isSettled: true }))
        const { committed } = Frontier.advance({ ...r.rule, emission }, Frontier.start(r.start), settled)
        assert.equal(committed, settled.findLast((one) => one._tag === "Mark")?.position ?? r.start)
      }),
      { numRuns, ...seed }
    ))

  it("W02 committing the last position seen is caught", () =>
    isCaught((_, frontier, arrivals) => {
      const last = [...arrivals].findLast((one) => one.position !== undefined)?.position
      return { ...frontier, committed: last ?? frontier.committed }
    }))

  it("L03 taking shared positions for unique ones is caught", () =>
    isCaught((rule, frontier, arrivals) => Frontier.advance({ ...rule, positions: "Unique" }, frontier, arrivals)))

  it("L07 a tie shape of 2,000 records and 423 stamps, stopped after every record, loses none", () => {
    const sizes = Array.from({ length: 423 }, () => 1)
    for (let step = 0, left = 2_000 - 423; left > 0; step++) {
      const stamp = (step * step * 31 + step) % 423
      if (sizes[stamp]! >= 13) continue
      sizes[stamp]! += 1
      left -= 1
    }
    assert.equal(Math.max(...sizes), 13)
    const records = sizes.flatMap((size, stamp) => Array.from({ length: size }, () => stamp))
    assert.equal(records.length, 2_000)
    const lost = (rule: Rule, emits: (from: number | undefined) => (stamp: number) => boolean) => {
      let count = 0
      for (let stop = 1; stop <= records.length; stop++) {
        const seen = records
          .slice(0, stop)
          .map((position) => ({ _tag: "Observed" as const, position, isSettled: true }))
        const { committed } = Frontier.advance(rule, Frontier.start<number>(undefined), seen)
        if (records.slice(stop).some((stamp) => !emits(committed)(stamp))) count += 1
      }
      return count
    }
    const after = (from: number | undefined) => (stamp: number) => from === undefined || stamp > from
    assert.equal(lost(ruleOf("Shared", "Exclusive"), after), 0)
    // A stamp taken for a unique position loses at every stop inside a tie (W01).
    assert.ok(lost(ruleOf("Unique", "Exclusive"), after) > 1_000)
  })
})
