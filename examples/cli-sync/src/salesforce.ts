/**
 * Salesforce objects as feeds: each is described, gets a table that fits, and is
 * read by two lanes, the records and their deletions; by a third one, which reads
 * everything again, if that is asked for.
 */
import { Feed, Problem } from "@tidemark/cli"
import { type ChangeSink, Lane, Subscription, Sync } from "@tidemark/core"
import {
  type Canonical,
  SalesforceClient,
  SalesforceDeletes,
  SalesforceFull,
  SalesforceSource
} from "@tidemark/provider-salesforce"
import { PgSink } from "@tidemark/sql-pg"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type * as Config from "./config.ts"
import * as Database from "./database.ts"

/** What is sent to the org goes through it. */
export const client = (source: Config.Source) => SalesforceClient.make(source)

/**
 * A feed for each object. Everything that can be wrong is looked at, for all
 * objects, and nothing is written.
 */
export const feeds = Effect.fnUntraced(
  function* (source: Config.Source, settings: ReadonlyArray<Config.ObjectSettings>) {
    const org = yield* client(source)
    const { value: account } = yield* org.organization
    const objects = yield* Effect.forEach(settings, (one) =>
      Effect.map(describe(org, account, one), (object) => [one, object] as const)
    )
    yield* Database.requireAnswer
    return yield* Effect.forEach(objects, ([one, object]) => feed(one, object))
  },
  Effect.mapError((error) => Problem.from(error, { hasCommitted: false }))
)

// -----------------------------------------------------------------------------
// one object
// -----------------------------------------------------------------------------

interface Described {
  readonly name: string
  readonly subscription: Subscription.Subscription
  readonly table: PgSink.PgSink<Canonical.Record>
  readonly source: SalesforceSource.SalesforceSource
  /** The feed of deletions, where Salesforce keeps one. */
  readonly deletes: Effect.Success<ReturnType<typeof SalesforceDeletes.make>> | undefined
  /** Everything again, every so often. */
  readonly full: Effect.Success<ReturnType<typeof SalesforceFull.make>> | undefined
}

/**
 * Fields that tell when and by whom a record was touched. The ledger keeps the
 * stamp; as content they would make an edit of every touch.
 */
const bookkeeping: ReadonlySet<string> = new Set([
  "Id",
  "IsDeleted",
  "SystemModstamp",
  "LastModifiedDate",
  "LastModifiedById",
  "LastViewedDate",
  "LastReferencedDate"
])

/** Without a schema it would land in that of a role called tidemark, among the engine's own tables. */
export const tableOf = (object: string): string => `public.salesforce_${object.toLowerCase()}`

/** `undefined` for what is no column of the table. */
export const columnOf = (field: string): string | undefined =>
  bookkeeping.has(field) ? undefined : field.toLowerCase()

const describe = Effect.fnUntraced(function* (
  client: SalesforceClient.SalesforceClient["Service"],
  account: string,
  { fullEvery, name: object }: Config.ObjectSettings
) {
  const all = yield* SalesforceSource.make({ client, object })
  const { name, replicateable } = all.describe
  const fields = Object.keys(all.schema.fields).filter((field) => !bookkeeping.has(field))
  const source = yield* SalesforceSource.make({ client, object: name, fields })
  const described: Described = {
    name,
    source,
    subscription: Subscription.make({
      id: `salesforce/${name}`,
      tenant: "default",
      connection: { provider: "salesforce", account },
      entity: name.toLowerCase()
    }),
    table: PgSink.make({
      table: tableOf(name),
      schema: source.schema,
      columns: Object.fromEntries(fields.map((field) => [field, { name: field.toLowerCase() }]))
    }),
    deletes: replicateable ? yield* SalesforceDeletes.make({ client, source }) : undefined,
    full: fullEvery === undefined ? undefined : yield* SalesforceFull.make({ client, source, every: fullEvery })
  }
  return described
})

const feed = Effect.fnUntraced(function* (
  { batchSize, fullEvery, lease, settle }: Config.ObjectSettings,
  { deletes, full, name, source, subscription, table }: Described
) {
  const sql = yield* SqlClient
  const sink = yield* table.sink
  const isMissing = (yield* table.verify) === "Missing"
  // What a plan is made against: of a table that is not there, nothing is found.
  const seen: ChangeSink.Transactional<Canonical.Record> = isMissing
    ? { ...sink, find: () => Effect.succeed(new Map()) }
    : sink
  const common = { subscription, schema: source.schema, settle, lease, batchSize, events: true }
  const lane = <C>(from: Sync.Options<Canonical.Record, C>["source"], lane: Lane.Lane) =>
    Feed.lane(Sync.make({ ...common, source: from, sink }), lane, Sync.make({ ...common, source: from, sink: seen }))
  const live = lane(source, Lane.live(subscription))
  return Feed.make({
    name,
    subscription,
    prepare: Effect.mapError(Effect.provideService(table.create, SqlClient, sql), (error) =>
      Problem.from(error, { hasCommitted: false })
    ),
    lanes: [
      live,
      ...(deletes === undefined ? [] : [lane(deletes, SalesforceDeletes.lane(subscription))]),
      ...(full === undefined ? [] : [lane(full, SalesforceFull.lane(subscription))])
    ],
    notes: notes(source, fullEvery)
  })
})

const notes = ({ unstamped }: SalesforceSource.SalesforceSource, every: Duration.Duration | undefined) => {
  if (unstamped.length === 0) return []
  const remedy =
    every === undefined
      ? "their changes come with the record's next edit, or with --full-every"
      : `everything is read again every ${Duration.format(every)}`
  return [`Formulas and roll-ups move no stamp, so ${remedy}: ${unstamped.join(", ")}`]
}
