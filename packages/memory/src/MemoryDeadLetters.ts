/**
 * Dead letters. A redriven one keeps the number of its claims, so that whoever
 * held it before it died cannot settle it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Listing from "@tidemark/core/ports/Listing"
import type * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): DeadLetters.DeadLetters["Service"] => ({
  list: (options = {}) =>
    Statement.read(connection, "DeadLetters.list", Owed.everybody, (view) => {
      const names = namesOf(view)
      const { before = Infinity, consumer, type } = options
      return letters(view)
        .map(([, row]) => toDeadLetter(names, row))
        .filter(
          (one) =>
            one.position < before &&
            (consumer === undefined || one.consumer === consumer) &&
            (type === undefined || one.event.type === type)
        )
        .toSorted((a, b) => b.position - a.position)
        .slice(0, Listing.limitOf(options))
    }),
  redrive: (selection, _by, limit) =>
    Statement.writeAlone(
      connection,
      "DeadLetters.redrive",
      Owed.everybody,
      Effect.fnUntraced(function* (statement) {
        const dueAt = yield* Clock.currentTimeMillis
        const gone = new Set(Owed.consumers(statement).flatMap((row) => (row.isRetired ? [row.number] : [])))
        const chosen = letters(statement)
          .filter(([, row]) => isSelected(selection, row) && !gone.has(row.consumer))
          .slice(0, Math.max(Math.trunc(limit), 0))
        let redriven = 0
        for (const [key] of chosen) {
          const letter = yield* Statement.lock(statement, "deadLetters", key)
          if (letter === undefined) continue
          const { consumer, epoch, event, position } = letter
          Statement.put(statement, "deadLetters", key, undefined)
          const delivery = { consumer, position, event, epoch, attempts: 0, dueAt, isHeld: false, isLate: true }
          Statement.put(statement, "deliveries", key, delivery)
          redriven += 1
        }
        return redriven
      })
    ),
  skip: (id, reason, by) =>
    Statement.writeAlone(
      connection,
      "DeadLetters.skip",
      Owed.everybody,
      Effect.fnUntraced(function* (statement) {
        for (const table of ["deadLetters", "deliveries"] as const) {
          const [key] = State.scan(statement, table).find(([, row]) => Owed.idOf(row) === id) ?? []
          const row = key === undefined ? undefined : yield* Statement.lock(statement, table, key)
          if (key === undefined || row === undefined) continue
          const { consumer, event, position } = row
          const at = yield* Clock.currentTimeMillis
          Statement.put(statement, table, key, undefined)
          Statement.put(statement, "receipts", key, {
            consumer,
            position,
            event: event.id,
            at,
            skipped: { reason, by }
          })
          return true
        }
        return false
      })
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Oldest first, with their keys. */
const letters = (view: State.View) => State.scan(view, "deadLetters").toSorted(([, a], [, b]) => a.order - b.order)

const namesOf = (view: State.View): ReadonlyMap<number, string> =>
  new Map(Owed.consumers(view).map(({ name, number }) => [number, name]))

const isSelected = (selection: DeadLetters.Selection, row: Owed.DeadLetterRow): boolean => {
  switch (selection._tag) {
    case "Ids":
      return selection.ids.includes(Owed.idOf(row))
    case "Type":
      return row.event.type === selection.type
    case "All":
      return true
  }
}

const toDeadLetter = (names: ReadonlyMap<number, string>, row: Owed.DeadLetterRow): DeadLetters.DeadLetter => {
  const { attempts, consumer, diedAt, error, event, order } = row
  return {
    id: Owed.idOf(row),
    position: order,
    consumer: names.get(consumer) ?? "",
    event,
    attempts,
    error,
    diedAt
  }
}
