/**
 * Where a simulation keeps its copy: in memory, by the lanes that the command has,
 * always the live one first, as applications may run them; or in PostgreSQL, by the
 * command itself.
 */
import { Lane, Subscription, Sync } from "@tidemark/core"
import * as LawStore from "@tidemark/laws/Store"
import { Memory, MemorySink } from "@tidemark/memory"
import { type Canonical, SalesforceClient, SalesforceDeletes, SalesforceSource } from "@tidemark/provider-salesforce"
import type { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Command from "./tamed.ts"
import * as Copy from "./copy.ts"
import type * as Server from "./server.ts"
import type * as Simulation from "./simulation.ts"
import * as Waiting from "./waiting.ts"

// -----------------------------------------------------------------------------
// memory
// -----------------------------------------------------------------------------

const fields = ["Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "BillingCity"]

export const memory = Effect.fnUntraced(function* (org: Simulator.Simulator): Effect.fn.Return<Simulation.Store> {
  const database = yield* Memory.makeDatabase
  const subscription = Subscription.make({
    id: "salesforce/Account",
    tenant: "default",
    connection: { provider: "salesforce", account: org.orgId },
    entity: "account"
  })
  return {
    run: (process) =>
      runInMemory(process, subscription).pipe(
        Effect.provide(
          Layer.mergeAll(Memory.layerFrom(database, { hook: () => process.onStep }), Command.http(process.onRequest))
        ),
        Effect.scoped
      ),
    look: (org) => Effect.provide(lookInMemory(org, subscription), Memory.layerFrom(database))
  }
})

const runInMemory = Effect.fnUntraced(
  function* ({ batchSize, org }: Simulation.Process, subscription: Subscription.Subscription) {
    const made = yield* SalesforceClient.make({ url: org.url, credentials: Command.refresh(org) })
    const client = Waiting.slowed(made, Waiting.make(org))
    yield* client.organization
    const source = yield* SalesforceSource.make({ client, object: "Account", fields })
    const deletes = yield* SalesforceDeletes.make({ client, source })
    const sink = yield* MemorySink.make<Canonical.Record>({ label: "accounts" })
    const common = { subscription, schema: source.schema, sink, settle: Command.settle, batchSize, events: true }
    // A run that was killed while it claimed may hold its lane until the lease is over.
    const isTakingOver = true
    const live = yield* Sync.run(Sync.make({ ...common, source }), { lane: Lane.live(subscription), isTakingOver })
    const gone = yield* Sync.run(Sync.make({ ...common, source: deletes }), {
      lane: SalesforceDeletes.lane(subscription),
      isTakingOver
    })
    return { said: "counts" in live && "counts" in gone ? "" : "Busy", news: news(live) + news(gone) }
  },
  Effect.catch((error) => Effect.succeed({ said: `${error._tag}: ${error.message}`, news: 0 }))
)

const news = (summary: Effect.Success<ReturnType<typeof Sync.run>>): number =>
  "counts" in summary ? summary.counts.created + summary.counts.updated + summary.counts.deleted : 0

const lookInMemory = Effect.fnUntraced(function* (
  { control }: Simulator.Simulator,
  subscription: Subscription.Subscription
) {
  const { entities } = yield* control.state
  const { runs, ...recorded } = yield* Effect.orDie(LawStore.memory.read(subscription))
  const rows = yield* Memory.rows<Canonical.Record>(subscription)
  return {
    ...recorded,
    upstream: Object.fromEntries(
      Object.entries(entities["Account"] ?? {}).map(([id, values]) => [
        id,
        Object.fromEntries(fields.map((field) => [field, values[field] as Copy.Fields[string]]))
      ])
    ),
    local: Object.fromEntries([...rows].map(([id, { record }]) => [id, record as Copy.Fields])),
    cursors: Object.fromEntries(recorded.lanes.map(({ cursor, lane }) => [lane, cursor as Copy.Fields | null])),
    open: runs.filter(({ status }) => status === "Running").length
  }
})

// -----------------------------------------------------------------------------
// PostgreSQL
// -----------------------------------------------------------------------------

export const postgres = (database: Server.Database) => (): Effect.Effect<Simulation.Store> =>
  Effect.succeed({
    run: ({ batchSize, onRequest, org }) =>
      Effect.map(
        Command.run({ org, url: database.url, credentials: Command.refresh(org), batchSize, onRequest }),
        ({ line, said }) => ({
          said: line?.status === "Busy" ? "Busy" : said,
          news: line === undefined ? 0 : line.created + line.updated + line.deleted
        })
      ),
    look: Effect.fnUntraced(function* (org) {
      const { cursors, events, items, records, runs } = yield* Effect.promise(() => Copy.read(database, org))
      return {
        items,
        events,
        // The table is not watched: what was written is told by items alone.
        rows: [],
        lanes: [],
        upstream: yield* Effect.promise(() => Copy.truth(org)),
        local: records,
        cursors,
        open: runs.filter(({ status }) => status === "Running").length
      }
    })
  })
