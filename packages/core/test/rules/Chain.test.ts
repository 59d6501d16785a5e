/**
 * Decisions over the state that earlier ones left: one chain per record, the same
 * in pieces of any size.
 *
 * Guarantees: L14, L49, W07, W63
 */
import type * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as Plan from "@tidemark/core/rules/Plan"
import * as Observation from "@tidemark/core/model/Observation"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { cuts, holds, isCaught, pieces } from "../support/law.ts"
import * as Mixture from "../support/Mixture.ts"
import * as Note from "../support/Note.ts"

const planner = Note.planner(Note.rules())

// -----------------------------------------------------------------------------
// one chain
// -----------------------------------------------------------------------------

/** What a record is after a patch, by replay; the patch must begin where the record stands. */
const replay = (record: Readonly<Record<string, unknown>>, patch: FieldPatch.FieldPatch) => {
  const next: Record<string, unknown> = { ...record }
  for (const [field, { after, before }] of Object.entries(patch)) {
    assert.equal(before, record[field], `the patch of ${field} does not follow on the one before it`)
    if (after === undefined) delete next[field]
    else next[field] = after
  }
  return next
}

const requireChain = (changes: ReadonlyArray<Plan.Change>, row: Note.Note | undefined) => {
  let record: Readonly<Record<string, unknown>> = {}
  let isHere = false
  changes.forEach(({ operation, patch, revision }, index) => {
    assert.equal(revision, index + 1)
    assert.equal(operation === "Created" || operation === "Adopted", !isHere, `${operation} at revision ${revision}`)
    isHere = operation !== "Deleted"
    record = replay(record, patch)
    assert.equal(Object.keys(record).length > 0, isHere, `${operation} leaves ${JSON.stringify(record)}`)
  })
  assert.deepEqual(isHere ? record : undefined, row)
}

const oneChain = (planner: Note.Planner) =>
  fc.property(
    fc.array(Mixture.any, { maxLength: 10 }),
    cuts(10),
    Mixture.resolution,
    fc.boolean(),
    (observations, places, resolution, isAdopted) => {
      const row = { localId: "local", record: Note.note("a") }
      const start = isAdopted ? { ...Plan.noState, row } : Plan.noState
      const { changes, state } = Note.thread(planner, pieces(observations, places), start, resolution)
      if (observations.length > 0) requireChain(changes, state.row?.record)
    }
  )

/** Each observation against what was here before the batch. */
const unthreaded: Note.Planner = (observations, state, resolution) => ({
  decisions: observations.flatMap((one) => planner([one], state, resolution).decisions),
  moves: planner(observations, state, resolution).moves
})

/** The before-image of another lane: what was here when the batch before was planned. */
const stale = (): Note.Planner => {
  let last: Note.State = Plan.noState
  return (observations, state, resolution) => {
    const { moves } = planner(observations, state, resolution)
    const { decisions } = planner(observations, state.entry === undefined ? state : last, resolution)
    last = state
    return { decisions, moves }
  }
}

describe("Plan", () => {
  it("L49 the changes of a record are one chain from Created or Adopted to what is in the sink", () =>
    holds(oneChain(planner), 3_000))
  it("L49 W63 a planner that threads no state through a batch is caught", () => isCaught(oneChain(unthreaded)))
  it("L49 W63 W07 a planner with an old before-image is caught", () => isCaught(oneChain(stale())))
})

// -----------------------------------------------------------------------------
// pieces
// -----------------------------------------------------------------------------

const other = Observation.ExternalId.make("n0")
type World = ReadonlyMap<Observation.ExternalId, Note.State>
type Make = typeof Plan.make<Note.Note, number>

/** All of one record: what was decided about it, and what is left. */
const outcome = (
  make: Make,
  rules: Plan.Rules<Note.Note>,
  world: World,
  parts: ReadonlyArray<ReadonlyArray<Note.Seen>>,
  resolution: Plan.Resolution<Note.Note> | undefined
) => {
  const states = new Map(world)
  const resolutions = new Map(resolution === undefined ? [] : [[Note.id, resolution] as const])
  const decisions: Array<Plan.Decision> = []
  const findings: Array<readonly [string, Plan.Change]> = []
  const voided: Array<string> = []
  for (const part of parts) {
    const plan = make(rules, part, states, resolutions)
    decisions.push(...plan.decisions)
    for (const move of plan.moves) {
      for (const found of move.findings) findings.push([move.advance.externalId, found])
      voided.push(...move.voided)
    }
    for (const [id, state] of states) {
      const own = part.flatMap((one, index) => (one.externalId === id ? [index] : []))
      const moves = plan.moves.filter((move) => move.advance.externalId === id)
      const mine = { decisions: own.map((index) => plan.decisions[index]!), moves }
      states.set(
        id,
        Note.after(
          state,
          own.map((index) => part[index]!),
          mine,
          resolutions.get(id)
        )
      )
    }
  }
  const before = new Set(Array.from(world.values()).flatMap(({ refused }) => refused.map((one) => one.id)))
  return {
    decisions,
    findings: findings.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    voided: voided.filter((id) => before.has(id)).toSorted(),
    states: Array.from(states.values(), ({ entry, row }) => ({ entry: { ...entry, token: 0 }, row }))
  }
}

/** Refusals of before are told from those of the run. */
const marked = (mark: string, state: Note.State): Note.State => ({
  ...state,
  refused: state.refused.map((one, index) => ({ ...one, id: `${mark} ${index}` }))
})

const sizeFree = (make: Make) =>
  fc.property(
    fc.array(fc.tuple(Mixture.any, fc.constantFrom(Note.id, Note.id, other)), { maxLength: 9 }),
    fc.tuple(Mixture.state, Mixture.state),
    Mixture.resolution,
    fc.boolean(),
    (tagged, [first, second], resolution, canFetch) => {
      const rules = Note.rules({ canFetch })
      const observations = tagged.map(([one, externalId]) => ({ ...one, externalId }))
      const world: World = new Map([
        [Note.id, marked("first", first)],
        [other, marked("second", second)]
      ])
      const one = outcome(make, rules, world, [observations], resolution)
      const many = outcome(make, rules, world, Note.singly(observations), resolution)
      assert.deepEqual(one, many)
    }
  )

const unthreadedMake: Make = (rules, observations, states, resolutions) => ({
  ...Plan.make(rules, observations, states, resolutions),
  decisions: observations.flatMap((one) => Plan.make(rules, [one], states, resolutions).decisions)
})

const lastWins: Make = (rules, observations, states, resolutions) => {
  const kept = new Map(observations.map((one) => [one.externalId, one] as const))
  const plan = Plan.make(rules, [...kept.values()], states, resolutions)
  return { ...plan, decisions: Plan.make(rules, observations, states, resolutions).decisions }
}

const quiet = (planner: Note.Planner) =>
  fc.property(fc.array(Mixture.definite, { maxLength: 8 }), Mixture.state, (observations, start) => {
    const once = Note.thread(planner, Note.singly(observations), start)
    const last = observations.slice(-1)
    const again = planner(last, once.state)
    assert.deepEqual(again.moves, [])
    assert.ok(again.decisions.every(({ _tag }) => _tag === "Skip"))
  })

const everyReadIsNews: Note.Planner = (observations, state) =>
  planner(
    observations,
    state.entry === undefined ? state : { ...state, entry: { ...state.entry, version: Note.version("", -1) } }
  )

describe("Plan in pieces", () => {
  it("L14 decides one by one what it decides at once, and leaves the same", () => holds(sizeFree(Plan.make), 3_000))
  it("L14 a planner that threads no state through a batch is caught", () => isCaught(sizeFree(unthreadedMake)))
  it("L14 a planner that plans only the last observation of a record is caught", () => isCaught(sizeFree(lastWins)))
  it("L09 the observation that came last changes nothing when it comes again", () => holds(quiet(planner), 2_000))
  it("L09 a planner to which every read is news is caught", () => isCaught(quiet(everyReadIsNews)))

  it("answers one decision per observation and one move per record, sorted by external id", () => {
    const observations = ["b", "a", "c", "a"].map((id, index) => ({
      ...Note.upsert(Note.note(id), Note.version(1, index)),
      externalId: Observation.ExternalId.make(id)
    }))
    const plan = Plan.make(Note.rules(), observations, new Map())
    assert.equal(plan.decisions.length, 4)
    assert.deepEqual(
      plan.moves.map((move) => move.advance.externalId),
      ["a", "b", "c"]
    )
  })

  it("folds the writes of a record: the last one is written, at the last revision", () => {
    const plan = planner(
      [Note.upsert(Note.note("a"), Note.version(1, 1)), Note.upsert(Note.note("b"), Note.version(2, 2))],
      Plan.noState
    )
    assert.deepEqual(Note.decisionsOf(plan), ["Created", "Updated"])
    assert.deepEqual(plan.moves[0]?.write, { _tag: "Put", record: Note.note("b") })
    assert.equal(plan.moves[0]?.advance.revision, 2)
    assert.equal(plan.moves[0]?.advance.expected, 0)
  })

  it("plans against the token of the row that it saw", () => {
    const { state } = Note.thread(planner, [[Note.upsert(Note.note("a"), Note.version(1, 1))]])
    const noted = Note.thread(planner, [[Note.upsert(Note.note("a"), Note.version(2, 2))]], state).state
    const plan = planner([Note.upsert(Note.note("b"), Note.version(3, 3))], noted)
    assert.deepEqual([noted.entry?.token, noted.entry?.revision], [2, 1])
    assert.deepEqual([plan.moves[0]?.advance.expected, plan.moves[0]?.advance.revision], [2, 2])
  })
})
