// Goal: a record that cannot be written stops itself and nothing else, until refusals are the rule. Guarantees: L15, L16.
// Method: sinks that refuse by answer or as a whole call; what is left is compared with a run without the poison.
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { failureOf, subscriptionOf } from "./support.ts"

const numRuns = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

const Note = Schema.Struct({ size: Schema.Int })
type Note = typeof Note.Type
const subscription = subscriptionOf("acme", "note")
const live = Lane.live(subscription)

type Changes = ReadonlyArray<{ readonly id: string; readonly size: number }>

/** A size of 9 is the poison. */
const changes: fc.Arbitrary<Changes> = fc.array(
  fc.record({ id: fc.constantFrom("a", "b", "c", "d"), size: fc.constantFrom(0, 1, 9) }),
  { maxLength: 10 }
)

const observe = ({ id, size }: Changes[number], place: number) =>
  Observation.upsert<Note, number>({
    id,
    position: place,
    record: { size },
    version: Version.make({ domain: "place", value: String(place).padStart(5, "0"), observedAt: place })
  })

interface Options {
  readonly changes: Changes
  readonly batchSize: number
  readonly refusal?: "Row" | "Batch" | "Check"
  readonly onRefusal?: "Hold" | "Quarantine"
  readonly isReleasing?: boolean
}

const run = (database: Database.Database, options: Options) =>
  Effect.gen(function* () {
    const { refusal } = options
    const isPoison = ({ size }: Note) => size === 9
    const sink = yield* MemorySink.make<Note>({
      label: "notes",
      ...(refusal === "Row" || refusal === "Batch"
        ? { refuse: (write) => (write._tag === "Put" && isPoison(write.record) ? refusal : undefined) }
        : {})
    })
    const source = ChangeSource.plain({
      label: "crm/note",
      domain: "place",
      account: Effect.succeed("crm"),
      rule: CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
      read: ({ from = -1 }) =>
        Stream.succeed(Page.make(options.changes.map(observe).filter(({ position }) => position! > from)))
    })
    const check = refusal === "Check" ? Schema.Struct({ size: Schema.Int.check(Schema.isLessThan(9)) }) : Note
    const { batchSize, onRefusal = "Quarantine" } = options
    const sync = Sync.make({ subscription, schema: check, source, sink, batchSize, onRefusal, events: true })
    return yield* Sync.run(sync, { isTakingOver: true, isReleasing: options.isReleasing ?? false })
  }).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))

const readAll = (database: Database.Database) =>
  Effect.gen(function* () {
    const rows = [...(yield* Memory.rows<Note>(subscription))].map(
      ([id, { record }]) => [id as string, record.size] as const
    )
    const quarantine = yield* Memory.quarantine(subscription)
    const items = yield* Memory.items(subscription)
    const cursor = (yield* Memory.lane(live))?.checkpoint.cursor?.value
    return { rows, quarantine, items, cursor, events: yield* Memory.events(subscription.tenant) }
  }).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))

/** What the good changes leave, by an account of its own. */
const outcomeOf = (good: Changes) =>
  [...new Map(good.map(({ id, size }) => [id, size] as const))].toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * Of several changes of a record in one batch only the last is written, so a sink
 * meets every change only where a record comes once; a check meets them all.
 */
const scenario = fc
  .record({
    changes,
    batchSize: fc.integer({ min: 1, max: 12 }),
    refusal: fc.constantFrom("Row" as const, "Batch" as const, "Check" as const)
  })
  .map((s) =>
    s.refusal === "Check" ? s : { ...s, changes: s.changes.map((one, place) => ({ ...one, id: `${one.id}${place}` })) }
  )
const check = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => Effect.Effect<void, unknown>) =>
  fc.assert(
    fc.asyncProperty(arbitrary, (value) => Effect.runPromise(law(value))),
    { numRuns, ...seed }
  )

describe("refusals", () => {
  it("L15 what is left is what a run without the poison leaves, and quarantine holds exactly the poison", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        yield* run(database, s)
        const { quarantine, rows } = yield* readAll(database)
        assert.deepEqual(rows, outcomeOf(s.changes.filter(({ size }) => size !== 9)))
        const poison = s.changes.flatMap(({ id, size }, place) =>
          size === 9 ? [`${id} ${String(place).padStart(5, "0")}`] : []
        )
        assert.deepEqual(
          quarantine.map(({ refusal }) => `${refusal.externalId} ${refusal.version.value}`).toSorted(),
          poison.toSorted()
        )
      })
    ))

  it("L15 reading the poison again is no new attempt, and once mended a newer version closes it", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        yield* run(database, s)
        const before = yield* readAll(database)
        const mended = [...s.changes, ...[...new Set(s.changes.map(({ id }) => id))].map((id) => ({ id, size: 3 }))]
        yield* run(database, { ...s, changes: mended })
        const after = yield* readAll(database)
        assert.equal(after.quarantine.length, before.quarantine.length)
        assert.ok(after.quarantine.every(({ status }) => status === "Superseded"))
        assert.deepEqual(after.rows, outcomeOf(mended))
      })
    ))

  it("under Hold a run commits what comes before the first refusal, whatever the batch size, and nothing else", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const summary = yield* run(database, { ...s, onRefusal: "Hold" })
        const { cursor, quarantine, rows } = yield* readAll(database)
        const first = s.changes.findIndex(({ size }) => size === 9)
        const settled = first < 0 ? s.changes : s.changes.slice(0, first)
        assert.deepEqual(rows, outcomeOf(settled))
        assert.deepEqual(quarantine, [])
        assert.equal(cursor, settled.length === 0 ? undefined : settled.length - 1)
        assert.equal("status" in summary && summary.status, first < 0 ? "Succeeded" : "Partial")
      })
    ))

  it("L16 fifty refusals in a row stop the lane where it is, until it is released", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const good = Array.from({ length: 30 }, (_, index) => ({ id: `g${index}`, size: 1 }))
        const poison = Array.from({ length: 60 }, (_, index) => ({ id: `p${index}`, size: 9 }))
        for (const batchSize of [1, 7, 500]) {
          const database = yield* Memory.makeDatabase
          const options = { changes: [...good, ...poison], batchSize, refusal: "Row" as const }
          assert.equal((yield* failureOf(run(database, options)))._tag, "Stopped")
          const { cursor } = yield* readAll(database)
          assert.ok(cursor === undefined || Number(cursor) < good.length + 50)
          assert.equal((yield* failureOf(run(database, options)))._tag, "Stopped")
          const mended = [...good, ...poison.map(({ id }) => ({ id, size: 2 }))]
          const summary = yield* run(database, { changes: mended, batchSize, isReleasing: true })
          assert.ok("status" in summary && summary.status === "Succeeded")
        }
      })
    ))

  it("L16 a poison record among good ones never stops a lane, whatever the batch size", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const changes = Array.from({ length: 400 }, (_, index) => ({ id: `r${index}`, size: index % 6 === 5 ? 9 : 1 }))
        for (const batchSize of [1, 6, 500]) {
          const database = yield* Memory.makeDatabase
          const summary = yield* run(database, { changes, batchSize, refusal: "Row" })
          assert.ok("status" in summary && summary.status === "Partial")
          assert.equal(summary.counts.quarantined, 66)
        }
      })
    ))
})
