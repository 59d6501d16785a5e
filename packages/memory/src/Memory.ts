/**
 * Every port of `@tidemark/core` over one immutable state: for tests, and as the
 * reference for other stores.
 *
 * It behaves as PostgreSQL does under READ COMMITTED: a statement sees what was
 * committed when it began and its own transaction's writes; writers of one row
 * wait for each other; a circle of waits ends with `Conflict`; savepoints take
 * back what came after them; a failed statement aborts its transaction. Other
 * fibers run between any two statements, so races that a database can show,
 * memory can show too.
 *
 * **Guarantees**
 *
 * - the laws of the ports;
 * - the same fibers under the same clock and hook end in the same state: ids come
 *   from sequences, and nothing is random.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Counters from "@tidemark/core/ports/Counters"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as EventLog from "@tidemark/core/ports/EventLog"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Links from "@tidemark/core/ports/Links"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Wake from "@tidemark/core/ports/Wake"
import * as Database from "./Database.ts"
import type * as History from "./History.ts"
import * as MemoryConsumers from "./MemoryConsumers.ts"
import * as MemoryCounters from "./MemoryCounters.ts"
import * as MemoryDeadLetters from "./MemoryDeadLetters.ts"
import * as MemoryDeliveries from "./MemoryDeliveries.ts"
import * as MemoryEventLog from "./MemoryEventLog.ts"
import * as MemoryExpiry from "./MemoryExpiry.ts"
import * as MemoryInbox from "./MemoryInbox.ts"
import * as MemoryIntents from "./MemoryIntents.ts"
import * as MemoryLanes from "./MemoryLanes.ts"
import * as MemoryLedger from "./MemoryLedger.ts"
import * as MemoryLinks from "./MemoryLinks.ts"
import * as MemoryOutbox from "./MemoryOutbox.ts"
import * as MemoryQuarantine from "./MemoryQuarantine.ts"
import * as MemoryRunRecorder from "./MemoryRunRecorder.ts"
import * as MemoryWake from "./MemoryWake.ts"
import * as Owed from "./Owed.ts"
import * as Session from "./Session.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** Called at every named point. Default: does nothing. */
  readonly hook?: Database.Hook
}

/** All the engine needs from a store, and the store itself. @category models @since 0.1.0 */
export type Services =
  | Store
  | UnitOfWork.UnitOfWork
  | Lanes.Lanes
  | Ledger.Ledger
  | RunRecorder.RunRecorder
  | Quarantine.Quarantine
  | Outbox.Outbox
  | Intents.Intents
  | Counters.Counters
  | Consumers.Consumers
  | Deliveries.Deliveries
  | DeadLetters.DeadLetters
  | EventLog.EventLog
  | Inbox.Inbox
  | Wake.Wake
  | Links.Links
  | Expiry.Expiry

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/**
 * The store seen from outside: what is committed, and writes that the engine
 * knows nothing of.
 *
 * @category services
 * @since 0.1.0
 */
export class Store extends Context.Service<
  Store,
  {
    readonly connection: Database.Connection
    /** All that is committed. */
    readonly state: Effect.Effect<State.State>
    /**
     * Puts a row into a sink's table as another application would: before the
     * engine comes, or behind its back. Waits for a transaction that holds the row;
     * checks no unique key. Keeps the id of a row that is there.
     */
    readonly put: (
      subscription: Subscription.Subscription,
      externalId: Observation.ExternalId,
      record: unknown
    ) => Effect.Effect<void, StoreError>
    /** Removes a row from a sink's table as another application would. */
    readonly remove: (
      subscription: Subscription.Subscription,
      externalId: Observation.ExternalId
    ) => Effect.Effect<void, StoreError>
  }
>()("@tidemark/memory/Store") {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** An empty database, for `layerFrom`. @category constructors @since 0.1.0 */
export const makeDatabase: Effect.Effect<Database.Database> = Database.make

// -----------------------------------------------------------------------------
// layers
// -----------------------------------------------------------------------------

/**
 * One process's ports over a database it may share with others.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFrom = (database: Database.Database, options: Options = {}): Layer.Layer<Services> => {
  const connection: Database.Connection = { database, hook: options.hook ?? (() => Effect.void) }
  return Layer.succeedContext(
    Context.make(Store, store(connection)).pipe(
      Context.add(UnitOfWork.UnitOfWork, unitOfWork(connection)),
      Context.add(Lanes.Lanes, MemoryLanes.make(connection)),
      Context.add(Ledger.Ledger, MemoryLedger.make(connection)),
      Context.add(RunRecorder.RunRecorder, MemoryRunRecorder.make(connection)),
      Context.add(Quarantine.Quarantine, MemoryQuarantine.make(connection)),
      Context.add(Outbox.Outbox, MemoryOutbox.make(connection)),
      Context.add(Intents.Intents, MemoryIntents.make(connection)),
      Context.add(Counters.Counters, MemoryCounters.make(connection)),
      Context.add(Consumers.Consumers, MemoryConsumers.make(connection)),
      Context.add(Deliveries.Deliveries, MemoryDeliveries.make(connection)),
      Context.add(DeadLetters.DeadLetters, MemoryDeadLetters.make(connection)),
      Context.add(EventLog.EventLog, MemoryEventLog.make(connection)),
      Context.add(Inbox.Inbox, MemoryInbox.make(connection)),
      Context.add(Wake.Wake, MemoryWake.make(connection)),
      Context.add(Links.Links, MemoryLinks.make(connection)),
      Context.add(Expiry.Expiry, MemoryExpiry.make(connection))
    )
  )
}

/** A process with a database of its own. @category layers @since 0.1.0 */
export const layer = (options: Options = {}): Layer.Layer<Services> =>
  Layer.unwrap(Effect.map(makeDatabase, (database) => layerFrom(database, options)))

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/**
 * Committed rows of a sink's table. `A` is what the entity's sink writes.
 *
 * @category readers
 * @since 0.1.0
 */
export const rows = <A>(
  subscription: Subscription.Subscription
): Effect.Effect<ReadonlyMap<Observation.ExternalId, Row.Row<A>>, never, Store> =>
  select("rows", (found) => {
    const own = found
      .filter((one) => State.isSameEntity(one.subscription, subscription))
      .toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1))
    return new Map(own.map(({ externalId, row }) => [externalId, row as Row.Row<A>]))
  })

/** Committed ledger rows of a subscription. @category readers @since 0.1.0 */
export const ledger = (subscription: Subscription.Subscription) =>
  select("ledger", (found) => {
    const own = found
      .filter((one) => State.isSameEntity(one.subscription, subscription))
      .toSorted((a, b) => (a.externalId < b.externalId ? -1 : 1))
    return new Map(own.map(({ entry, externalId }) => [externalId, entry]))
  })

/** Committed items of a subscription, in the order of writing. @category readers @since 0.1.0 */
export const items = (subscription: Subscription.Subscription) =>
  select("items", (found) => found.filter(({ lane }) => isOf(lane, subscription)).toSorted((a, b) => a.order - b.order))

/** Runs of a subscription, in the order they were opened. @category readers @since 0.1.0 */
export const runs = (subscription: Subscription.Subscription) =>
  select("runs", (found) => found.filter(({ lane }) => isOf(lane, subscription)).toSorted((a, b) => a.order - b.order))

/** Committed events of a tenant, in the order of writing. @category readers @since 0.1.0 */
export const events = (tenant: Subscription.TenantId) =>
  select("events", (found) =>
    found
      .filter(({ event }) => event.tenant === tenant)
      .toSorted((a, b) => a.order - b.order)
      .map(({ event }) => event)
  )

/** Committed refusals of a subscription, closed ones too, in the order of writing. @category readers @since 0.1.0 */
export const quarantine = (subscription: Subscription.Subscription) =>
  select("quarantine", (found) =>
    found.filter((one) => State.isSameEntity(one.subscription, subscription)).toSorted((a, b) => a.order - b.order)
  )

/** A lane's row; `undefined` when it was never claimed. @category readers @since 0.1.0 */
export const lane = (lane: Lane.Lane) =>
  select("lanes", (found) => found.find((row) => State.laneKey(row.lane) === State.laneKey(lane)))

/** How a lane moved, one commit after the other. @category readers @since 0.1.0 */
export const moves = (lane: Lane.Lane): Effect.Effect<ReadonlyArray<History.LaneMove>, never, Store> =>
  Effect.map(state, ({ commits }) =>
    commits.flatMap(({ lanes }) => lanes.filter((move) => State.laneKey(move.lane) === State.laneKey(lane)))
  )

/** Changes of a sink's rows, one commit after the other. @category readers @since 0.1.0 */
export const changes = (
  subscription: Subscription.Subscription
): Effect.Effect<ReadonlyArray<History.RowChange>, never, Store> =>
  Effect.map(state, ({ commits }) =>
    commits.flatMap(({ changes }) => changes.filter((one) => State.isSameEntity(one.subscription, subscription)))
  )

/** Where an event of a tenant stands with a consumer. @category models @since 0.1.0 */
export interface Share {
  readonly consumer: string
  /** The event's id. */
  readonly event: string
  readonly as: "Delivery" | "Receipt" | "DeadLetter"
}

/** Committed shares of a tenant's events, in no particular order. @category readers @since 0.1.0 */
export const shares = (tenant: Subscription.TenantId): Effect.Effect<ReadonlyArray<Share>, never, Store> =>
  Effect.map(state, ({ tables }) => {
    const view = { tables, writes: State.noWrites() }
    const names = new Map(Owed.consumers(view).map(({ name, number }) => [number, name]))
    const own = (key: string) => key.startsWith(`${State.key(tenant).slice(0, -1)},`)
    const of = (as: Share["as"], table: "deliveries" | "receipts" | "deadLetters") =>
      State.scan(view, table).flatMap(([key, { consumer, event }]): ReadonlyArray<Share> => {
        const id = typeof event === "string" ? event : event.id
        return own(key) ? [{ consumer: names.get(consumer) ?? "", event: id, as }] : []
      })
    return [...of("Delivery", "deliveries"), ...of("Receipt", "receipts"), ...of("DeadLetter", "deadLetters")]
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const state: Effect.Effect<State.State, never, Store> = Effect.flatMap(Store, (store) => store.state)

const select = <T extends State.Name, B>(
  table: T,
  read: (rows: ReadonlyArray<State.Tables[T]>) => B
): Effect.Effect<B, never, Store> =>
  Effect.map(state, ({ tables }) => read(State.scan({ tables, writes: State.noWrites() }, table).map(([, row]) => row)))

const isOf = (lane: Lane.Lane, { id, tenant }: Subscription.Subscription): boolean =>
  lane.subscription.tenant === tenant && lane.subscription.id === id

const unitOfWork = (connection: Database.Connection): UnitOfWork.UnitOfWork["Service"] =>
  UnitOfWork.make({
    store: "memory",
    bracket: ({ isNested, tenant }, effect) =>
      isNested ? Session.savepoint(connection, effect) : Session.transact(connection, tenant, effect)
  })

const store = (connection: Database.Connection): Store["Service"] => ({
  connection,
  state: Effect.sync(() => connection.database.state),
  put: (subscription, externalId, record) =>
    Statement.writeAlone(
      connection,
      "Store.put",
      subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        const key = State.recordKey(subscription, externalId)
        const known = yield* Statement.lock(statement, "rows", key)
        const localId = known?.row.localId ?? `local-${Database.next(connection.database, "local")}`
        Statement.put(statement, "rows", key, { subscription, externalId, row: { localId, record } })
      })
    ),
  remove: (subscription, externalId) =>
    Statement.writeAlone(connection, "Store.remove", subscription.tenant, (statement) =>
      Statement.remove(statement, "rows", State.recordKey(subscription, externalId), () => true)
    )
})
