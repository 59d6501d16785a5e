/**
 * Two runs at a time.
 *
 * Guarantees: L32, L49, W07, W12
 */
import * as Lane from "@tidemark/core/model/Lane"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Notes from "./notes.ts"
import { failureOf, makeGate, processOf } from "./support.ts"

/** Lets nobody begin a unit of work before two are about to: both have found what was here before either. */
const meeting = (): Database.Hook => {
  const met = Deferred.makeUnsafe<void>()
  let arrived = 0
  return (point) =>
    Effect.suspend(() => {
      if (point !== "UnitOfWork.begin") return Effect.void
      arrived += 1
      if (arrived === 2) Deferred.doneUnsafe(met, Effect.void)
      return Deferred.await(met)
    })
}

describe("two lanes that both found nothing of a record", () => {
  it.each([
    ["the older version first", 1, 2],
    ["the newer version first", 2, 1]
  ])("W07 L49 create it once and leave the newer version, %s", (_, first, second) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const hook = meeting()
        const run = (name: string, stamp: number) =>
          Notes.run(database, {
            observations: Notes.placed([Notes.upsert("a", stamp, stamp)]),
            batchSize: 1,
            lane: Lane.make(Notes.subscription, name),
            hook
          })
        yield* Effect.all([run("live", first), run("backfill", second)], { concurrency: 2 })
        const left = yield* Notes.left(database)
        assert.deepEqual(left.rows, [["a", { text: "a", size: 2 }]])
        assert.equal(Notes.outcomes(left).filter((outcome) => outcome === "a Created 1").length, 1)
        assert.equal(left.events.length, first < second ? 2 : 1)
        assert.equal(left.ledger[0]?.version.value, "002")
      })
    )
  )
})

describe("two lanes that both found the same row of a record", () => {
  it.each([
    ["the older version first", 2, 3],
    ["the newer version first", 3, 2]
  ])("W07 L49 change it one after the other and leave the newer version, %s", (_, first, second) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const run = (name: string, stamp: number, hook?: Database.Hook) =>
          Notes.run(database, {
            observations: Notes.placed([Notes.upsert("a", stamp, stamp)]),
            batchSize: 1,
            lane: Lane.make(Notes.subscription, name),
            ...(hook === undefined ? {} : { hook })
          })
        yield* run("reconcile", 1)
        const hook = meeting()
        yield* Effect.all([run("live", first, hook), run("backfill", second, hook)], { concurrency: 2 })
        const left = yield* Notes.left(database)
        assert.deepEqual(left.rows, [["a", { text: "a", size: 3 }]])
        const last = first < second ? ["a Updated 2", "a Updated 3"] : ["a Updated 2", "a Stale"]
        assert.deepEqual(Notes.outcomes(left).toSorted(), ["a Created 1", ...last].toSorted())
      })
    )
  )
})

describe("two runs of one lane", () => {
  const observations = Notes.placed([Notes.upsert("a", 1, 1), Notes.upsert("b", 1, 1)])
  const options = { observations, batchSize: 1 }
  const statuses = (database: Database.Database) =>
    Effect.map(Memory.runs(Notes.subscription), (runs) => runs.map(({ status }) => status)).pipe(processOf(database))

  it("W12 the second is told that the lane is busy, and does nothing", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const gate = yield* makeGate("Lanes.commit")
        const first = yield* Effect.forkChild(Notes.run(database, { ...options, hook: gate.hook }))
        yield* gate.reached
        const second = yield* Notes.run(database, { ...options, isTakingOver: false })
        assert.ok("_tag" in second && second._tag === "Busy")
        yield* gate.open
        const summary = yield* Fiber.join(first)
        assert.ok("status" in summary && summary.status === "Succeeded")
        assert.deepEqual(yield* statuses(database), ["Succeeded"])
      })
    ))

  it("W12 L32 a holder that was taken over writes nothing any more", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        // Stopped with its batch found and planned, before anything of it is written.
        const gate = yield* makeGate("UnitOfWork.begin")
        const first = yield* Effect.forkChild(failureOf(Notes.run(database, { ...options, hook: gate.hook })))
        yield* gate.reached
        const second = yield* Notes.run(database, options)
        assert.ok("status" in second && second.status === "Succeeded")
        const before = yield* Notes.left(database)
        yield* gate.open
        assert.equal((yield* Fiber.join(first))._tag, "Fenced")
        assert.deepEqual(yield* Notes.left(database), before)
        assert.deepEqual((yield* statuses(database)).toSorted(), ["Abandoned", "Succeeded"])
      })
    ))
})
