/** Notes, a source that emits given observations of them, and what a run of it leaves. */
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import type * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { id, subscriptionOf } from "./support.ts"

export const Note = Schema.Struct({ text: Schema.String, size: Schema.Int })
export type Note = typeof Note.Type
export type Seen = Observation.Observation<Note, number>

/** A size of 9 is refused. */
const Strict = Schema.Struct({ text: Schema.String, size: Schema.Int.check(Schema.isLessThan(9)) })
export const subscription = subscriptionOf("acme", "note")
export const live = Lane.live(subscription)

/** Who refuses: the schema, before anything is written, or the sink, when it is. */
export type Refusing = "Schema" | "Row" | "Batch"

/** What reading a record by id answers, the whole time. */
export type Answers = ReadonlyMap<Observation.ExternalId, ChangeSource.Fetched<Note>>

// -----------------------------------------------------------------------------
// observations
// -----------------------------------------------------------------------------

export const version = (stamp: number, observedAt = stamp): Version.Version =>
  Version.make({ domain: "stamp", value: String(stamp).padStart(3, "0"), at: stamp, observedAt })

const observed = { position: 0, origin: "Poll" } as const

export const upsert = (externalId: string, size: number, stamp: number, observedAt = stamp): Seen => ({
  ...observed,
  _tag: "Upsert",
  externalId: id(externalId),
  record: { text: "a", size },
  version: version(stamp, observedAt)
})

export const patch = (externalId: string, fields: Partial<Note>, stamp: number, observedAt = stamp): Seen => ({
  ...observed,
  _tag: "Patch",
  externalId: id(externalId),
  fields,
  follows: version(stamp),
  observedAt
})

/** A deletion with a version of its own. */
export const tombstone = (externalId: string, stamp: number): Seen => ({
  ...observed,
  _tag: "Delete",
  externalId: id(externalId),
  evidence: { _tag: "Tombstone" },
  version: version(stamp),
  observedAt: stamp
})

/** A deletion that only its time orders. */
export const deletion = (externalId: string, observedAt: number): Seen => ({
  ...observed,
  _tag: "Delete",
  externalId: id(externalId),
  evidence: { _tag: "Tombstone" },
  version: undefined,
  observedAt
})

/** Observations at the positions 0, 1, 2 ... */
export const placed = (observations: ReadonlyArray<Seen>): ReadonlyArray<Seen> =>
  observations.map((one, position) => ({ ...one, position }))

// -----------------------------------------------------------------------------
// runs
// -----------------------------------------------------------------------------

export interface Options {
  /** All there is to read, by position. */
  readonly observations: ReadonlyArray<Seen>
  readonly batchSize: number
  /** Default: the schema. */
  readonly refusing?: Refusing
  /** Default: nothing is found. */
  readonly answers?: Answers
  /** Is told the ids of each read by id. */
  readonly onFetch?: (ids: ReadonlyArray<string>) => void
  /** Default: a sink of the database. */
  readonly sink?: ChangeSink.External<Note>
  readonly hook?: Database.Hook
  /** Default: `live`. */
  readonly lane?: Lane.Lane
  /** Default: `true`. */
  readonly isTakingOver?: boolean
}

const sourceOf = ({ answers, observations, onFetch }: Options): ChangeSource.Fetching<Note, number> => ({
  label: "crm/note",
  domain: "stamp",
  epoch: 0,
  account: Effect.succeed("crm"),
  rule: CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
  read: ({ from = -1 }) => Stream.succeed(Page.make(observations.filter(({ position }) => position! > from))),
  fetch: (ids) =>
    Effect.sync(() => {
      onFetch?.(ids)
      return new Map(ids.flatMap((id) => (answers?.has(id) === true ? [[id, answers.get(id)!] as const] : [])))
    })
})

export const syncOf = (options: Options) =>
  Effect.gen(function* () {
    const { batchSize, refusing = "Schema" } = options
    const refuse: MemorySink.Options<Note>["refuse"] = (write) =>
      refusing !== "Schema" && write._tag === "Put" && write.record.size === 9 ? refusing : undefined
    return Sync.make({
      subscription,
      schema: refusing === "Schema" ? Strict : Note,
      source: sourceOf(options),
      sink: options.sink ?? (yield* MemorySink.make<Note>({ label: "notes", refuse })),
      settle: 4,
      batchSize,
      items: "All",
      events: true
    })
  })

/** One run, as a process of its own. */
export const run = (database: Database.Database, options: Options) =>
  Effect.flatMap(syncOf(options), (sync) =>
    Sync.run(sync, { lane: options.lane ?? live, isTakingOver: options.isTakingOver ?? true })
  ).pipe(
    Effect.provide(Memory.layerFrom(database, options.hook === undefined ? {} : { hook: options.hook }), {
      local: true
    })
  )

/** All that is left, but for names and for how often a row was written. */
export const left = (database: Database.Database) =>
  Effect.gen(function* () {
    const items = (yield* Memory.items(subscription)).map(({ externalId, outcome, version }) => {
      const unnamed = outcome._tag === "Applied" ? { ...outcome, localId: "" } : outcome
      return { externalId, outcome: unnamed, version }
    })
    return {
      items,
      rows: [...(yield* Memory.rows<Note>(subscription))].map(([id, { record }]) => [id, record] as const),
      ledger: [...(yield* Memory.ledger(subscription)).values()].map((entry) => ({ ...entry, localId: "", token: 0 })),
      quarantine: (yield* Memory.quarantine(subscription)).map(({ refusal, status }) => ({
        ...refusal,
        runId: "",
        isSuperseded: status !== "Open"
      })),
      events: (yield* Memory.events(subscription.tenant)).map(({ id }) => id),
      brake: (yield* Memory.lane(live))?.checkpoint.brake
    }
  }).pipe(Effect.provide(Memory.layerFrom(database), { local: true }))
export type Left = Effect.Success<ReturnType<typeof left>>

/** Outcomes in few words: `a Created 1`, `a Unchanged`, `a Quarantined!` for a first refusal. */
export const outcomes = ({ items }: Left): ReadonlyArray<string> =>
  items.map(({ externalId, outcome }) => {
    switch (outcome._tag) {
      case "Applied":
        return `${externalId} ${outcome.operation} ${outcome.revision}`
      case "Skipped":
        return `${externalId} ${outcome.reason}`
      case "Quarantined":
      case "Rejected":
        return `${externalId} ${outcome._tag}!`
    }
  })
