/**
 * Single observations through the engine: hints, deletions told again and again,
 * changes that a sink refuses one by one, and ids that no store can hold.
 *
 * Guarantees: L14, L15, L16, W67
 */
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Memory from "@tidemark/memory/Memory"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Notes from "./notes.ts"
import { failureOf, id, processOf } from "./support.ts"

const found = (externalId: string, size: number, stamp: number): Notes.Answers =>
  new Map([[id(externalId), { record: { text: "a", size }, version: Notes.version(stamp) }]])

describe("a sink that refuses by itself", () => {
  const changes = Notes.placed([
    Notes.upsert("a", 1, 1),
    Notes.upsert("b", 1, 1),
    Notes.upsert("a", 9, 2),
    Notes.upsert("b", 9, 2),
    Notes.upsert("a", 2, 3),
    Notes.upsert("b", 2, 3),
    Notes.upsert("a", 9, 4)
  ])
  const play = (batchSize: number, refusing: Notes.Refusing) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        yield* Notes.run(database, { observations: changes, batchSize, refusing })
        return yield* Notes.left(database)
      })
    )

  it.each(["Row", "Batch"] as const)(
    "L15 meets the changes of a record one by one once its last one is refused, and only of that record (%s)",
    async (refusing) => {
      const left = await play(10, refusing)
      assert.deepEqual(Notes.outcomes(left), [
        "a Created 1",
        "b Created 1",
        "a Quarantined!",
        "b Updated 2",
        "a Updated 2",
        "b Updated 3",
        "a Quarantined!"
      ])
      assert.deepEqual(left.rows, [
        ["a", { text: "a", size: 2 }],
        ["b", { text: "a", size: 2 }]
      ])
      assert.deepEqual(
        left.quarantine.map(({ isSuperseded, version }) => [version.value, isSuperseded]),
        [
          ["002", true],
          ["004", false]
        ]
      )
    }
  )

  it("L14 meets the changes of the refused record as it meets them in batches of one", async () => {
    const of = ({ items, quarantine, events }: Notes.Left) => ({
      items: items.filter(({ externalId }) => externalId === "a"),
      quarantine: quarantine.filter(({ externalId }) => externalId === "a"),
      events: events.filter((event) => event.includes("/a/"))
    })
    assert.deepEqual(of(await play(10, "Row")), of(await play(1, "Row")))
  })

  it("tries again what a deletion in between made void", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const outcomes = (batchSize: number) =>
          Effect.gen(function* () {
            const database = yield* Memory.makeDatabase
            const observations = Notes.placed([
              Notes.upsert("a", 9, 2, 1),
              Notes.tombstone("a", 2),
              Notes.upsert("a", 9, 2, 3)
            ])
            yield* Notes.run(database, { observations, batchSize, refusing: "Row" })
            return Notes.outcomes(yield* Notes.left(database))
          })
        assert.deepEqual(yield* outcomes(3), ["a Quarantined!", "a Absent", "a Quarantined!"])
        assert.deepEqual(yield* outcomes(1), yield* outcomes(3))
      })
    ))

  it("of the version that a patch follows makes the patch a hint, which is read by id before it is tried again", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const fetched: Array<ReadonlyArray<string>> = []
        yield* Notes.run(database, {
          observations: Notes.placed([Notes.upsert("a", 9, 1), Notes.patch("a", { text: "b" }, 1, 2)]),
          batchSize: 10,
          refusing: "Row",
          answers: found("a", 3, 5),
          onFetch: (ids) => fetched.push(ids)
        })
        const left = yield* Notes.left(database)
        assert.deepEqual(Notes.outcomes(left), ["a Quarantined!", "a Created 1"])
        assert.deepEqual([left.rows, fetched], [[["a", { text: "a", size: 3 }]], [["a"]]])
        assert.ok(left.quarantine.every(({ isSuperseded }) => isSuperseded))
      })
    ))
})

describe("a deletion without a version, of a source that can read by id", () => {
  const poll = (answers: Notes.Answers, ...observations: ReadonlyArray<Notes.Seen>) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const all = Notes.placed(observations)
        let fetches = 0
        for (const index of all.keys()) {
          yield* Notes.run(database, {
            observations: all.slice(0, index + 1),
            batchSize: 10,
            answers,
            onFetch: (ids) => void (fetches += ids.length)
          })
        }
        return { outcomes: Notes.outcomes(yield* Notes.left(database)), fetches }
      })
    )

  it("is asked about once, however often it is told again", async () => {
    const { fetches, outcomes } = await poll(
      new Map(),
      Notes.upsert("a", 1, 1),
      Notes.deletion("a", 5),
      Notes.deletion("a", 6),
      Notes.deletion("a", 7)
    )
    assert.deepEqual([outcomes, fetches], [["a Created 1", "a Deleted 2", "a Absent", "a Absent"], 1])
  })
  it("that is told again does not hide a read that began after it, and is asked about anew when the record is back", async () => {
    const { fetches, outcomes } = await poll(
      new Map(),
      Notes.upsert("a", 1, 1),
      Notes.deletion("a", 5),
      Notes.deletion("a", 6),
      Notes.upsert("a", 1, 1, 7),
      Notes.deletion("a", 8)
    )
    assert.deepEqual(outcomes, ["a Created 1", "a Deleted 2", "a Absent", "a Created 3", "a Deleted 4"])
    assert.equal(fetches, 2)
  })
  it("of a record that was read at the same time is believed once the record is not found", async () => {
    const { outcomes } = await poll(new Map(), Notes.upsert("a", 1, 1, 5), Notes.deletion("a", 5))
    assert.deepEqual(outcomes, ["a Created 1", "a Deleted 2"])
  })
})

describe("a hint", () => {
  it("that only the batches before it make one is read by id in a plan, as it is in a run", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const observations = Notes.placed([
          Notes.upsert("a", 1, 1),
          Notes.upsert("a", 2, 2),
          Notes.patch("a", { text: "b" }, 1, 3)
        ])
        const options = { observations, batchSize: 1, answers: found("a", 3, 4) }
        yield* Notes.run(database, { ...options, observations: observations.slice(0, 1) })
        const previews = yield* Effect.flatMap(Notes.syncOf(options), (sync) =>
          Stream.runCollect(Sync.plan(sync))
        ).pipe(processOf(database))
        const decisions = previews.flatMap((one) => one.decisions)
        assert.deepEqual(
          decisions.map((decision) => decision._tag === "Change" && [decision.revision, decision.patch["size"]?.after]),
          [
            [2, 2],
            [3, 3]
          ]
        )
        yield* Notes.run(database, options)
        assert.deepEqual(Notes.outcomes(yield* Notes.left(database)), ["a Created 1", "a Updated 2", "a Updated 3"])
      })
    ))
  it("W67 whose record is read by id at a version of another domain ends the run, with nothing written", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const record = { text: "a", size: 1 }
        const version = { ...Notes.version(1), domain: "cdc" }
        const answers = new Map([[id("a"), { record, version }]])
        const observations = Notes.placed([Notes.patch("a", { size: 2 }, 1)])
        const error = yield* failureOf(Notes.run(database, { observations, answers, batchSize: 1 }))
        assert.ok(error._tag === "SourceError" && error.reason === "Malformed")
        assert.deepEqual((yield* Notes.left(database)).items, [])
      })
    ))
})

describe("an external id that no store can hold", () => {
  const bad = ["nul\0", "half\ud800", "x".repeat(1_025), "\u{1F30A}".repeat(257)]

  it.each(bad)("L16 is refused once: reading the record again is no new attempt (%#)", (text) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const again = Lane.make(Notes.subscription, "backfill/again")
        const options = {
          observations: Notes.placed([Notes.upsert(text, 1, 1), Notes.upsert("a", 1, 1)]),
          batchSize: 1
        }
        yield* Notes.run(database, options)
        yield* Notes.run(database, { ...options, lane: again })
        const left = yield* Notes.left(database)
        const held = Refusal.heldId(id(text))
        assert.deepEqual(Notes.outcomes(left), [
          `${held} Quarantined!`,
          "a Created 1",
          `${held} Quarantined`,
          "a Unchanged"
        ])
        assert.deepEqual(
          left.quarantine.map(({ externalId, isSuperseded, rejection }) => [externalId, isSuperseded, rejection.code]),
          [[held, false, "Invalid"]]
        )
        const lane = yield* Effect.provide(Memory.lane(again), Memory.layerFrom(database), { local: true })
        assert.deepEqual(lane?.checkpoint.brake.refused, [])
      })
    )
  )
  it("is told from one of 1,024 bytes, which is held as it is", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const observations = Notes.placed([Notes.upsert("x".repeat(1_024), 1, 1)])
        const summary = yield* Notes.run(database, { observations, batchSize: 1 })
        assert.ok("status" in summary && summary.counts.created === 1)
      })
    ))
})
