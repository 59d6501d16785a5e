/**
 * Dead letters, and deliveries that may become some. A redriven one keeps the number of its claims, so that whoever
 * held it before it died cannot settle it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
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
      const { before = Infinity, consumer, id, type } = options
      return letters(view)
        .map(([, row]) => toDeadLetter(names, row))
        .filter(
          (one) =>
            one.position < before &&
            (id === undefined || one.id === id) &&
            (consumer === undefined || one.consumer === consumer) &&
            (type === undefined || one.event.type === type)
        )
        .toSorted((a, b) => b.position - a.position)
        .slice(0, Listing.limitOf(options))
    }),
  failing: (options = {}) =>
    Statement.read(connection, "DeadLetters.failing", Owed.everybody, (view) => failing(view, options)),
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
          const made = { attempts: 0, dueAt, isHeld: false, isLate: true, error: undefined }
          Statement.put(statement, "deliveries", key, { consumer, position, event, epoch, ...made })
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
        const found = skippable(statement, id)
        const row = found === undefined ? undefined : yield* Statement.lock(statement, found.table, found.key)
        if (found === undefined || row === undefined) return false
        const { consumer, event, position } = row
        const skipped = { reason, by }
        const at = yield* Clock.currentTimeMillis
        Statement.put(statement, found.table, found.key, undefined)
        Statement.put(statement, "receipts", found.key, { consumer, position, event: event.id, at, skipped })
        return true
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

const failing = (
  view: State.View,
  { after, consumer, type, ...options }: DeadLetters.FailingOptions
): ReadonlyArray<DeadLetters.Failing> => {
  const names = namesOf(view)
  const last = after === undefined ? undefined : DeadLetters.fromId(after)
  const number = last === undefined ? 0 : (Owed.named(view, last.consumer)?.number ?? 0)
  return Owed.heads(view)
    .filter(Owed.isFailing)
    .filter((row) => (row.consumer - number || row.position - (last?.position ?? 0)) > 0)
    .toSorted((a, b) => a.consumer - b.consumer || a.position - b.position)
    .map((row) => toFailing(names, row))
    .filter(
      (one) => (consumer === undefined || one.consumer === consumer) && (type === undefined || one.event.type === type)
    )
    .slice(0, Listing.limitOf(options))
}

/** Where a dead letter is, or a delivery that waits for no other. */
const skippable = (statement: Statement.Statement, id: string) => {
  const view = Owed.latest(statement)
  const named = DeadLetters.fromId(id)
  if (named === undefined) {
    const [key] = letters(view).find(([, row]) => Owed.letterId(row) === id) ?? []
    return key === undefined ? undefined : ({ table: "deadLetters", key } as const)
  }
  const number = Owed.named(view, named.consumer)?.number
  const row = Owed.heads(view).find((one) => one.consumer === number && one.position === named.position)
  if (row === undefined) return undefined
  return { table: "deliveries", key: Owed.key(row.event.tenant, row.consumer, row.position) } as const
}

const isSelected = (selection: DeadLetters.Selection, row: Owed.DeadLetterRow): boolean => {
  switch (selection._tag) {
    case "Ids":
      return selection.ids.includes(Owed.letterId(row))
    case "Type":
      return row.event.type === selection.type
    case "All":
      return true
  }
}

const toDeadLetter = (names: ReadonlyMap<number, string>, row: Owed.DeadLetterRow): DeadLetters.DeadLetter => {
  const { attempts, consumer, diedAt, error, event, order } = row
  return {
    id: Owed.letterId(row),
    position: order,
    consumer: names.get(consumer) ?? "",
    event,
    attempts,
    error,
    diedAt
  }
}

const toFailing = (names: ReadonlyMap<number, string>, row: Owed.DeliveryRow): DeadLetters.Failing => {
  const { attempts, dueAt, error, event, isHeld, isLate, position } = row
  const consumer = names.get(row.consumer) ?? ""
  const id = DeadLetters.idOf({ consumer, position })
  return { id, consumer, position, event, attempts, error, dueAt, isHeld, isLate }
}
