/**
 * What a store of events should hold, said without looking at one: every pair of
 * an event and a consumer that is owed it, one after the other.
 *
 * @since 0.1.0
 */
import type * as Event from "@tidemark/core/model/Event"
import type * as Deliveries from "@tidemark/core/ports/Deliveries"
import type * as EventStore from "./EventStore.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Consumer {
  /** What a case calls it, whatever it is renamed to. */
  readonly label: string
  name: string
  /** It is owed events of a type from this place on. */
  since: ReadonlyMap<string, number>
  status: "Registering" | "Active" | "Retired"
  isPaused: boolean
}

/** An event and a consumer. @category models @since 0.1.0 */
export interface Row {
  readonly consumer: Consumer
  readonly event: Event.Event
  /** Place among the committed events. */
  readonly place: number
  as: EventStore.Share["as"]
  attempts: number
  /** Somebody said that an attempt failed. */
  hasFailed: boolean
  isLate: boolean
  /** Waits for longer than a case lasts. */
  isPutOff: boolean
  /** Somebody's lease has not run out. */
  isLeased: boolean
  /** The last claim, unless it is settled. */
  held: Deliveries.Held | undefined
  /** Of the last claim. */
  epoch: number
}

/** @category models @since 0.1.0 */
export interface Model {
  /** Committed, in order. */
  readonly events: Array<Event.Event>
  /** By event id, as deliveries told them. */
  readonly positions: Map<string, number>
  /** Ids of events that were appended with no other. */
  readonly alone: Set<string>
  readonly consumers: Map<string, Consumer>
  readonly retiredNames: Set<string>
  readonly rows: Array<Row>
  /** All claims ever, the latest last. */
  readonly held: Array<Deliveries.Held>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (): Model => ({
  events: [],
  positions: new Map(),
  alone: new Set(),
  consumers: new Map(),
  retiredNames: new Set(),
  rows: [],
  held: []
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const append = (model: Model, event: Event.Event): void => {
  if (model.events.some(({ id }) => id === event.id)) return
  const place = model.events.push(event) - 1
  for (const consumer of model.consumers.values()) owe(model, consumer, event, place)
}

/** Gives a registering consumer all that it missed. @category combinators @since 0.1.0 */
export const activate = (model: Model, consumer: Consumer): void => {
  if (consumer.status !== "Registering") return
  consumer.status = "Active"
  model.events.forEach((event, place) => {
    if (!model.rows.some((row) => row.consumer === consumer && row.place === place)) {
      owe(model, consumer, event, place)
    }
  })
}

/** @category combinators @since 0.1.0 */
export const retire = (model: Model, consumer: Consumer): void => {
  consumer.status = "Retired"
  model.retiredNames.add(consumer.name)
  const kept = model.rows.filter((row) => row.consumer !== consumer || row.as !== "Delivery")
  model.rows.splice(0, model.rows.length, ...kept)
}

/** What becomes of a delivery. @category combinators @since 0.1.0 */
export const settle = (row: Row, verdict: Deliveries.Verdict["_tag"], isPutOff: boolean): void => {
  row.held = undefined
  row.isLeased = false
  if (verdict === "Ack") row.as = "Receipt"
  if (verdict === "DeadLetter") row.as = "DeadLetter"
  if (verdict === "Release") row.attempts -= 1
  if (verdict === "Retry") row.isPutOff = isPutOff
  if (verdict === "Retry") row.hasFailed = true
}

/** @category combinators @since 0.1.0 */
export const redrive = (row: Row): void => {
  row.as = "Delivery"
  row.attempts = 0
  row.hasFailed = false
  row.isLate = true
  row.isPutOff = false
}

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** What an event is in order with. @category readers @since 0.1.0 */
export const lineOf = ({ entity, key, tenant }: Event.Event): string => JSON.stringify([tenant, entity, key])

/** Whether it waits, and for no other. @category readers @since 0.1.0 */
export const isFirst = (model: Model, row: Row): boolean => row.as === "Delivery" && (row.isLate || isHead(model, row))

/** Whether it is to be handed out again. @category readers @since 0.1.0 */
export const isFailing = (model: Model, row: Row): boolean => isFirst(model, row) && (row.hasFailed || row.attempts > 1)

/** What could be handed out now. @category readers @since 0.1.0 */
export const ready = (
  model: Model,
  options: {
    readonly names: ReadonlySet<string>
    readonly direction: Event.Direction
    readonly version: number
  }
): ReadonlyArray<Row> =>
  model.rows.filter(
    (row) =>
      row.as === "Delivery" &&
      options.names.has(row.consumer.name) &&
      row.consumer.status === "Active" &&
      !row.consumer.isPaused &&
      row.event.direction === options.direction &&
      row.event.version <= options.version &&
      !row.isPutOff &&
      !row.isLeased &&
      (row.isLate || isHead(model, row))
  )

/** @category readers @since 0.1.0 */
export const isHead = (model: Model, row: Row): boolean =>
  !model.rows.some(
    (other) =>
      other.as === "Delivery" &&
      !other.isLate &&
      other.consumer === row.consumer &&
      other.place < row.place &&
      lineOf(other.event) === lineOf(row.event)
  )

/** The delivery that a claim was the last one of, unless it is settled. @category readers @since 0.1.0 */
export const heldBy = (model: Model, held: Deliveries.Held): Row | undefined =>
  model.rows.find((row) => row.as === "Delivery" && row.held === held)

/** As a store tells it, in one order. @category readers @since 0.1.0 */
export const shares = (model: Model): ReadonlyArray<EventStore.Share> =>
  model.rows.map(({ as, consumer, event }) => ({ consumer: consumer.name, event: event.id, as }))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const owe = (model: Model, consumer: Consumer, event: Event.Event, place: number): void => {
  if (consumer.status === "Retired" || place < (consumer.since.get(event.type) ?? Infinity)) return
  model.rows.push({
    consumer,
    event,
    place,
    as: "Delivery",
    attempts: 0,
    hasFailed: false,
    isLate: false,
    isPutOff: false,
    isLeased: false,
    held: undefined,
    epoch: 0
  })
}
