/**
 * Hands events to the consumers of this process.
 *
 * `prepare` refuses to start where it would lose or mix up deliveries, and makes
 * the consumers known; `run` works until it is interrupted, and then gives handlers
 * some time to end; `drainOnce` works until nothing is ready.
 *
 * **Guarantees**
 *
 * - events of a key reach a consumer in their order, one at a time (L27);
 * - a delivery that fails is tried again over about three days, then given up (L25);
 * - a transactional handler has its effect once (L26);
 * - no more is claimed than can be handed out at once (W76).
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Event from "../model/Event.ts"
import type * as EventRegistry from "../model/EventRegistry.ts"
import * as Consumers from "../ports/Consumers.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as Wake from "../ports/Wake.ts"
import type * as Consumer from "./Consumer.ts"
import * as RelayLane from "./RelayLane.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<R> {
  readonly registry: EventRegistry.EventRegistry
  /** All consumers of the application, also those that other processes run. */
  readonly consumers: ReadonlyArray<Consumer.Consumer<R>>
  /** Names of those that this process runs. Default: all. */
  readonly only?: ReadonlyArray<string>
  /** Most handlers at once, by direction; 0 leaves a direction to other processes. Default: `concurrencyDefault`. */
  readonly concurrency?: Partial<Readonly<Record<Event.Direction, number>>>
  /**
   * How long a delivery stays with a process that does not answer. It is extended while
   * a handler is at work. Default: `leaseDefault`.
   */
  readonly lease?: Duration.Input
  /** How long handlers have to end when the relay is interrupted. Default: 30 s. */
  readonly grace?: Duration.Input
  /** How long to wait before looking again: after there was something, and else. Default: 1 s and 4 s. */
  readonly poll?: { readonly active?: Duration.Input; readonly idle?: Duration.Input }
}

/** @category constants @since 0.1.0 */
export const concurrencyDefault = 100

/**
 * With it and a poll every 4 s, what a process that was killed held is handed out
 * again within 15 s, also where nobody wakes the others.
 *
 * @category constants
 * @since 0.1.0
 */
export const leaseDefault: Duration.Duration = Duration.seconds(10)

/** Deliveries of one step of an activation. @category constants @since 0.1.0 */
export const activationSize = 1_000

/**
 * - `Duplicate`: two consumers have one name.
 * - `UnknownType`: a consumer asks for a type that the registry does not have.
 * - `Timeout`: a consumer may take longer than the lease.
 * - `Undeclared`: deliveries wait for consumers that nobody declares, or this process
 *   is to run one that nobody declares.
 *
 * @category errors
 * @since 0.1.0
 */
export class RelayError extends Schema.TaggedError<RelayError>()("RelayError", {
  reason: Schema.Literals(["Duplicate", "UnknownType", "Timeout", "Undeclared"]),
  /** Those it is about. */
  consumers: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/** What the relay needs of a store. @category models @since 0.1.0 */
export type Ports = RelayLane.Context<never> | Consumers.Consumers | Wake.Wake

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Checks the consumers against the registry and the store, registers them, and
 * gives them what they missed. Nothing is changed where it fails with `RelayError`.
 *
 * @category running
 * @since 0.1.0
 */
export const prepare = Effect.fnUntraced(function* <R>(
  options: Options<R>
): Effect.fn.Return<void, RelayError | Consumers.ConsumerError | StoreError, Consumers.Consumers> {
  yield* requireSound(options)
  const consumers = yield* Consumers.Consumers
  const declared = new Set(options.consumers.map(({ name }) => name))
  const known = yield* consumers.list
  yield* requireDeclared(
    known.filter(({ name, status, waiting }) => waiting > 0 && status !== "Retired" && !declared.has(name))
  )
  for (const { name, on, start } of options.consumers) {
    yield* consumers.register({ name, types: Arr.map(on, ({ type }) => type), start })
    const isDone = yield* consumers.activate(name, activationSize)
    if (!isDone) yield* activated(name)
  }
})

/**
 * Works until it is interrupted: then nothing more is claimed, handlers get some
 * time, and what they do not end is released, uncounted. What the store refuses is
 * logged, and tried again at the next poll.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* <R>(options: Options<R>): Effect.fn.Return<never, never, R | Ports> {
  const active = Duration.fromInputUnsafe(options.poll?.active ?? "1 second")
  const idle = Duration.fromInputUnsafe(options.poll?.idle ?? "4 seconds")
  const grace = Duration.fromInputUnsafe(options.grace ?? "30 seconds")
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const lanes = yield* open(options)
      yield* Effect.addFinalizer(() =>
        Effect.forEach(
          lanes,
          (lane) => Effect.catch(RelayLane.close(lane, grace), logged("deliveries are left to their leases")),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* Effect.forkScoped(listen(lanes, idle))
      yield* Effect.forEach(
        lanes,
        (lane) =>
          RelayLane.step(lane).pipe(
            Effect.catch((error) => Effect.as(logged("deliveries could not be claimed or settled")(error), 0)),
            Effect.flatMap((claimed) => RelayLane.rest(lane, claimed + lane.slots.size > 0 ? active : idle)),
            Effect.forever
          ),
        { concurrency: "unbounded", discard: true }
      )
      return yield* Effect.never
    })
  )
})

/**
 * Works until nothing is ready and no handler is at work. Answers how deliveries
 * ended.
 *
 * @category running
 * @since 0.1.0
 */
export const drainOnce = Effect.fnUntraced(function* <R>(
  options: Options<R>
): Effect.fn.Return<RelayLane.Report, StoreError, R | RelayLane.Context<never>> {
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const lanes = yield* open(options)
      yield* Effect.addFinalizer(() =>
        Effect.forEach(lanes, (lane) => Effect.ignore(RelayLane.close(lane, Duration.zero)), { discard: true })
      )
      yield* Effect.forEach(lanes, drain, { concurrency: "unbounded", discard: true })
      return lanes.map(({ report }) => report).reduce(sum, RelayLane.noReport)
    })
  )
})

// -----------------------------------------------------------------------------
// internal: checks
// -----------------------------------------------------------------------------

const refuse = (reason: RelayError["reason"], consumers: ReadonlyArray<string>, message: string) =>
  Effect.fail(new RelayError({ reason, consumers, message }))

const requireSound = <R>({ consumers, lease, only = [], registry }: Options<R>): Effect.Effect<void, RelayError> => {
  const names = consumers.map(({ name }) => name)
  const twice = names.filter((name, place) => names.indexOf(name) < place)
  if (twice.length > 0)
    return refuse("Duplicate", twice, `two consumers are called ${twice[0]}: give each its own name`)
  const missing = only.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    return refuse(
      "Undeclared",
      missing,
      `this process is to run ${missing[0]}, which is not among the consumers: add it`
    )
  }
  for (const { name, on, timeout } of consumers) {
    const unknown = on.find((one) => registry.definitions.get(one.type) !== one)
    if (unknown !== undefined) {
      return refuse("UnknownType", [name], `${name} asks for ${unknown.type}, which the registry does not have: add it`)
    }
    if (Duration.isGreaterThanOrEqualTo(timeout, leaseOf(lease))) {
      return refuse("Timeout", [name], `${name} may take as long as the lease: give it a shorter timeout`)
    }
  }
  return Effect.void
}

const requireDeclared = (orphans: ReadonlyArray<Consumers.Consumer>): Effect.Effect<void, RelayError> => {
  const names = orphans.map(({ name }) => name)
  const [first] = names
  if (first === undefined) return Effect.void
  const remedy = `if it has another name now, rename it: outbox rename ${first} <name>; if not: outbox retire ${first}`
  return refuse(
    "Undeclared",
    names,
    `deliveries wait for consumers that nobody declares: ${names.join(", ")}; ${remedy}`
  )
}

/** Goes on where there is more than one step of it, or where appends are not visible to everybody yet. */
const activated = Effect.fnUntraced(function* (name: string) {
  const consumers = yield* Consumers.Consumers
  for (let isDone = false; !isDone; isDone = yield* consumers.activate(name, activationSize)) {
    yield* Effect.sleep("10 millis")
  }
})

// -----------------------------------------------------------------------------
// internal: lanes
// -----------------------------------------------------------------------------

const directions = ["inbound", "change", "outbound"] as const

const leaseOf = (lease: Duration.Input | undefined): Duration.Duration =>
  Duration.fromInputUnsafe(lease ?? leaseDefault)

/** One lane per direction, and one more for each consumer that has its own number of slots. */
const settingsOf = <R>(options: Options<R>): ReadonlyArray<RelayLane.Settings<R>> => {
  const lease = leaseOf(options.lease)
  const own = options.consumers.filter(({ name }) => options.only?.includes(name) ?? true)
  return directions.flatMap((direction) => {
    const concurrency = options.concurrency?.[direction] ?? concurrencyDefault
    const interested = own.filter(({ on }) => on.some((one) => one.direction === direction))
    const together = interested.filter((one) => one.concurrency === undefined)
    const apart = interested.filter((one) => one.concurrency !== undefined)
    if (concurrency < 1) return []
    return [together, ...apart.map((one) => [one])].flatMap((consumers): ReadonlyArray<RelayLane.Settings<R>> => {
      const most = consumers[0]?.concurrency ?? concurrency
      return Arr.isArrayNonEmpty(consumers) ? [{ direction, consumers, concurrency: most, lease }] : []
    })
  })
}

/** Lanes whose leases are kept as long as the scope is open. */
const open = Effect.fnUntraced(function* <R>(options: Options<R>) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const lanes = yield* Effect.forEach(settingsOf(options), (settings) => RelayLane.make(settings, scope))
  const third = Duration.times(leaseOf(options.lease), 1 / 3)
  yield* Effect.forEach(
    lanes,
    (lane) =>
      Effect.sleep(third).pipe(
        Effect.andThen(Effect.catch(RelayLane.renew(lane), logged("leases could not be extended"))),
        Effect.forever,
        Effect.forkIn(scope)
      ),
    { discard: true }
  )
  return lanes
})

/** Rings the bells of all lanes at every word; a lost connection is made again. */
const listen = <R>(
  lanes: ReadonlyArray<RelayLane.Lane<R>>,
  idle: Duration.Duration
): Effect.Effect<never, never, Wake.Wake> =>
  Effect.flatMap(Wake.Wake, ({ signals }) =>
    Stream.runForEach(signals, () =>
      Effect.sync(() => {
        for (const { bell } of lanes) Queue.offerUnsafe(bell, undefined)
      })
    )
  ).pipe(Effect.catch(logged("there is no word of new deliveries")), Effect.andThen(Effect.sleep(idle)), Effect.forever)

const drain = <R>(lane: RelayLane.Lane<R>): Effect.Effect<void, StoreError, RelayLane.Context<R>> =>
  Effect.gen(function* () {
    while (true) {
      const claimed = yield* RelayLane.step(lane)
      if (claimed === 0 && lane.slots.size === 0) return
      yield* Queue.take(lane.bell)
    }
  })

const sum = (a: RelayLane.Report, b: RelayLane.Report): RelayLane.Report => ({
  acknowledged: a.acknowledged + b.acknowledged,
  retried: a.retried + b.retried,
  dead: a.dead + b.dead,
  released: a.released + b.released,
  lost: a.lost + b.lost
})

const logged =
  (message: string) =>
  (error: StoreError): Effect.Effect<void> =>
    Effect.logWarning(message, error)
