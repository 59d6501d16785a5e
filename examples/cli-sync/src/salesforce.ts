/**
 * Salesforce objects as feeds: each is described, gets a table that fits, and is
 * read by two lanes, the records and their deletions. What a file of detections
 * wants are feeds too.
 */
import { Problem } from "@tidemark/cli"
import { Subscription } from "@tidemark/core"
import { Credentials, SalesforceClient, SalesforceDeletes, SalesforceSource } from "@tidemark/provider-salesforce"
import { PgSink } from "@tidemark/sql-pg"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Database from "./database.ts"
import * as Detections from "./detections.ts"
import * as Feeds from "./feeds.ts"

export interface Settings {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly apiVersion: string
  /** Names between commas. */
  readonly objects: string | undefined
  /** A file. */
  readonly detections: string | undefined
  /** Of objects; a detection says its own. */
  readonly settle: Duration.Duration | undefined
  readonly lease: Duration.Duration
  readonly batchSize: number
}

/**
 * A feed for each object and each detection. Everything that can be wrong is looked
 * at, for all of them, and nothing is written.
 */
export const feeds = Effect.fnUntraced(
  function* (settings: Settings) {
    const names = yield* objectsOf(settings)
    const file = settings.detections === undefined ? undefined : yield* Detections.read(settings.detections, names)
    const client = yield* SalesforceClient.make({
      url: settings.url,
      apiVersion: settings.apiVersion,
      credentials: Credentials.bearer(settings.token)
    })
    const { value: account } = yield* client.organization
    const objects = yield* Effect.forEach(names, (object) => describe(client, account, object, settings))
    const detected = file === undefined ? [] : yield* Detections.describe(client, account, file)
    yield* Database.requireAnswer
    return [
      ...(yield* Effect.forEach(objects, (object) => Feeds.make(settings, object))),
      ...(yield* Effect.forEach(detected, (detection) => Feeds.make(settings, detection)))
    ]
  },
  Effect.mapError((error) => Problem.from(error, { hasCommitted: false }))
)

const objectsOf = ({
  detections,
  objects,
  settle
}: Settings): Effect.Effect<ReadonlyArray<string>, Problem.Problem> => {
  const names = (objects ?? "").split(",").flatMap((name) => name.trim() || [])
  if (objects === undefined && detections === undefined)
    return Effect.fail(
      Problem.mendable(
        "Nothing is asked for: give --objects with API names such as Account,Contact, or --detections with a file"
      )
    )
  if (objects !== undefined && names.length === 0)
    return Effect.fail(Problem.mendable("--objects names no object; give API names such as Account,Contact"))
  if (objects === undefined && settle !== undefined)
    return Effect.fail(Problem.mendable("--settle is for --objects; a detection says its own, as settle in its window"))
  return Effect.succeed(names)
}

// -----------------------------------------------------------------------------
// one object
// -----------------------------------------------------------------------------

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

const describe = Effect.fnUntraced(function* (
  client: SalesforceClient.SalesforceClient["Service"],
  account: string,
  object: string,
  { settle = Duration.minutes(5) }: Settings
) {
  const all = yield* SalesforceSource.make({ client, object })
  const { name, replicateable } = all.describe
  const fields = Object.keys(all.schema.fields).filter((field) => !bookkeeping.has(field))
  const source = yield* SalesforceSource.make({ client, object: name, fields })
  return {
    name,
    source,
    settle,
    notes: [],
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
})
