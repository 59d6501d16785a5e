/**
 * Refused observations.
 *
 * Guarantees: L02, L14, L16
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
  Note.decisionsOf({ decisions: Note.thread(planner, Note.singly(observations)).decisions })

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
  it("is void once the record was found absent later than it was read, and not before", () => {
    for (const known of [[], [read(1, 1)]]) {
      const waiting = left(...known, bad(2, 5))
      const voided = (at: number) => planner([Note.absence(at)], waiting).moves[0]?.voided
      assert.deepEqual([voided(4), voided(6)], [[], [waiting.refused[0]?.id]])
    }
  })
  it("L14 is not void for an older version that arrives late", () => {
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
  const id = Observation.ExternalId.make
  const long = "\u{1F30A}".repeat(256)

  it.each(["nul\0", "half\ud800", "\udc00half", `${long}!`])("is refused, and waits as any other: %#", (text) => {
    const [observation, touch] = [read(1, 1), Note.touch].map((one) => ({ ...one, externalId: id(text) }))
    const plan = Plan.make(Note.rules({ canFetch: true }), [observation!, observation!, touch!], new Map())
    assert.deepEqual([Note.decisionsOf(plan), plan.moves], [["Refuse", "Quarantined", "Refuse"], []])
    const refused = [observation!, touch!].map((one) => ({ ...Refusal.of(Note.rules(), one), id: "q" }))
    const states = new Map([[id(text), { ...Plan.noState, refused }]])
    const again = Plan.make(Note.rules({ canFetch: true }), [observation!, touch!], states)
    assert.deepEqual(Note.decisionsOf(again), ["Quarantined", "Quarantined"])
  })
  it("is told from one that can be held", () => {
    for (const text of ["a/b\n\u{1F30A}", long, "x".repeat(1_024)]) assert.equal(Refusal.idFault(id(text)), undefined)
    assert.match(Refusal.idFault(id("x".repeat(1_025))) ?? "", /longer than 1024 bytes/)
  })

  /** Characters that are escaped, that escapes are made of, and ids around the bound. */
  const text = fc
    .tuple(
      fc.array(fc.constantFrom("\0", "\\", "u0000", "\ud83c", "\udf0a", "a", "escaped:", "#"), { maxLength: 5 }),
      fc.constantFrom(0, 0, 0, 1, 1_015, 1_016, 1_024, 1_025)
    )
    .map(([parts, length]) => parts.join("") + "x".repeat(length))
    .filter((one) => one.length > 0)
  const held = (hold: typeof Refusal.heldId) =>
    fc.property(fc.array(text, { minLength: 2, maxLength: 12 }), (texts) => {
      const distinct = [...new Set(texts)]
      const all = distinct.map((one) => hold(id(one)))
      assert.equal(new Set(all).size, distinct.length, "two ids are held as one")
      for (const one of all) assert.equal(Refusal.idFault(one), undefined)
      for (const [index, one] of distinct.entries()) {
        const isPlain = Refusal.idFault(id(one)) === undefined && !one.startsWith("escaped:")
        if (isPlain) assert.equal(all[index], one)
      }
    })
  it("L16 has a form that stores can hold, another one for each id", () => holds(held(Refusal.heldId), 3_000))
  it("L16 a form that people read alike is caught", () =>
    isCaught(held((one) => Refusal.printable(one).slice(0, 1_024) as Observation.ExternalId)))
  it("L16 a form that is not escaped itself is caught", () =>
    isCaught(held((one) => (one.startsWith("escaped:") ? one : Refusal.heldId(one)))))
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
