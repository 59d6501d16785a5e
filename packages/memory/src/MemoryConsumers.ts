/**
 * Consumers. Who registers or retires one has the lock that appends share alone:
 * what was appended before is committed, and what comes after knows of it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Consumers from "@tidemark/core/ports/Consumers"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** How long a registration waits for appends. @category constants @since 0.1.0 */
export const patience = "10 seconds"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Consumers.Consumers["Service"] => ({
  register: (declaration) => register(connection, declaration),
  activate: (name, limit) =>
    alone(
      connection,
      "Consumers.activate",
      Effect.fnUntraced(function* (statement) {
        const row = yield* known(statement, name)
        const activated = yield* activate(statement, row, limit)
        Statement.put(statement, "consumers", Owed.consumerKey(row.number), activated)
        return activated.missed === undefined
      })
    ),
  list: Statement.read(connection, "Consumers.list", Owed.everybody, (view) =>
    Owed.consumers(view)
      .map((row) => toConsumer(view, row))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  ),
  change: (name, change, by) =>
    alone(
      connection,
      "Consumers.change",
      Effect.fnUntraced(function* (statement) {
        yield* Owed.exclude(statement)
        const row = yield* known(statement, name, change)
        const changed = yield* changeRow(statement, row, change)
        if (changed === row) return toConsumer(Owed.latest(statement), row)
        const at = yield* Clock.currentTimeMillis
        const written = { ...changed, changed: { by, at } }
        Statement.put(statement, "consumers", Owed.consumerKey(row.number), written)
        return toConsumer(Owed.latest(statement), written)
      })
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** In a transaction of its own, which does not wait for ever. */
const alone = <A, E>(
  connection: Database.Connection,
  point: string,
  body: (statement: Statement.Statement) => Effect.Effect<A, E>
): Effect.Effect<A, E | StoreError> =>
  Statement.writeAlone(connection, point, Owed.everybody, body).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.fail(
          new StoreError({
            reason: "Conflict",
            operation: point,
            code: "55P03",
            message: "an append is under way and does not end: try again"
          })
        )
    })
  )

const register = (connection: Database.Connection, declaration: Consumers.Declaration) =>
  alone(
    connection,
    "Consumers.register",
    Effect.fnUntraced(function* (statement) {
      yield* Owed.exclude(statement)
      const { database } = connection
      const found = Owed.named(Owed.latest(statement), declaration.name)
      if (found?.isRetired === true) return yield* retired(declaration.name)
      const { name, start, types } = declaration
      const newest = database.sequences.get("event") ?? 0
      const after = start === "Beginning" ? 0 : start === "Now" ? newest : start.after
      const from = (of: (type: string) => number) => Object.fromEntries(types.map((type) => [type, of(type)]))
      const row: Owed.ConsumerRow =
        found === undefined
          ? {
              number: Database.next(database, "consumer"),
              name,
              types,
              start,
              after: from(() => after),
              missed: { after, through: newest },
              isPaused: false,
              isRetired: false,
              registeredAt: yield* Clock.currentTimeMillis,
              changed: undefined
            }
          : { ...found, types, after: from((type) => found.after[type] ?? newest) }
      const key = Owed.consumerKey(row.number)
      yield* Statement.lock(statement, "consumers", key)
      Statement.put(statement, "consumers", key, row)
      return toConsumer(Owed.latest(statement), row)
    })
  )

/** Gives it the next of what it missed. Answers the row that says how far it is. */
const activate = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  row: Owed.ConsumerRow,
  limit: number
): Effect.fn.Return<Owed.ConsumerRow> {
  const { missed } = row
  if (missed === undefined) return row
  const now = yield* Clock.currentTimeMillis
  const waiting = State.scan(Owed.latest(statement), "events")
    .map(([, event]) => event)
    .filter((event) => event.order > missed.after && event.order <= missed.through && Owed.isOwed(row, event))
    .toSorted((a, b) => a.order - b.order)
  const given = waiting.slice(0, Math.max(Math.trunc(limit), 1))
  for (const event of given) {
    const key = Owed.key(event.event.tenant, row.number, event.order)
    Statement.put(statement, "deliveries", key, Owed.delivery(row, event, now))
  }
  const last = given.at(-1)
  return given.length === waiting.length || last === undefined
    ? { ...row, missed: undefined }
    : { ...row, missed: { ...missed, after: last.order } }
})

const changeRow = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  row: Owed.ConsumerRow,
  change: Consumers.Change
): Effect.fn.Return<Owed.ConsumerRow, Consumers.ConsumerError | StoreError> {
  switch (change._tag) {
    case "Pause":
      return row.isPaused ? row : { ...row, isPaused: true }
    case "Resume":
      return row.isPaused ? { ...row, isPaused: false } : row
    case "Rename": {
      if (change.to === row.name) return row
      if (Owed.named(Owed.latest(statement), change.to) !== undefined) return yield* taken(change.to)
      return { ...row, name: change.to }
    }
    case "Retire": {
      if (row.isRetired) return row
      const waiting = State.scan(Owed.latest(statement), "deliveries").filter(
        ([, { consumer }]) => consumer === row.number
      )
      if (change.ifDone === true && waiting.length > 0) return yield* owed(row.name)
      for (const [key] of waiting) {
        yield* Statement.lock(statement, "deliveries", key)
        Statement.put(statement, "deliveries", key, undefined)
      }
      return { ...row, isRetired: true, missed: undefined }
    }
  }
})

/** The row of a consumer that can be changed, locked: `Retire` finds retired ones too. */
const known = Effect.fnUntraced(function* (
  statement: Statement.Statement,
  name: string,
  change?: Consumers.Change
): Effect.fn.Return<Owed.ConsumerRow, Consumers.ConsumerError | StoreError> {
  const found = Owed.named(Owed.latest(statement), name)
  const row =
    found === undefined ? undefined : yield* Statement.lock(statement, "consumers", Owed.consumerKey(found.number))
  if (row === undefined || row.name !== name) {
    return yield* new Consumers.ConsumerError({
      reason: "Unknown",
      consumer: name,
      message: `there is no consumer ${name}: register it first`
    })
  }
  if (row.isRetired && change?._tag !== "Retire") return yield* retired(name)
  return row
})

const toConsumer = (view: State.View, row: Owed.ConsumerRow): Consumers.Consumer => {
  const { changed, name, number, registeredAt, start, types } = row
  const waits = [...State.scan(view, "deliveries"), ...State.scan(view, "deadLetters")]
  const waiting = waits.filter(([, { consumer }]) => consumer === number).length
  return {
    name,
    types,
    start,
    status: Owed.statusOf(row),
    registeredAt,
    changed,
    waiting: Math.min(waiting, Consumers.waitingMax)
  }
}

const retired = (consumer: string) =>
  new Consumers.ConsumerError({
    reason: "Retired",
    consumer,
    message: `the consumer ${consumer} retired, and its name is not given again: take another name`
  })

const taken = (consumer: string) =>
  new Consumers.ConsumerError({
    reason: "Taken",
    consumer,
    message: `another consumer has or had the name ${consumer}: take another name`
  })

const owed = (consumer: string) =>
  new Consumers.ConsumerError({
    reason: "Owed",
    consumer,
    message: `deliveries wait for the consumer ${consumer}, and would be dropped: let them be handled, or give them up`
  })
