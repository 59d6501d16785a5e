/**
 * What everybody relies on in events while several processes are at it: L24, L26,
 * L27, L28, L50, W75.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Event from "@tidemark/core/model/Event"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Counters from "@tidemark/core/ports/Counters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as EventStore from "./EventStore.ts"

/** @category laws @since 0.1.0 */
export const crowdLaws = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "W75",
    claim: "a consumer that registers while events are appended misses none and gets none twice",
    runs: 60,
    arbitrary: fc.record({ appends, start: fc.constantFrom("Beginning" as const, "Now" as const), schedule }),
    holds: (crowd) =>
      Effect.gen(function* () {
        const scene = yield* make(store)
        yield* meet(store, scene, { ...crowd, workers: 0, isRetiring: false })
        yield* requireComplete(store, scene, crowd.start)
      })
  }),
  Store.law(store, {
    id: "L27",
    claim: "several workers hand out each event once, and those of a key in the order they were committed",
    runs: 60,
    arbitrary: fc.record({ appends, schedule }),
    holds: (crowd) =>
      Effect.gen(function* () {
        const scene = yield* make(store)
        yield* meet(store, scene, { ...crowd, start: "Beginning", workers: 2, isRetiring: false })
        // A claim may be empty a moment too early; who asks again gets what is there.
        for (let times = 0; times < 20 && scene.handled.length < scene.committed.length; times++) {
          yield* work(scene, () => Effect.void, 500)
          yield* Store.pause(store, 150)
        }
        yield* requireHandled(scene)
      })
  }),
  Store.law(store, {
    id: "L50",
    claim: "a consumer that retires while events are appended is owed nothing",
    runs: 30,
    arbitrary: fc.record({ appends, schedule }),
    holds: (crowd) =>
      Effect.gen(function* () {
        const scene = yield* make(store)
        yield* meet(store, scene, { ...crowd, start: "Beginning", workers: 0, isRetiring: true })
        const owed = (yield* store.shares(scene.tenant)).filter(({ as }) => as === "Delivery")
        yield* Law.same("what is owed to who retired", owed, [])
      })
  }),
  Store.law(store, {
    id: "L26",
    claim: "a transactional handler has its effect once, whoever else holds the delivery by then",
    runs: 40,
    arbitrary: fc.record({ isLost: fc.boolean(), isFirstLate: fc.boolean() }),
    holds: ({ isFirstLate, isLost }) => once(store, isLost, isFirstLate)
  }),
  Store.law(store, {
    id: "O29",
    claim: "numbers of a key are committed in their order and without gaps",
    runs: 40,
    arbitrary: fc.record({ appends, schedule }),
    holds: (crowd) =>
      Effect.gen(function* () {
        const scene = yield* make(store)
        yield* meet(store, scene, { ...crowd, start: "Now", workers: 0, isRetiring: false })
        for (const key of keys) {
          const numbers = scene.committed.filter((event) => event.key === key).map(({ revision }) => revision)
          yield* Law.same(
            `numbers of ${key}`,
            numbers,
            numbers.map((_, place) => place + 1)
          )
        }
      })
  })
]

// -----------------------------------------------------------------------------
// internal: the scene
// -----------------------------------------------------------------------------

const keys = ["x", "y", "z"] as const

/** Units of work of two processes. */
const appends = fc.array(
  fc.record({
    who: fc.nat(1),
    key: fc.constantFrom(...keys),
    count: fc.integer({ min: 1, max: 2 }),
    isTakenBack: fc.constantFrom(false, false, false, true)
  }),
  { minLength: 1, maxLength: 6, size: "max" }
)

type Append = typeof appends extends fc.Arbitrary<ReadonlyArray<infer A>> ? A : never

const schedule = fc.array(
  fc.record({ who: fc.nat(4), steps: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })) }),
  { maxLength: 14, size: "max" }
)

interface Crowd {
  readonly appends: ReadonlyArray<Append>
  readonly start: "Beginning" | "Now"
  readonly schedule: Interleaving.Schedule
  readonly workers: number
  readonly isRetiring: boolean
}

interface Scene {
  readonly names: EventStore.Names
  readonly tenant: Subscription.TenantId
  readonly consumer: string
  readonly type: string
  /** In the order of commits, key by key. */
  readonly committed: Array<Event.Event>
  /** Committed before the registration began. */
  readonly early: Set<string>
  /** Begun after the registration was answered. */
  readonly late: Set<string>
  readonly handled: Array<Event.Event>
  registration: "Before" | "Under way" | "Done"
  made: number
}

type Turn = (point: string) => Effect.Effect<void>

const make = <R>(store: EventStore.EventStore<R>): Effect.Effect<Scene> =>
  Effect.map(EventStore.names(store.name), (names) => ({
    names,
    tenant: names.tenants[0],
    consumer: names.consumer("crowd"),
    type: names.type("one"),
    committed: [],
    early: new Set(),
    late: new Set(),
    handled: [],
    registration: "Before",
    made: 0
  }))

const meet = <R>(store: EventStore.EventStore<R>, scene: Scene, crowd: Crowd) =>
  Interleaving.together<void, unknown, Context>({ schedule: crowd.schedule, isRealTime: store.isRealTime }, [
    (turn) => appending(scene, crowd, 0, turn),
    (turn) => appending(scene, crowd, 1, turn),
    (turn) => registering(scene, crowd, turn),
    ...Array.from({ length: crowd.workers }, () => (turn: Turn) => work(scene, turn, 8))
  ])

type Context = Consumers.Consumers | Counters.Counters | Deliveries.Deliveries | Outbox.Outbox | UnitOfWork.UnitOfWork

const appending = Effect.fnUntraced(function* (scene: Scene, { appends }: Crowd, own: number, turn: Turn) {
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  const counters = yield* Counters.Counters
  const { names, tenant } = scene
  for (const { count, isTakenBack, key, who } of appends) {
    if (who !== own) continue
    yield* turn("begin")
    const isLate = scene.registration === "Done"
    const body = Effect.gen(function* () {
      const [first = 0] = yield* counters.take(tenant, [{ entity: "note", key, count }])
      yield* turn("append")
      const events: Array<Event.Event> = []
      for (let place = 0; place < count; place++) {
        const change = { type: "one", key, revision: first + place }
        const event = names.event(tenant, (scene.made += 1), change)
        yield* outbox.append(tenant, [event])
        events.push(event)
        yield* turn("commit")
      }
      return isTakenBack ? yield* Effect.fail("taken back") : events
    })
    const events = yield* Effect.orElseSucceed(uow.transact(tenant, body), (): ReadonlyArray<Event.Event> => [])
    for (const event of events) {
      scene.committed.push(event)
      if (scene.registration === "Before") scene.early.add(event.id)
      if (isLate) scene.late.add(event.id)
    }
  }
})

const registering = Effect.fnUntraced(function* (scene: Scene, { isRetiring, start }: Crowd, turn: Turn) {
  const consumers = yield* Consumers.Consumers
  yield* turn("register")
  scene.registration = "Under way"
  yield* consumers.register({ name: scene.consumer, types: [scene.type], start })
  scene.registration = "Done"
  yield* turn("activate")
  for (let isDone = false; !isDone; isDone = yield* consumers.activate(scene.consumer, 2)) yield* turn("activate")
  if (!isRetiring) return
  yield* turn("retire")
  yield* consumers.change(scene.consumer, { _tag: "Retire" }, "law")
})

/** Claims and acknowledges, with a retry now and then, at most so many times. */
const work = Effect.fnUntraced(function* (scene: Scene, turn: Turn, times: number) {
  const deliveries = yield* Deliveries.Deliveries
  for (let time = 0; time < times; time++) {
    yield* turn("claim")
    const claimed = yield* deliveries.claim({
      hosted: [{ consumer: scene.consumer, versions: { [scene.type]: 1 } }],
      direction: "change",
      limit: 2,
      lease: Duration.minutes(10)
    })
    if (claimed.length === 0 && times > 100) return
    for (const one of claimed) {
      yield* turn("settle")
      const isFailing = one.attempt === 1 && one.event.revision % 3 === 0
      if (!isFailing) scene.handled.push(one.event)
      const verdict: Deliveries.Verdict = isFailing
        ? { _tag: "Retry", after: Duration.zero, error: "not yet" }
        : { _tag: "Ack" }
      const accepted = yield* deliveries.settle([{ held: one, verdict }])
      yield* Law.same("the settlement of what is held", accepted.length, 1)
    }
  }
})

// -----------------------------------------------------------------------------
// internal: what holds
// -----------------------------------------------------------------------------

const requireComplete = Effect.fnUntraced(function* <R>(
  store: EventStore.EventStore<R>,
  { committed, consumer, early, late, tenant }: Scene,
  start: "Beginning" | "Now"
) {
  const shares = (yield* store.shares(tenant)).filter((share) => share.consumer === consumer)
  const owed = shares.map(({ event }) => event).toSorted()
  yield* Law.same("what is owed twice", owed, [...new Set(owed)])
  const all = committed.map(({ id }) => id)
  yield* Law.same(
    "what is owed and was taken back",
    owed.filter((id) => !all.includes(id)),
    []
  )
  const missing = all.filter((id) => !owed.includes(id))
  if (start === "Beginning") return yield* Law.same("what is not owed", missing, [])
  yield* Law.same(
    "what came after the registration and is not owed",
    missing.filter((id) => late.has(id)),
    []
  )
  yield* Law.same(
    "what came before the registration and is owed",
    owed.filter((id) => early.has(id)),
    []
  )
})

const requireHandled = Effect.fnUntraced(function* ({ committed, handled }: Scene) {
  for (const key of keys) {
    const revisions = (events: ReadonlyArray<Event.Event>) =>
      events.filter((event) => event.key === key).map(({ revision }) => revision)
    yield* Law.same(`how ${key} was handled`, revisions(handled), revisions(committed))
  }
})

/** A worker loses a delivery to another while its handler runs. */
const once = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, isLost: boolean, isFirstLate: boolean) {
  const { consumer, names, tenant, type } = yield* make(store)
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  const consumers = yield* Consumers.Consumers
  const deliveries = yield* Deliveries.Deliveries
  yield* consumers.register({ name: consumer, types: [type], start: "Now" })
  for (let isDone = false; !isDone;) isDone = yield* consumers.activate(consumer, 10)
  yield* uow.transact(tenant, outbox.append(tenant, [names.event(tenant, 1, { type: "one" })]))
  const hosted = [{ consumer, versions: { [type]: 1 } }] as const
  const claim = (millis: number) =>
    deliveries.claim({ hosted, direction: "change", limit: 1, lease: Duration.millis(millis) })
  const effects: Array<string> = []
  /** The effect is an event of another key, so that what is left of it can be seen. */
  const handle = (who: string, held: Deliveries.Held) =>
    uow.transact(
      tenant,
      Effect.gen(function* () {
        yield* outbox.append(tenant, [names.event(tenant, 10 + effects.length, { type: "effect", key: who })])
        if ((yield* deliveries.acknowledge([held])).length === 0) return yield* Effect.fail("refused")
        effects.push(who)
      })
    )
  const [first] = yield* claim(20)
  if (first === undefined) return yield* Law.requires(false, () => "nothing is handed out")
  yield* Effect.sleep(60)
  const [second] = isLost ? yield* claim(600_000) : []
  const handling = [Effect.ignore(handle("first", first))]
  if (second !== undefined) handling.push(Effect.ignore(handle("second", second)))
  yield* Effect.all(isFirstLate ? handling.toReversed() : handling)
  yield* Law.same("effects", effects, [isLost ? "second" : "first"])
  const own = (yield* store.shares(tenant)).filter((share) => share.consumer === consumer)
  yield* Law.same(
    "what is left",
    own.map(({ as }) => as),
    ["Receipt"]
  )
})
