/**
 * The main job, from top to bottom: describe the objects, look whether everything
 * fits, make the tables, run the lanes.
 */
import { type ChangeSource, Lane, Lanes, Run, Subscription, Sync } from "@tidemark/core"
import {
  type Canonical,
  Credentials,
  SalesforceClient,
  SalesforceDeletes,
  SalesforceSource
} from "@tidemark/provider-salesforce"
import { PgSink } from "@tidemark/sql-pg"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Database from "./database.ts"
import * as Problem from "./problem.ts"
import * as Report from "./report.ts"

// -----------------------------------------------------------------------------
// the job
// -----------------------------------------------------------------------------

/** What the command line asked for. */
export interface Settings {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly apiVersion: string
  readonly objects: ReadonlyArray<string>
  readonly settle: Duration.Duration
  readonly lease: Duration.Duration
  readonly batchSize: number
  readonly isTakingOver: boolean
  readonly isReleasing: boolean
}

/** What the job tells while it runs. */
export interface Output {
  readonly line: (line: Report.Line) => Effect.Effect<void>
  readonly progress: (object: string, read: number, seconds: number) => Effect.Effect<void>
}

/**
 * One incremental run per object, in order. Everything that can be wrong with the
 * call is looked at first, for all objects, so that a wrong call writes nothing.
 */
export const run = (settings: Settings, output: Output) => {
  const committed = { batches: 0 }
  return Effect.gen(function* () {
    const client = yield* SalesforceClient.make({
      url: settings.url,
      apiVersion: settings.apiVersion,
      credentials: Credentials.bearer(settings.token)
    })
    const { value: account } = yield* client.organization
    const feeds = yield* Effect.forEach(settings.objects, (object) => makeFeed(client, account, object))
    yield* Database.requireAnswer
    for (const { table } of feeds) yield* table.verify
    yield* Database.prepare
    for (const { subscription } of feeds) yield* requireAccount(subscription, account)
    return yield* Effect.forEach(feeds, (feed) => Effect.tap(runFeed(settings, output, feed, committed), output.line))
  }).pipe(Effect.mapError((error) => Problem.from(error, { hasCommitted: committed.batches > 0 })))
}

// -----------------------------------------------------------------------------
// one object
// -----------------------------------------------------------------------------

/** One object, ready to run. */
interface Feed {
  readonly object: string
  readonly subscription: Subscription.Subscription
  readonly table: PgSink.PgSink<Canonical.Record>
  readonly source: SalesforceSource.SalesforceSource
  /** The feed of deletions, where Salesforce keeps one. */
  readonly deletes: ChangeSource.Fetching<Canonical.Record, SalesforceDeletes.Cursor> | undefined
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

const makeFeed = Effect.fnUntraced(function* (
  client: SalesforceClient.SalesforceClient["Service"],
  account: string,
  object: string
) {
  const all = yield* SalesforceSource.make({ client, object })
  const { name, replicateable } = all.describe
  const fields = Object.keys(all.schema.fields).filter((field) => !bookkeeping.has(field))
  const source = yield* SalesforceSource.make({ client, object: name, fields })
  const feed: Feed = {
    object: name,
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
  return feed
})

/** The cursor of another account is found out before any object writes. */
const requireAccount = Effect.fnUntraced(function* (subscription: Subscription.Subscription, account: string) {
  const lanes = yield* Lanes.Lanes
  const lane = Lane.live(subscription)
  if ((yield* lanes.peek(lane)) === undefined) return
  const lease = Duration.seconds(5)
  const claim = yield* lanes
    .claim({ lane, account, lease, mappingEpoch: 0, mode: "IfFree", isReleasing: false })
    .pipe(Effect.catchTag(["Busy", "Stopped"], () => Effect.undefined))
  if (claim !== undefined) yield* lanes.release(claim, undefined)
})

/** The live lane to the present, then the feed of deletions. The line adds them up. */
const runFeed = Effect.fnUntraced(function* (
  settings: Settings,
  output: Output,
  { deletes, object, source, subscription, table }: Feed,
  committed: { batches: number }
) {
  const started = yield* Clock.currentTimeMillis
  yield* table.create
  const { batchSize, lease, settle } = settings
  const common = {
    subscription,
    schema: source.schema,
    sink: yield* table.sink,
    settle,
    lease,
    batchSize,
    events: true
  }
  const counted = { read: 0 }
  const lane = <C>(sync: Sync.Sync<Canonical.Record, C>, lane: Lane.Lane) =>
    runLane(settings, sync, lane, (report) =>
      Effect.gen(function* () {
        committed.batches += 1
        counted.read += report.counts.read
        yield* output.progress(object, counted.read, ((yield* Clock.currentTimeMillis) - started) / 1000)
      })
    )
  const live = yield* lane(Sync.make({ ...common, source }), Lane.live(subscription))
  const gone =
    deletes === undefined || live.status === "Busy"
      ? nothing
      : yield* lane(Sync.make({ ...common, source: deletes }), SalesforceDeletes.lane(subscription))
  return Report.line({
    object,
    status: live.status === "Succeeded" ? gone.status : live.status,
    counts: Run.addCounts(live.counts, gone.counts),
    cursor: live.cursor?.value ?? null,
    seconds: ((yield* Clock.currentTimeMillis) - started) / 1000
  })
})

const nothing = { status: "Succeeded", counts: Run.noCounts } as const

/** One run of one lane. `Busy` is an answer: another process has the lane. */
const runLane = Effect.fnUntraced(function* <C>(
  { isReleasing, isTakingOver }: Settings,
  sync: Sync.Sync<Canonical.Record, C>,
  lane: Lane.Lane,
  onReport: (report: Sync.BatchReport) => Effect.Effect<void>
) {
  let counts = Run.noCounts
  let isHeld = false
  const before = yield* (yield* Lanes.Lanes).peek(lane)
  let cursor = before?.cursor
  return yield* Sync.stream(sync, { lane, isTakingOver, isReleasing }).pipe(
    Stream.runForEach((report) => {
      counts = Run.addCounts(counts, report.counts)
      cursor = report.checkpoint.cursor
      isHeld ||= report.isHeld || report.counts.quarantined > 0
      return onReport(report)
    }),
    Effect.map(() => ({ status: isHeld ? ("Partial" as const) : ("Succeeded" as const), counts, cursor })),
    Effect.catchTag("Busy", () => Effect.succeed({ status: "Busy" as const, counts, cursor }))
  )
})
