// Goal: what can be redriven is, what cannot waits on and is counted, and a redrive stops nobody. Guarantees: L15, L16.
// Method: single cases that the laws of the test kit do not reach: what sources cannot tell again, selections, deletions.
import * as Redrive from "@tidemark/core/engine/Redrive"
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Page from "@tidemark/core/model/Page"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Notes from "./notes.ts"
import { id } from "./support.ts"

interface Case {
  readonly observations: ReadonlyArray<Notes.Seen>
  /** What a read by id finds; `undefined` for a source that has none. */
  readonly answers?: ReadonlyMap<string, ChangeSource.Fetched<Notes.Note>>
  /** Ids whose record has not the shape of its mapping. */
  readonly malformed?: ReadonlyArray<string>
  readonly refuse?: MemorySink.Options<Notes.Note>["refuse"]
  readonly batchSize?: number
}

const syncOf = ({ answers, batchSize = 10, malformed = [], observations, refuse }: Case) =>
  Effect.gen(function* () {
    const sink = yield* MemorySink.make<Notes.Note>({ label: "notes", ...(refuse === undefined ? {} : { refuse }) })
    const common = {
      label: "crm/note",
      domain: "stamp",
      epoch: 0,
      account: Effect.succeed("crm"),
      rule: CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
      read: ({ from = -1 }) =>
        Stream.succeed(Page.make(Notes.placed(observations).filter(({ position }) => position! > from)))
    }
    const fetching: ChangeSource.Fetching<Notes.Note, number> = {
      ...common,
      fetch: (ids) =>
        ids.some((one) => malformed.includes(one))
          ? Effect.fail(new ChangeSource.SourceError({ reason: "Malformed", source: "crm/note", message: "malformed" }))
          : Effect.succeed(
              new Map(ids.flatMap((one) => (answers?.has(one) ? [[one, answers.get(one)!] as const] : [])))
            )
    }
    const source = answers === undefined ? (common as unknown as typeof fetching) : fetching
    return Sync.make({ subscription: Notes.subscription, schema: Notes.Note, source, sink, batchSize, events: true })
  })

const poison: Case["refuse"] = (write) => (write._tag === "Put" && write.record.size === 9 ? "Row" : undefined)
const found = (size: number, stamp: number, observedAt = stamp) => ({
  record: { text: "a", size },
  version: Notes.version(stamp, observedAt)
})
const run = (one: Case) => Effect.flatMap(syncOf(one), (sync) => Sync.run(sync))
const redrive = (one: Case, options: Redrive.Options = {}) =>
  Effect.flatMap(syncOf(one), (sync) => Redrive.run(sync, options)).pipe(
    Effect.map((summary) => (summary instanceof Lanes.Busy ? assert.fail("busy") : summary))
  )
/** Refusals in few words, oldest first: `a Open 1`. */
const kept = Effect.gen(function* () {
  const all = yield* (yield* Quarantine.Quarantine).list(Notes.subscription.tenant, { isWithClosed: true })
  return all.toReversed().map(({ attempts, externalId, status }) => `${externalId} ${status} ${attempts}`)
})
const events = Effect.map(Memory.events(Notes.subscription.tenant), (all) => all.map(({ type }) => type))
const over = <A, E>(effect: Effect.Effect<A, E, Memory.Services>) =>
  Effect.runPromise(Effect.asVoid(Effect.provide(effect, Memory.layer(), { local: true })))

const counts = ({ applied, left, refused, tried, unneeded }: Redrive.Summary) => ({
  tried,
  applied,
  refused,
  unneeded,
  left: Object.values(left).join(" ")
})

describe("a redrive", () => {
  it("tries one record, or one code, and leaves the others", () =>
    over(
      Effect.gen(function* () {
        const observations = [Notes.upsert("a", 9, 1), Notes.upsert("b", 9, 2), Notes.upsert("c", 9, 3)]
        const refuse: Case["refuse"] = (write) =>
          write._tag === "Put" && write.record.size === 9 ? (write.externalId === "c" ? "Batch" : "Row") : undefined
        yield* run({ observations, refuse })
        const [last] = yield* (yield* Quarantine.Quarantine).list(Notes.subscription.tenant)
        yield* redrive({ observations }, { externalId: id("b") })
        assert.deepEqual(yield* kept, ["a Open 1", "b Redriven 1", "c Open 1"])
        yield* redrive({ observations }, { code: last!.rejection.code })
        assert.deepEqual(yield* kept, ["a Open 1", "b Redriven 1", "c Redriven 1"])
      })
    ))

  it("L15 closes what agrees by now, although nothing had to be written", () =>
    over(
      Effect.gen(function* () {
        // Another content at the same version, as of a formula, read long after it settled, and gone again.
        const observations = [Notes.upsert("a", 1, 5, 1_000_000), Notes.upsert("a", 9, 5, 1_000_010)]
        yield* run({ observations, refuse: poison, batchSize: 1 })
        assert.deepEqual(yield* kept, ["a Open 1"])
        const answers = new Map([["a", found(1, 5, 1_000_020)]])
        const summary = yield* redrive({ observations, answers, refuse: poison })
        assert.deepEqual(counts(summary), { tried: 1, applied: 0, refused: 0, unneeded: 1, left: "0 0 0" })
        assert.deepEqual(yield* kept, ["a Redriven 1"])
      })
    ))

  it("leaves what only its source can read again, and what does not fit its schema", () =>
    over(
      Effect.gen(function* () {
        const unreadable: Notes.Seen = {
          _tag: "Unreadable",
          externalId: id("a"),
          position: 0,
          origin: "Poll",
          raw: { nobody: "knows" },
          message: "no such shape",
          version: Notes.version(1)
        }
        const misfit = { ...Notes.upsert("b", 1, 2), record: { text: 5, size: "x" } } as unknown as Notes.Seen
        const observations = [unreadable, misfit, Notes.upsert("c", 9, 3)]
        yield* run({ observations, refuse: poison })
        const summary = yield* redrive({ observations })
        assert.deepEqual(counts(summary), { tried: 1, applied: 1, refused: 0, unneeded: 0, left: "1 1 0" })
        assert.deepEqual(yield* kept, ["a Open 1", "b Open 1", "c Redriven 1"])
        const answers = new Map([["a", found(2, 1, 9)]])
        const again = yield* redrive({ observations, answers })
        assert.deepEqual(counts(again), { tried: 1, applied: 1, refused: 0, unneeded: 0, left: "0 0 1" })
        assert.deepEqual(yield* kept, ["a Redriven 1", "b Open 1", "c Redriven 1"])
      })
    ))

  it("L15 one record that cannot be read keeps no other from being read", () =>
    over(
      Effect.gen(function* () {
        const ids = ["a", "b", "c", "d", "e"]
        const observations = ids.map((one, place) => Notes.upsert(one, 9, place + 1))
        yield* run({ observations, refuse: poison })
        const answers = new Map(ids.map((one, place) => [one, found(9, place + 1, 20)]))
        const summary = yield* redrive({ observations, answers, malformed: ["b", "e"] })
        assert.deepEqual(counts(summary), { tried: 3, applied: 3, refused: 0, unneeded: 0, left: "0 0 2" })
        assert.deepEqual(yield* kept, ["a Redriven 1", "b Open 1", "c Redriven 1", "d Redriven 1", "e Open 1"])
      })
    ))

  it("L15 tries a deletion as it was told, whether or not its source reads by id", () =>
    Promise.all(
      [undefined, new Map()].map((answers) =>
        over(
          Effect.gen(function* () {
            const observations = [Notes.upsert("a", 1, 1), Notes.tombstone("a", 2)]
            const refuse: Case["refuse"] = (write) => (write._tag === "Remove" ? "Row" : undefined)
            yield* run({ observations, refuse, batchSize: 1 })
            const one: Case = { observations, ...(answers === undefined ? {} : { answers }) }
            const refused = yield* redrive({ ...one, refuse })
            assert.deepEqual(counts(refused), { tried: 1, applied: 0, refused: 1, unneeded: 0, left: "0 0 0" })
            yield* redrive(one)
            assert.deepEqual(yield* kept, ["a Redriven 2"])
            assert.deepEqual(yield* events, ["note_created", "note_deleted"])
          })
        )
      )
    ))

  it("hints at a record once, however many of its refusals are on however many pages, each time it is read", () =>
    over(
      Effect.gen(function* () {
        const observations = ["a", "b", "a", "b", "a"].map((one, place) => Notes.upsert(one, 9, place + 1))
        yield* run({ observations, refuse: poison })
        const answers = new Map(["a", "b"].map((one) => [one, found(9, 9)]))
        const one: Case = { observations, answers, refuse: poison, batchSize: 1 }
        const sync = Redrive.toSync(yield* syncOf(one))
        for (let time = 0; time < 2; time++) {
          const previews = yield* Stream.runCollect(Sync.plan(sync, { lane: Redrive.lane(Notes.subscription) }))
          assert.deepEqual(
            previews.flatMap((preview) => preview.observations.map(({ externalId }) => externalId)),
            ["a", "b"]
          )
        }
        const summary = yield* redrive(one)
        assert.deepEqual(counts(summary), { tried: 2, applied: 0, refused: 2, unneeded: 0, left: "0 0 0" })
        assert.deepEqual(yield* kept, ["a Open 2", "b Open 2", "a Open 2", "b Open 2", "a Open 2"])
      })
    ))

  it("refuses again what no store can hold, without asking its source for it", () =>
    Promise.all(
      [undefined, new Map()].map((answers) =>
        over(
          Effect.gen(function* () {
            const observations = [Notes.upsert("a\0b", 1, 1)]
            yield* run({ observations })
            const one: Case = { observations, malformed: ["a\0b"], ...(answers === undefined ? {} : { answers }) }
            assert.deepEqual(counts(yield* redrive(one)), {
              tried: 1,
              applied: 0,
              refused: 1,
              unneeded: 0,
              left: "0 0 0"
            })
            assert.deepEqual(yield* kept, ["escaped:a\\u0000b Open 2"])
          })
        )
      )
    ))

  it("L16 a hundred refusals again are a hundred attempts, and no reason to stop a lane", () =>
    over(
      Effect.gen(function* () {
        const good = Array.from({ length: 700 }, (_, place) => Notes.upsert(`g${place}`, 1, place))
        const bad = Array.from({ length: 100 }, (_, place) => Notes.upsert(`p${place}`, 9, place))
        const observations = bad.flatMap((one, place) => [one, ...good.slice(place * 7, place * 7 + 7)])
        yield* run({ observations, refuse: poison, batchSize: 50 })
        const before = (yield* Memory.lane(Notes.live))?.checkpoint
        const summary = yield* redrive({ observations, refuse: poison, batchSize: 40 })
        assert.deepEqual(counts(summary), { tried: 100, applied: 0, refused: 100, unneeded: 0, left: "0 0 0" })
        assert.equal(summary.run.status, "Partial")
        const again = yield* redrive({ observations, refuse: poison, batchSize: 40 })
        assert.equal(again.refused, 100)
        const [row] = yield* (yield* Quarantine.Quarantine).list(Notes.subscription.tenant)
        assert.equal(row?.attempts, 3)
        assert.equal(row?.runId, again.run.runId)
        assert.deepEqual((yield* Memory.lane(Notes.live))?.checkpoint, before)
      })
    ))

  it("beside another one it is busy, and does nothing", () =>
    over(
      Effect.gen(function* () {
        const observations = [Notes.upsert("a", 9, 1)]
        yield* run({ observations, refuse: poison })
        const lane = Redrive.lane(Notes.subscription)
        yield* (yield* Lanes.Lanes).claim({
          lane,
          lease: Duration.minutes(1),
          account: "crm",
          mappingEpoch: 0,
          mode: "IfFree",
          isReleasing: false
        })
        const answer = yield* Effect.flatMap(syncOf({ observations }), (sync) => Redrive.run(sync))
        assert.ok(answer instanceof Lanes.Busy)
        assert.deepEqual(yield* kept, ["a Open 1"])
      })
    ))

  it("is a run with the trigger Replay, and a plan of it tells what it would do", () =>
    over(
      Effect.gen(function* () {
        const observations = [Notes.upsert("a", 9, 1)]
        yield* run({ observations, refuse: poison })
        const sync = Redrive.toSync(yield* syncOf({ observations }))
        const previews = yield* Stream.runCollect(Sync.plan(sync, { lane: Redrive.lane(Notes.subscription) }))
        assert.deepEqual(
          previews.flatMap(({ decisions }) => decisions.map(({ _tag }) => _tag)),
          ["Change"]
        )
        assert.deepEqual(yield* kept, ["a Open 1"])
        const { run: summary } = yield* redrive({ observations })
        const row = (yield* Memory.runs(Notes.subscription)).at(-1)
        assert.deepEqual([row?.trigger, row?.lane.name, row?.id], ["Replay", "redrive", summary.runId])
        assert.deepEqual(yield* events, ["note_created"])
      })
    ))
})
