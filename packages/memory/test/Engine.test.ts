// Goal: the engine's laws hold over memory, whatever dies at whatever point and however two lanes interleave.
// Method: short random histories with ties; processes that die at random statements, before and after commits; what is
// left is judged against the history itself. Guarantees: L01, L02, L03, L07, L09, L11, L13, L14, L37, L49, W63.
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
import { subscriptionOf } from "./support.ts"

const numRuns = Number(process.env.RUNS ?? 400)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

const Note = Schema.Struct({ size: Schema.Int, name: Schema.String })
type Note = typeof Note.Type
const subscription = subscriptionOf("acme", "note")
const live = Lane.live(subscription)

// -----------------------------------------------------------------------------
// the upstream system
// -----------------------------------------------------------------------------

/** A change: stamps are shared as often as not, and the place breaks ties. */
interface Change {
  readonly id: string
  readonly at: number
  readonly record: Note | undefined
}

const history: fc.Arbitrary<ReadonlyArray<Change>> = fc
  .array(
    fc.tuple(
      fc.constantFrom("a", "b", "c"),
      fc.integer({ min: 0, max: 1 }),
      fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined, freq: 4 })
    ),
    { maxLength: 12 }
  )
  .map((steps) => {
    let at = 1
    return steps.map(([id, gap, size]) => ({
      id,
      at: (at += gap),
      record: size === undefined ? undefined : { size, name: id }
    }))
  })

interface Position {
  readonly at: number
  readonly place: number
}

const rule = CursorRule.make<Position>({
  codec: Schema.Struct({ at: Schema.Int, place: Schema.Int }),
  positions: "Unique",
  resume: "Exclusive",
  order: (a, b) => a.at - b.at
})

const observe = ({ at, id, record }: Change, place: number): Observation.Definite<Note, Position> => {
  const version = Version.make({ domain: "place", value: String(place).padStart(5, "0"), observedAt: at })
  const common = { externalId: Observation.ExternalId.make(id), position: { at, place }, origin: "Poll" as const }
  return record === undefined
    ? { _tag: "Delete", ...common, evidence: { _tag: "Tombstone" }, version, observedAt: at }
    : { _tag: "Upsert", ...common, record, version }
}

/** `isBroken` plants the classic fault: everything at the cursor's stamp counts as read. */
const sourceOf = (changes: ReadonlyArray<Change>, pageSize: number, isBroken = false) =>
  ChangeSource.plain({
    label: "crm/note",
    domain: "place",
    account: Effect.succeed("crm"),
    rule,
    read: ({ from }) =>
      Stream.fromIterable(changes.map(observe)).pipe(
        Stream.filter(
          ({ position }) => from === undefined || (isBroken ? position!.at > from.at : position!.place > from.place)
        ),
        Stream.grouped(pageSize),
        Stream.map((observations) => Page.make(observations))
      )
  })

const outcomeOf = (changes: ReadonlyArray<Change>): ReadonlyArray<readonly [string, Note]> => {
  const rows = new Map<string, Note>()
  for (const { id, record } of changes) {
    if (record === undefined) rows.delete(id)
    else rows.set(id, record)
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

// -----------------------------------------------------------------------------
// processes
// -----------------------------------------------------------------------------

const scenario = fc.record({
  changes: history,
  pageSize: fc.integer({ min: 1, max: 5 }),
  batchSize: fc.integer({ min: 1, max: 4 }),
  crashes: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 })
})
interface Scenario {
  readonly changes: ReadonlyArray<Change>
  readonly pageSize: number
  readonly batchSize: number
}

/** One process: dies at the given statement, if it comes that far. */
const run = (
  database: Database.Database,
  { batchSize, changes, pageSize }: Scenario,
  options: { readonly lane?: Lane.Lane; readonly crashAt?: number; readonly isBroken?: boolean } = {}
) => {
  let point = 0
  const hook: Database.Hook = () =>
    Effect.suspend(() => (point++ === options.crashAt ? Effect.die(new Error("crash")) : Effect.void))
  return Effect.gen(function* () {
    const sink = yield* MemorySink.make<Note>({ label: "notes" })
    const source = sourceOf(changes, pageSize, options.isBroken)
    const sync = Sync.make({ subscription, schema: Note, source, sink, batchSize, events: true })
    return yield* Sync.run(sync, { lane: options.lane ?? live, isTakingOver: true })
  }).pipe(Effect.provide(Memory.layerFrom(database, { hook }), { local: true }))
}

/** What is committed: rows, applied items, events, cursors, run states. */
const readAll = (database: Database.Database) =>
  Effect.gen(function* () {
    const rows = yield* Memory.rows<Note>(subscription)
    const items = (yield* Memory.items(subscription)).flatMap(({ externalId, outcome }) =>
      outcome._tag === "Applied" ? [{ id: externalId as string, ...outcome }] : []
    )
    const events = yield* Memory.events(subscription.tenant)
    const moves = yield* Memory.moves(live)
    const runs = yield* Memory.runs(subscription)
    return { rows: [...rows].map(([id, { record }]) => [id as string, record] as const), items, events, moves, runs }
  }).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))

type Left = Effect.Success<ReturnType<typeof readAll>>

const requireChains = ({ events, items }: Left) => {
  const last = new Map<string, { revision: number; record: Record<string, unknown> | undefined }>()
  for (const { id, operation, patch, revision } of items) {
    const before = last.get(id) ?? { revision: 0, record: undefined }
    assert.equal(revision, before.revision + 1, `${id} jumped`)
    assert.equal(operation === "Created", before.record === undefined, `${id} ${operation}`)
    const after: Record<string, unknown> = { ...before.record }
    for (const [field, change] of Object.entries(patch)) {
      assert.deepEqual(change.before, before.record?.[field])
      after[field] = change.after
    }
    last.set(id, { revision, record: operation === "Deleted" ? undefined : after })
  }
  const facts = (list: ReadonlyArray<readonly [string, number]>) =>
    list.map(([id, revision]) => `${id} ${revision}`).toSorted()
  assert.deepEqual(
    facts(events.map(({ key, revision }) => [key.split("/").at(-1)!, revision])),
    facts(items.map(({ id, revision }) => [id, revision]))
  )
}

const perRecord = ({ items }: Left) =>
  items
    .map(({ id, operation, patch, revision }) => ({ id, operation, patch, revision }))
    .toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.revision - b.revision))

const check = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => Effect.Effect<void, unknown>) =>
  fc.assert(
    fc.asyncProperty(arbitrary, (value) => Effect.runPromise(law(value))),
    { numRuns, ...seed }
  )

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

const converges = (s: Scenario & { readonly crashes: ReadonlyArray<number> }, isBroken = false) =>
  Effect.gen(function* () {
    const database = yield* Memory.makeDatabase
    for (const crashAt of s.crashes) yield* Effect.exit(run(database, s, { crashAt, isBroken }))
    const last = yield* run(database, s, { isBroken })
    const left = yield* readAll(database)
    assert.deepEqual(left.rows, outcomeOf(s.changes))
    assert.ok("status" in last && last.status === "Succeeded")
    return left
  })

describe("engine", () => {
  it("L02 L13 whatever statement a process dies at, the runs after it converge, with one chain each (L49)", () =>
    check(scenario, (s) => Effect.map(converges(s), requireChains)))

  it("L01 the cursor of a lane never goes back; L37 every run is closed and its counts add up", () =>
    check(scenario, (s) =>
      Effect.map(converges(s), ({ moves, runs }) => {
        const places = moves.flatMap(({ cursor }) =>
          cursor === undefined ? [] : [(cursor.value as { place: number }).place]
        )
        assert.ok(
          places.every((place, index) => index === 0 || place >= places[index - 1]!),
          String(places)
        )
        for (const { counts, status } of runs) {
          assert.notEqual(status, "Running")
          const { adopted: _, drifted: __, read, ...parts } = counts
          assert.equal(
            Object.values(parts).reduce((sum, part) => sum + part, 0),
            read
          )
        }
      })
    ))

  it("L09 L14 page size and batch size show in nothing, and running again changes nothing", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const [one, other] = [yield* Memory.makeDatabase, yield* Memory.makeDatabase]
        yield* run(one, s)
        yield* run(other, { ...s, pageSize: 100, batchSize: 100 })
        const first = yield* readAll(one)
        assert.deepEqual(perRecord(yield* readAll(other)), perRecord(first))
        yield* run(one, s, { lane: Lane.make(subscription, "backfill/again") })
        const again = yield* readAll(one)
        assert.deepEqual([again.rows, again.items, again.events], [first.rows, first.items, first.events])
      })
    ))

  it("L07 stopped anywhere and resumed, a run leaves what one run leaves", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const whole = yield* Memory.makeDatabase
        yield* run(whole, s)
        assert.deepEqual(perRecord(yield* converges(s)), perRecord(yield* readAll(whole)))
      })
    ))

  it("L49 W63 two lanes on the same records leave one chain each, dying or not", () =>
    check(scenario, (s) =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const backfill = Lane.make(subscription, "backfill/all")
        const both = (crashAt?: number) => {
          const options = crashAt === undefined ? {} : { crashAt }
          return Effect.all(
            [
              Effect.exit(run(database, s, { ...options, lane: live })),
              Effect.exit(run(database, s, { ...options, lane: backfill }))
            ],
            { concurrency: 2 }
          )
        }
        for (const crashAt of s.crashes) yield* both(crashAt)
        yield* both()
        const left = yield* readAll(database)
        assert.deepEqual(left.rows, outcomeOf(s.changes))
        requireChains(left)
      })
    ))

  it("L03 W01 a source that takes a stamp for a position loses records, and is caught", async () => {
    const result = await fc.check(
      fc.asyncProperty(scenario, (s) => Effect.runPromise(Effect.asVoid(converges(s, true)))),
      { numRuns: 2_000, ...seed }
    )
    assert.ok(result.failed)
  })
})
