/**
 * Everything a database holds, as one immutable value.
 *
 * A transaction is applied to a state as a whole and gives the next one, so a
 * state kept aside is a snapshot: nothing changes it later.
 *
 * Keys of all tables but that of consumers start with the tenant.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Event from "@tidemark/core/model/Event"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Row from "@tidemark/core/model/Row"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Intents from "@tidemark/core/ports/Intents"
import type * as Lanes from "@tidemark/core/ports/Lanes"
import type * as Links from "@tidemark/core/ports/Links"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as History from "./History.ts"
import type * as Owed from "./Owed.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What names a record: its subscription's tenant, connection, and entity, and its own id. @category models @since 0.1.0 */
export interface Target {
  readonly subscription: Subscription.Subscription
  readonly externalId: Observation.ExternalId
}

/** @category models @since 0.1.0 */
export interface LedgerRow extends Target {
  readonly entry: Entry.Entry
}

/** @category models @since 0.1.0 */
export interface LaneRow {
  readonly lane: Lane.Lane
  /** Claims so far. Starts at 1. */
  readonly epoch: number
  readonly account: string
  readonly checkpoint: Lanes.Checkpoint
  /** When the lease ends, in ms since the epoch; 0 once it was given back. */
  readonly leaseUntil: number
  /** Why the brake stopped the lane. */
  readonly stopped: string | undefined
}

/** @category models @since 0.1.0 */
export interface RunRow extends Omit<RunRecorder.Kept, "position" | "subscription" | "lane"> {
  /** Place among the runs of the database, in the order of opening. Starts at 1. */
  readonly order: number
  readonly lane: Lane.Lane
}

/** An item as it is kept: its patch is JSON. @category models @since 0.1.0 */
export interface ItemRow extends Omit<RunRecorder.KeptItem, "position"> {
  /** Place among the items of the database, in the order of writing. Starts at 1. */
  readonly order: number
  readonly runId: string
  readonly lane: Lane.Lane
}

/** @category models @since 0.1.0 */
export interface EventRow {
  /** Place among the events of the database, in the order of writing. Starts at 1. */
  readonly order: number
  readonly event: Event.Event
  /** In ms since the epoch. */
  readonly appendedAt: number
}

/** @category models @since 0.1.0 */
export interface QuarantineRow extends Target {
  /** Place among the refusals of the database, in the order of writing. Starts at 1. */
  readonly order: number
  readonly id: string
  readonly refusal: Quarantine.Refusal
  readonly status: Quarantine.Status
  /** How often it was refused. Starts at 1. */
  readonly attempts: number
  /** In ms since the epoch. */
  readonly openedAt: number
  /** In ms since the epoch; `undefined` while it waits. */
  readonly closedAt: number | undefined
}

/** @category models @since 0.1.0 */
export interface IntentRow {
  readonly lane: Lane.Lane
  readonly intent: Intents.Intent
}

/** A row of a sink's table. What the record is, only its sink knows. @category models @since 0.1.0 */
export interface SinkRow extends Target {
  readonly row: Row.Row<unknown>
}

/** @category models @since 0.1.0 */
export interface LinkRow extends Links.Kept {
  readonly tenant: Subscription.TenantId
}

/** @category models @since 0.1.0 */
export interface Tables {
  /** By record. */
  readonly ledger: LedgerRow
  /** By lane. */
  readonly lanes: LaneRow
  /** By tenant and id. */
  readonly runs: RunRow
  /** By tenant and order. */
  readonly items: ItemRow
  /** By tenant and event id. */
  readonly events: EventRow
  /** By tenant and id. */
  readonly quarantine: QuarantineRow
  /** By record. */
  readonly intents: IntentRow
  /** By record. */
  readonly rows: SinkRow
  /** By number; of no tenant. */
  readonly consumers: Owed.ConsumerRow
  /** By tenant, consumer and position. */
  readonly deliveries: Owed.DeliveryRow
  /** By tenant, consumer and position. */
  readonly receipts: Owed.ReceiptRow
  /** By tenant, consumer and position. */
  readonly deadLetters: Owed.DeadLetterRow
  /** By tenant, consumer and id. */
  readonly inbox: Owed.InboxRow
  /** By tenant, entity and key. The number given last. */
  readonly counters: number
  /** By tenant, both places and type. */
  readonly links: LinkRow
}

/** @category models @since 0.1.0 */
export type Name = keyof Tables

/** @category models @since 0.1.0 */
export type Content = { readonly [T in Name]: HashMap.HashMap<string, Tables[T]> }

/** What a transaction wrote and has not committed, in order; `undefined` where it removed a row. @category models @since 0.1.0 */
export type Writes = { readonly [T in Name]: Map<string, Tables[T] | undefined> }

/** @category models @since 0.1.0 */
export interface State {
  readonly tables: Content
  /** Committed transactions that moved a lane or changed a sink's row, in commit order. */
  readonly commits: ReadonlyArray<History.Commit>
}

/** Committed rows under a transaction's own writes. @category models @since 0.1.0 */
export interface View {
  readonly tables: Content
  readonly writes: Writes
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const empty: State = {
  tables: {
    ledger: HashMap.empty(),
    lanes: HashMap.empty(),
    runs: HashMap.empty(),
    items: HashMap.empty(),
    events: HashMap.empty(),
    quarantine: HashMap.empty(),
    intents: HashMap.empty(),
    rows: HashMap.empty(),
    consumers: HashMap.empty(),
    deliveries: HashMap.empty(),
    receipts: HashMap.empty(),
    deadLetters: HashMap.empty(),
    inbox: HashMap.empty(),
    counters: HashMap.empty(),
    links: HashMap.empty()
  },
  commits: []
}

/** @category constructors @since 0.1.0 */
export const noWrites = (): Writes => ({
  ledger: new Map(),
  lanes: new Map(),
  runs: new Map(),
  items: new Map(),
  events: new Map(),
  quarantine: new Map(),
  intents: new Map(),
  rows: new Map(),
  consumers: new Map(),
  deliveries: new Map(),
  receipts: new Map(),
  deadLetters: new Map(),
  inbox: new Map(),
  counters: new Map(),
  links: new Map()
})

/** @category constructors @since 0.1.0 */
export const copyWrites = (writes: Writes): Writes => ({
  ledger: new Map(writes.ledger),
  lanes: new Map(writes.lanes),
  runs: new Map(writes.runs),
  items: new Map(writes.items),
  events: new Map(writes.events),
  quarantine: new Map(writes.quarantine),
  intents: new Map(writes.intents),
  rows: new Map(writes.rows),
  consumers: new Map(writes.consumers),
  deliveries: new Map(writes.deliveries),
  receipts: new Map(writes.receipts),
  deadLetters: new Map(writes.deadLetters),
  inbox: new Map(writes.inbox),
  counters: new Map(writes.counters),
  links: new Map(writes.links)
})

/** Injective. @category keys @since 0.1.0 */
export const key = (tenant: Subscription.TenantId, ...parts: ReadonlyArray<string>): string =>
  JSON.stringify([tenant, ...parts])

/** @category keys @since 0.1.0 */
export const recordKey = (subscription: Subscription.Subscription, externalId: Observation.ExternalId): string =>
  key(
    subscription.tenant,
    subscription.connection.provider,
    subscription.connection.account,
    subscription.entity,
    externalId
  )

/** @category keys @since 0.1.0 */
export const laneKey = ({ name, partition, subscription }: Lane.Lane): string =>
  key(subscription.tenant, subscription.id, name, partition)

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category reading @since 0.1.0 */
export const get = <T extends Name>(view: View, table: T, key: string): Tables[T] | undefined => {
  const writes = view.writes[table]
  return writes.has(key) ? writes.get(key) : Option.getOrUndefined(HashMap.get(view.tables[table], key))
}

/** All rows of a table with their keys, in no particular order. @category reading @since 0.1.0 */
export const scan = <T extends Name>(view: View, table: T): ReadonlyArray<readonly [key: string, row: Tables[T]]> => {
  const writes = view.writes[table]
  const rows: Array<readonly [string, Tables[T]]> = []
  for (const entry of HashMap.entries(view.tables[table])) if (!writes.has(entry[0])) rows.push(entry)
  for (const [key, row] of writes) if (row !== undefined) rows.push([key, row])
  return rows
}

/** The state after a transaction. @category combinators @since 0.1.0 */
export const commit = (state: State, tenant: Subscription.TenantId, writes: Writes): State => {
  const { tables } = state
  const next: Content = {
    ledger: applied(tables, writes, "ledger"),
    lanes: applied(tables, writes, "lanes"),
    runs: applied(tables, writes, "runs"),
    items: applied(tables, writes, "items"),
    events: applied(tables, writes, "events"),
    quarantine: applied(tables, writes, "quarantine"),
    intents: applied(tables, writes, "intents"),
    rows: applied(tables, writes, "rows"),
    consumers: applied(tables, writes, "consumers"),
    deliveries: applied(tables, writes, "deliveries"),
    receipts: applied(tables, writes, "receipts"),
    deadLetters: applied(tables, writes, "deadLetters"),
    inbox: applied(tables, writes, "inbox"),
    counters: applied(tables, writes, "counters"),
    links: applied(tables, writes, "links")
  }
  const entry = History.make(tenant, tables, next, writes)
  return { tables: next, commits: entry === undefined ? state.commits : [...state.commits, entry] }
}

/** Whether two subscriptions feed one entity of one connection, and so share their records. @category guards @since 0.1.0 */
export const isSameEntity = (a: Subscription.Subscription, b: Subscription.Subscription): boolean =>
  a.tenant === b.tenant &&
  a.connection.provider === b.connection.provider &&
  a.connection.account === b.connection.account &&
  a.entity === b.entity

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const applied = <T extends Name>(tables: Content, writes: Writes, table: T): HashMap.HashMap<string, Tables[T]> =>
  writes[table].size === 0
    ? tables[table]
    : HashMap.mutate(tables[table], (rows) => {
        for (const [key, row] of writes[table]) {
          if (row === undefined) HashMap.remove(rows, key)
          else HashMap.set(rows, key, row)
        }
      })
