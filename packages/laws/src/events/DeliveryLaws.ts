/**
 * What everybody relies on in deliveries, one call after the other: L24, L25, L27,
 * L29, L30, L32, L33, L34, L50. No tenant is left behind.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Commands from "./Commands.ts"
import * as Course from "./Course.ts"
import * as EventStore from "./EventStore.ts"
import * as Model from "./Model.ts"
import * as Telling from "./Telling.ts"

/** @category laws @since 0.1.0 */
export const deliveryLaws = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  law(store, "L50", "every event and consumer that is owed it have exactly one of delivery, receipt, dead letter", {
    after: ({ course, store }) => Course.requireShares(store, course)
  }),
  law(store, "L25", "all that is owed is handed out in the end, in the order of its key, whatever happened before", {
    after: ({ course }) => drain(course)
  }),
  law(store, "L25", "an operator is told all that is owed, fails or is dead, and by which name", {
    after: ({ course }) => Telling.requireTold(course)
  }),
  law(store, "L34", "a claim hands out what it should and no more, and counts what it hands out", {}),
  Store.law(store, {
    id: "L30",
    claim: "a dead letter redriven any number of times, at once or not, is delivered once, and says that it is late",
    runs: 20,
    arbitrary: fc.record({ redrives: fc.integer({ min: 1, max: 4 }), isAtOnce: fc.boolean() }),
    holds: ({ isAtOnce, redrives }) => redriven(store, redrives, isAtOnce)
  }),
  Store.law(store, {
    id: "O25",
    claim: "a tenant with few events does not wait for one with many",
    runs: 10,
    arbitrary: fc.record({ many: fc.integer({ min: 20, max: 40 }), limit: fc.integer({ min: 2, max: 8 }) }),
    holds: ({ limit, many }) => fair(store, many, limit)
  })
]

const law = <R>(
  store: EventStore.EventStore<R>,
  id: string,
  claim: string,
  { after = () => Effect.void }: { readonly after?: (at: At<R>) => Effect.Effect<unknown, unknown, R | Context> }
): Law.Law =>
  Store.law(store, {
    id,
    claim,
    runs: 100,
    arbitrary: Commands.commands,
    holds: (commands) =>
      Effect.gen(function* () {
        const course = Course.make(yield* EventStore.names(store.name))
        for (const command of commands) yield* Course.perform(store, course, command)
        yield* after({ course, store })
      })
  })

interface At<R> {
  readonly course: Course.Course
  readonly store: EventStore.EventStore<R>
}

type Context = EventStore.Ports | Outbox.Outbox | UnitOfWork.UnitOfWork

// -----------------------------------------------------------------------------
// internal: the end
// -----------------------------------------------------------------------------

/** Hands out and acknowledges all there is. What is put off stays, with what is behind it. */
const drain = Effect.fnUntraced(function* (course: Course.Course) {
  const { model } = course
  for (const consumer of model.consumers.values()) {
    if (consumer.status === "Retired") continue
    yield* Course.activate(course, consumer, 1_000)
    yield* (yield* Consumers.Consumers).change(consumer.name, { _tag: "Resume" }, "law")
    consumer.isPaused = false
  }
  yield* releaseAll(course)
  for (let had = 1; had > 0;) had = (yield* drainOne(course, "change")) + (yield* drainOne(course, "outbound"))
  const left = model.rows.filter(
    (row) =>
      row.as === "Delivery" &&
      !row.isPutOff &&
      !model.rows.some((other) => other.isPutOff && other.place < row.place && isBehind(row, other))
  )
  yield* Law.same("what is never handed out", left.map(Course.tell), [])
})

const isBehind = (row: Model.Row, other: Model.Row): boolean =>
  !row.isLate && row.consumer === other.consumer && Model.lineOf(row.event) === Model.lineOf(other.event)

const releaseAll = Effect.fnUntraced(function* (course: Course.Course) {
  for (const held of course.model.held) {
    if (Model.heldBy(course.model, held) !== undefined) yield* Course.settle(course, held, { _tag: "Release" }, false)
  }
})

/** Answers how much it handed out. */
const drainOne = Effect.fnUntraced(function* (course: Course.Course, direction: "change" | "outbound") {
  let had = 0
  for (let round = 0; round < 200; round++) {
    const labels = [...course.model.consumers.values()].map(({ label }) => label)
    const claimed = yield* Course.claim(course, { labels, direction, limit: 7, version: 2, isLost: false })
    if (claimed.length === 0) return had
    had += claimed.length
    for (const held of claimed) yield* Course.settle(course, held, { _tag: "Ack" }, false)
  }
  return yield* new Law.Violation({ message: "claims do not end" })
})

// -----------------------------------------------------------------------------
// internal: redrives
// -----------------------------------------------------------------------------

const redriven = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, redrives: number, isAtOnce: boolean) {
  const names = yield* EventStore.names(store.name)
  const [tenant] = names.tenants
  const consumer = names.consumer("redriven")
  const type = names.type("one")
  yield* Course.registered({ name: consumer, types: [type], start: "Now" })
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  const deliveries = yield* Deliveries.Deliveries
  const letters = yield* DeadLetters.DeadLetters
  const one = names.event(tenant, 1, { type: "one" })
  yield* uow.transact(tenant, outbox.append(tenant, [one, names.event(tenant, 2, { type: "one" })]))
  const hosted = [{ consumer, versions: { [type]: 1 } }] as const
  const claim = deliveries.claim({ hosted, direction: "change", limit: 5, lease: Duration.minutes(1) })
  const [first] = yield* claim
  if (first === undefined) return yield* new Law.Violation({ message: "nothing is handed out" })
  const settle = (held: Deliveries.Held, verdict: Deliveries.Verdict) => deliveries.settle([{ held, verdict }])
  yield* settle(first, { _tag: "DeadLetter", error: "no" })
  const ids = Array.from({ length: redrives }, () => letters.redrive({ _tag: "Type", type }, "law", 10))
  const counts = yield* Effect.all(ids, { concurrency: isAtOnce ? "unbounded" : 1 })
  yield* Law.same(
    "how many were redriven",
    counts.reduce((a, b) => a + b, 0),
    1
  )
  const claimed = yield* claim
  const told = claimed.map(({ attempt, event, isLate }) => [event.id, attempt, isLate])
  yield* Law.same("what is handed out", told.toSorted(), [
    [one.id, 1, true],
    [`${tenant}/2`, 1, false]
  ])
  yield* Law.same("what its first holder can settle", yield* settle(first, { _tag: "Ack" }), [])
})

// -----------------------------------------------------------------------------
// internal: tenants
// -----------------------------------------------------------------------------

const fair = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, many: number, limit: number) {
  const names = yield* EventStore.names(store.name)
  const [one, other] = names.tenants
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  const consumer = names.consumer("fair")
  const types = [names.type("one")] as const
  yield* Course.registered({ name: consumer, types, start: "Now" })
  const events = Array.from({ length: many }, (_, place) => names.event(one, place, { type: "one", key: `k${place}` }))
  yield* uow.transact(one, outbox.append(one, events as [(typeof events)[number]])) // there are some
  yield* uow.transact(other, outbox.append(other, [names.event(other, 1, { type: "one" })]))
  const deliveries = yield* Deliveries.Deliveries
  const claim = deliveries.claim({
    hosted: [{ consumer, versions: { [types[0]]: 1 } }],
    direction: "change",
    limit,
    lease: Duration.minutes(1)
  })
  const claimed = [...(yield* claim), ...(yield* claim)]
  yield* Law.requires(
    claimed.some(({ tenant }) => tenant === other),
    () => `two claims of ${limit} each had nothing of the tenant with one event`
  )
})
