/**
 * Commands to a store of events, and to the model of what it should hold.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Event from "@tidemark/core/model/Event"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import type { Command } from "./Commands.ts"
import type * as EventStore from "./EventStore.ts"
import * as Model from "./Model.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Course {
  readonly names: EventStore.Names
  readonly model: Model.Model
  /** How many events were made, those that were taken back too. */
  made: number
}

/** @category models @since 0.1.0 */
export interface Claim {
  readonly labels: ReadonlyArray<string>
  readonly direction: "change" | "outbound"
  readonly limit: number
  /** Newest version that is known. */
  readonly version: number
  /** The process dies, and the lease runs out. */
  readonly isLost: boolean
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (names: EventStore.Names): Course => ({ names, model: Model.make(), made: 0 })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** Does what a command says, and compares. @category combinators @since 0.1.0 */
export const perform = Effect.fnUntraced(function* <R>(_store: EventStore.EventStore<R>, course: Course, one: Command) {
  const { model } = course
  switch (one._tag) {
    case "Append":
      return yield* append(course, one)
    case "Register":
      return yield* register(course, one)
    case "Claim":
      return yield* claim(course, one)
    case "Settle": {
      const held = model.held.at(-1 - one.back)
      if (held === undefined) return
      const after = Duration.hours(one.isPutOff ? 10 : 0)
      const error = "it failed"
      const verdict: Deliveries.Verdict =
        one.verdict === "Retry"
          ? { _tag: "Retry", after, error }
          : one.verdict === "DeadLetter"
            ? { _tag: "DeadLetter", error }
            : { _tag: one.verdict }
      return yield* settle(course, held, verdict, one.isPutOff)
    }
    case "Acknowledge":
      return yield* acknowledge(course, one.back, one.isTakenBack)
    case "Renew": {
      const held = model.held.at(-1 - one.back)
      if (held === undefined) return
      const row = Model.heldBy(model, held)
      const renewed = yield* (yield* Deliveries.Deliveries).renew([held], lease)
      yield* Law.same("what is renewed", renewed, row === undefined ? [] : [held])
      if (row !== undefined) row.isLeased = true
      return
    }
    case "Redrive":
      return yield* redrive(course, one.by, one.isTwice)
    case "Skip":
      return yield* skip(course, one.what, one.at)
    case "Change":
      return yield* change(course, one)
  }
})

/** Settles a claim, whether it is the last one or not. @category combinators @since 0.1.0 */
export const settle = Effect.fnUntraced(function* (
  { model }: Course,
  held: Deliveries.Held,
  verdict: Deliveries.Verdict,
  isPutOff: boolean
) {
  const row = Model.heldBy(model, held)
  const accepted = yield* (yield* Deliveries.Deliveries).settle([{ held, verdict }])
  yield* Law.same(`what is accepted of ${Law.show(held)}`, accepted, row === undefined ? [] : [held])
  if (row !== undefined) Model.settle(row, verdict._tag, isPutOff)
})

/** Claims until there is something, or there should be nothing. Answers what it got. @category combinators @since 0.1.0 */
export const claim = Effect.fnUntraced(function* ({ model, names }: Course, options: Claim) {
  const { direction, limit, version } = options
  const consumers = options.labels.flatMap((label) => model.consumers.get(label) ?? [])
  const versions = { [names.type("one")]: version, [names.type("two")]: version }
  const hosted = consumers.map(({ name }) => ({ consumer: name, versions }))
  if (!Arr.isArrayNonEmpty(hosted)) return []
  const wanted = { names: new Set(consumers.map(({ name }) => name)), direction, version }
  const expected = Model.ready(model, wanted)
  const deliveries = yield* Deliveries.Deliveries
  const term = options.isLost ? Duration.millis(20) : lease
  let claimed = yield* deliveries.claim({ hosted, direction, limit, lease: term })
  for (let again = 0; claimed.length === 0 && expected.length > 0 && again < 10; again++) {
    claimed = yield* deliveries.claim({ hosted, direction, limit, lease: term })
  }
  yield* Law.requires(claimed.length <= limit, () => `${claimed.length} where ${limit} were asked`)
  yield* Law.requires(
    claimed.length > 0 || expected.length === 0,
    () => `nothing is handed out, and there is ${Law.show(expected.map(tell))}`
  )
  const rows = new Set<Model.Row>()
  for (const one of claimed) yield* handOut(model, expected, rows, one)
  if (options.isLost) {
    yield* Effect.sleep(60)
    for (const row of rows) row.isLeased = false
  }
  return claimed.map((one) => model.held.find((held) => held.epoch === one.epoch && isSame(held, one))!)
})

/** A consumer as registered, and active. @category combinators @since 0.1.0 */
export const registered = Effect.fnUntraced(function* (declaration: Consumers.Declaration) {
  const consumers = yield* Consumers.Consumers
  const consumer = yield* consumers.register(declaration)
  yield* toTheEnd(consumers.activate(declaration.name, 1_000))
  return consumer
})

/** Gives a consumer what it missed, `limit` at a time. @category combinators @since 0.1.0 */
export const activate = Effect.fnUntraced(function* ({ model }: Course, consumer: Model.Consumer, limit: number) {
  const consumers = yield* Consumers.Consumers
  yield* toTheEnd(consumers.activate(consumer.name, limit))
  Model.activate(model, consumer)
})

/** Compares all shares with those of the model. @category combinators @since 0.1.0 */
export const requireShares = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, course: Course) {
  const { model, names } = course
  for (const consumer of model.consumers.values()) {
    if (consumer.status === "Registering") yield* activate(course, consumer, 2)
  }
  const own = new Set(model.rows.map(({ consumer }) => consumer.name))
  for (const { name } of model.consumers.values()) own.add(name)
  const found = (yield* Effect.forEach(names.tenants, store.shares)).flat().filter(({ consumer }) => own.has(consumer))
  yield* Law.same("who is owed what", found.map(Law.show).toSorted(), Model.shares(model).map(Law.show).toSorted())
  const listed = yield* (yield* Consumers.Consumers).list
  for (const consumer of model.consumers.values()) {
    const known = listed.filter(({ name }) => name === consumer.name)
    const waiting = model.rows.filter((row) => row.consumer === consumer && row.as !== "Receipt").length
    yield* Law.same(
      `what is said of ${consumer.name}`,
      known.map(({ status, waiting }) => ({ status, waiting })),
      [{ status: consumer.isPaused && consumer.status === "Active" ? "Paused" : consumer.status, waiting }]
    )
  }
})

/** A row as text. @category formatting @since 0.1.0 */
export const tell = ({ as, consumer, event }: Model.Row): string => `${event.id} for ${consumer.name} (${as})`

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Does not run out by itself. */
const lease = Duration.minutes(10)

const isSame = (a: Deliveries.Held, b: Deliveries.Held): boolean =>
  a.tenant === b.tenant && a.consumer === b.consumer && a.position === b.position

const toTheEnd = Effect.fnUntraced(function* <E, R>(step: Effect.Effect<boolean, E, R>) {
  for (let steps = 0; steps < 200; steps++) if (yield* step) return
  yield* Law.requires(false, () => "an activation does not end")
})

/** An event that is appended again: whatever its number, with the content it had or with another. */
const againOf = (known: Event.Event, fate: string): ReadonlyArray<Event.Event> =>
  fate === "Again"
    ? [{ ...known, revision: known.revision + 1_000 }]
    : fate === "Other"
      ? [{ ...known, payload: { number: "another" } }]
      : []

const append = Effect.fnUntraced(function* (course: Course, one: Extract<Command, { _tag: "Append" }>) {
  const { model, names } = course
  const tenant = names.tenants[one.tenant]!
  const events = one.events.map((change): Event.Event => names.event(tenant, (course.made += 1), change))
  const known = model.events.find((event) => event.tenant === tenant)
  const [first, ...rest] = [...(known === undefined ? [] : againOf(known, one.fate)), ...events]
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  if (first === undefined) return
  if (one.fate === "Inner") {
    const inner = uow.transact(
      tenant,
      Effect.andThen(outbox.append(tenant, [first]), Effect.fail("taken back" as const))
    )
    const [second, ...others] = rest
    if (second === undefined) return yield* Effect.ignore(uow.transact(tenant, Effect.ignore(inner)))
    yield* uow.transact(tenant, Effect.andThen(Effect.ignore(inner), outbox.append(tenant, [second, ...others])))
    for (const event of [second, ...others]) Model.append(model, event)
    return
  }
  const appending = outbox.append(tenant, [first, ...rest])
  if (one.fate === "Fail") {
    return yield* Effect.ignore(uow.transact(tenant, Effect.andThen(appending, Effect.fail("taken back" as const))))
  }
  if (known !== undefined && one.fate === "Other") {
    const answer = yield* Effect.result(uow.transact(tenant, appending))
    return yield* Law.requires(Result.isFailure(answer), () => `another event has the id ${known.id}, and is accepted`)
  }
  yield* uow.transact(tenant, appending)
  for (const event of [first, ...rest]) Model.append(model, event)
  if (rest.length === 0) model.alone.add(first.id)
})

const register = Effect.fnUntraced(function* (
  course: Course,
  { isActivated, label, start, types: chosen }: Extract<Command, { _tag: "Register" }>
) {
  const { model, names } = course
  const consumers = yield* Consumers.Consumers
  const types = chosen.map(names.type) as unknown as Consumers.Declaration["types"] // never empty
  const known = model.consumers.get(label)
  const name = known?.name ?? names.consumer(label)
  const behind = typeof start === "string" ? undefined : model.events[start.behind]
  // Among events of one call only those of a key have an order: no position of theirs divides them from each other.
  const isAlone = behind !== undefined && model.alone.has(behind.id)
  const position = isAlone ? model.positions.get(behind.id) : undefined
  const from = typeof start === "string" ? start : position === undefined ? "Beginning" : { after: position }
  const answer = yield* Effect.result(consumers.register({ name, types, start: from }))
  if (known?.status === "Retired") {
    return yield* Law.requires(Result.isFailure(answer), () => `the name ${name} of one that retired is given again`)
  }
  if (Result.isFailure(answer)) return yield* answer.failure
  if (known === undefined) {
    const since = from === "Now" ? model.events.length : from === "Beginning" ? 0 : model.events.indexOf(behind!) + 1
    const sinces = new Map(types.map((type) => [type, since]))
    model.consumers.set(label, { label, name, since: sinces, status: "Registering", isPaused: false })
  } else known.since = new Map(types.map((type) => [type, known.since.get(type) ?? model.events.length]))
  const consumer = model.consumers.get(label)!
  if (isActivated) yield* activate(course, consumer, 2)
})

/** Compares one delivery with those that could be handed out. */
const handOut = Effect.fnUntraced(function* (
  model: Model.Model,
  expected: ReadonlyArray<Model.Row>,
  rows: Set<Model.Row>,
  one: Deliveries.Delivery
) {
  const row = expected.find(({ consumer, event }) => consumer.name === one.consumer && event.id === one.event.id)
  if (row === undefined || rows.has(row)) {
    return yield* Law.requires(false, () => `${one.event.id} is handed out to ${one.consumer}, and could not be`)
  }
  rows.add(row)
  row.attempts += 1
  yield* Law.same("the event", one.event, row.event)
  yield* Law.same(`the attempt and lateness of ${tell(row)}`, [one.attempt, one.isLate], [row.attempts, row.isLate])
  yield* Law.requires(
    one.epoch > row.epoch,
    () => `the claim of ${tell(row)} has an epoch that was there: ${one.epoch}`
  )
  const { consumer, epoch, position, tenant } = one
  const known = model.positions.get(one.event.id) ?? position
  yield* Law.same(`the position of ${tell(row)}`, position, known)
  for (const other of model.events.slice(0, row.place)) {
    if (Model.lineOf(other) !== Model.lineOf(row.event)) continue
    const before = model.positions.get(other.id) ?? 0
    yield* Law.requires(before < position, () => `${other.id} comes before ${one.event.id}, and not by position`)
  }
  model.positions.set(one.event.id, position)
  row.held = { tenant, consumer, position, epoch }
  row.epoch = epoch
  row.isLeased = true
  model.held.push(row.held)
})

const acknowledge = Effect.fnUntraced(function* ({ model }: Course, back: number, isTakenBack: boolean) {
  const held = model.held.at(-1 - back)
  if (held === undefined) return
  const row = Model.heldBy(model, held)
  const uow = yield* UnitOfWork.UnitOfWork
  const deliveries = yield* Deliveries.Deliveries
  let isAccepted: boolean | undefined
  const acknowledging = Effect.tap(deliveries.acknowledge([held]), ({ length }) =>
    Effect.sync(() => (isAccepted = length === 1))
  )
  yield* Effect.result(
    uow.transact(held.tenant, isTakenBack ? Effect.andThen(acknowledging, Effect.fail("taken back")) : acknowledging)
  )
  yield* Law.same(`whether the acknowledgement of ${Law.show(held)} is accepted`, isAccepted, row !== undefined)
  if (row !== undefined && !isTakenBack) Model.settle(row, "Ack", false)
})

const redrive = Effect.fnUntraced(function* ({ model, names }: Course, by: "Id" | "Type", isTwice: boolean) {
  const letters = yield* DeadLetters.DeadLetters
  const dead = model.rows.filter(({ as, consumer }) => as === "DeadLetter" && consumer.status !== "Retired")
  const ofType = dead.filter(({ event }) => event.type === names.type("one"))
  const [row] = dead
  if (row === undefined) return
  const chosen = by === "Type" ? ofType : [row]
  const listed = yield* letters.list({ consumer: row.consumer.name, limit: 1_000 })
  const letter = listed.find(({ event }) => event.id === row.event.id)
  if (letter === undefined) return yield* Law.requires(false, () => `${tell(row)} is not listed`)
  yield* Law.same(`the attempts of ${tell(row)}`, letter.attempts, row.attempts)
  const selection: DeadLetters.Selection =
    by === "Type" ? { _tag: "Type", type: names.type("one") } : { _tag: "Ids", ids: [letter.id] }
  yield* Law.same("how many are redriven", yield* letters.redrive(selection, "law", 1_000), chosen.length)
  if (isTwice) yield* Law.same("how many are redriven again", yield* letters.redrive(selection, "law", 1_000), 0)
  for (const one of chosen) Model.redrive(one)
})

/** Of a dead letter, or of any delivery: one that waits for another is not skipped. */
const skip = Effect.fnUntraced(function* ({ model }: Course, what: "DeadLetter" | "Delivery", at: number) {
  const letters = yield* DeadLetters.DeadLetters
  const rows = model.rows.filter(
    ({ as, event }) => as === what && (what === "DeadLetter" || model.positions.has(event.id))
  )
  const row = rows[at % Math.max(rows.length, 1)]
  if (row === undefined) return
  const { consumer } = row
  const position = model.positions.get(row.event.id)!
  const listed = what === "Delivery" ? [] : yield* letters.list({ consumer: consumer.name, limit: 1_000 })
  const letter = listed.find(({ event }) => event.id === row.event.id)
  const id = what === "Delivery" ? DeadLetters.idOf({ consumer: consumer.name, position }) : letter?.id
  if (id === undefined) return yield* Law.requires(false, () => `${tell(row)} is not listed`)
  const isSkipped = what === "DeadLetter" || Model.isFirst(model, row)
  yield* Law.same(`whether ${tell(row)} is skipped`, yield* letters.skip(id, "not needed", "law"), isSkipped)
  if (!isSkipped) return
  yield* Law.same("whether it is skipped again", yield* letters.skip(id, "not needed", "law"), false)
  Model.settle(row, "Ack", false)
})

const change = Effect.fnUntraced(function* (course: Course, { label, to }: Extract<Command, { _tag: "Change" }>) {
  const { model } = course
  const consumers = yield* Consumers.Consumers
  const consumer = model.consumers.get(label)
  if (consumer === undefined || consumer.status === "Retired") return
  switch (to) {
    case "Activate":
      return yield* activate(course, consumer, 1)
    case "Pause":
    case "Resume": {
      if (consumer.status === "Registering") return
      yield* consumers.change(consumer.name, { _tag: to }, "law")
      consumer.isPaused = to === "Pause"
      return
    }
    case "Rename": {
      const name = `${consumer.name}.r`
      yield* consumers.change(consumer.name, { _tag: "Rename", to: name }, "law")
      consumer.name = name
      for (const row of model.rows) {
        if (row.consumer !== consumer || row.held === undefined) continue
        row.held = undefined
        row.isPutOff = row.isLeased
      }
      return
    }
    case "Retire":
    case "RetireIfDone": {
      const ifDone = to === "RetireIfDone"
      const isOwed = ifDone && model.rows.some((row) => row.consumer === consumer && row.as === "Delivery")
      const answer = yield* Effect.result(consumers.change(consumer.name, { _tag: "Retire", ifDone }, "law"))
      yield* Law.same(`whether ${consumer.name} retires`, Result.isSuccess(answer), !isOwed)
      return isOwed ? undefined : Model.retire(model, consumer)
    }
  }
})
