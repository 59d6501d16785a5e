/**
 * What an upstream did to one record, and the observations of it that can happen.
 *
 * Not every set of observations can: a law that asks for more than the world
 * does would forbid right rules. Here
 *
 * - a read is an instant: it answers the state at `observedAt`, and all reads of
 *   one instant answer alike;
 * - stamps are coarse and never go back: every edit, deletion and undeletion has
 *   the stamp of its tick, so several share one;
 * - `settle` is at least one tick;
 * - a newer mapping does not read before an older one;
 * - reads of one record name the same fields;
 * - an upstream whose deletions have versions shows each deletion so at least
 *   once, beside whatever absences tell of it.
 */
import * as fc from "fast-check"
import * as Note from "./Note.ts"

interface Edit {
  readonly time: number
  /** `undefined` when the edit is a deletion. */
  readonly note: Note.Note | undefined
}

export interface History {
  readonly settle: number
  /** All that is observed, by time. The last is the newest. */
  readonly observations: ReadonlyArray<Note.Seen>
  /** The observations as they arrive: in any order, some of them several times. */
  readonly arrivals: ReadonlyArray<Note.Seen>
  /** What the newest observation saw. */
  readonly last: Note.Note | undefined
}

/** How an upstream tells its deletions: with a version, by being absent, or both. */
type Telling = "Versioned" | "Absent" | "Both"

const texts = fc.constantFrom("a", "b")

interface Steps {
  readonly tick: number
  readonly slack: number
  readonly telling: Telling
  readonly epochAt: number
  readonly edits: ReadonlyArray<readonly [gap: number, text: string | undefined]>
  readonly times: ReadonlyArray<number>
  readonly order: ReadonlyArray<number>
}

const steps: fc.Arbitrary<Steps> = fc.record({
  tick: fc.constantFrom(1, 3, 8),
  slack: fc.nat(2),
  telling: fc.constantFrom<Telling>("Versioned", "Absent", "Both"),
  epochAt: fc.integer({ min: 0, max: 40 }),
  edits: fc.array(fc.tuple(fc.constantFrom(1, 1, 2, 4), fc.option(texts, { nil: undefined, freq: 3 })), {
    minLength: 1,
    maxLength: 7
  }),
  times: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 9 }),
  order: fc.array(fc.nat(20), { minLength: 1, maxLength: 16 })
})

/** A history of one record and some observations of it, each at least once, in any order. */
export const history: fc.Arbitrary<History> = steps.map((steps) => {
  let time = 0
  const edits = steps.edits.map(([gap, text]): Edit => ({
    time: (time += gap),
    note: text === undefined ? undefined : Note.note(text)
  }))
  const times = [...new Set(steps.times.map((one) => one % (time + 3)))].toSorted((a, b) => a - b)
  const observations = times.flatMap((at) => observe(steps, edits, at))
  const all = new Set(observations.keys())
  const picked = steps.order.map((index) => index % observations.length)
  for (const index of picked) all.delete(index)
  return {
    settle: steps.tick + steps.slack,
    observations,
    arrivals: [...picked, ...all].map((index) => observations[index]!),
    last: edits.findLast((edit) => edit.time <= times.at(-1)!)?.note
  }
})

const observe = (steps: Steps, edits: ReadonlyArray<Edit>, at: number): ReadonlyArray<Note.Seen> => {
  const edit = edits.findLast(({ time }) => time <= at)
  const hasExisted = edits.some(({ note, time }) => note !== undefined && time <= at)
  if (edit === undefined || !hasExisted) return [Note.absence(at)]
  const stamp = Math.floor(edit.time / steps.tick) * steps.tick
  const version = Note.version(stamp, at, { epoch: at >= steps.epochAt ? 1 : 0 })
  if (edit.note !== undefined) return [Note.upsert(edit.note, version)]
  return [
    ...(steps.telling === "Absent" ? [] : [Note.tombstone(version)]),
    ...(steps.telling === "Versioned" ? [] : [Note.absence(at)])
  ]
}
