/**
 * One small entity over a real database: a source whose history is given, a
 * table, and readers of what was left behind.
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Sync from "@tidemark/core/engine/Sync"
import { Migrations, PgSink, PgStore } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Database from "./Database.ts"

export const Note = Schema.Struct({ title: Schema.String, size: Schema.NullOr(Schema.Int) })
export type Note = typeof Note.Type

export const table = PgSink.make({ table: "note", schema: Note })

export const subscriptionOf = (tenant: string, account = "a1"): Subscription.Subscription =>
  Subscription.make({ id: "notes", tenant, entity: "note", connection: { provider: "crm", account } })

/** One change of the upstream system: a deletion when there is no record. */
export interface Change {
  readonly id: string
  readonly record: Note | undefined
}

export const changes: fc.Arbitrary<ReadonlyArray<Change>> = fc.array(
  fc.record({
    id: fc.constantFrom("a", "b", "c", "d"),
    record: fc.option(
      fc
        .tuple(fc.constantFrom("x", "y"), fc.option(fc.integer({ min: 0, max: 2 })))
        .map(([title, size]): Note => ({ title, size })),
      { nil: undefined, freq: 4 }
    )
  }),
  { minLength: 1, maxLength: 14 }
)

const rule = CursorRule.make({
  codec: Schema.Int,
  positions: "Unique",
  resume: "Exclusive",
  order: (a: number, b: number) => a - b
})

/** Emits the history in order, in pages of a size; the position is the place in the history. */
export const sourceOf = (history: ReadonlyArray<Change>, pageSize: number) =>
  ChangeSource.plain({
    label: "crm/note",
    domain: "crm/place",
    account: Effect.succeed("crm-1"),
    rule,
    read: ({ from = -1 }) =>
      Stream.fromIterable(history.map(observe)).pipe(
        Stream.filter((observation) => observation.position! > from),
        Stream.grouped(pageSize),
        Stream.map((observations) => Page.make(observations))
      )
  })

const observe = ({ id, record }: Change, place: number): Observation.Definite<Note, number> => {
  const version = Version.make({ domain: "crm/place", value: String(place).padStart(6, "0"), observedAt: place })
  const common = { externalId: Observation.ExternalId.make(id), position: place, origin: "Poll" as const }
  return record === undefined
    ? { _tag: "Delete", ...common, evidence: { _tag: "Tombstone" }, version, observedAt: place }
    : { _tag: "Upsert", ...common, record, version }
}

/** What the history leaves, by an account of its own. */
export const outcomeOf = (history: ReadonlyArray<Change>): ReadonlyArray<readonly [string, Note]> => {
  const rows = new Map<string, Note>()
  for (const { id, record } of history) {
    if (record === undefined) rows.delete(id)
    else rows.set(id, record)
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export const migrate = (owner: PgClient.PgClient, options: Migrations.Options = {}) =>
  Effect.provideService(Migrations.run({ appRole: Database.appRole, ...options }), SqlClient.SqlClient, owner)

/** A migrated database with the table, and who may use it. */
export const stage = Effect.gen(function* () {
  const database = yield* Database.freshDatabase
  const owner = yield* Database.client(database.ownerUrl)
  yield* migrate(owner)
  yield* Effect.provideService(table.create, SqlClient.SqlClient, owner)
  yield* Database.grantTables(owner)
  return { ...database, owner }
})

/** One process: its own pool, its own ports. */
export const processOf = (sql: SqlClient.SqlClient) => {
  const client = Layer.succeed(SqlClient.SqlClient, sql)
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, PgStore.layer().pipe(Layer.provideMerge(client)), { local: true })
}

export const run = (options: {
  readonly history: ReadonlyArray<Change>
  readonly subscription: Subscription.Subscription
  readonly pageSize: number
  readonly batchSize: number
  readonly lane?: string
  readonly isTakingOver?: boolean
}) =>
  Effect.gen(function* () {
    const { batchSize, history, lane = "live", pageSize, subscription } = options
    const source = sourceOf(history, pageSize)
    const sink = yield* table.sink
    const sync = Sync.make({ subscription, schema: Note, source, sink, batchSize, events: true })
    return yield* Sync.run(sync, {
      lane: Lane.make(subscription, lane),
      isTakingOver: options.isTakingOver ?? false
    })
  })

/** What the database holds of a tenant, read past the policies. */
export const readAll = (owner: PgClient.PgClient, tenant: string) =>
  Effect.gen(function* () {
    const rows = yield* owner<{ id: string; title: string; size: number | null }>`
      select external_id as id, title, size::int as size from note
      where tenant = ${tenant} and deleted_at is null order by external_id collate "C"`
    const items = yield* owner<{ id: string; operation: string; revision: number; patch: Patch }>`
      select external_id as id, operation, revision::int as revision, patch from tidemark.item
      where tenant = ${tenant} and outcome = 'Applied' order by seq`
    const events = yield* owner<{ key: string; revision: number; type: string }>`
      select key, revision::int as revision, type from tidemark.event where tenant = ${tenant} order by seq`
    const runs = yield* owner<{ status: string; read: number }>`
      select status, read::int as read from tidemark.run where tenant = ${tenant}`
    return { rows: rows.map(({ id, size, title }) => [id, { title, size }] as const), items, events, runs }
  })

export type Patch = { readonly [field: string]: { readonly before?: unknown; readonly after?: unknown } }
