/**
 * Judges a history from outside: every finding has a name.
 *
 * It compares the records and the stories of records, never counts alone, and
 * shares no code with what wrote the history.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Chain from "./Chain.ts"
import * as History from "./History.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * - `Lost`: upstream shows a record that is not here; `Unexpected`: the other way round;
 * - `Stale`: a record is here with other fields;
 * - `Doubled`: a revision was applied, or told of, more than once;
 * - `Gap`: a revision is missing; `BrokenChain`: a patch does not follow on the one before;
 * - `Alternation`: created twice, or changed while deleted;
 * - `EventMissing`, `EventUnexpected`: an event without a change, a change without one;
 * - `OutOfOrder`: events, rows, or batches of one key in another order than their numbers;
 * - `CursorBack`: a lane's cursor went back.
 *
 * @category models
 * @since 0.1.0
 */
export interface Violation {
  readonly kind:
    | "Lost"
    | "Unexpected"
    | "Stale"
    | "EventMissing"
    | "EventUnexpected"
    | "CursorBack"
    | Chain.Fault["kind"]
  readonly entity: string
  readonly id: string
  readonly message: string
}

/** @category models @since 0.1.0 */
export interface Report {
  readonly violations: ReadonlyArray<Violation>
  readonly counts: {
    readonly lost: number
    readonly unexpected: number
    readonly doubled: number
    readonly stale: number
    readonly eventsExpected: number
    readonly eventsFound: number
  }
}

/** @category models @since 0.1.0 */
export interface Options {
  /** Negative when a cursor comes before another, `undefined` when nobody can tell. Default: `compareCursors`. */
  readonly compareCursors?: (a: Schema.Json, b: Schema.Json) => number | undefined
  /** Whether changes append events. Default: `true`. */
  readonly hasEvents?: boolean
  /** Records that need not agree with upstream: refused ones. */
  readonly excused?: ReadonlySet<string>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Judges parsed lines of history files. Fails when a line does not have its
 * shape.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromHistory = (
  lines: { readonly [Part in keyof History.History]?: unknown },
  options?: Options
): Effect.Effect<Report, Schema.SchemaError> => {
  const { events = [], final, items = [], lanes = [], rows = [], upstream = [], visible = [] } = lines
  const whole = { events, items, lanes, rows, upstream, visible, final: final ?? { upstream: {}, local: {} } }
  return Effect.map(Schema.decodeUnknownEffect(History.History)(whole), (history) => judge(history, options))
}

/** @category constructors @since 0.1.0 */
export const judge = (history: History.History, options: Options = {}): Report => {
  const stories = storiesOf(history)
  const states = statesOf(history.upstream)
  const violations = [
    ...agreement(history, states, options),
    ...stories.flatMap((story) => chain(story, history)),
    ...stories.flatMap((story) => invention(story, states)),
    ...(options.hasEvents === false ? [] : stories.flatMap(events)),
    ...lanes(history, options)
  ]
  const count = (kind: Violation["kind"]) => violations.filter((violation) => violation.kind === kind).length
  return {
    violations,
    counts: {
      lost: count("Lost"),
      unexpected: count("Unexpected"),
      doubled: count("Doubled"),
      stale: count("Stale"),
      eventsExpected: stories.reduce((sum, story) => sum + story.applied.filter(isTold).length, 0),
      eventsFound: history.events.length
    }
  }
}

/** A report's findings as text; empty when there are none. @category formatting @since 0.1.0 */
export const format = ({ violations }: Report): string =>
  violations.map(({ entity, id, kind, message }) => `${kind} ${entity}/${id}: ${message}`).join("\n")

/**
 * Compares numbers, texts, and the first member of a list or an object: enough for
 * cursors that begin with a stamp.
 *
 * @category ordering
 * @since 0.1.0
 */
export const compareCursors = (a: Schema.Json, b: Schema.Json): number | undefined => {
  if (typeof a === "number" && typeof b === "number") return a - b
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return undefined
  const [first, second] = [Object.values(a)[0], Object.values(b)[0]]
  return first === undefined || second === undefined ? undefined : compareCursors(first, second)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** All that is known of one record of one tenant. */
interface Story {
  readonly tenant: string
  readonly entity: string
  readonly id: string
  readonly applied: ReadonlyArray<History.Item>
  readonly refusals: number
  readonly events: ReadonlyArray<History.Event>
  readonly rows: ReadonlyArray<History.Row>
}

const storiesOf = (history: History.History): ReadonlyArray<Story> => {
  const keyOf = (one: { readonly tenant: string; readonly entity: string; readonly id: string }) =>
    JSON.stringify([one.tenant, one.entity, one.id])
  const named = history.events.map((event) => ({ tenant: event.tenant, entity: event.entity, id: idOf(event), event }))
  const items = Map.groupBy(history.items, keyOf)
  const events = Map.groupBy(named, keyOf)
  const rows = Map.groupBy(history.rows, keyOf)
  return [...new Set([...items.keys(), ...events.keys(), ...rows.keys()])].map((key): Story => {
    const [tenant, entity, id] = JSON.parse(key) as [string, string, string]
    const own = items.get(key) ?? []
    return {
      tenant,
      entity,
      id,
      applied: own.filter(({ outcome }) => outcome === "Applied"),
      refusals: own.filter(({ outcome }) => outcome === "Quarantined" || outcome === "Rejected").length,
      events: (events.get(key) ?? []).map(({ event }) => event),
      rows: rows.get(key) ?? []
    }
  })
}

/** The external id is the last part of an event's key, where `/` and `%` are escaped. */
const idOf = ({ key }: History.Event): string =>
  (key.split("/").at(-1) ?? "").replaceAll("%2F", "/").replaceAll("%25", "%")

const isTold = ({ operation }: History.Item): boolean =>
  operation === "Created" || operation === "Updated" || operation === "Deleted"

/** All that upstream ever said of its records, by entity and id; empty when it said nothing. */
type States = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<History.Fields | null>>>

const statesOf = (upstream: History.History["upstream"]): States => {
  const states = new Map<string, Map<string, Array<History.Fields | null>>>()
  for (const { entity, fields, id } of upstream) {
    const records = states.get(entity) ?? new Map<string, Array<History.Fields | null>>()
    states.set(entity, records)
    const said = records.get(id)
    if (said === undefined) records.set(id, [fields])
    else said.push(fields)
  }
  return states
}

/** A row shows what upstream never was. */
const invention = ({ entity, id, rows }: Story, states: States): ReadonlyArray<Violation> => {
  if (states.size === 0) return []
  const known = new Set((states.get(entity)?.get(id) ?? []).map(Chain.textOf))
  return rows.flatMap(({ after, revision }): ReadonlyArray<Violation> => {
    const text = Chain.textOf(after)
    const message = `revision ${revision} was written as ${text}, which upstream never was`
    return after === null || known.has(text) ? [] : [{ kind: "Unexpected", entity, id, message }]
  })
}

const agreement = ({ final }: History.History, states: States, { excused }: Options): ReadonlyArray<Violation> =>
  [...new Set([...Object.keys(final.upstream), ...Object.keys(final.local)])].flatMap((entity) => {
    const there = { ...final.upstream[entity] }
    for (const [id, said] of states.get(entity) ?? []) {
      const last = said.at(-1)
      if (last === null) delete there[id]
      else if (last !== undefined) there[id] = last
    }
    const here = final.local[entity] ?? {}
    return [...new Set([...Object.keys(there), ...Object.keys(here)])].flatMap((id): ReadonlyArray<Violation> => {
      if (excused?.has(id) === true || Chain.textOf(there[id]) === Chain.textOf(here[id])) return []
      const kind = here[id] === undefined ? "Lost" : there[id] === undefined ? "Unexpected" : "Stale"
      const message = `upstream has ${Chain.textOf(there[id])}, here is ${Chain.textOf(here[id])}`
      return [{ kind, entity, id, message }]
    })
  })

const chain = (
  { applied, entity, id, refusals, rows }: Story,
  { final }: History.History
): ReadonlyArray<Violation> => {
  const { faults, last, states } = Chain.replay(applied, refusals)
  const found: Array<Violation> = faults.map((fault) => ({ ...fault, entity, id }))
  const break_ = (message: string) => found.push({ kind: "BrokenChain", entity, id, message })
  const local = final.local[entity]
  if (local !== undefined && last !== undefined && Chain.textOf(last) !== Chain.textOf(local[id] ?? null)) {
    break_(`its changes end with ${Chain.textOf(last)}, here is ${Chain.textOf(local[id] ?? null)}`)
  }
  let before: History.Row | undefined
  for (const row of rows) {
    if (before !== undefined && row.revision <= before.revision && row.revision > 0) {
      found.push({ kind: "OutOfOrder", entity, id, message: `row revision ${row.revision} after ${before.revision}` })
    }
    const told = states.get(row.revision)
    if (told !== undefined && Chain.textOf(told) !== Chain.textOf(row.after)) {
      break_(`revision ${row.revision} is told as ${Chain.textOf(told)} and written as ${Chain.textOf(row.after)}`)
    }
    before = row
  }
  return found
}

/** What comes before it names the entity as the application knows it. */
const suffixes: Readonly<Record<string, string>> = { Created: "_created", Updated: "_edited", Deleted: "_deleted" }

const events = ({ applied, entity, events, id }: Story): ReadonlyArray<Violation> => {
  const found: Array<Violation> = []
  const find = (kind: Violation["kind"], message: string) => found.push({ kind, entity, id, message })
  const expected = new Map(applied.filter(isTold).map((item) => [item.revision, suffixes[item.operation!]!]))
  const told = new Set<number>()
  let last = 0
  for (const { revision, type } of events) {
    if (told.has(revision)) find("Doubled", `two events of revision ${revision}`)
    else if (!isExpected(type, expected.get(revision))) find("EventUnexpected", `${type} of revision ${revision}`)
    else if (revision < last) find("OutOfOrder", `the event of revision ${revision} comes after that of ${last}`)
    told.add(revision)
    last = Math.max(last, revision)
  }
  for (const [revision, type] of expected) {
    if (!told.has(revision ?? 0)) find("EventMissing", `no event ..${type} of revision ${revision}`)
  }
  return found
}

const isExpected = (type: string, suffix: string | undefined): boolean => suffix !== undefined && type.endsWith(suffix)

const lanes = ({ lanes }: History.History, options: Options): ReadonlyArray<Violation> => {
  const compare = options.compareCursors ?? compareCursors
  const found: Array<Violation> = []
  for (const [lane, moves] of Map.groupBy(lanes, (move) => move.lane)) {
    moves.forEach((move, index) => {
      const before = moves[index - 1]
      if (before === undefined) return
      const at = { entity: "lane", id: lane }
      if (move.batch_no !== before.batch_no + 1 || move.epoch < before.epoch) {
        const message = `batch ${move.batch_no} of epoch ${move.epoch} after batch ${before.batch_no} of ${before.epoch}`
        found.push({ kind: "OutOfOrder", ...at, message })
      }
      const isBack = before.cursor !== null && (move.cursor === null || (compare(before.cursor, move.cursor) ?? 0) > 0)
      if (isBack) {
        const message = `${JSON.stringify(before.cursor)} is followed by ${JSON.stringify(move.cursor)}`
        found.push({ kind: "CursorBack", ...at, message })
      }
    })
  }
  return found
}
