/**
 * Judges a history by its files alone: what wrote them is not asked.
 */
import * as Check from "@tidemark/laws/Check"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as path from "node:path"
import * as Handled from "./Handled.ts"

/** The names are stable: other programs read them. */
export interface Verdict {
  readonly ok: boolean
  /** Records that upstream shows and that are not here. */
  readonly lost: number
  /** Changes that were applied, or told of, more than once. */
  readonly doubled: number
  /** Records that are here with other fields, or should not be here any more. */
  readonly stale: number
  readonly events: { readonly expected: number; readonly found: number }
  readonly kills: number
  readonly kills_in_tx: number
  /** Records that are here. */
  readonly records: number
}

/** Of the history of consumers. The names are stable too. */
export interface Handling {
  /** Events that a consumer was to handle. */
  readonly expected: number
  readonly found: number
}

/** What a history shows: the verdict, and all that is wrong in words. */
export const judge = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const text = (file: string) => fs.readFileString(path.join(directory, file))
  const lines = (file: string) =>
    Effect.map(text(file), (content) =>
      content.split("\n").flatMap((line): ReadonlyArray<unknown> => (line === "" ? [] : [JSON.parse(line)]))
    )
  const final = JSON.parse(yield* text("final.json")) as Pick<Handled.History, "local" | "projection">
  const kills = (yield* lines("kills.jsonl")) as ReadonlyArray<{ readonly point: string }>
  const events = yield* lines("events.jsonl")
  const { counts, violations } = yield* Check.fromHistory({
    upstream: yield* lines("upstream.jsonl"),
    visible: yield* lines("visible.jsonl"),
    rows: yield* lines("rows.jsonl"),
    items: yield* lines("items.jsonl"),
    events,
    lanes: yield* lines("lanes.jsonl"),
    final
  })
  const isHandled = yield* fs.exists(path.join(directory, "handled.jsonl"))
  const handled = isHandled ? ((yield* lines("handled.jsonl")) as ReadonlyArray<Handled.Line>) : undefined
  const { local, projection } = final
  const wrong =
    handled === undefined
      ? []
      : Handled.violations({ events: events as ReadonlyArray<Handled.Event>, handled, projection, local })
  const records = Object.values(local).reduce((sum, entity) => sum + Object.keys(entity).length, 0)
  const inside = kills.filter(({ point }) => point === "inside-tx").length
  const verdict: Verdict = {
    ok: violations.length + wrong.length === 0 && records > 0 && inside > 0,
    lost: counts.lost,
    doubled: counts.doubled,
    stale: counts.stale + counts.unexpected,
    events: { expected: counts.eventsExpected, found: counts.eventsFound },
    kills: kills.length,
    kills_in_tx: inside,
    records
  }
  const handling: Handling | undefined =
    handled === undefined ? undefined : { expected: events.length, found: handled.length }
  return {
    verdict,
    handling,
    violations: [...violations.map(({ entity, id, kind, message }) => `${kind} ${entity}/${id}: ${message}`), ...wrong]
  }
})
