/**
 * Refused observations, hints, and patches.
 *
 * Guarantees: L02, L16, W67
 */
import * as Observation from "@tidemark/core/model/Observation"
import * as Plan from "@tidemark/core/rules/Plan"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import * as Mixture from "../support/Mixture.ts"
import * as Note from "../support/Note.ts"

const planner = Note.planner(Note.rules())
const read = (stamp: number, at: number, text = "a") => Note.upsert(Note.note(text), Note.version(stamp, at))
const bad = (stamp: number, at: number) => read(stamp, at, Note.poison)
const left = (...observations: ReadonlyArray<Note.Seen>) => Note.thread(planner, Note.singly(observations)).state
const decisions = (...observations: ReadonlyArray<Note.Seen>) =>
  Note.decisionsOf({ decisions: Note.thread(planner, Note.singly(observations)).decisions, moves: [] })

// -----------------------------------------------------------------------------
// refused
// -----------------------------------------------------------------------------

const leavesTheLedger = (planner: Note.Planner) =>
  fc.property(Mixture.state, Mixture.any, Mixture.resolution, (state, observation, resolution) => {
    const plan = planner([observation], state, resolution)
    if (plan.decisions[0]?._tag !== "Refuse") return
    for (const { advance, write } of plan.moves) {
      assert.equal(write, undefined)
      assert.deepEqual(advance.version, state.entry?.version ?? { ...Note.version("", 0) })
    }
  })

const triedOnce = (planner: Note.Planner) =>
  fc.property(fc.array(Mixture.any, { maxLength: 8 }), fc.nat(7), (observations, place) => {
    const known = Note.thread(planner, Note.singly(observations.slice(0, place + 1))).state
    const last = observations[place]
    if (last === undefined || !known.refused.some((one) => Refusal.isWaiting([one], Note.rules(), last))) return
    const later = last._tag === "Upsert" ? { ...last, version: { ...last.version, observedAt: 99 } } : last
    assert.deepEqual(Note.decisionsOf(planner([later], known)), ["Quarantined"])
    assert.deepEqual(
      planner([later], known).moves.filter((move) => move.findings.length === 0),
      []
    )
  })

const advancing: Note.Planner = (observations, state) => {
  const { decisions } = planner(observations, state)
  const lenient = Note.planner(Note.rules({ check: () => undefined }))
  return { decisions, moves: lenient(observations, state).moves }
}
const forgetful: Note.Planner = (observations, state) => planner(observations, { ...state, refused: [] })

describe("a refused observation", () => {
  it("L02 does not advance the ledger", () => holds(leavesTheLedger(planner), 2_000))
  it("L02 a planner by which it does is caught", () => isCaught(leavesTheLedger(advancing)))
  it("L16 is not tried again while its version and content wait", () => holds(triedOnce(planner), 2_000))
  it("L16 a planner that forgets what waits is caught", () => isCaught(triedOnce(forgetful)))

  it("is tried again with another content, another version, or another mapping", () => {
    const waiting = left(bad(2, 2))
    const other = Note.upsert(Note.note(Note.poison, 1), Note.version(2, 3))
    const mapped = Note.upsert(Note.note(Note.poison), Note.version(2, 3, { epoch: 1 }))
    for (const again of [other, bad(3, 3), mapped]) {
      assert.deepEqual(Note.decisionsOf(planner([again], waiting)), ["Refuse"])
    }
    assert.deepEqual(Note.decisionsOf(planner([bad(2, 9)], waiting)), ["Quarantined"])
  })
  it("counts as waiting for the observations after it in its batch", () =>
    assert.deepEqual(Note.decisionsOf(planner([bad(2, 2), bad(2, 3), read(3, 4), bad(2, 5)], Plan.noState)), [
      "Refuse",
      "Quarantined",
      "Created",
      "Stale"
    ]))
  it("is void once a newer version is known, changed or not, or a tombstone", () => {
    for (const newer of [read(3, 3), read(3, 3, "b"), Note.tombstone(Note.version(3, 3))]) {
      const waiting = left(read(1, 1), bad(2, 2))
      const [move] = planner([newer], waiting).moves
      assert.deepEqual(move?.voided, [waiting.refused[0]?.id])
    }
  })
  it("is not void for an older version that arrives late", () => {
    const waiting = left(bad(5, 5))
    assert.deepEqual(planner([read(3, 3)], waiting).moves[0]?.voided, [])
  })
  it("that has the content of what is here is no refusal", () =>
    assert.deepEqual(
      Note.decisionsOf(
        planner([bad(2, 2)], { ...Plan.noState, row: { localId: "l", record: Note.note(Note.poison) } })
      ),
      ["Unchanged"]
    ))

  const deletion = { id: "q", version: Refusal.versionOf(Note.domain, Note.absence(30)), fingerprint: "Delete" }
  it("if it was a deletion without a version, is void for later reads and not for earlier ones", () => {
    const waiting = { ...left(read(1, 1)), refused: [deletion] }
    assert.deepEqual(planner([read(2, 20)], waiting).moves[0]?.voided, [])
    assert.deepEqual(planner([read(2, 30)], waiting).moves[0]?.voided, ["q"])
  })
  it("L02 if it was a patch, stays when another patch of the version applies, and is void for a later read", () => {
    const here = left(read(1, 1))
    const name = Note.patch({ text: Note.poison }, Note.version(1, 1), 5)
    const size = Note.patch({ size: 7 }, Note.version(1, 1), 6)
    const waiting = Note.thread(planner, [[name], [size]], here)
    assert.deepEqual(
      waiting.decisions.map(({ _tag }) => _tag),
      ["Refuse", "Change"]
    )
    assert.equal(waiting.state.refused.length, 1)
    assert.deepEqual(Note.decisionsOf(planner([name], waiting.state)), ["Quarantined"])
    assert.equal(
      planner([Note.upsert(Note.note("a", 8), Note.version(1, 9))], waiting.state).moves[0]?.voided.length,
      1
    )
  })
})

describe("an unreadable record", () => {
  it("is refused as the version it is, and waits as that", () => {
    const refused = Note.unreadable("?", Note.version(2, 2))
    assert.deepEqual(decisions(read(1, 1), refused, { ...refused, version: Note.version(2, 9) }), [
      "Created",
      "Refuse",
      "Quarantined"
    ])
  })
  it("is stale when a newer version is here", () =>
    assert.deepEqual(decisions(read(3, 3), Note.unreadable("?", Note.version(2, 9))), ["Created", "Stale"]))
})

describe("an external id that no store can hold", () => {
  it.each(["nul\0", "half\ud800", "\udc00half"])("is refused, and planned no further: %j", (id) => {
    const observation = { ...read(1, 1), externalId: Observation.ExternalId.make(id) }
    const plan = Plan.make(Note.rules(), [observation], new Map())
    assert.deepEqual([Note.decisionsOf(plan), plan.moves], [["Refuse"], []])
    assert.ok(Refusal.isStorable(Refusal.printable(id)))
  })
  it("is told from one that can be held", () => {
    assert.ok(Refusal.isStorable("a/b\n\u{1F30A}"))
    assert.equal(Refusal.printable("a\n"), "a\n")
  })
})

describe("a refused observation as JSON", () => {
  it("has no position, and the record as its schema encodes it", () =>
    assert.deepEqual(Refusal.toJson(Note.Note, read(1, 1)), {
      _tag: "Upsert",
      externalId: "n1",
      origin: "Poll",
      record: { text: "a", size: null },
      version: { domain: Note.domain, value: "001", at: 1, epoch: 0, observedAt: 1 }
    }))
  it("holds the record as it is when it does not fit, large numbers as text", () => {
    const record = { text: "a", size: 1n } as never // deliberately not a note
    const json = Refusal.toJson(Note.Note, Note.upsert(record, Note.version(1, 1)))
    assert.deepEqual((json as { record: unknown }).record, { text: "a", size: "1" })
  })
})

// -----------------------------------------------------------------------------
// hints and patches
// -----------------------------------------------------------------------------

const foreign = (stamp: number, at: number) => {
  const one = read(stamp, at, "b")
  return { ...one, version: { ...one.version, domain: "notes/cdc" } }
}

const isHint = (planner: Note.Planner) =>
  fc.property(Mixture.state, Mixture.upsert, (state, one) => {
    const hint = { ...one, version: { ...one.version, domain: "notes/cdc" } }
    const plan = planner([hint], state)
    assert.deepEqual(Note.decisionsOf(plan), ["Resolve"])
    assert.ok(plan.moves.every((move) => move.write === undefined && move.voided.length === 0))
  })

const oneDomain: Note.Planner = (observations, state) =>
  planner(
    observations.map((one) =>
      one._tag === "Upsert" ? { ...one, version: { ...one.version, domain: Note.domain } } : one
    ),
    state
  )

describe("a hint", () => {
  const found = { _tag: "Found", record: Note.note("c"), version: Note.version(4, 9) } as const

  it("W67 a version of another domain says nothing, whatever is here", () => holds(isHint(planner)))
  it("W67 comparing versions of two domains is caught", () => isCaught(isHint(oneDomain)))
  it("W67 a poll after a change event is not dropped for its smaller number", () => {
    const here = left(read(1, 1))
    const plan = planner([foreign(9, 5), read(3, 6, "c")], here, found)
    assert.deepEqual(Note.decisionsOf(plan), ["Updated", "Stale"])
    assert.deepEqual(plan.moves[0]?.advance.version, found.version)
  })
  it("is the read of the record by id, and goes through the gate", () => {
    assert.deepEqual(Note.decisionsOf(planner([Note.touch], Plan.noState, found)), ["Created"])
    assert.deepEqual(Note.decisionsOf(planner([Note.touch], left(read(5, 5)), found)), ["Stale"])
  })
  it("of a record that is not found deletes nothing", () => {
    const plan = planner([Note.touch], left(read(1, 1)), { _tag: "Missing" })
    assert.deepEqual([Note.decisionsOf(plan), plan.moves], [["Absent"], []])
  })
})

describe("a patch", () => {
  const here = left(read(2, 2))

  it("applies on the provider version that it follows, and moves only the time", () => {
    const plan = planner([Note.patch({ size: 5 }, Note.version(2, 99), 7)], here)
    assert.deepEqual(Note.decisionsOf(plan), ["Updated"])
    assert.deepEqual(plan.moves[0]?.write, { _tag: "Put", record: Note.note("a", 5) })
    assert.deepEqual(plan.moves[0]?.advance.version, Note.version(2, 7))
  })
  it("never moves the time back", () => {
    const plan = planner([Note.patch({ size: 5 }, Note.version(2, 2), 1)], here)
    assert.equal(plan.moves[0]?.advance.version.observedAt, 2)
  })
  it.each([
    ["an older version", Note.version(1, 9)],
    ["a newer version", Note.version(3, 9)],
    ["another mapping", Note.version(2, 9, { epoch: 1 })],
    ["another domain", Note.version(2, 9, { domain: "notes/cdc" })]
  ])("that follows %s is a hint", (_, follows) =>
    assert.deepEqual(Note.decisionsOf(planner([Note.patch({ size: 5 }, follows, 9)], here)), ["Resolve"])
  )
  it("of a record that is not here is a hint", () => {
    for (const state of [Plan.noState, left(read(2, 2), Note.tombstone(Note.version(2, 3)))]) {
      assert.deepEqual(Note.decisionsOf(planner([Note.patch({ size: 5 }, Note.version(2, 2), 9)], state)), ["Resolve"])
    }
  })
  it("W64 that changes nothing moves the time too, so that an older read of the stamp cannot undo it", () => {
    const known = left(read(2, 2), Note.patch({ text: "a" }, Note.version(2, 2), 5))
    assert.deepEqual(Note.decisionsOf(planner([read(2, 4, "b")], known)), ["Stale"])
  })
  it("that comes again changes and writes nothing", () => {
    const one = Note.patch({ size: 5 }, Note.version(2, 2), 5)
    const plan = planner([one], left(read(2, 2), one))
    assert.deepEqual([Note.decisionsOf(plan), plan.moves], [["Unchanged"], []])
  })
})

describe("a field that a source could not see", () => {
  it("keeps its value: absent is not null", () => {
    const partial = { text: "b" } as Note.Note // what a user without access to a field reads
    const plan = planner(
      [Note.upsert(partial, Note.version(2, 2))],
      left(Note.upsert(Note.note("a", 5), Note.version(1, 1)))
    )
    assert.deepEqual(plan.moves[0]?.write, { _tag: "Put", record: Note.note("b", 5) })
  })
})
