/**
 * A record that never stays below the horizon, polled through the engine.
 *
 * Guarantees: L04, W72
 */
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import * as Version from "@tidemark/core/model/Version"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { subscriptionOf } from "./support.ts"

const minute = 60_000
const Note = Schema.Struct({ edit: Schema.Int })
const subscription = subscriptionOf("acme", "note")

/** The edits of one record: one every 4 minutes. Beside it a record that is never edited again. */
const stampOf = (edit: number) => edit * 4 * minute
const editAt = (now: number) => Math.floor(now / (4 * minute))

type Bound = (window: Windowing.Window) => number
const toThePresent: Bound = ({ startedAt }) => startedAt
const toTheHorizon: Bound = ({ horizon }) => horizon

const sourceAt = (now: number, bound: Bound): ChangeSource.Plain<typeof Note.Type, number> => ({
  label: "crm/note",
  domain: "stamp",
  epoch: 0,
  account: Effect.succeed("crm"),
  rule: CursorRule.make({ codec: Schema.Int, positions: "Shared", resume: "Inclusive", order: (a, b) => a - b }),
  read: ({ from, settle }) => {
    const window = Windowing.make({ startedAt: now, settle: Duration.toMillis(settle) })
    const records = [
      { id: "quiet", edit: 0 },
      { id: "hot", edit: editAt(now) }
    ]
    let last = from
    const observations = records
      .filter(({ edit }) => stampOf(edit) <= bound(window) && (from === undefined || stampOf(edit) >= from))
      .map(({ edit, id }) => {
        const at = stampOf(edit)
        const version = Version.make({ domain: "stamp", value: String(at).padStart(12, "0"), at, observedAt: now })
        last = Windowing.cap(window, (stamp) => stamp, last, at)
        return Observation.upsert({ id, position: last, record: { edit }, version })
      })
    return Stream.succeed({ observations, mark: { position: Math.max(window.horizon, 0) } })
  }
})

/** After each poll, which edit of the hot record is here, and how far the cursor is. */
const follow = (polls: ReadonlyArray<number>, bound: Bound) =>
  Effect.gen(function* () {
    const sink = yield* MemorySink.make<typeof Note.Type>({ label: "notes" })
    const seen: Array<{ readonly now: number; readonly edit: number | undefined; readonly cursor: unknown }> = []
    for (const now of polls) {
      const source = sourceAt(now, bound)
      const sync = Sync.make({ subscription, schema: Note, source, sink, settle: "5 minutes" })
      const summary = yield* Sync.run(sync)
      const rows = yield* Memory.rows<typeof Note.Type>(subscription)
      const hot = rows.get(Observation.ExternalId.make("hot"))
      seen.push({ now, edit: hot?.record.edit, cursor: "status" in summary ? summary.cursor?.value : undefined })
    }
    return seen
  }).pipe(Effect.provide(Memory.layer(), { local: true }))

/** A day of polls, one every so many minutes. */
const pollsEvery = (minutes: number) =>
  Array.from({ length: Math.floor(1_440 / minutes) }, (_, index) => (7 + index * minutes) * minute)

describe("a record edited every 4 minutes, with rows that may be 5 minutes late", () => {
  it.each([3, 5, 13])("W72 L04 is seen within two polls, one every %i minutes, for a day", (minutes) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const seen = yield* follow(pollsEvery(minutes), toThePresent)
        for (const [index, { cursor, edit, now }] of seen.entries()) {
          const before = seen[index - 1]
          if (before !== undefined) assert.ok(edit! >= editAt(before.now), `at ${now} edit ${edit} is here`)
          assert.ok(Number(cursor) <= now - 5 * minute, `the cursor ${String(cursor)} is above the horizon of ${now}`)
        }
      })
    )
  )
  it("W72 is not seen for a day by a source that reads up to the horizon alone", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const seen = yield* follow(pollsEvery(5), toTheHorizon)
        assert.ok(seen.filter(({ edit, now }) => edit !== undefined && edit >= editAt(now - 5 * minute)).length === 0)
      })
    ))
})
