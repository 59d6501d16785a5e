/**
 * What is read from Salesforce, put together with where it goes.
 */
import { Feed, Problem } from "@tidemark/cli"
import { type ChangeSink, type ChangeSource, type FieldDiffer, Lane, type Subscription, Sync } from "@tidemark/core"
import { type SalesforceCursor, SalesforceDeletes, SalesforceFull } from "@tidemark/provider-salesforce"
import type { PgSink } from "@tidemark/sql-pg"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type * as Config from "./config.ts"

export interface Described<A> {
  readonly name: string
  readonly subscription: Subscription.Subscription
  readonly table: PgSink.PgSink<A>
  readonly source: ChangeSource.Fetching<A, SalesforceCursor.SalesforceCursor> & {
    readonly schema: FieldDiffer.RecordSchema<A>
  }
  /** The feed of deletions, where Salesforce keeps one. */
  readonly deletes: ChangeSource.Fetching<A, SalesforceDeletes.Cursor> | undefined
  /** Everything again, every so often. */
  readonly full: ChangeSource.Fetching<A, SalesforceFull.Cursor> | undefined
  readonly expected: Feed.Feed["expected"] | undefined
  readonly settle: Duration.Duration
  readonly notes: ReadonlyArray<string>
}

export const make = Effect.fnUntraced(function* <A extends object>(
  { batchSize, lease }: Config.Pace,
  { deletes, expected, full, name, notes, settle, source, subscription, table }: Described<A>
) {
  const sql = yield* SqlClient
  const sink = yield* table.sink
  const isMissing = (yield* table.verify) === "Missing"
  // What a plan is made against: of a table that is not there, nothing is found.
  const seen: ChangeSink.Transactional<A> = isMissing ? { ...sink, find: () => Effect.succeed(new Map()) } : sink
  const common = { subscription, schema: source.schema, settle, lease, batchSize, events: true }
  const lane = <C>(from: Sync.Options<A, C>["source"], lane: Lane.Lane) =>
    Feed.lane(Sync.make({ ...common, source: from, sink }), lane, Sync.make({ ...common, source: from, sink: seen }))
  const live = lane(source, Lane.live(subscription))
  return Feed.make({
    name,
    subscription,
    notes,
    ...(expected === undefined ? {} : { expected }),
    prepare: Effect.mapError(Effect.provideService(table.create, SqlClient, sql), (error) =>
      Problem.from(error, { hasCommitted: false })
    ),
    lanes: [
      live,
      ...(deletes === undefined ? [] : [lane(deletes, SalesforceDeletes.lane(subscription))]),
      ...(full === undefined ? [] : [lane(full, SalesforceFull.lane(subscription))])
    ]
  })
})
