/**
 * Salesforce objects as feeds: each is described, gets a table that fits, and is
 * read by two lanes, the records and their deletions.
 */
import { Feed, Problem } from "@tidemark/cli"
import { type ChangeSink, Lane, Subscription, Sync } from "@tidemark/core"
import {
  type Canonical,
  Credentials,
  SalesforceClient,
  SalesforceDeletes,
  SalesforceSource
} from "@tidemark/provider-salesforce"
import { PgSink } from "@tidemark/sql-pg"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "./database.ts"

export interface Settings {
  readonly objects: ReadonlyArray<string>
  readonly settle: Duration.Duration
  readonly lease: Duration.Duration
  readonly batchSize: number
}

/** How the org is reached. */
export interface Org {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly apiVersion: string
}

type Client = SalesforceClient.SalesforceClient["Service"]

/** A feed for each object of an org. */
export const feeds = ({ apiVersion, token, url, ...settings }: Org & Settings) =>
  SalesforceClient.make({ url, apiVersion, credentials: Credentials.bearer(token) }).pipe(
    Effect.mapError((error) => Problem.from(error, { hasCommitted: false })),
    Effect.flatMap((client) => feedsOf(client, settings))
  )

/**
 * A feed for each object that a client reaches. Everything that can be wrong is
 * looked at, for all objects, and nothing is written.
 */
export const feedsOf = Effect.fnUntraced(
  function* (client: Client, settings: Settings) {
    if (settings.objects.length === 0) return yield* Problem.mendable(noObjects)
    const { value: account } = yield* client.organization
    const objects = yield* Effect.forEach(settings.objects, (object) => describe(client, account, object))
    yield* Database.requireAnswer
    return yield* Effect.forEach(objects, (object) => feed(settings, object))
  },
  Effect.mapError((error) => Problem.from(error, { hasCommitted: false }))
)

const noObjects = "--objects names no object; give API names such as Account,Contact"

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

const describe = Effect.fnUntraced(function* (client: Client, account: string, object: string) {
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
      // Without a schema it would land in that of a role called tidemark, among the engine's own tables.
      table: `public.salesforce_${name.toLowerCase()}`,
      schema: source.schema,
      columns: Object.fromEntries(fields.map((field) => [field, { name: field.toLowerCase() }]))
    }),
    deletes: replicateable ? yield* SalesforceDeletes.make({ client, source }) : undefined
  }
  return described
})

const feed = Effect.fnUntraced(function* (
  { batchSize, lease, settle }: Settings,
  { deletes, name, source, subscription, table }: Described
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
    lanes: deletes === undefined ? [live] : [live, lane(deletes, SalesforceDeletes.lane(subscription))]
  })
})
