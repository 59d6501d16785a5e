/**
 * Plans over the state that earlier ones left: whatever the order, the number and
 * the grouping of observations, the newest wins, by one chain of changes.
 *
 * Guarantees: L09, L10, L14, L49, W07, W63, W64, W65, W66
 */
import type * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as Observation from "@tidemark/core/model/Observation"
import * as Plan from "@tidemark/core/rules/Plan"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as History from "../support/History.ts"
import { cuts, holds, isCaught, pieces } from "../support/law.ts"
import * as Mixture from "../support/Mixture.ts"
import * as Note from "../support/Note.ts"

type Rule = (settle: number) => Note.Planner
const rule: Rule = (settle) => Note.planner(Note.rules({ settle }))

const newestWins = (rule: Rule) =>
  fc.property(History.history, ({ arrivals, last, settle }) => {
    const { state } = Note.thread(rule(settle), Note.singly(arrivals))
    assert.deepEqual(state.row?.record, last)
    assert.equal(state.entry?.existence === "Present", last !== undefined, "ledger and sink disagree")
    assert.equal(state.entry?.fingerprint, last && Note.differ.fingerprint(last))
  })

const orderFree = (rule: Rule) =>
  fc.property(History.history, ({ arrivals, observations, settle }) => {
    const { state } = Note.thread(rule(settle), Note.singly(arrivals))
    const inOrder = Note.thread(rule(settle), Note.singly(observations)).state
    assert.deepEqual(state.row, inOrder.row)
    assert.equal(state.entry?.fingerprint, inOrder.entry?.fingerprint)
  })

const replays = (rule: Rule) =>
  fc.property(History.history, ({ arrivals, settle }) => {
    const plan = rule(settle)
    const once = Note.thread(plan, Note.singly(arrivals))
    const again = Note.thread(plan, Note.singly(arrivals), once.state)
    assert.deepEqual(
      again.decisions.filter(({ _tag }) => _tag !== "Skip"),
      []
    )
    assert.deepEqual(again.state, once.state, "a replay wrote the ledger")
  })

/** Drops moves, as a rule that remembers less would. */
const forgetting =
  (isForgotten: (move: Plan.Move<Note.Note>, state: Note.State) => boolean): Rule =>
  (settle) =>
  (observations, state) => {
    const plan = rule(settle)(observations, state)
    return { ...plan, moves: plan.moves.filter((move) => !isForgotten(move, state)) }
  }

const unchangedStays = forgetting((move, state) => move.write === undefined && state.row !== undefined)
const absentLeavesNothing = forgetting((move, state) => move.write === undefined && state.row === undefined)
const reabsentLeavesNothing = forgetting(
  (move, state) => move.advance.existence === "Weak" && state.entry?.existence === "Weak"
)

/** Tells the planner other times of reading than the true ones. */
const retimed =
  (time: (observedAt: number) => number): Rule =>
  (settle) =>
  (observations, state) =>
    rule(settle)(
      observations.map((one) =>
        one._tag === "Upsert" || (one._tag === "Delete" && one.version !== undefined)
          ? { ...one, version: { ...one.version!, observedAt: time(one.version!.observedAt) } }
          : one
      ),
      state
    )

const greaterAlone = retimed(() => 1)
const greaterOrEqual = (): Rule => {
  let arrivals = 0
  return retimed(() => (arrivals += 1))
}
const timeAlone: Rule = (settle) => (observations, state) =>
  rule(settle)(
    observations.map((one) =>
      one._tag === "Upsert" ? { ...one, version: { ...one.version, value: "", epoch: 0 } } : one
    ),
    state
  )

describe("observations of one record", () => {
  it("L10 leave what the newest of them saw, whatever their order and number", () => holds(newestWins(rule), 5_000))
  it("L10 leave the same in any order as in theirs", () => holds(orderFree(rule), 2_000))
  it("L09 change nothing when they all come again", () => holds(replays(rule), 2_000))

  it("W64 a rule that lets an unchanged record keep its version is caught", () => isCaught(newestWins(unchangedStays)))
  it("W65 a rule by which a deletion of an absent record leaves nothing is caught", () =>
    isCaught(newestWins(absentLeavesNothing)))
  it("W65 a rule by which a second absence leaves nothing is caught", () => isCaught(newestWins(reabsentLeavesNothing)))
  it("W66 a rule that compares by greater alone is caught", () => isCaught(newestWins(greaterAlone)))
  it("W66 a rule that compares by greater or equal is caught", () => isCaught(newestWins(greaterOrEqual())))
  it("W66 a rule that ignores the version of a read beside that of a deletion is caught", () =>
    isCaught(newestWins(timeAlone)))
  it("L09 a rule that takes every read for news is caught", () => isCaught(replays(greaterOrEqual())))
})

describe("an old read that arrives late", () => {
  const plan = Note.planner(Note.rules())
  const decisions = (observations: ReadonlyArray<Note.Seen>) =>
    Note.decisionsOf({ decisions: Note.thread(plan, Note.singly(observations)).decisions })
  const read = (stamp: number, at: number, text = "a") => Note.upsert(Note.note(text), Note.version(stamp, at))

  const cases: Record<string, readonly [ReadonlyArray<Note.Seen>, ReadonlyArray<string>]> = {
    "W64 does not undo an unchanged read of a newer version": [
      [read(1, 1), read(3, 3), read(2, 2, "b")],
      ["Created", "Unchanged", "Stale"]
    ],
    "W65 does not revive what was deleted before it was ever read": [
      [Note.tombstone(Note.version(2, 2)), read(1, 1)],
      ["Absent", "Stale"]
    ],
    "W65 does not revive what was found absent twice": [
      [read(1, 1), Note.absence(2), Note.absence(9), read(5, 6)],
      ["Created", "Deleted", "Absent", "Stale"]
    ],
    "does not undo a second edit of the same stamp": [
      [read(1, 2, "b"), read(1, 1, "a")],
      ["Created", "Stale"]
    ],
    "gives way to an earlier read by a newer mapping": [
      [read(1, 2, "b"), Note.upsert(Note.note("a"), Note.version(1, 1, { epoch: 1 }))],
      ["Created", "Updated"]
    ],
    "of exactly the same version as a deletion loses to it, whichever comes first": [
      [read(1, 1), Note.tombstone(Note.version(1, 1)), read(1, 1)],
      ["Created", "Deleted", "Stale"]
    ]
  }
  for (const [name, [observations, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(decisions(observations), expected))
  }
})

describe("a re-read of what is known", () => {
  const plan = Note.planner(Note.rules({ settle: 4 }))
  const isMoved = (known: Note.Seen, again: Note.Seen) =>
    plan([again], Note.thread(plan, [[known]]).state).moves.length > 0
  const reads: Record<string, (at: number) => Note.Seen> = {
    "a record": (at) => Note.upsert(Note.note("a"), Note.version(10, at)),
    "a tombstone": (at) => Note.tombstone(Note.version(10, at))
  }
  for (const [name, read] of Object.entries(reads)) {
    it(`of ${name} moves its time while edits may share the stamp, and then writes nothing at all`, () => {
      assert.equal(isMoved(read(11), read(12)), true)
      assert.equal(isMoved(read(14), read(90)), true)
      assert.equal(isMoved(read(15), read(90)), false)
    })
  }
  it("of a record without versions always moves its time", () => {
    const read = (at: number) => Note.upsert(Note.note("a"), Note.version("", at))
    assert.equal(isMoved(read(15), read(90)), true)
    assert.equal(isMoved(read(15), read(15)), false)
  })
  it("of an absence moves its time", () => {
    assert.equal(isMoved(Note.absence(15), Note.absence(90)), true)
    assert.equal(isMoved(Note.absence(15), Note.absence(15)), false)
  })
})

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
      const mine = {
        decisions: own.map((index) => plan.decisions[index]!),
        settled: own.map((index) => plan.settled[index]),
        moves
      }
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
    states: Array.from(states.values(), ({ entry, refused, row }) => ({
      entry: { ...entry, token: 0 },
      row,
      refused: refused.map(({ fingerprint, version }) => ({ fingerprint, version }))
    }))
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

const neverSettles: Make = (rules, observations, states, resolutions) => ({
  ...Plan.make(rules, observations, states, resolutions),
  settled: observations.map(() => undefined)
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
  it("L14 a planner that forgets which refusals it made void is caught", () => isCaught(sizeFree(neverSettles)))
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
