/**
 * What an operator is told of a store of events, against the model of what it
 * should hold.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Event from "@tidemark/core/model/Event"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Law from "../Law.ts"
import type * as Course from "./Course.ts"
import * as Model from "./Model.ts"

/** Compares the counts, what fails and what is dead with the model. @category laws @since 0.1.0 */
export const requireTold = Effect.fnUntraced(function* (course: Course.Course) {
  yield* requireBacklog(course)
  const { model, names } = course
  const letters = yield* DeadLetters.DeadLetters
  const consumers = [...model.consumers.values()]
  for (const type of [names.type("one"), names.type("two")]) {
    const failing = consumers.flatMap((consumer) =>
      model.rows
        .filter((row) => row.consumer === consumer && row.event.type === type && Model.isFailing(model, row))
        .toSorted((a, b) => a.place - b.place)
    )
    yield* Law.same("what fails", (yield* letters.failing({ type })).map(ofFailing), failing.map(ofRow))
    yield* Law.same("what fails, piece by piece", (yield* failingInPieces(type)).map(ofFailing), failing.map(ofRow))
  }
  for (const consumer of consumers) {
    const failing = model.rows.filter((row) => row.consumer === consumer && Model.isFailing(model, row))
    const told = yield* letters.failing({ consumer: consumer.name })
    yield* Law.same("how much fails", told.length, failing.length)
    const dead = yield* letters.list({ consumer: consumer.name })
    for (const one of dead) {
      yield* Law.same("a dead letter by its id", yield* letters.list({ id: one.id }), [one])
      yield* Law.same("what a dead letter is called as a delivery", DeadLetters.fromId(one.id), undefined)
    }
    yield* Law.same(
      "what is dead",
      dead.map(({ event }) => event.id).toSorted(),
      model.rows
        .filter((row) => row.consumer === consumer && row.as === "DeadLetter")
        .map(({ event }) => event.id)
        .toSorted()
    )
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const directions: ReadonlyArray<Event.Direction> = ["change", "inbound", "outbound"]

const requireBacklog = Effect.fnUntraced(function* ({ model }: Course.Course) {
  const consumers = [...model.consumers.values()].filter(({ status }) => status !== "Retired")
  const told = (yield* (yield* Deliveries.Deliveries).backlog).filter(({ consumer }) =>
    consumers.some(({ name }) => name === consumer)
  )
  const expected = consumers.flatMap((consumer) =>
    directions.flatMap((direction) => {
      const own = model.rows.filter((row) => row.consumer === consumer && row.event.direction === direction)
      const count = (isCounted: (row: Model.Row) => boolean) => own.filter(isCounted).length
      const first = (row: Model.Row) => Model.isFirst(model, row)
      const counts = {
        ready: count((row) => first(row) && !row.isLeased && !row.isPutOff),
        waiting: count((row) => first(row) && (row.isLeased || row.isPutOff)),
        behind: count((row) => row.as === "Delivery" && !first(row)),
        failing: count((row) => Model.isFailing(model, row)),
        dead: count(({ as }) => as === "DeadLetter")
      }
      const isTold = own.some(({ as }) => as !== "Receipt")
      return isTold ? [{ consumer: consumer.name, direction, ...counts }] : []
    })
  )
  yield* Law.same(
    "what is owed, in numbers",
    told
      .map(({ behind, consumer, dead, delayed, direction, failing, held, ready }) =>
        Law.show({ consumer, direction, ready, waiting: delayed + held, behind, failing, dead })
      )
      .toSorted(),
    expected.map(Law.show).toSorted()
  )
})

const failingInPieces = Effect.fnUntraced(function* (type: string) {
  const letters = yield* DeadLetters.DeadLetters
  const all: Array<DeadLetters.Failing> = []
  for (let pieces = 0; pieces < 100; pieces++) {
    const piece = yield* letters.failing({ type, limit: 1, after: all.at(-1)?.id })
    if (piece.length === 0) return all
    all.push(...piece)
  }
  return yield* new Law.Violation({ message: "a list that is read in pieces does not end" })
})

const ofFailing = ({ attempts, consumer, error, event, id, isLate, position }: DeadLetters.Failing): string =>
  Law.show([id === DeadLetters.idOf({ consumer, position }), consumer, event.id, attempts, isLate, error !== undefined])

const ofRow = ({ attempts, consumer, event, hasFailed, isLate }: Model.Row): string =>
  Law.show([true, consumer.name, event.id, attempts, isLate, hasFailed])
