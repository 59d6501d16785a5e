/**
 * The golden rule: how far a cursor may move.
 *
 * Guarantees: L01, L02, L03, L14, W01, W02
 */
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { cuts, holds, isCaught, pieces } from "../support/law.ts"
import * as Source from "../support/Source.ts"

type Advance = typeof Frontier.advance

const finish = (advance: Advance, run: Source.Run, arrivals = run.arrivals) =>
  advance(Source.rule(run.kind), Frontier.start(run.from), Source.told(run.kind, arrivals))

/** The arrivals that count: those after the first refusal do not. */
const counted = (run: Source.Run): ReadonlyArray<Source.Arrival> => {
  const held = run.arrivals.findIndex((one) => one._tag === "Observed" && !one.isSettled)
  return held < 0 ? run.arrivals : run.arrivals.slice(0, held + 1)
}

const noLoss = (advance: Advance) =>
  fc.property(Source.run(), (run) => {
    for (let stop = 0; stop <= run.arrivals.length; stop++) {
      const { committed } = finish(advance, run, run.arrivals.slice(0, stop))
      run.arrivals.forEach((one, index) => {
        if (one._tag === "Mark" || (index < stop && one.isSettled)) return
        assert.ok(Source.isRead(run.kind.resume, committed, one.at), `${one.at} is lost behind ${committed}`)
      })
    }
  })

/** The nearest place where a record may still come, half a step above what is finished. */
const nearest = (run: Source.Run, seen: ReadonlyArray<Source.Arrival>): number => {
  const mark = Math.max(-Infinity, ...seen.flatMap((one) => (one._tag === "Mark" ? [one.at + 0.5] : [])))
  if (run.kind.emission !== "Ascending") return mark
  const last = seen.findLast((one) => one._tag === "Observed")?.at ?? -Infinity
  return Math.max(mark, run.kind.positions === "Unique" ? last + 0.5 : last)
}

const progress = (advance: Advance) =>
  fc.property(Source.run(), (run) => {
    const { committed } = finish(advance, run)
    const seen = counted(run)
    const missing = [
      nearest(run, seen),
      ...seen.flatMap((one) => (one._tag === "Observed" && !one.isSettled ? [one.at] : []))
    ]
    for (const { at } of seen.filter((one) => one._tag === "Mark" || run.kind.emission !== "Unpositioned")) {
      const isFurther = committed === undefined || at > committed
      const isSafe = missing.every((position) => Source.isRead(run.kind.resume, at, position))
      assert.ok(!(isFurther && isSafe), `${at} is safe, but only ${committed} is committed`)
    }
  })

const monotone = (advance: Advance) =>
  fc.property(Source.run(), (run) => {
    let last: number | undefined = run.from
    for (let stop = 0; stop <= run.arrivals.length; stop++) {
      const { committed } = finish(advance, run, run.arrivals.slice(0, stop))
      assert.ok(last === undefined || (committed !== undefined && committed >= last), `${committed} after ${last}`)
      last = committed
    }
  })

const batchFree = (advance: Advance) =>
  fc.property(Source.run(), cuts(18), (run, places) => {
    let frontier = Frontier.start(run.from)
    for (const piece of pieces(run.arrivals, places)) {
      frontier = advance(Source.rule(run.kind), frontier, Source.told(run.kind, piece))
    }
    assert.deepEqual(frontier, finish(advance, run))
  })

const onlyMarks = (advance: Advance) =>
  fc.property(Source.run(Source.kinds.filter(({ emission }) => emission !== "Ascending")), (run) => {
    const silent = run.arrivals.filter((one) => one._tag === "Observed")
    assert.equal(finish(advance, run, silent).committed, run.from)
  })

/** A stamp that records share taken for a place of its own, as `stamp > cursor` does. */
const tieBlind: Advance = (rule, frontier, arrivals) =>
  Frontier.advance({ ...rule, positions: "Unique" }, frontier, arrivals)

/** The cursor of the last record yielded, settled or not. */
const lastYielded: Advance = (_rule, frontier, arrivals) => {
  let { committed } = frontier
  for (const { position } of arrivals) committed = position ?? committed
  return { committed, reached: committed, isHeld: false }
}

const overRefusals: Advance = (rule, frontier, arrivals) =>
  Frontier.advance(
    rule,
    frontier,
    Array.from(arrivals).filter((one) => one._tag === "Mark" || one.isSettled)
  )

const trustingOrder: Advance = (rule, frontier, arrivals) =>
  Frontier.advance({ ...rule, emission: "Ascending" }, frontier, arrivals)

const marksPassRefusals: Advance = (rule, frontier, arrivals) => {
  let next = frontier
  for (const one of arrivals) {
    next = Frontier.advance(rule, one._tag === "Mark" ? { ...next, isHeld: false } : next, [one])
  }
  return next
}

const forgetful: Advance = (rule, frontier, arrivals) =>
  Frontier.advance(rule, { ...frontier, reached: frontier.committed }, arrivals)

const standingStill: Advance = (_rule, frontier) => frontier

const anyMark: Advance = (rule, frontier, arrivals) =>
  Frontier.advance({ ...rule, order: () => undefined }, frontier, arrivals)

describe("Frontier", () => {
  it("L02 L03 resuming reads again all that is unsettled or has not arrived, wherever a run stops", () =>
    holds(noLoss(Frontier.advance), 2_000))
  it("L02 no position further on among those seen is safe", () => holds(progress(Frontier.advance), 2_000))
  it("L01 what is committed never goes back", () => holds(monotone(Frontier.advance), 1_000))
  it("L14 advancing in pieces equals advancing at once", () => holds(batchFree(Frontier.advance), 1_000))
  it("L02 without order or position only marks move the cursor", () => holds(onlyMarks(Frontier.advance)))

  it("W01 a rule that takes a shared stamp for a place of its own is caught", () => isCaught(noLoss(tieBlind)))
  it("W02 a rule that commits the last yielded is caught", () => isCaught(noLoss(lastYielded)))
  it("L02 a rule that passes refusals is caught", () => isCaught(noLoss(overRefusals)))
  it("L02 a rule whose marks pass refusals is caught", () => isCaught(noLoss(marksPassRefusals)))
  it("L02 a rule that trusts an order nobody promised is caught", () => isCaught(noLoss(trustingOrder)))
  it("L02 a rule whose cursor moves without marks or order is caught", () => isCaught(onlyMarks(trustingOrder)))
  it("L02 a rule that never moves is caught", () => isCaught(progress(standingStill)))
  it("L14 a rule that forgets between batches is caught", () => isCaught(batchFree(forgetful)))
  it("L01 a rule that follows marks backwards is caught", () => isCaught(monotone(anyMark)))
})

describe("Frontier of records that share a stamp", () => {
  const shared = Source.rule({ positions: "Shared", resume: "Exclusive", emission: "Ascending" })
  const settled = (position: number | undefined) => ({ _tag: "Observed" as const, position, isSettled: true })
  const mark = (position: number) => ({ _tag: "Mark" as const, position })

  const cases: Record<string, readonly [ReadonlyArray<Frontier.Arrival<number>>, number | undefined]> = {
    "L03 the last of a stamp is not known to be the last": [[settled(1), settled(1)], undefined],
    "L03 a later stamp shows that the one before it is finished": [[settled(1), settled(1), settled(2)], 1],
    "L03 a mark at the stamp shows that it is finished": [[settled(1), settled(1), mark(1)], 1],
    "L03 a mark behind the stamp shows nothing about it": [[settled(1), settled(4), mark(2), settled(4)], 2],
    "a mark behind the stamp does not hide it once it is finished": [[settled(4), mark(2), settled(5)], 4],
    "an observation without a position shows nothing": [[settled(1), settled(undefined)], undefined]
  }
  for (const [name, [arrivals, committed]] of Object.entries(cases)) {
    it(name, () =>
      assert.equal(Frontier.advance(shared, Frontier.start<number>(undefined), arrivals).committed, committed)
    )
  }
})

describe("Frontier.findDisorder", () => {
  type Find = typeof Frontier.findDisorder
  const ascending = Source.kinds.filter(({ emission }) => emission === "Ascending")
  const positionsOf = (run: Source.Run) => run.arrivals.flatMap((one) => (one._tag === "Observed" ? [one.at] : []))

  const findsInversion = (find: Find) =>
    fc.property(Source.run(ascending), cuts(9), (run, places) => {
      const rule = Source.rule(run.kind)
      const ordered = positionsOf(run)
      assert.equal(find(rule, Frontier.start(run.from), ordered), undefined)
      const [place = 0] = places
      const planted = [...ordered.slice(0, place), 20, ...ordered.slice(place)]
      assert.equal(find(rule, Frontier.start(run.from), planted), ordered[place])
    })

  it("L01 finds the first position that goes back, and nothing in an ascending run", () =>
    holds(findsInversion(Frontier.findDisorder)))
  it("L01 looking at neighbours only within one stamp is caught", () =>
    isCaught(
      findsInversion((rule, frontier, positions) =>
        Frontier.findDisorder({ ...rule, order: () => undefined }, frontier, positions)
      )
    ))
  it("L01 remembers across batches what was reached", () => {
    const rule = Source.rule({ positions: "Unique", resume: "Exclusive", emission: "Ascending" })
    const frontier = Frontier.advance(rule, Frontier.start<number>(undefined), [
      { _tag: "Observed", position: 5, isSettled: true }
    ])
    assert.equal(Frontier.findDisorder(rule, frontier, [undefined, 4]), 4)
  })
  it("expects no order where none was promised", () => {
    const rule = Source.rule({ positions: "Unique", resume: "Exclusive", emission: "Unsorted" })
    assert.equal(Frontier.findDisorder(rule, Frontier.start<number>(9), [3, 1]), undefined)
  })
})
