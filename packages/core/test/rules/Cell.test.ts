/**
 * One record while it is planned: being here or not, as the ledger, the sink, and
 * the upstream each say, and what hints and patches make of it.
 *
 * Guarantees: L14, L49, W64, W65, W67
 */
import * as Plan from "@tidemark/core/rules/Plan"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import * as Mixture from "../support/Mixture.ts"
import * as Note from "../support/Note.ts"

const planner = Note.planner(Note.rules())
const read = (stamp: number, at: number, text = "a") => Note.upsert(Note.note(text), Note.version(stamp, at))
const left = (...observations: ReadonlyArray<Note.Seen>) => Note.thread(planner, Note.singly(observations)).state
const findings = (plan: Note.Planned) =>
  plan.moves.flatMap((move) => move.findings.map(({ operation, revision }) => `${operation} ${revision}`))

describe("a record the ledger calls deleted", () => {
  const deleted = left(read(1, 1), Note.tombstone(Note.version(2, 2)))

  it("is absent, whatever the sink still holds", () => {
    const soft = { ...deleted, row: { localId: "local", record: Note.note("a") } }
    const plan = planner([read(3, 3)], soft)
    assert.deepEqual([Note.decisionsOf(plan), findings(plan)], [["Created"], []])
    assert.deepEqual(plan.moves[0]?.write, { _tag: "Put", record: Note.note("a") })
  })
  it("keeps its local id and its revisions when it comes back", () => {
    const plan = planner([read(3, 3)], deleted)
    assert.deepEqual([plan.moves[0]?.advance.localId, plan.moves[0]?.advance.revision], ["local", 3])
  })
  it("does not come back as an older version, nor the same one read earlier", () => {
    assert.deepEqual(Note.decisionsOf(planner([read(1, 9), read(2, 1)], deleted)), ["Stale", "Stale"])
  })
  it("stays as it is for a deletion without a version, which is not even asked about", () => {
    const asking = Note.planner(Note.rules({ canFetch: true }))
    for (const plan of [planner, asking])
      assert.deepEqual(Note.decisionsOf(plan([Note.absence(9)], deleted)), ["Absent"])
    assert.deepEqual(planner([Note.absence(9)], deleted).moves, [])
  })
})

describe("a record found absent", () => {
  const gone = left(read(3, 3), Note.absence(5))

  it("keeps the provider's version and the time of the scan, weakly", () => {
    assert.deepEqual(gone.entry?.version, { ...Note.version(3, 3), observedAt: 5 })
    assert.deepEqual([gone.entry?.existence, gone.entry?.fingerprint, gone.row], ["Weak", undefined, undefined])
  })
  it("is revived by any read that began later, of whatever version", () =>
    assert.deepEqual(Note.decisionsOf(planner([read(3, 6)], gone)), ["Created"]))
  it("is not revived by a read that did not", () =>
    assert.deepEqual(Note.decisionsOf(planner([read(9, 5), read(9, 4)], gone)), ["Stale", "Stale"]))
  it("is deleted for good by a later tombstone, whose version may be older than the one known", () => {
    const plan = planner([Note.tombstone(Note.version(2, 6))], gone)
    assert.deepEqual([Note.decisionsOf(plan), plan.moves[0]?.advance.existence], [["Absent"], "Deleted"])
    assert.deepEqual(plan.moves[0]?.advance.version, { ...Note.version(3, 6) })
  })
  it("stays absent since the later of two scans", () => {
    const plan = planner([Note.absence(8), Note.absence(7)], gone)
    assert.deepEqual(Note.decisionsOf(plan), ["Absent", "Absent"])
    assert.deepEqual([plan.moves[0]?.advance.version.observedAt, plan.moves[0]?.write], [8, undefined])
  })
  it("is not asked for again where records can be read by id: only a read of its own revives it", () => {
    const asking = Note.planner(Note.rules({ canFetch: true }))
    const found = { _tag: "Found", record: Note.note("b"), version: Note.version(4, 9) } as const
    for (const resolution of [undefined, found, { _tag: "Missing" } as const]) {
      const later = asking([Note.absence(8)], gone, resolution)
      assert.deepEqual([Note.decisionsOf(later), later.moves[0]?.advance.version.observedAt], [["Absent"], 8])
      assert.deepEqual(asking([Note.absence(4)], gone, resolution).moves, [])
    }
    assert.deepEqual(Note.decisionsOf(asking([Note.absence(8), Note.touch], gone, found)), ["Absent", "Created"])
  })
  it("W65 leaves a tombstone even when it was never read", () => {
    const { entry } = left(Note.absence(5))
    assert.deepEqual([entry?.existence, entry?.revision, entry?.version.observedAt], ["Weak", 0, 5])
    assert.deepEqual(Note.decisionsOf(planner([read(1, 4)], left(Note.absence(5)))), ["Stale"])
  })
})

describe("a deletion without a version", () => {
  const here = left(read(3, 5))
  const asking = Note.planner(Note.rules({ canFetch: true }))

  it("is ordered by its time where nothing can be asked", () => {
    assert.deepEqual(Note.decisionsOf(planner([Note.absence(5)], here)), ["Stale"])
    assert.deepEqual(Note.decisionsOf(planner([Note.absence(6)], here)), ["Deleted"])
  })
  for (const evidence of [{ _tag: "Tombstone" }, { _tag: "Archived" }, { _tag: "Merged", into: Note.id }] as const) {
    it(`by ${evidence._tag} evidence is believed once the record is not found`, () => {
      const seen = [Note.absence(6, evidence)]
      assert.deepEqual(Note.decisionsOf(asking(seen, here)), ["Resolve"])
      assert.deepEqual(Note.decisionsOf(asking(seen, here, { _tag: "Missing" })), ["Deleted"])
    })
  }
  it("of a record read at the same time is believed once the record is not found, whichever comes first", () => {
    const tied = Note.absence(5)
    assert.deepEqual(Note.decisionsOf(asking([tied], here, { _tag: "Missing" })), ["Deleted"])
    assert.deepEqual(Note.decisionsOf(asking([tied, read(3, 5)], Plan.noState, { _tag: "Missing" })), [
      "Absent",
      "Stale"
    ])
    assert.deepEqual(Note.decisionsOf(asking([Note.absence(4)], here, { _tag: "Missing" })), ["Stale"])
  })
  it("is a read of the record when that is found", () => {
    const found = { _tag: "Found", record: Note.note("b"), version: Note.version(4, 7) } as const
    assert.deepEqual(Note.decisionsOf(asking([Note.absence(6)], here, found)), ["Updated"])
  })
  it("of another domain is one too", () => {
    const foreign = Note.tombstone(Note.version(9, 6, { domain: "notes/cdc" }))
    assert.deepEqual(Note.decisionsOf(asking([foreign], here)), ["Resolve"])
    const { entry } = Note.thread(planner, [[foreign]], here).state
    assert.deepEqual([entry?.existence, entry?.version], ["Weak", { ...Note.version(3, 6) }])
  })
  it("tells what was deleted, field by field", () => {
    const [decision] = planner([Note.absence(6)], here).decisions
    assert.deepEqual(decision?._tag === "Change" && { ...decision.patch }, {
      text: { before: "a", after: undefined },
      size: { before: null, after: undefined }
    })
  })
})

describe("a local record without a ledger row", () => {
  const row = { localId: "mine", record: Note.note("a") }
  const state: Note.State = { ...Plan.noState, row }

  it("is adopted at revision 1 and the lowest version, before it is planned as usual", () => {
    const plan = planner([read(1, 1)], state)
    assert.deepEqual([findings(plan), Note.decisionsOf(plan)], [["Adopted 1"], ["Unchanged"]])
    assert.deepEqual([plan.moves[0]?.advance.localId, plan.moves[0]?.write], ["mine", undefined])
  })
  it("is updated at revision 2 when the upstream differs, and deleted when it is gone there", () => {
    const updated = planner([read(1, 1, "b")], state)
    assert.deepEqual([Note.decisionsOf(updated), updated.moves[0]?.advance.revision], [["Updated"], 2])
    const deleted = planner([Note.tombstone(Note.version(1, 1))], state)
    assert.deepEqual([Note.decisionsOf(deleted), deleted.moves[0]?.write], [["Deleted"], { _tag: "Remove" }])
  })
  it("is adopted once", () => {
    const { state: adopted } = Note.thread(planner, [[read(1, 1)]], state)
    assert.deepEqual(findings(planner([read(2, 2)], adopted)), [])
  })
})

describe("drift", () => {
  const here = left(read(1, 1))

  it("is found when a row was changed outside the engine, and the next read puts it right", () => {
    const plan = planner([read(1, 2)], { ...here, row: { localId: "local", record: Note.note("z") } })
    assert.deepEqual([findings(plan), Note.decisionsOf(plan)], [["Drift 2"], ["Updated"]])
    const [decision] = plan.decisions
    assert.deepEqual(decision?._tag === "Change" && decision.patch["text"], { before: "z", after: "a" })
  })
  it("is found when a row was lost, and a later read creates it again under its local id", () => {
    const lost = { ...here, row: undefined }
    const plan = planner([read(1, 2)], lost)
    assert.deepEqual([findings(plan), Note.decisionsOf(plan)], [["Drift 2"], ["Created"]])
    assert.equal(plan.moves[0]?.advance.localId, "local")
  })
  it("is found once", () => {
    const { state } = Note.thread(planner, [[read(1, 1)]], { ...here, row: undefined })
    assert.deepEqual(findings(planner([read(1, 1)], state)), [])
  })
  it("is not seen in fields that are no part of the record", () => {
    const record = { ...Note.note("a"), color: "red" }
    assert.deepEqual(findings(planner([read(1, 2)], { ...here, row: { localId: "local", record } })), [])
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
