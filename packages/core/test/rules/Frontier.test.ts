/**
 * The golden rule: how far a cursor may move, and what a run that stops anywhere
 * and is resumed from there reads.
 *
 * Guarantees: L01, L02, L03, L07, L14, W01, W02
 */
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { cuts, holds, isCaught, pieces } from "../support/law.ts"
import * as Source from "../support/Source.ts"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Schema from "effect/Schema"
import * as World from "../support/World.ts"

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

// -----------------------------------------------------------------------------
// runs that stop
// -----------------------------------------------------------------------------

const sameInTheEnd = (kind: Source.Kind, engine: World.Engine) =>
  fc.property(World.world(kind), (world) => {
    const { cursor, settled } = World.outcome(engine, world)
    assert.deepEqual(
      settled,
      world.records.map(({ id }) => id)
    )
    assert.equal(cursor, World.outcome(World.engine, { ...world, stops: [] }).cursor)
  })

const yieldingEngine: World.Engine = { ...World.engine, advance: lastYielded }

const tieBlindEngine: World.Engine = { ...World.engine, advance: tieBlind }

const trustingEngine: World.Engine = { ...World.engine, advance: trustingOrder }

/** The source excludes what its rule says it includes. */
const excluding: World.Engine = {
  ...World.engine,
  isRead: (_, from, position) => from === undefined || position > from
}

describe("a run that stops anywhere and is resumed", () => {
  for (const kind of Source.kinds) {
    it(`L07 L02 loses nothing of a ${Source.describeKind(kind)} source and ends where one run ends`, () =>
      holds(sameInTheEnd(kind, World.engine)))
  }

  const ascending = { positions: "Unique", resume: "Exclusive", emission: "Ascending" } as const
  it("W02 L07 the cursor of the last yielded is caught", () => isCaught(sameInTheEnd(ascending, yieldingEngine)))
  it("W01 L07 a shared stamp taken for a place of its own is caught", () =>
    isCaught(sameInTheEnd({ ...ascending, positions: "Shared" }, tieBlindEngine)))
  it("L07 order where nobody promised it is caught", () =>
    isCaught(sameInTheEnd({ ...ascending, emission: "Unsorted" }, trustingEngine)))
  it("L07 a source that excludes what its rule includes is caught", () =>
    isCaught(sameInTheEnd({ positions: "Shared", resume: "Inclusive", emission: "Ascending" }, excluding)))
})

// -----------------------------------------------------------------------------
// the shape of a real bulk update
// -----------------------------------------------------------------------------

interface Row {
  readonly stamp: number
  readonly id: number
}
type Place = readonly [stamp: number, id: number]

/** Sizes of 423 ties, 13 the largest, 2,000 records in all: as many as a bulk load left in one organisation. */
const rows: ReadonlyArray<Row> = (() => {
  const sizes = Array.from({ length: 423 }, (_, stamp) => 1 + ((stamp * 7) % 13 < 7 ? (stamp * 5) % 13 : 0))
  sizes[0] = 13
  let sum = sizes.reduce((a, b) => a + b, 0)
  for (let stamp = 1; sum !== 2_000; stamp = 1 + (stamp % 422)) {
    const step = Math.sign(2_000 - sum)
    const size = sizes[stamp]! + step
    if (size < 1 || size > 13) continue
    sizes[stamp] = size
    sum += step
  }
  return sizes.flatMap((size, stamp) => Array.from({ length: size }, (_, id) => ({ stamp, id })))
})()

const pair = CursorRule.make<Place>({
  codec: Schema.Tuple([Schema.Int, Schema.Int]),
  positions: "Unique",
  resume: "Exclusive",
  order: (a, b) => a[0] - b[0] || a[1] - b[1]
})
const stamp = (resume: CursorRule.Resume, positions: CursorRule.Positions = "Shared") =>
  CursorRule.make<number>({ codec: Schema.Int, positions, resume, order: (a, b) => a - b })

/** Runs of at most `size` rows each, resumed until one reads nothing new. Counts how often each row was read. */
const reads = <C>(options: {
  readonly rule: CursorRule.CursorRule<C>
  readonly size: number
  readonly place: (row: Row) => C
  readonly isAfter: (row: Row, from: C) => boolean
}) => {
  const counts = new Map<Row, number>()
  let from: C | undefined
  while (true) {
    const cursor = from
    const page = rows.filter((row) => cursor === undefined || options.isAfter(row, cursor)).slice(0, options.size)
    for (const row of page) counts.set(row, (counts.get(row) ?? 0) + 1)
    const arrivals = page.map((row) => ({ _tag: "Observed" as const, position: options.place(row), isSettled: true }))
    const { committed } = Frontier.advance(options.rule, Frontier.start(from), arrivals)
    if (committed === undefined || (from !== undefined && options.rule.equals(from, committed))) return counts
    from = committed
  }
}

describe("2,000 records with 423 stamps, the largest tie 13", () => {
  it("have that shape", () => {
    const ties = Map.groupBy(rows, (row) => row.stamp)
    assert.equal(rows.length, 2_000)
    assert.equal(ties.size, 423)
    assert.equal(Math.max(...Array.from(ties.values(), (tie) => tie.length)), 13)
  })

  it("L03 L07 stopped after every single record, a keyset of stamp and id reads each exactly once", () => {
    const counts = reads({
      rule: pair,
      size: 1,
      place: (row) => [row.stamp, row.id] as const,
      isAfter: (row, [stamp, id]) => row.stamp > stamp || (row.stamp === stamp && row.id > id)
    })
    assert.equal(counts.size, 2_000)
    assert.ok([...counts.values()].every((count) => count === 1))
  })

  it.each([
    ["Exclusive", (row: Row, from: number) => row.stamp > from],
    ["Inclusive", (row: Row, from: number) => row.stamp >= from]
  ] as const)("L03 L07 a shared %s stamp reads them all with pages above the largest tie", (resume, isAfter) => {
    const counts = reads({ rule: stamp(resume), size: 14, place: (row) => row.stamp, isAfter })
    assert.equal(counts.size, 2_000)
  })

  it("L03 a shared stamp never passes a tie it has not seen the end of", () => {
    const isAfter = (row: Row, from: number) => row.stamp > from
    const counts = reads({ rule: stamp("Exclusive"), size: 13, place: (row) => row.stamp, isAfter })
    assert.equal(counts.size, 13)
  })

  it("W01 `stamp > cursor` with the stamp taken for unique loses all but the first of each tie", () => {
    const counts = reads({
      rule: stamp("Exclusive", "Unique"),
      size: 1,
      place: (row) => row.stamp,
      isAfter: (row, from) => row.stamp > from
    })
    assert.equal(counts.size, 423)
  })
})
