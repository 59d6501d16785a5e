/**
 * What a reader with a position of its own relies on: L24, L27, L28.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Event from "@tidemark/core/model/Event"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Counters from "@tidemark/core/ports/Counters"
import * as EventLog from "@tidemark/core/ports/EventLog"
import * as Outbox from "@tidemark/core/ports/Outbox"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as EventStore from "./EventStore.ts"

/** @category laws @since 0.1.0 */
export const tailLaws = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L28",
    claim: "a reader with its own position gets every committed event once, in the order of its key, however late",
    runs: 80,
    arbitrary: fc.record({ works, schedule, limit: fc.integer({ min: 1, max: 3 }) }),
    holds: (crowd) => read(store, crowd)
  }),
  Store.law(store, {
    id: "L24",
    claim: "an event is there exactly if the unit of work that appended it was committed",
    runs: 60,
    arbitrary: fc.record({ works, schedule }),
    holds: ({ schedule, works }) => read(store, { works, schedule, limit: 100 }, false)
  })
]

// -----------------------------------------------------------------------------
// internal: the scene
// -----------------------------------------------------------------------------

const keys = ["x", "y", "z"] as const

/** Units of work of three processes. Each takes its keys in one order, so that none waits in a circle. */
const works = fc.array(
  fc.record({
    who: fc.nat(2),
    keys: fc.subarray([...keys], { minLength: 1 }),
    fate: fc.constantFrom("Commit" as const, "Commit" as const, "Commit" as const, "Fail" as const, "Inner" as const)
  }),
  { minLength: 2, maxLength: 7, size: "max" }
)

type Work = typeof works extends fc.Arbitrary<ReadonlyArray<infer W>> ? W : never

const schedule = fc.array(
  fc.record({ who: fc.nat(3), steps: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 6 })) }),
  { maxLength: 20, size: "max" }
)

interface Crowd {
  readonly works: ReadonlyArray<Work>
  readonly schedule: Interleaving.Schedule
  /** Most events of one read. */
  readonly limit: number
}

interface Scene {
  readonly names: EventStore.Names
  readonly tenant: Subscription.TenantId
  /** Key by key in the order of commits. */
  readonly committed: Array<Event.Event>
  readonly found: Array<EventLog.Placed>
  position: number
  made: number
}

type Turn = (point: string) => Effect.Effect<void>
type Context = Counters.Counters | EventLog.EventLog | Outbox.Outbox | UnitOfWork.UnitOfWork

/** Reads at the end, and before that too where it `isTailing`. */
const read = Effect.fnUntraced(function* <R>(
  store: EventStore.EventStore<R>,
  { limit, schedule, works }: Crowd,
  isTailing = true
) {
  const names = yield* EventStore.names(store.name)
  const log = yield* EventLog.EventLog
  // Cases may share a store: this one begins behind the others.
  const { horizon } = yield* log.read({ after: 0, limit: 1 })
  const scene: Scene = { names, tenant: names.tenants[0], committed: [], found: [], position: horizon, made: 0 }
  yield* Interleaving.together<void, unknown, Context>({ schedule, isRealTime: store.isRealTime }, [
    ...[0, 1, 2].map((own) => (turn: Turn) => working(scene, works, own, turn)),
    ...(isTailing ? [(turn: Turn) => tailing(scene, limit, turn)] : [])
  ])
  for (let piece = yield* next(scene, limit); piece.events.length > 0; piece = yield* next(scene, limit)) {
    yield* Law.same("how far behind it is when nobody appends", [piece.lag, piece.holder], [0, undefined])
  }
  yield* requireRead(scene)
})

/** A transaction of its own for each piece of work: numbers are taken, and events appended, key by key. */
const working = Effect.fnUntraced(function* (scene: Scene, works: ReadonlyArray<Work>, own: number, turn: Turn) {
  const uow = yield* UnitOfWork.UnitOfWork
  for (const { fate, keys, who } of works) {
    if (who !== own) continue
    yield* turn("begin")
    const events: Array<Event.Event> = []
    const body = Effect.gen(function* () {
      for (const key of keys) {
        const appending = append(scene, key)
        // Something else is published and taken back first.
        if (fate === "Inner")
          yield* Effect.ignore(uow.transact(scene.tenant, Effect.andThen(appending, Effect.fail("no"))))
        events.push(yield* appending)
        yield* turn("append")
      }
      if (fate === "Fail") return yield* Effect.fail("taken back")
    })
    const isCommitted = yield* uow.transact(scene.tenant, body).pipe(
      Effect.as(true),
      Effect.orElseSucceed(() => false)
    )
    if (isCommitted) scene.committed.push(...events)
  }
})

const append = (
  scene: Scene,
  key: string
): Effect.Effect<Event.Event, StoreError, Counters.Counters | Outbox.Outbox | UnitOfWork.Transaction> =>
  Effect.gen(function* () {
    const { names, tenant } = scene
    const counters = yield* Counters.Counters
    const outbox = yield* Outbox.Outbox
    const [revision = 0] = yield* counters.take(tenant, [{ entity: "note", key, count: 1 }])
    const event = names.event(tenant, (scene.made += 1), { type: "one", key, revision })
    yield* outbox.append(tenant, [event])
    return event
  })

const tailing = Effect.fnUntraced(function* (scene: Scene, limit: number, turn: Turn) {
  for (let time = 0; time < 10; time++) {
    yield* turn("read")
    yield* next(scene, limit)
  }
})

const next = Effect.fnUntraced(function* (scene: Scene, limit: number) {
  const log = yield* EventLog.EventLog
  const piece = yield* log.read({ after: scene.position, limit })
  yield* Law.requires(piece.events.length <= limit, () => `${piece.events.length} events where ${limit} were asked`)
  scene.found.push(...piece.events)
  scene.position = piece.position
  return piece
})

// -----------------------------------------------------------------------------
// internal: what holds
// -----------------------------------------------------------------------------

const requireRead = Effect.fnUntraced(function* ({ committed, found, tenant }: Scene) {
  const own = found.map(({ event }) => event).filter((event) => event.tenant === tenant)
  const ids = (events: ReadonlyArray<Event.Event>) => events.map(({ id }) => id).toSorted()
  yield* Law.same("what is read", ids(own), ids(committed))
  for (const key of keys) {
    const revisions = (events: ReadonlyArray<Event.Event>) =>
      events.filter((event) => event.key === key).map(({ revision }) => revision)
    yield* Law.same(
      `the order of ${key}`,
      revisions(own),
      revisions(committed).toSorted((a, b) => a - b)
    )
  }
})
