// Goal: a sink outside the database is written at least once, and events and audit tell of it once. Guarantees: W71, L12.
// Method: processes that die at any statement and around the call itself; the target keeps a log of calls by key. What is
// left is judged against the history; a sink whose decision is made again after the crash is what intents prevent.
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Memory from "@tidemark/memory/Memory"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { subscriptionOf } from "./support.ts"

const numRuns = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

const Note = Schema.Struct({ size: Schema.Int })
type Note = typeof Note.Type
const subscription = subscriptionOf("acme", "note")

type History = ReadonlyArray<{ readonly id: string; readonly size: number | undefined }>

const scenario = fc.record({
  history: fc.array(
    fc.record({
      id: fc.constantFrom("a", "b"),
      size: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined, freq: 4 })
    }),
    { maxLength: 8 }
  ),
  pageSize: fc.integer({ min: 1, max: 4 }),
  crashes: fc.array(fc.integer({ min: 0, max: 45 }), { maxLength: 5 })
})

const sourceOf = (history: History, pageSize: number) =>
  ChangeSource.plain({
    label: "crm/note",
    domain: "place",
    account: Effect.succeed("crm"),
    rule: CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
    read: ({ from = -1 }) =>
      Stream.fromIterable(
        history.map(({ id, size }, place): Observation.Definite<Note, number> => {
          const version = Version.make({ domain: "place", value: String(place).padStart(5, "0"), observedAt: place })
          const common = {
            externalId: Observation.ExternalId.make(id),
            position: place,
            origin: "Poll" as const,
            version
          }
          return size === undefined
            ? { _tag: "Delete", ...common, evidence: { _tag: "Tombstone" }, observedAt: place }
            : { _tag: "Upsert", ...common, record: { size } }
        })
      ).pipe(
        Stream.filter(({ position }) => position! > from),
        Stream.grouped(pageSize),
        Stream.map((observations) => Page.make(observations))
      )
  })

const outcomeOf = (history: History): ReadonlyArray<readonly [string, Note]> => {
  const rows = new Map<string, Note>()
  for (const { id, size } of history) {
    if (size === undefined) rows.delete(id)
    else rows.set(id, { size })
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

describe("external sinks", () => {
  it("W71 L12 however often a process dies, each change has one effect, one item and one event", () =>
    fc.assert(
      fc.asyncProperty(scenario, ({ crashes, history, pageSize }) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const database = yield* Memory.makeDatabase
            let point = 0
            let crashAt: number | undefined
            const hook = (): Effect.Effect<void> =>
              Effect.suspend(() => (point++ === crashAt ? Effect.die(new Error("crash")) : Effect.void))
            const target = yield* MemoryTarget.make<Note>({ label: "api", hook })
            const run = Effect.suspend(() => {
              point = 0
              const sync = Sync.make({
                subscription,
                schema: Note,
                source: sourceOf(history, pageSize),
                sink: target.sink,
                events: true
              })
              return Sync.run(sync, { isTakingOver: true })
            }).pipe(Effect.provide(Memory.layerFrom(database, { hook }), { local: true }))
            for (const at of crashes) {
              crashAt = at
              yield* Effect.exit(run)
            }
            crashAt = undefined
            const last = yield* run
            assert.ok("status" in last && last.status === "Succeeded")
            const [items, events] = yield* Effect.all([
              Memory.items(subscription),
              Memory.events(subscription.tenant)
            ]).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))
            const rows = [...(yield* target.rows(subscription))].map(
              ([id, { record }]) => [id as string, record] as const
            )
            assert.deepEqual(
              rows.toSorted(([a], [b]) => (a < b ? -1 : 1)),
              outcomeOf(history)
            )
            const applied = items.flatMap(({ externalId, outcome }) =>
              outcome._tag === "Applied" ? [`${externalId} ${outcome.revision}`] : []
            )
            assert.equal(new Set(applied).size, applied.length)
            assert.deepEqual(
              events.map(({ key, revision }) => `${key.split("/").at(-1)} ${revision}`).toSorted(),
              applied.toSorted()
            )
            const calls = yield* target.calls
            assert.equal(calls.filter(({ isEffective }) => isEffective).length, applied.length)
            assert.equal(new Set(calls.map(({ write }) => write.idempotencyKey)).size, applied.length)
          })
        )
      ),
      { numRuns, ...seed }
    ))
})
