// Goal: ties as a real bulk update leaves them lose nothing, wherever a run stops. Guarantees: L02, L03, L07, W01.
// Method: the engine over memory, stopped after every single commit of a single record.
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { subscriptionOf } from "./support.ts"

interface Row {
  readonly stamp: number
  readonly id: string
}

/** 2,000 rows with 423 stamps: the largest tie has 13 rows, 8 stamps have one each, ids say nothing of the order. */
const rows: ReadonlyArray<Row> = (() => {
  const sizes = Array.from({ length: 423 }, (_, stamp): number => (stamp === 100 ? 13 : stamp % 53 === 0 ? 1 : 4))
  for (let stamp = 1, left = 2_000 - sizes.reduce((a, b) => a + b, 0); left > 0; stamp++) {
    const size = sizes[stamp]!
    if (size < 4 || size > 12) continue
    sizes[stamp] = size + 1
    left -= 1
  }
  let count = 0
  return sizes.flatMap((size, stamp) => {
    const ids = Array.from({ length: size }, () => `r${String((count += 1) * 7919).padStart(9, "0")}`)
    return ids
      .map((id) => ({ stamp, id: Array.from(id).toReversed().join("") }))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  })
})()

interface Position {
  readonly stamp: number
  readonly id: string
}

const Empty = Schema.Struct({ stamp: Schema.Int })
const subscription = subscriptionOf("acme", "row")

/** Pages of 14; `isAfter` is what it asks the provider for. */
const sourceOf = (isAfter: (row: Row, from: Position) => boolean) =>
  ChangeSource.plain({
    label: "crm/row",
    domain: "stamp",
    account: Effect.succeed("crm"),
    rule: CursorRule.make<Position>({
      codec: Schema.Struct({ stamp: Schema.Int, id: Schema.String }),
      positions: "Unique",
      resume: "Exclusive",
      order: (a, b) => a.stamp - b.stamp
    }),
    read: ({ from }) =>
      Stream.fromIterable(rows.filter((row) => from === undefined || isAfter(row, from))).pipe(
        Stream.take(14),
        Stream.map(({ id, stamp }) => {
          const version = Version.make({ domain: "stamp", value: String(stamp).padStart(5, "0"), observedAt: 1_000 })
          return Observation.upsert({ id, position: { stamp, id }, record: { stamp }, version })
        }),
        Stream.rechunk(14),
        Stream.mapArray((page) => [Page.make(page)])
      )
  })

/** Runs that stop after one commit each, until one has nothing to do. */
const stopping = (isAfter: (row: Row, from: Position) => boolean) =>
  Effect.gen(function* () {
    const sink = yield* MemorySink.make<typeof Empty.Type>({ label: "rows" })
    const sync = Sync.make({ subscription, schema: Empty, source: sourceOf(isAfter), sink, settle: 0, batchSize: 1 })
    let runs = 0
    while ((yield* Stream.runCollect(Stream.take(Sync.stream(sync), 1))).some(({ counts }) => counts.read > 0))
      runs += 1
    return { runs, items: yield* Memory.items(subscription), rows: yield* Memory.rows(subscription) }
  }).pipe(Effect.provide(Memory.layer()), Effect.runPromise)

describe("2,000 records with 423 stamps, the largest tie 13, stopped after every single record", () => {
  it("have that shape", () => {
    const ties = Array.from(Map.groupBy(rows, ({ stamp }) => stamp).values(), ({ length }) => length)
    assert.deepEqual([rows.length, ties.length, Math.max(...ties)], [2_000, 423, 13])
    assert.equal(new Set(rows.map(({ id }) => id)).size, 2_000)
  })

  it("L02 L03 L07 lose none, and read none twice, by stamp and id", async () => {
    const after = await stopping(
      (row, from) => row.stamp > from.stamp || (row.stamp === from.stamp && row.id > from.id)
    )
    assert.deepEqual([after.runs, after.items.length, after.rows.size], [2_000, 2_000, 2_000])
  })

  it("W01 lose all but one of each tie by stamp alone", async () => {
    const after = await stopping((row, from) => row.stamp > from.stamp)
    assert.equal(after.rows.size, 423)
  })
})
