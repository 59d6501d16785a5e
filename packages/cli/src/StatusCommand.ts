/**
 * `status`: where every feed and lane stands, and what to do next.
 *
 * @since 0.1.0
 */
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type * as Lane from "@tidemark/core/model/Lane"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as ListFlags from "./ListFlags.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as RunReport from "./RunReport.ts"
import * as StatusReport from "./StatusReport.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

/** @category commands @since 0.1.0 */
export const status = Command.make(
  "status",
  {
    object: ListFlags.object("Only this object"),
    json: ListFlags.json("Print one JSON line per object")
  },
  Effect.fnUntraced(function* ({ json, object }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    const all = yield* Store.feeds(store)
    const feeds = Option.isSome(object) ? [yield* Store.requireFeed(all, object.value)] : all
    const lines = yield* Effect.forEach(feeds, (feed) => standing(store, feed)).pipe(Effect.provideContext(store.ports))
    if (json) yield* output.lines(lines.map(Text.json))
    else if (lines.length === 0)
      yield* output.line("Nothing was ever synced into this database. sync brings the first records.")
    else yield* output.lines(StatusReport.format(output.paint, lines))
    if (lines.some(StatusReport.isWaiting)) return yield* new Problem.Quarantined()
  }, Problem.looking)
).pipe(
  Command.withDescription(
    "Tell where every object stands, and what to do next: exit code 3 when something waits for a person"
  ),
  Command.withShortDescription("Tell where every object stands, and what to do next"),
  Command.withExamples([
    {
      command: "tidemark status --database-url postgres://localhost/crm",
      description: "All objects of a database; no source is asked"
    },
    { command: "tidemark status --json", description: "The same for a program, from the embedded PostgreSQL" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const standing = Effect.fnUntraced(function* (store: Store.Store, feed: Store.KnownFeed) {
  const lanes = yield* Effect.forEach(feed.lanes, (lane) => laneOf(store, feed, lane))
  const waiting = yield* countWaiting(store, feed)
  return StatusReport.line({ object: feed.name, ...waiting, lanes: lanes.flatMap((lane) => lane ?? []) })
})

const laneOf = Effect.fnUntraced(function* (store: Store.Store, feed: Store.KnownFeed, lane: Lane.Lane) {
  const standing = yield* (yield* Lanes.Lanes).peek(lane)
  if (standing === undefined) return undefined
  const isOnly = feed.lanes.filter(({ name }) => name === lane.name).length === 1
  const runs = yield* (yield* RunRecorder.RunRecorder).list(store.tenant, {
    subscription: feed.subscription.id,
    lane: lane.name,
    // Lists know lanes by name: those of partitions stand among one another.
    limit: isOnly ? 1 : Listing.limitMax
  })
  const last = runs.find((run) => run.lane.partition === lane.partition)
  return StatusReport.lane(lane, standing, last === undefined ? undefined : RunReport.run(feed.name, last))
})

/** As far as one answer of a list goes. */
const countWaiting = Effect.fnUntraced(function* (store: Store.Store, { subscription }: Store.KnownFeed) {
  const { connection, entity } = subscription
  const { list } = yield* Quarantine.Quarantine
  const waiting = yield* list(store.tenant, { connection, entity, limit: Listing.limitMax })
  const isFull = waiting.length === Listing.limitMax
  const older = isFull
    ? yield* list(store.tenant, { connection, entity, limit: 1, before: waiting.at(-1)!.position })
    : []
  return { quarantined: waiting.length, quarantinedMore: older.length > 0 }
})
