/**
 * Batch size shows in nothing: neither in outcomes, nor in what is left, nor in
 * what waits in quarantine.
 *
 * Observations of every kind, of few records, in no plausible order. The reference
 * reads each of them in a run of its own; the others read them in batches, which
 * are gathered ahead of the commits before them.
 *
 * Guarantees: L14, L15
 */
import * as Sync from "@tidemark/core/engine/Sync"
import * as Observation from "@tidemark/core/model/Observation"
import * as Version from "@tidemark/core/model/Version"
import type * as Plan from "@tidemark/core/rules/Plan"
import * as Memory from "@tidemark/memory/Memory"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Notes from "./notes.ts"

const numRuns = Number(process.env.RUNS ?? 150)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

// -----------------------------------------------------------------------------
// observations
// -----------------------------------------------------------------------------

type Unplaced = (externalId: Observation.ExternalId) => Notes.Seen

const note = fc.record({ text: fc.constantFrom("a", "b"), size: fc.constantFrom(1, 2, 9) }, { noNullPrototype: true })
const time = fc.integer({ min: 1, max: 9 })
const base = { position: 0, origin: "Poll" as const }

const versionOf = (value: number, observedAt: number, epoch: number) =>
  Version.make({ domain: "stamp", value: String(value), at: value, observedAt, epoch })

/** Versions in no plausible order. */
const version = fc
  .tuple(fc.constantFrom(1, 2, 3), time, fc.constantFrom(0, 0, 0, 1))
  .map(([value, observedAt, epoch]) => versionOf(value, observedAt, epoch))

const patch = fc
  .tuple(fc.constantFrom<Partial<Notes.Note>>({ size: 2 }, { size: 9 }, { text: "b" }), version, time)
  .map(([fields, follows, observedAt]): Unplaced => (externalId) => ({
    _tag: "Patch",
    ...base,
    externalId,
    fields,
    follows,
    observedAt
  }))

const kinds: ReadonlyArray<fc.WeightedArbitrary<Unplaced>> = [
  { weight: 2, arbitrary: patch },
  {
    weight: 5,
    arbitrary: fc.tuple(note, version).map(([record, version]) => (externalId) => ({
      _tag: "Upsert",
      ...base,
      externalId,
      record,
      version
    }))
  },
  {
    weight: 1,
    arbitrary: note.map((record) => (externalId) => {
      const version = Version.make({ domain: "cdc", value: "7", observedAt: 5 })
      return { _tag: "Upsert", ...base, externalId, record, version }
    })
  },
  {
    weight: 1,
    arbitrary: version.map((version) => (externalId) => {
      const { observedAt } = version
      return { _tag: "Delete", ...base, externalId, evidence: { _tag: "Tombstone" }, version, observedAt }
    })
  },
  {
    weight: 2,
    arbitrary: time.map((observedAt) => (externalId) => {
      return { _tag: "Delete", ...base, externalId, evidence: { _tag: "Absent" }, version: undefined, observedAt }
    })
  },
  {
    weight: 1,
    arbitrary: version.map((version) => (externalId) => ({
      _tag: "Unreadable",
      ...base,
      externalId,
      raw: "?",
      message: "?",
      version
    }))
  },
  { weight: 2, arbitrary: fc.constant((externalId) => ({ _tag: "Touch", ...base, externalId })) }
]

const ids = ["a", "b", "nul\0", "\ud800", "x".repeat(2_000)]
const id = fc.constantFrom(...["a", "a", "a", "b", "b", ...ids].map((text) => Observation.ExternalId.make(text)))

/** What reading a record by id answers, the whole time. */
const answers: fc.Arbitrary<Notes.Answers> = fc
  .tuple(...ids.map(() => fc.option(fc.record({ record: note, version }, { noNullPrototype: true }))))
  .map(
    (found) => new Map(found.flatMap((one, i) => (one === null ? [] : [[Observation.ExternalId.make(ids[i]!), one]])))
  )

interface Scenario {
  readonly observations: ReadonlyArray<Notes.Seen>
  readonly answers: Notes.Answers
  readonly batchSize: number
}

const ofAnyKind: fc.Arbitrary<Scenario> = fc.record({
  observations: fc
    .array(fc.tuple(fc.oneof(...kinds), id), { minLength: 1, maxLength: 9 })
    .map((all) => Notes.placed(all.map(([make, externalId]) => make(externalId)))),
  answers,
  batchSize: fc.integer({ min: 1, max: 9 })
})

/** Reads of what two records once were, in any order, some of them several times. A size of 0 is a deletion. */
const ofReads: fc.Arbitrary<Scenario> = fc
  .record({
    sizes: fc.array(fc.constantFrom(0, 1, 2, 9, 9), { minLength: 1, maxLength: 6 }),
    reads: fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.nat(5)), { minLength: 1, maxLength: 9 }),
    batchSize: fc.integer({ min: 1, max: 9 })
  })
  .map(({ batchSize, reads, sizes }) => ({
    batchSize,
    answers: new Map(),
    observations: Notes.placed(
      reads.map(([externalId, time]) => {
        const stamp = 1 + (time % sizes.length)
        const size = sizes[stamp - 1]!
        return size === 0 ? Notes.tombstone(externalId, stamp) : Notes.upsert(externalId, size, stamp)
      })
    )
  }))

// -----------------------------------------------------------------------------
// runs
// -----------------------------------------------------------------------------

/** Who refuses; the sink outside the database refuses nothing by itself. */
type Refusing = Notes.Refusing | "Outside"

const outside = ({ calls, sink }: MemoryTarget.Target<Notes.Note>) => ({
  sink,
  effects: Effect.map(calls, (all) => all.map(({ write }) => write.idempotencyKey))
})
const inside = { sink: undefined, effects: Effect.succeed([]) }

const play = (scenario: Scenario, refusing: Refusing, isOneByOne: boolean) =>
  Effect.gen(function* () {
    const database = yield* Memory.makeDatabase
    const { effects, sink } =
      refusing === "Outside" ? outside(yield* MemoryTarget.make<Notes.Note>({ label: "api" })) : inside
    const options = {
      ...scenario,
      refusing: refusing === "Outside" ? ("Schema" as const) : refusing,
      ...(sink === undefined ? {} : { sink })
    }
    if (!isOneByOne) yield* Notes.run(database, options)
    else {
      // Each observation in a run of its own.
      for (const index of scenario.observations.keys()) {
        const observations = scenario.observations.slice(0, index + 1)
        yield* Notes.run(database, { ...options, observations, batchSize: 1 })
      }
    }
    return { ...(yield* Notes.left(database)), effects: (yield* effects).toSorted() }
  })

const same = (refusing: Refusing, scenarios: fc.Arbitrary<Scenario>, of: (left: Notes.Left) => unknown) =>
  fc.assert(
    fc.asyncProperty(scenarios, (scenario) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const expected = yield* play(scenario, refusing, true)
          assert.deepEqual(of(yield* play(scenario, refusing, false)), of(expected))
        })
      )
    ),
    { numRuns, ...seed }
  )

/** What is left, beside how it came about. */
const inTheEnd = ({ quarantine, rows }: Notes.Left) => ({
  rows,
  waiting: quarantine
    .filter(({ isSuperseded }) => !isSuperseded)
    .map(({ externalId, fingerprint, version }) => JSON.stringify([externalId, fingerprint, version]))
    .toSorted()
})

const decided = (decision: Plan.Decision): string =>
  decision._tag === "Change"
    ? `${decision.operation} ${decision.revision}`
    : decision._tag === "Skip"
      ? decision.reason
      : decision._tag
const happened = (outcome: Notes.Left["items"][number]["outcome"]): string =>
  outcome._tag === "Applied"
    ? `${outcome.operation} ${outcome.revision}`
    : outcome._tag === "Skipped"
      ? outcome.reason
      : "Refuse"

describe("the size of batches", () => {
  it("L14 shows in no outcome, in nothing that is left, and not in what the brake has counted", () =>
    same("Schema", ofAnyKind, (left) => left))

  it("L14 shows in no outcome and in no write of a sink outside the database", () =>
    same("Outside", ofAnyKind, (left) => left))

  it("L14 shows in no decision of a plan made before, which are those of the run", () =>
    fc.assert(
      fc.asyncProperty(ofAnyKind, fc.nat(9), ({ answers, batchSize, observations }, known) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const database = yield* Memory.makeDatabase
            const options = { observations, answers, batchSize }
            yield* Notes.run(database, { ...options, observations: observations.slice(0, known) })
            const before = (yield* Notes.left(database)).items.length
            const previews = yield* Effect.flatMap(Notes.syncOf(options), (sync) =>
              Stream.runCollect(Sync.plan(sync))
            ).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))
            yield* Notes.run(database, options)
            const { items } = yield* Notes.left(database)
            assert.deepEqual(
              previews.flatMap(({ decisions }) => decisions.map(decided)),
              items.slice(before).map(({ outcome }) => happened(outcome))
            )
          })
        )
      ),
      { numRuns, ...seed }
    ))

  // Of several changes of a record in one batch such a sink meets the last, and the others only if it refuses that.
  it.each(["Row", "Batch"] as const)(
    "L14 L15 shows in no row and in nothing that waits where the sink refuses by itself (%s)",
    (refusing) => same(refusing, ofReads, inTheEnd)
  )
})
