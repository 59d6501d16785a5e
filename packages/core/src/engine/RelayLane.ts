/**
 * Deliveries of one direction in one process: claimed as slots are free, handled at
 * once, settled together.
 *
 * One fiber claims and settles. While it waits for the store, handlers end, and
 * what they left is settled in one call. It is woken by a handler that ended, by
 * word of new deliveries, and by its own poll.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Event from "../model/Event.ts"
import * as Deliveries from "../ports/Deliveries.ts"
import type { StoreError } from "../ports/StoreError.ts"
import type * as UnitOfWork from "../ports/UnitOfWork.ts"
import type * as Consumer from "./Consumer.ts"
import * as Handling from "./Handling.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Settings<R> {
  readonly direction: Event.Direction
  readonly consumers: Arr.NonEmptyReadonlyArray<Consumer.Consumer<R>>
  /** Most handlers at once. */
  readonly concurrency: number
  readonly lease: Duration.Duration
}

/** How deliveries ended. @category models @since 0.1.0 */
export interface Report {
  readonly acknowledged: number
  readonly retried: number
  readonly dead: number
  readonly released: number
  /** Somebody else has them, or will. */
  readonly lost: number
}

/** A delivery with its handler. */
interface Slot {
  readonly delivery: Deliveries.Delivery
  /** When the lease ends as far as this process knows, in ms since the epoch. */
  deadline: number
  fiber: Fiber.Fiber<void> | undefined
}

/** @category models @since 0.1.0 */
export interface Lane<R> {
  readonly settings: Settings<R>
  readonly hosted: Deliveries.ClaimOptions["hosted"]
  /** Handlers live in it. */
  readonly scope: Scope.Scope
  readonly bell: Queue.Queue<void>
  readonly slots: Map<string, Slot>
  readonly ended: Array<Deliveries.Settlement>
  /** When the first of its retries is due, in ms since the epoch. */
  again: number | undefined
  report: Report
}

/** @category models @since 0.1.0 */
export type Context<R> = R | Deliveries.Deliveries | UnitOfWork.UnitOfWork

/** Most deliveries of one claim. @category constants @since 0.1.0 */
export const claimMax = 500

/** How long the last settlement may take. @category constants @since 0.1.0 */
export const farewell = Duration.seconds(10)

/** @category constants @since 0.1.0 */
export const noReport: Report = { acknowledged: 0, retried: 0, dead: 0, released: 0, lost: 0 }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A lane with nothing under way. @category constructors @since 0.1.0 */
export const make = <R>(settings: Settings<R>, scope: Scope.Scope): Effect.Effect<Lane<R>> =>
  Effect.map(Queue.sliding<void>(1), (bell) => ({
    settings,
    hosted: Arr.map(settings.consumers, ({ name, on }) => ({
      consumer: name,
      versions: Object.fromEntries(on.map(({ type, version }) => [type, version]))
    })),
    scope,
    bell,
    slots: new Map(),
    ended: [],
    again: undefined,
    report: noReport
  }))

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Settles what ended, then claims for the slots that are free. Answers how many it
 * claimed.
 *
 * @category running
 * @since 0.1.0
 */
export const step = Effect.fnUntraced(function* <R>(lane: Lane<R>): Effect.fn.Return<number, StoreError, Context<R>> {
  yield* settle(lane)
  const { hosted } = lane
  const { concurrency, direction, lease } = lane.settings
  const limit = Math.min(concurrency - lane.slots.size, claimMax)
  if (limit <= 0) return 0
  const deliveries = yield* Deliveries.Deliveries
  const now = yield* Clock.currentTimeMillis
  const deadline = now + Duration.toMillis(lease)
  if (lane.again !== undefined && lane.again <= now) lane.again = undefined
  // What is claimed is handed out: an interruption in between would leave it to its lease.
  return yield* Effect.uninterruptible(
    Effect.gen(function* () {
      const claimed = yield* deliveries.claim({ hosted, direction, limit, lease })
      for (const together of grouped(lane, claimed)) yield* handOut(lane, together, deadline)
      return claimed.length
    })
  ).pipe(persistent)
})

/** Sends what ended to the store, in one call. What the store does not take is left to its lease. @category running @since 0.1.0 */
export const settle = <R>(lane: Lane<R>): Effect.Effect<void, StoreError, Deliveries.Deliveries> =>
  Effect.suspend(() => {
    const settlements = lane.ended.splice(0, claimMax)
    if (!Arr.isArrayNonEmpty(settlements)) return Effect.void
    return Effect.flatMap(Deliveries.Deliveries, (deliveries) => deliveries.settle(settlements)).pipe(
      persistent,
      // It may have come to that: then the store refuses it the second time.
      Effect.onError(() => Effect.sync(() => lane.ended.unshift(...settlements))),
      Effect.flatMap((accepted) =>
        Effect.map(Clock.currentTimeMillis, (now) => settled(lane, settlements, accepted, now))
      ),
      Effect.andThen(Effect.suspend(() => (lane.ended.length > 0 ? settle(lane) : Effect.void)))
    )
  })

/** Extends the leases of what is under way; what another process has by now is interrupted. @category running @since 0.1.0 */
export const renew = Effect.fnUntraced(function* <R>(
  lane: Lane<R>
): Effect.fn.Return<void, StoreError, Deliveries.Deliveries> {
  const { lease } = lane.settings
  const own = [...lane.slots.values()]
  const held = own.map(({ delivery }) => toHeld(delivery))
  if (!Arr.isArrayNonEmpty(held)) return
  const deliveries = yield* Deliveries.Deliveries
  const now = yield* Clock.currentTimeMillis
  const kept = yield* Effect.result(deliveries.renew(held, lease))
  const keys = kept._tag === "Success" ? new Set(kept.success.map(keyOf)) : undefined
  const lost = own.filter((slot) => {
    const key = keyOf(slot.delivery)
    if (keys?.has(key) === true) slot.deadline = now + Duration.toMillis(lease)
    const isKept = keys === undefined ? slot.deadline > now : keys.has(key)
    return !isKept && lane.slots.has(key)
  })
  for (const { fiber } of lost) if (fiber !== undefined) yield* Fiber.interrupt(fiber)
  if (kept._tag === "Failure") return yield* kept.failure
})

/** Until a handler ended, the bell was rung or a retry is due, at most so long. @category running @since 0.1.0 */
export const rest = <R>(lane: Lane<R>, most: Duration.Duration): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const due = Math.max((lane.again ?? Infinity) - now, 0)
    return Effect.raceFirst(Queue.take(lane.bell), Effect.sleep(Duration.min(most, Duration.millis(due))))
  })

/** Waits for the handlers, at most so long, and releases what is left. @category running @since 0.1.0 */
export const close = Effect.fnUntraced(function* <R>(
  lane: Lane<R>,
  grace: Duration.Duration
): Effect.fn.Return<void, StoreError, Deliveries.Deliveries> {
  const fibers = () => [...lane.slots.values()].flatMap(({ fiber }) => (fiber === undefined ? [] : [fiber]))
  const ended = Effect.interruptible(Effect.forEach(fibers(), Fiber.await, { discard: true }))
  yield* Effect.timeoutOption(ended, grace)
  yield* Fiber.interruptAll(fibers())
  yield* Effect.timeoutOption(Effect.interruptible(settle(lane)), farewell)
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** A deadlock, or a lock that is not given in time, is over soon: at most 7 times, within about a second. */
const persistent = <A, R>(call: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
  Effect.retry(call, { schedule: pauses, while: ({ reason }) => reason === "Conflict" })

const pauses = Schedule.exponential("10 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 7 }))

const tallies = { Ack: "acknowledged", Retry: "retried", DeadLetter: "dead", Release: "released" } as const

const count = <R>(lane: Lane<R>, tally: keyof Report): void => {
  lane.report = { ...lane.report, [tally]: lane.report[tally] + 1 }
}

/** Counts what was settled, and frees the slots. */
const settled = <R>(
  lane: Lane<R>,
  settlements: ReadonlyArray<Deliveries.Settlement>,
  accepted: ReadonlyArray<Deliveries.Held>,
  now: number
): void => {
  const keys = new Set(accepted.map(keyOf))
  for (const { held, verdict } of settlements) {
    count(lane, keys.has(keyOf(held)) ? tallies[verdict._tag] : "lost")
    lane.slots.delete(keyOf(held))
    if (verdict._tag === "Retry") lane.again = Math.min(lane.again ?? Infinity, now + Duration.toMillis(verdict.after))
  }
}

const toHeld = ({ consumer, epoch, position, tenant }: Deliveries.Held): Deliveries.Held => ({
  tenant,
  consumer,
  position,
  epoch
})

const keyOf = ({ consumer, epoch, position, tenant }: Deliveries.Held): string =>
  `${position}/${epoch}/${consumer}/${tenant}`

interface Group<R> {
  readonly consumer: Consumer.Consumer<R>
  readonly deliveries: Arr.NonEmptyReadonlyArray<Deliveries.Delivery>
}

/** What is handled together: of a consumer and a tenant, as much as the consumer says. */
const grouped = <R>({ settings }: Lane<R>, claimed: ReadonlyArray<Deliveries.Delivery>): ReadonlyArray<Group<R>> =>
  settings.consumers.flatMap((consumer) => {
    const own = claimed.filter((one) => one.consumer === consumer.name)
    return [...Map.groupBy(own, ({ tenant }) => tenant).values()].flatMap((ofTenant) =>
      Arr.chunksOf(ofTenant, consumer.together).flatMap((deliveries) =>
        Arr.isArrayNonEmpty(deliveries) ? [{ consumer, deliveries }] : []
      )
    )
  })

/** Begins the attempts. */
const handOut = <R>(lane: Lane<R>, { consumer, deliveries }: Group<R>, deadline: number) => {
  const slots = deliveries.map((delivery): Slot => ({ delivery, deadline, fiber: undefined }))
  for (const slot of slots) lane.slots.set(keyOf(slot.delivery), slot)
  const until = () => slots.reduce((least, slot) => Math.min(least, slot.deadline), Infinity)
  const handled = Effect.interruptible(Handling.attemptAll(consumer, deliveries, until)).pipe(
    Effect.onExit((exit) =>
      Effect.sync(() =>
        slots.forEach((slot, place) => end(lane, slot, Exit.isSuccess(exit) ? exit.value[place]! : { _tag: "Release" }))
      )
    ),
    Effect.asVoid
  )
  return Effect.map(Effect.forkIn(handled, lane.scope), (fiber) => {
    for (const slot of slots) slot.fiber = fiber
  })
}

/** What a handler leaves. A slot stays taken until its settlement is answered. */
const end = <R>(lane: Lane<R>, { delivery }: Slot, outcome: Handling.Outcome): void => {
  if (outcome._tag === "Settled" || outcome._tag === "Lost") {
    count(lane, outcome._tag === "Settled" ? "acknowledged" : "lost")
    lane.slots.delete(keyOf(delivery))
  } else lane.ended.push({ held: toHeld(delivery), verdict: outcome })
  Queue.offerUnsafe(lane.bell, undefined)
}
