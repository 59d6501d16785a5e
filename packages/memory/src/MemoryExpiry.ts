/**
 * Removes what is old, by the `Clock` of the calling fiber.
 *
 * Events are removed under a share of the lock that appends share: no consumer
 * registers meanwhile, so what it will be given is still there when it is counted.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Expiry from "@tidemark/core/ports/Expiry"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as Keeping from "@tidemark/core/rules/Keeping"
import type * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Expiry.Expiry["Service"] => ({
  remove: (options) =>
    Statement.writeAlone(
      connection,
      "Expiry.remove",
      Owed.everybody,
      Effect.fnUntraced(function* (statement) {
        const before = (yield* Clock.currentTimeMillis) - Duration.toMillis(options.age)
        return yield* pieceOf(statement, options, before)
      })
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Piece = Effect.Effect<Expiry.Piece, StoreError>

/** A row with its key. */
type Keyed<T extends State.Name> = readonly [key: string, row: State.Tables[T]]

const pieceOf = (statement: Statement.Statement, { from, limit, part }: Expiry.Options, before: number): Piece => {
  switch (part) {
    case "events":
      return events(statement, from, limit, before)
    case "messages":
      return messages(statement, from, limit, before)
    case "runs":
      return runs(statement, limit, before)
    case "refusals":
      return refusals(statement, limit, before)
  }
}

const drop = <T extends State.Name>(statement: Statement.Statement, table: T, rows: ReadonlyArray<Keyed<T>>) =>
  Effect.forEach(
    rows,
    ([key]) =>
      Effect.andThen(
        Statement.lock(statement, table, key),
        Effect.sync(() => Statement.put(statement, table, key, undefined))
      ),
    { discard: true }
  )

const scan = <T extends State.Name>(statement: Statement.Statement, table: T): ReadonlyArray<Keyed<T>> =>
  State.scan(Owed.latest(statement), table)

const events = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  from: number,
  limit: number,
  before: number
): Effect.fn.Return<Expiry.Piece, StoreError> {
  yield* Owed.share(statement)
  const consumers = Owed.consumers(Owed.latest(statement))
  const most = Math.max(1, Math.floor(limit / (1 + consumers.length)))
  const standing = standingsOf(statement, consumers)
  const due = scan(statement, "events")
    .filter(([, row]) => row.order > from && row.appendedAt < before && Keeping.isEventDone(standing(row)))
    .toSorted(([, a], [, b]) => a.order - b.order)
  const going = due.slice(0, most)
  const places = new Set(going.map(([, { order }]) => order))
  const receipts = scan(statement, "receipts").filter(([, { position }]) => places.has(position))
  yield* drop(statement, "events", going)
  yield* drop(statement, "receipts", receipts)
  return {
    removed: { ...Expiry.noCounts, events: going.length, receipts: receipts.length },
    next: due.length > going.length ? going.at(-1)?.[1].order : undefined
  }
})

const standingsOf = (statement: Statement.Statement, consumers: ReadonlyArray<Owed.ConsumerRow>) => {
  const retired = new Set(consumers.filter(({ isRetired }) => isRetired).map(({ number }) => number))
  const waiting = scan(statement, "deliveries").filter(([, { consumer }]) => !retired.has(consumer))
  const owed = new Set(waiting.map(([, { position }]) => position))
  const dead = new Set(scan(statement, "deadLetters").map(([, { position }]) => position))
  return (row: State.EventRow): Keeping.Standing => ({
    isOwed: owed.has(row.order),
    isDead: dead.has(row.order),
    isMissed: consumers.some(
      (one) =>
        one.missed !== undefined &&
        row.order > one.missed.after &&
        row.order <= one.missed.through &&
        Owed.isOwed(one, row)
    )
  })
}

const messages = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  from: number,
  limit: number,
  before: number
): Effect.fn.Return<Expiry.Piece, StoreError> {
  const isOfEvent = ({ id, tenant }: Owed.InboxRow) =>
    Keeping.eventsOf(id).some((event) => Statement.newest(statement, "events", State.key(tenant, event)) !== undefined)
  const due = scan(statement, "inbox")
    .filter(([, row]) => row.order > from && row.touchedAt < before)
    .filter(([, row]) => Keeping.isMessageDone({ isFinished: row.isFinished, isOfEvent: isOfEvent(row) }))
    .toSorted(([, a], [, b]) => a.order - b.order)
  const going = due.slice(0, limit)
  yield* drop(statement, "inbox", going)
  return {
    removed: { ...Expiry.noCounts, messages: going.length },
    next: due.length > going.length ? going.at(-1)?.[1].order : undefined
  }
})

/** A run goes when its items are gone; until then it has fewer than it counts. */
const runs = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  limit: number,
  before: number
): Effect.fn.Return<Expiry.Piece, StoreError> {
  const all = scan(statement, "runs")
  const newest = new Map<string, number>()
  for (const [, { lane, order }] of all) {
    newest.set(State.laneKey(lane), Math.max(order, newest.get(State.laneKey(lane)) ?? 0))
  }
  const due = all
    .filter(
      ([, { closedAt = Infinity, lane, order }]) => closedAt < before && newest.get(State.laneKey(lane)) !== order
    )
    .toSorted(([, a], [, b]) => a.order - b.order)
  const keys = new Set(due.map(([key]) => key))
  const items = scan(statement, "items").filter(([, { lane, runId }]) =>
    keys.has(State.key(lane.subscription.tenant, runId))
  )
  const goingItems = items.toSorted(([, a], [, b]) => a.order - b.order).slice(0, limit)
  const left = new Set(items.filter((item) => !goingItems.includes(item)).map(([, { runId }]) => runId))
  const done = due.filter(([, { id }]) => !left.has(id))
  const going = done.slice(0, limit - goingItems.length)
  yield* drop(statement, "items", goingItems)
  yield* drop(statement, "runs", going)
  return {
    removed: { ...Expiry.noCounts, items: goingItems.length, runs: going.length },
    next: going.length < due.length ? 0 : undefined
  }
})

const refusals = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  limit: number,
  before: number
): Effect.fn.Return<Expiry.Piece, StoreError> {
  const due = scan(statement, "quarantine")
    .filter(([, { closedAt = Infinity, status }]) => status !== "Open" && closedAt < before)
    .toSorted(([, a], [, b]) => a.order - b.order)
  const going = due.slice(0, limit)
  yield* drop(statement, "quarantine", going)
  return {
    removed: { ...Expiry.noCounts, refusals: going.length },
    next: due.length > going.length ? 0 : undefined
  }
})
