/**
 * The horizon caps the cursor, not the read.
 *
 * Guarantees: L04, W72
 */
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const identity = (position: number): number => position

// -----------------------------------------------------------------------------
// what leaves
// -----------------------------------------------------------------------------

type Cap = typeof Windowing.cap

const window = fc
  .record({ startedAt: fc.integer({ min: 0, max: 12 }), settle: fc.nat(5) })
  .map((options) => Windowing.make(options))

/** What a source emits for `positions`, resumed from `from`. */
const leaving = (cap: Cap, window: Windowing.Window, from: number | undefined, positions: ReadonlyArray<number>) => {
  let last = from
  return positions.map((position) => (last = cap(window, identity, last, position)))
}

const leavesWell = (cap: Cap) =>
  fc.property(window, fc.array(fc.nat(14), { maxLength: 9 }), (window, positions) => {
    const left = leaving(cap, window, undefined, positions)
    left.reduce(
      (last, position, index) => {
        const isSettled = position === undefined || position <= window.horizon
        assert.ok(isSettled, `${position} left above ${window.horizon}`)
        assert.ok(last === undefined || (position !== undefined && position >= last), `${position} left after ${last}`)
        const highest = Math.max(...positions.slice(0, index + 1).filter((one) => one <= window.horizon))
        assert.equal(position ?? -Infinity, highest, "a position in order, at or below the horizon, leaves as it is")
        return position
      },
      undefined as number | undefined
    )
  })

const completeInOrder = (cap: Cap) =>
  fc.property(window, fc.array(fc.nat(14), { maxLength: 9 }), (window, positions) => {
    const sorted = positions.toSorted((a, b) => a - b)
    leaving(cap, window, undefined, sorted).forEach((position, index) =>
      assert.ok(position === undefined || position <= sorted[index]!, `${position} left for ${sorted[index]}`)
    )
  })

const uncapped: Cap = (_window, _at, _last, position) => position
const holding: Cap = (_window, _at, last) => last
const toTheHorizon: Cap = (window, _at, _last, position) => Math.min(window.horizon, position as number) as never // the law's positions are numbers

describe("Windowing.cap", () => {
  it("L04 what leaves is the furthest position so far at or below the horizon", () => holds(leavesWell(Windowing.cap)))
  it("L04 of positions in order none leaves before its observation", () => holds(completeInOrder(Windowing.cap)))
  it("L04 a source without a cap is caught", () => isCaught(leavesWell(uncapped)))
  it("L04 a source whose cursor never moves is caught", () => isCaught(leavesWell(holding)))
  it("L04 a source that makes positions up is caught", () => isCaught(leavesWell(toTheHorizon)))
  it("L04 a source that leaves the highest position ahead of its observation is caught", () =>
    isCaught(completeInOrder((window) => window.horizon as never))) // the law's positions are numbers
})

// -----------------------------------------------------------------------------
// late rows and hot records
// -----------------------------------------------------------------------------

/** An edit gets its stamp when it begins and is visible when it commits. */
interface Edit {
  readonly stamp: number
  readonly visibleAt: number
}

interface Upstream {
  readonly settle: number
  /** Edits of each record, in order. A reader sees the last visible one. */
  readonly records: ReadonlyArray<ReadonlyArray<Edit>>
  /** Times of the runs. */
  readonly polls: ReadonlyArray<number>
  readonly resume: CursorRule.Resume
}

const upstream: fc.Arbitrary<Upstream> = fc
  .record({
    settle: fc.integer({ min: 0, max: 4 }),
    steps: fc.array(fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(4)), { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 3
    }),
    gaps: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
    resume: fc.constantFrom("Inclusive" as const, "Exclusive" as const)
  })
  .map(({ gaps, resume, settle, steps }) => ({
    settle,
    resume,
    records: steps.map((edits) => {
      let stamp = 0
      return edits.map(([gap, delay]) => ({ stamp: (stamp += gap), visibleAt: stamp + Math.min(delay, settle) }))
    }),
    polls: gaps.map((_, index) => gaps.slice(0, index + 1).reduce((a, b) => a + b, 0))
  }))

interface Reader {
  readonly window: typeof Windowing.make
  /** Up to which stamp a run reads. */
  readonly end: (window: Windowing.Window) => number
}
const reader: Reader = { window: Windowing.make, end: () => Infinity }

/** The stamp seen of each record after each poll, beside the one that was visible. */
const follow = (reader: Reader, { polls, records, resume, settle }: Upstream) => {
  const rule = CursorRule.make<number>({ codec: Schema.Int, positions: "Shared", resume, order: (a, b) => a - b })
  const local = new Map<number, number>()
  let cursor: number | undefined
  return polls.map((now) => {
    const window = reader.window({ startedAt: now, settle })
    const visible = records.flatMap((edits, id) => {
      const edit = edits.findLast((one) => one.visibleAt <= now)
      return edit === undefined ? [] : [{ id, stamp: edit.stamp }]
    })
    const from = cursor
    const page = visible
      .filter(({ stamp }) => from === undefined || (resume === "Inclusive" ? stamp >= from : stamp > from))
      .filter(({ stamp }) => stamp <= reader.end(window))
      .toSorted((a, b) => a.stamp - b.stamp)
    let last = cursor
    const arrivals: Array<Frontier.Arrival<number>> = page.map(({ id, stamp }) => {
      local.set(id, stamp)
      last = Windowing.cap(window, identity, last, stamp)
      return { _tag: "Observed", position: last, isSettled: true }
    })
    // Stamps are whole: what is stamped before the horizon is finished, what is stamped at it may not be.
    if (resume === "Inclusive") arrivals.push({ _tag: "Mark", position: window.horizon })
    cursor = Frontier.advance(rule, Frontier.start(cursor), arrivals).committed
    return { now, horizon: now - settle, cursor, seen: visible.map(({ id, stamp }) => [stamp, local.get(id)] as const) }
  })
}

const seesTheVisible = (reader: Reader) =>
  fc.property(upstream, (upstream) => {
    for (const { cursor, horizon, now, seen } of follow(reader, upstream)) {
      assert.ok(cursor === undefined || cursor <= horizon, `the cursor ${cursor} is above ${horizon}`)
      for (const [stamp, local] of seen) assert.equal(local, stamp, `what was visible at ${now} was not applied`)
    }
  })

describe("a run behind the horizon", () => {
  it("L04 applies what is visible when it runs, however late it came and however often it changes", () =>
    holds(seesTheVisible(reader), 2_000))
  it("W72 L04 reading only up to the horizon is caught", () =>
    isCaught(seesTheVisible({ ...reader, end: ({ horizon }) => horizon })))
  it("L04 a cursor that does not wait for late rows is caught", () =>
    isCaught(seesTheVisible({ ...reader, window: ({ startedAt }) => Windowing.make({ startedAt, settle: 0 }) })))

  const hot: Upstream = {
    settle: 5,
    resume: "Inclusive",
    records: [Array.from({ length: 60 }, (_, index) => ({ stamp: index * 4, visibleAt: index * 4 }))],
    polls: Array.from({ length: 40 }, (_, index) => 7 + index * 5)
  }
  it("W72 a record edited more often than the horizon moves is seen at every run", () =>
    assert.ok(follow(reader, hot).every(({ seen: [one] }) => one![0] === one![1])))
  it("W72 and is never seen by a run that reads only up to the horizon", () =>
    assert.ok(
      follow({ ...reader, end: ({ horizon }) => horizon }, hot).every(({ seen: [one] }) => one![1] === undefined)
    ))
})
