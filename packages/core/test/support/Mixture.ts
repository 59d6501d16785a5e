/**
 * Observations of every kind in no plausible order, for laws that ask nothing of
 * the upstream, and states to plan them over.
 */
import type * as Plan from "@tidemark/core/rules/Plan"
import * as fc from "fast-check"
import * as Note from "./Note.ts"

const note = fc
  .tuple(fc.constantFrom("a", "b", Note.poison), fc.constantFrom(null, 1))
  .map(([text, size]) => Note.note(text, size))
const version = fc
  .record({ value: fc.constantFrom(1, 2, 3), at: fc.integer({ min: 1, max: 9 }), epoch: fc.constantFrom(0, 0, 1) })
  .map(({ at, epoch, value }) => Note.version(value, at, { epoch }))
/** Never refused for themselves: what is refused of a patch is the read it hints at. */
const fields = fc.constantFrom<Partial<Note.Note>>({ text: "a" }, { text: "b" }, { size: null }, { size: 1 })

export const upsert = fc.tuple(note, version).map(([note, version]) => Note.upsert(note, version))

/** Whole reads and deletions: all that a plain source tells. */
export const definite: fc.Arbitrary<Note.Seen> = fc.oneof(
  { weight: 4, arbitrary: upsert },
  { weight: 1, arbitrary: version.map(Note.tombstone) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }).map((at) => Note.absence(at)) }
)

/** And refused reads, patches, and hints. */
export const any: fc.Arbitrary<Note.Seen> = fc.oneof(
  { weight: 6, arbitrary: definite },
  { weight: 1, arbitrary: version.map((version) => Note.unreadable("?", version)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fields, version, fc.integer({ min: 1, max: 9 })).map(([f, v, at]) => Note.patch(f, v, at))
  },
  { weight: 1, arbitrary: fc.constant(Note.touch) },
  {
    weight: 1,
    arbitrary: upsert.map((one) => ({ ...one, version: { ...one.version, domain: "notes/cdc" } }))
  }
)

export const resolution: fc.Arbitrary<Plan.Resolution<Note.Note> | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ _tag: "Missing" as const }),
  fc.tuple(note, version).map(([record, version]) => ({ _tag: "Found" as const, record, version }))
)

/** What is here before: nothing, what observations left, and what others did to it since. */
export const state: fc.Arbitrary<Note.State> = fc
  .record({
    seen: fc.array(any, { maxLength: 4 }),
    meddling: fc.constantFrom("None", "None", "Lost", "Changed", "Found")
  })
  .map(({ meddling, seen }) => {
    const { state } = Note.thread(Note.planner(Note.rules()), Note.singly(seen))
    const row = { localId: state.entry?.localId ?? "local", record: Note.note("c", 2) }
    return meddling === "None" ? state : { ...state, row: meddling === "Lost" ? undefined : row }
  })
