/**
 * Runs that stop and are resumed, over sources of every kind.
 *
 * Guarantees: L02, L03, L07, W01, W02
 */
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import * as Source from "../support/Source.ts"
import * as World from "../support/World.ts"

const sameInTheEnd = (kind: Source.Kind, engine: World.Engine) =>
  fc.property(World.world(kind), (world) => {
    const { cursor, settled } = World.outcome(engine, world)
    assert.deepEqual(
      settled,
      world.records.map(({ id }) => id)
    )
    assert.equal(cursor, World.outcome(World.engine, { ...world, stops: [] }).cursor)
  })

const lastYielded: World.Engine = {
  ...World.engine,
  advance: (_rule, frontier, arrivals) => {
    let { committed } = frontier
    for (const { position } of arrivals) committed = position ?? committed
    return { committed, reached: committed, isHeld: false }
  }
}

const tieBlind: World.Engine = {
  ...World.engine,
  advance: (rule, frontier, arrivals) => Frontier.advance({ ...rule, positions: "Unique" }, frontier, arrivals)
}

const trustingOrder: World.Engine = {
  ...World.engine,
  advance: (rule, frontier, arrivals) => Frontier.advance({ ...rule, emission: "Ascending" }, frontier, arrivals)
}

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
  it("W02 L07 the cursor of the last yielded is caught", () => isCaught(sameInTheEnd(ascending, lastYielded)))
  it("W01 L07 a shared stamp taken for a place of its own is caught", () =>
    isCaught(sameInTheEnd({ ...ascending, positions: "Shared" }, tieBlind)))
  it("L07 order where nobody promised it is caught", () =>
    isCaught(sameInTheEnd({ ...ascending, emission: "Unsorted" }, trustingOrder)))
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
