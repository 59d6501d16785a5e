/**
 * Rows of who is owed what, their keys, and the lock that appends share.
 *
 * A consumer has a number that stays when it is renamed: deliveries, receipts and
 * dead letters belong to the number.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Subscription from "@tidemark/core/model/Subscription"
import type * as Event from "@tidemark/core/model/Event"
import type * as Consumers from "@tidemark/core/ports/Consumers"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface ConsumerRow {
  readonly number: number
  readonly name: string
  readonly types: Consumers.Declaration["types"]
  readonly start: Consumers.Start
  /** By type: it gets what is behind this position. */
  readonly after: Readonly<Record<string, number>>
  /** Positions it has yet to be given: behind the first, up to the second. `undefined` once it was. */
  readonly missed: { readonly after: number; readonly through: number } | undefined
  readonly isPaused: boolean
  readonly isRetired: boolean
  /** In ms since the epoch. */
  readonly registeredAt: number
  readonly changed: Consumers.Consumer["changed"]
}

/** @category models @since 0.1.0 */
export interface DeliveryRow {
  readonly consumer: number
  readonly position: number
  readonly event: Event.Event
  /** Claims so far, those before a redrive too. */
  readonly epoch: number
  /** How often it was handed out since it was made. */
  readonly attempts: number
  /** In ms since the epoch: when its lease or its delay ends. */
  readonly dueAt: number
  /** Whether its last claim is not settled yet. */
  readonly isHeld: boolean
  readonly isLate: boolean
  /** Why its last attempt failed; `undefined` until one did. */
  readonly error: string | undefined
}

/** @category models @since 0.1.0 */
export interface ReceiptRow {
  readonly consumer: number
  readonly position: number
  readonly event: string
  /** In ms since the epoch. */
  readonly at: number
  /** Why no handler was asked, and who said so. */
  readonly skipped: { readonly reason: string; readonly by: string } | undefined
}

/** @category models @since 0.1.0 */
export interface DeadLetterRow {
  readonly consumer: number
  readonly position: number
  readonly event: Event.Event
  /** Place among the dead letters of the database. Starts at 1. */
  readonly order: number
  readonly epoch: number
  readonly attempts: number
  readonly error: string
  /** In ms since the epoch. */
  readonly diedAt: number
}

/** @category models @since 0.1.0 */
export interface InboxRow {
  readonly tenant: Subscription.TenantId
  /** The sender's id. */
  readonly id: string
  /** Place among the messages of the database, in the order of coming. Starts at 1. */
  readonly order: number
  readonly digest: string | undefined
  readonly isFinished: boolean
  /** When it was claimed, begun or finished last, in ms since the epoch. */
  readonly touchedAt: number
  readonly epoch: number
  readonly attempt: number
  /** When the lease ends, in ms since the epoch. */
  readonly leaseUntil: number
}

// -----------------------------------------------------------------------------
// keys
// -----------------------------------------------------------------------------

/** Who acts for all tenants. @category keys @since 0.1.0 */
export const everybody = Subscription.TenantId.make("*")

/** @category keys @since 0.1.0 */
export const consumerKey = (number: number): string => State.key(everybody, String(number))

/** Of a delivery, and of what takes its place. @category keys @since 0.1.0 */
export const key = (tenant: Subscription.TenantId, consumer: number, position: number): string =>
  State.key(tenant, String(consumer), String(position))

/** What a consumer meets in order. @category keys @since 0.1.0 */
export const line = ({ consumer, event }: Pick<DeliveryRow, "consumer" | "event">): string =>
  State.key(event.tenant, String(consumer), event.entity, event.key)

/** Names a dead letter to a person. @category keys @since 0.1.0 */
export const letterId = ({ order }: Pick<DeadLetterRow, "order">): string => `letter-${order}`

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** What is committed by now, under the statement's own writes. @category readers @since 0.1.0 */
export const latest = ({ session }: Statement.Statement): State.View => ({
  tables: session.database.state.tables,
  writes: session.writes
})

/** @category readers @since 0.1.0 */
export const consumers = (view: State.View): ReadonlyArray<ConsumerRow> =>
  State.scan(view, "consumers").map(([, row]) => row)

/** @category readers @since 0.1.0 */
export const named = (view: State.View, name: string): ConsumerRow | undefined =>
  consumers(view).find((row) => row.name === name)

/** What no earlier delivery of its line holds up. @category readers @since 0.1.0 */
export const heads = (view: State.View): ReadonlyArray<DeliveryRow> => {
  const first = new Map<string, DeliveryRow>()
  const late: Array<DeliveryRow> = []
  for (const [, row] of State.scan(view, "deliveries")) {
    const own = line(row)
    if (row.isLate) late.push(row)
    else if (row.position < (first.get(own)?.position ?? Infinity)) first.set(own, row)
  }
  return [...first.values(), ...late]
}

/** Whether it failed, or was handed out more than once. @category readers @since 0.1.0 */
export const isFailing = ({ attempts, error }: DeliveryRow): boolean => error !== undefined || attempts > 1

/** @category readers @since 0.1.0 */
export const statusOf = ({ isPaused, isRetired, missed }: ConsumerRow): Consumers.Status =>
  isRetired ? "Retired" : isPaused ? "Paused" : missed === undefined ? "Active" : "Registering"

/** Whether an event is one of a consumer's. @category readers @since 0.1.0 */
export const isOwed = ({ after, isRetired, types }: ConsumerRow, { event, order }: State.EventRow): boolean =>
  !isRetired && types.includes(event.type) && order > (after[event.type] ?? Infinity)

/** @category constructors @since 0.1.0 */
export const delivery = (consumer: ConsumerRow, { event, order }: State.EventRow, now: number): DeliveryRow => ({
  consumer: consumer.number,
  position: order,
  event,
  epoch: 0,
  attempts: 0,
  dueAt: now,
  isHeld: false,
  isLate: false,
  error: undefined
})

// -----------------------------------------------------------------------------
// the lock that appends share
// -----------------------------------------------------------------------------

const exclusive = "appends"
const shared = `${exclusive} of `
const mark = " behind "

const newestOf = (database: Database.Database): number => database.sequences.get("event") ?? 0

/**
 * Up to which place nothing is committed any more, the last place that was given
 * out, and whose mark stands between the two.
 *
 * @category readers
 * @since 0.1.0
 */
export const horizon = (
  database: Database.Database
): { readonly horizon: number; readonly newest: number; readonly holder: string | undefined } => {
  const newest = newestOf(database)
  const [first] = [...database.locks.keys()]
    .filter((address) => address.startsWith(shared))
    .map((address) => ({ address, at: Number(address.slice(address.lastIndexOf(mark) + mark.length)) }))
    .filter(({ at }) => at < newest)
    .toSorted((a, b) => a.at - b.at)
  return first === undefined
    ? { horizon: newest, newest, holder: undefined }
    : { horizon: first.at, newest, holder: first.address.slice(shared.length, first.address.lastIndexOf(mark)) }
}

/**
 * Shares the lock with other appends to the end of the transaction, and marks the
 * place behind which it appends. Waits for a registration that has it, or waits for it.
 *
 * @category locks
 * @since 0.1.0
 */
export const share = (statement: Statement.Statement): Effect.Effect<void, StoreError> => {
  const { session } = statement
  const own = session.locks.some(({ address }) => address.startsWith(shared))
  return own
    ? Effect.void
    : Statement.whenFree(statement, exclusive, () =>
        Statement.hold(
          session,
          `${shared}${Database.next(session.database, "appender")}${mark}${newestOf(session.database)}`
        )
      )
}

/**
 * Has the lock alone to the end of the transaction. Waits for every append that is
 * under way, and no other begins meanwhile.
 *
 * @category locks
 * @since 0.1.0
 */
export const exclude = (statement: Statement.Statement): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    const { session } = statement
    yield* Statement.whenFree(statement, exclusive, () => Statement.hold(session, exclusive))
    const { locks } = session.database
    const appends = [...locks.keys()].filter((address) => address.startsWith(shared))
    for (const address of appends) yield* Statement.whenFree(statement, address, () => {})
  })
