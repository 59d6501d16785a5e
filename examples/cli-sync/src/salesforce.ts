/**
 * Salesforce objects as feeds: each is described, gets a table that fits, and is
 * read by two lanes, the records and their deletions; by a third one, which reads
 * everything again, if that is asked for. What detections want are feeds too.
 */
import { type Feed, Problem } from "@tidemark/cli"
import { CursorRule } from "@tidemark/core"
import { SalesforceClient, SalesforceDeletes, SalesforceFull, SalesforceSource } from "@tidemark/provider-salesforce"
import { PgSink } from "@tidemark/sql-pg"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Config from "./config.ts"
import * as Database from "./database.ts"
import * as Detections from "./detections.ts"
import * as Feeds from "./feeds.ts"

/** What is sent to the org goes through it. */
export const client = (source: Config.Source) => SalesforceClient.make(source)

/** What is asked for. */
export interface Wanted {
  readonly objects: ReadonlyArray<Config.ObjectSettings>
  readonly detections: Config.DetectionSettings | undefined
}

/** A feed for each object and each detection. */
export const feeds = (source: Config.Source, wanted: Wanted) =>
  client(source).pipe(
    Effect.mapError((error) => Problem.from(error, { hasCommitted: false })),
    Effect.flatMap((org) => feedsOf(org, wanted))
  )

/**
 * The same for an org that a client reaches. Everything that can be wrong is looked
 * at, for all of them, and nothing is written.
 */
export const feedsOf = Effect.fnUntraced(
  function* (org: SalesforceClient.SalesforceClient["Service"], { detections, objects }: Wanted) {
    const names = objects.map(({ name }) => name)
    if (detections !== undefined) yield* Detections.check(detections, names)
    const { value: account } = yield* org.organization
    const described = yield* Effect.forEach(objects, (one) => describe(org, account, one))
    const detected = detections === undefined ? [] : yield* Detections.describe(org, account, detections)
    yield* Database.requireAnswer
    return [
      ...(yield* Effect.forEach(described, (object, index) => Feeds.make(objects[index]!, object))),
      ...(yield* Effect.forEach(detected, (detection) => Feeds.make(detections!, detection)))
    ]
  },
  Effect.mapError((error) => Problem.from(error, { hasCommitted: false }))
)

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

/** Without a schema it would land in that of a role called tidemark, among the engine's own tables. */
export const tableOf = (object: string): string => `public.salesforce_${object.toLowerCase()}`

/** `undefined` for what is no column of the table. */
export const columnOf = (field: string): string | undefined =>
  bookkeeping.has(field) ? undefined : field.toLowerCase()

const describe = Effect.fnUntraced(function* (
  client: SalesforceClient.SalesforceClient["Service"],
  account: string,
  { fullEvery, name: object, settle }: Config.ObjectSettings
) {
  const source = yield* SalesforceSource.make({ client, object, without: bookkeeping })
  const { name, replicateable } = source.describe
  return {
    name,
    source,
    settle,
    notes: notes(source, fullEvery),
    expected: expected(client, source),
    subscription: Database.subscriptionOf("salesforce", name, account),
    table: PgSink.make({
      table: tableOf(name),
      schema: source.schema,
      columns: Object.fromEntries(
        Object.keys(source.schema.fields).map((field) => [field, { name: field.toLowerCase() }])
      )
    }),
    deletes: replicateable ? yield* SalesforceDeletes.make({ client, source }) : undefined,
    full: fullEvery === undefined ? undefined : yield* SalesforceFull.make({ client, source, every: fullEvery })
  }
})

/** How many records a run that goes on from `cursor` reads. An estimate: whatever goes wrong, there is none. */
const expected =
  (
    client: SalesforceClient.SalesforceClient["Service"],
    { describe: { name }, includesDeleted, rule }: SalesforceSource.SalesforceSource
  ): Feed.Feed["expected"] =>
  (cursor) =>
    Effect.gen(function* () {
      const from = cursor === undefined ? undefined : yield* Effect.fromResult(CursorRule.decode(rule, cursor))
      const where = from === undefined ? "" : ` WHERE SystemModstamp >= ${from.at}`
      const ask = includesDeleted ? client.queryAll : client.query
      return (yield* ask(`SELECT COUNT() FROM ${name}${where}`)).total
    }).pipe(Effect.catch(() => Effect.undefined))

const notes = ({ unstamped }: SalesforceSource.SalesforceSource, every: Duration.Duration | undefined) => {
  if (unstamped.length === 0) return []
  const remedy =
    every === undefined
      ? "their changes come with the record's next edit, or with --full-every"
      : `everything is read again every ${Duration.format(every)}`
  return [`Formulas and roll-ups move no stamp, so ${remedy}: ${unstamped.join(", ")}`]
}
