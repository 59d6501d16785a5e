// Goal: what a batch decides depends on what was read, and on nothing else. Guarantees: L09, L10, L14, L49, W64, W65, W66, W67.
// Method: reads of one upstream history at times that could have happened, in any order and number, threaded through the
// planner piece by piece; the upstream's last state is the oracle.
import type * as Entry from "@tidemark/core/model/Entry"
import * as Observation from "@tidemark/core/model/Observation"
import * as Version from "@tidemark/core/model/Version"
import * as Write from "@tidemark/core/model/Write"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Plan from "@tidemark/core/rules/Plan"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const numRuns = Number(process.env.RUNS ?? 3_000)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

const Note = Schema.Struct({ size: Schema.Int })
type Note = typeof Note.Type
const settle = 5
const rules: Plan.Rules<Note> = {
  differ: FieldDiffer.fromSchema(Note),
  domain: "stamp",
  settle,
  canFetch: false,
  check: ({ size }) => (size === 9 ? new Write.Rejection({ code: "Invalid", message: "nine" }) : undefined)
}
const id = Observation.ExternalId.make("r")

// -----------------------------------------------------------------------------
// an upstream and its reads
// -----------------------------------------------------------------------------

/** What the record was, from a time on. The stamp is coarse: edits share it. */
interface Edit {
  readonly time: number
  readonly stamp: number
  readonly size: number | undefined
}

const upstream: fc.Arbitrary<ReadonlyArray<Edit>> = fc
  .array(
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 3 })),
    {
      minLength: 1,
      maxLength: 6
    }
  )
  .map((steps) => {
    let time = 0
    return steps.map(([gap, size]) => ({ time: (time += gap), stamp: Math.floor(time / 2) * 2, size }))
  })

const seenAt = (edits: ReadonlyArray<Edit>, time: number): Edit | undefined =>
  edits.findLast((edit) => edit.time <= time)

const versionOf = ({ stamp }: Edit, observedAt: number): Version.Version =>
  Version.make({ domain: "stamp", value: String(stamp).padStart(4, "0"), at: stamp, observedAt })

/** A read that began at `time`. Deletions carry the version of the deletion. */
const readAt = (edits: ReadonlyArray<Edit>, time: number): Observation.Definite<Note, number> | undefined => {
  const edit = seenAt(edits, time)
  if (edit === undefined) return undefined
  const common = { externalId: id, position: 0, origin: "Poll" as const, version: versionOf(edit, time) }
  return edit.size === undefined
    ? { _tag: "Delete", ...common, evidence: { _tag: "Tombstone" }, observedAt: time }
    : { _tag: "Upsert", ...common, record: { size: edit.size } }
}

/** Times in any order and number, the last edit among them. */
const times = (edits: ReadonlyArray<Edit>): fc.Arbitrary<ReadonlyArray<number>> =>
  fc
    .array(fc.integer({ min: 1, max: edits.at(-1)!.time + 2 }), { maxLength: 6 })
    .chain((some) => fc.shuffledSubarray([...some, edits.at(-1)!.time + 1], { minLength: some.length + 1 }))

const reads = upstream.chain((edits) => fc.record({ edits: fc.constant(edits), times: times(edits) }))

// -----------------------------------------------------------------------------
// a store of one record
// -----------------------------------------------------------------------------

type Planner = (
  observations: ReadonlyArray<Observation.Observation<Note, number>>,
  state: Plan.State<Note>
) => Plan.Plan<Note>
const planner: Planner = (observations, state) => Plan.make(rules, observations, new Map([[id, state]]))

const after = (state: Plan.State<Note>, { moves: [move] }: Plan.Plan<Note>): Plan.State<Note> => {
  if (move === undefined) return state
  const { expected, ...advance } = move.advance
  const entry: Entry.Entry = { ...advance, localId: "l", token: expected + 1 }
  const row =
    move.write === undefined
      ? state.row
      : move.write._tag === "Put"
        ? { localId: "l", record: move.write.record }
        : undefined
  return { entry, row, refused: state.refused }
}

const thread = (plan: Planner, pieces: ReadonlyArray<ReadonlyArray<Observation.Observation<Note, number>>>) => {
  let state: Plan.State<Note> = Plan.noState
  const decisions: Array<Plan.Decision> = []
  for (const piece of pieces) {
    const planned = plan(piece, state)
    decisions.push(...planned.decisions)
    state = after(state, planned)
  }
  return { state, decisions }
}

const requireChain = (decisions: ReadonlyArray<Plan.Decision>) => {
  let revision = 0
  let size: unknown
  for (const decision of decisions) {
    if (decision._tag !== "Change") continue
    assert.equal(decision.revision, (revision += 1))
    assert.equal(decision.operation === "Created", size === undefined)
    assert.equal(decision.patch["size"]?.before, size)
    size = decision.patch["size"]?.after
  }
}

const greatestWins = (plan: Planner) =>
  fc.property(reads, ({ edits, times }) => {
    const observations = times.flatMap((time) => readAt(edits, time) ?? [])
    const { decisions, state } = thread(
      plan,
      observations.map((one) => [one])
    )
    assert.deepEqual(state.row?.record.size, edits.at(-1)!.size)
    requireChain(decisions)
  })

const isCaught = (plan: Planner) => assert.ok(fc.check(greatestWins(plan), { numRuns: 5_000, ...seed }).failed)

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

describe("Plan", () => {
  it("L10 L49 whatever the order and number of reads, the greatest version wins, with one chain", () =>
    fc.assert(greatestWins(planner), { numRuns, ...seed }))

  it("L14 pieces of any size decide what the whole decides", () =>
    fc.assert(
      fc.property(
        reads,
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 8, maxLength: 8 }),
        ({ edits, times }, sizes) => {
          const observations = times.flatMap((time) => readAt(edits, time) ?? [])
          let start = 0
          const pieces = sizes.map((size) => observations.slice(start, (start += size)))
          assert.deepEqual(thread(planner, pieces).decisions, thread(planner, [observations]).decisions)
          assert.deepEqual(thread(planner, pieces).state.row, thread(planner, [observations]).state.row)
        }
      ),
      { numRuns, ...seed }
    ))

  it("L09 reading the same again decides nothing, and writes nothing once the stamp is old", () =>
    fc.assert(
      fc.property(reads, ({ edits, times }) => {
        const observations = times.flatMap((time) => readAt(edits, time) ?? [])
        const { state } = thread(planner, [observations])
        const again = planner(observations, state)
        assert.ok(again.decisions.every(({ _tag }) => _tag === "Skip"))
        const late = readAt(edits, edits.at(-1)!.time + settle + 3)!
        const noted = after(state, planner([late], state))
        const later = readAt(edits, edits.at(-1)!.time + 100)!
        if (later._tag === "Upsert") assert.deepEqual(planner([later], noted).moves, [])
      }),
      { numRuns, ...seed }
    ))

  it("W64 an unchanged record that does not move its version is caught", () =>
    isCaught((observations, state) => {
      const planned = planner(observations, state)
      return {
        ...planned,
        moves: planned.moves.filter((move) => move.write !== undefined || state.entry === undefined)
      }
    }))

  it("W65 a deletion of an absent record that leaves nothing is caught", () =>
    isCaught((observations, state) => {
      const planned = planner(observations, state)
      return { ...planned, moves: planned.moves.filter((move) => move.write !== undefined || state.row !== undefined) }
    }))

  it.each([
    ["greater values alone", (value: string, known: string) => value > known],
    ["greater or equal values", (value: string, known: string) => value >= known]
  ])("W66 versions compared by %s are caught", (_, isNewer) =>
    isCaught((observations, state) => {
      const [one] = observations
      if (state.entry === undefined || one?._tag === "Touch" || one?._tag === "Patch" || one?.version === undefined) {
        return planner(observations, state)
      }
      if (!isNewer(one.version.value, state.entry.version.value))
        return { decisions: [{ _tag: "Skip", reason: "Stale" }], moves: [] }
      const lowered = { ...state.entry, version: { ...state.entry.version, value: "", observedAt: 0 } }
      return planner(observations, { ...state, entry: lowered })
    })
  )

  it("W67 a version of another domain is a hint, not a comparison", () => {
    const edits: ReadonlyArray<Edit> = [{ time: 2, stamp: 2, size: 1 }]
    const { state } = thread(planner, [[readAt(edits, 3)!]])
    const foreign: Observation.Upsert<Note, number> = {
      ...Observation.upsert({
        id,
        position: 0,
        record: { size: 2 },
        version: Version.make({ domain: "cdc", value: "0", observedAt: 4 })
      })
    }
    assert.deepEqual(planner([foreign], state).decisions, [{ _tag: "Resolve" }])
    const found = { _tag: "Found" as const, record: { size: 3 }, version: versionOf({ time: 4, stamp: 4, size: 3 }, 5) }
    const [decision] = Plan.make(rules, [foreign], new Map([[id, state]]), new Map([[id, found]])).decisions
    assert.equal(decision?._tag === "Change" && decision.patch["size"]?.after, 3)
  })

  it("a refused record does not advance the ledger, and is not tried again at the same version", () => {
    const edits: ReadonlyArray<Edit> = [{ time: 2, stamp: 2, size: 9 }]
    const [first, again] = [readAt(edits, 3)!, readAt(edits, 4)!]
    const planned = planner([first, again], Plan.noState)
    assert.deepEqual([planned.decisions.map(({ _tag }) => _tag), planned.moves], [["Refuse", "Skip"], []])
    const waiting = { id: "q", version: first.version!, fingerprint: rules.differ.fingerprint({ size: 9 }) }
    const state = { ...Plan.noState, refused: [waiting] }
    assert.deepEqual(planner([again], state).decisions, [{ _tag: "Skip", reason: "Quarantined" }])
    const mended = readAt([...edits, { time: 6, stamp: 6, size: 1 }], 7)!
    assert.deepEqual(planner([mended], state).moves[0]?.voided, ["q"])
  })

  it("a local record without a ledger row is adopted, one that is gone or changed is drift", () => {
    const read = readAt([{ time: 2, stamp: 2, size: 2 }], 3)!
    const row = { localId: "l", record: { size: 1 } }
    const adopted = planner([read], { ...Plan.noState, row })
    assert.deepEqual(
      adopted.moves[0]?.findings.map(({ operation, revision }) => [operation, revision]),
      [["Adopted", 1]]
    )
    assert.equal(adopted.decisions[0]?._tag === "Change" && adopted.decisions[0].revision, 2)
    const { state } = thread(planner, [[read]])
    const later = readAt([{ time: 2, stamp: 2, size: 2 }], 4)!
    const gone = planner([later], { ...state, row: undefined })
    assert.deepEqual(
      gone.moves[0]?.findings.map(({ operation }) => operation),
      ["Drift"]
    )
    assert.equal(gone.decisions[0]?._tag === "Change" && gone.decisions[0].operation, "Created")
    const changed = planner([later], { ...state, row: { localId: "l", record: { size: 7 } } })
    assert.equal(changed.decisions[0]?._tag === "Change" && changed.decisions[0].patch["size"]?.before, 7)
  })
})
