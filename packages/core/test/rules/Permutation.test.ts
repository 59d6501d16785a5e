/**
 * Observations of one record, in whatever order and number they arrive.
 *
 * Guarantees: L09, L10, W64, W65, W66
 */
import type * as Plan from "@tidemark/core/rules/Plan"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as History from "../support/History.ts"
import { holds, isCaught } from "../support/law.ts"
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
    Note.decisionsOf({ decisions: Note.thread(plan, Note.singly(observations)).decisions, moves: [] })
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
