/**
 * A store under test: its ports, a sink beside them, and how to look at what they
 * hold from outside.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import type * as Outcome from "@tidemark/core/model/Outcome"
import * as Subscription from "@tidemark/core/model/Subscription"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import type * as History from "./History.ts"
import * as Law from "./Law.ts"
import * as Time from "./Time.ts"
import type * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What a store holds of one subscription. @category models @since 0.1.0 */
export interface Recorded extends History.Recorded {
  /** All refusals, those that are closed too. */
  readonly refusals: ReadonlyArray<{
    readonly id: string
    readonly version: string
    readonly isOpen: boolean
  }>
  readonly runs: ReadonlyArray<{
    readonly status: string
    /** As `Run.Counts`. */
    readonly counts: Readonly<Record<string, number>>
  }>
}

/** @category models @since 0.1.0 */
export interface Store<R> {
  /** The ports, and what the sink and `read` need. */
  readonly layer: Layer.Layer<R | Sync.Ports, unknown>
  /**
   * Whether all cases of a law share one instance of the layer, each under a tenant
   * of its own, or each case has a new one. Share what is slow to make.
   */
  readonly isShared: boolean
  /** Begins the names of tenants and subscriptions; tells processes apart that share a database. */
  readonly name: string
  /** Whether sleeps take as long as they say. Not for a store that is a simulation. */
  readonly isRealTime: boolean
  /** A sink for `World.Note`, in the transactions of the store. */
  readonly sink: Effect.Effect<ChangeSink.Transactional<World.Note>, never, R>
  /**
   * What is committed of a subscription: items, events, runs and lane commits in the
   * order of writing. `rows` may stay empty.
   */
  readonly read: (subscription: Subscription.Subscription) => Effect.Effect<Recorded, unknown, R>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The memory store. @category constructors @since 0.1.0 */
export const memory: Store<Memory.Store> = {
  layer: Memory.layer(),
  isShared: false,
  isRealTime: false,
  name: "memory",
  sink: MemorySink.make<World.Note>({ label: "notes" }),
  read: (subscription) => readMemory(subscription)
}

let subscriptions = 0

/**
 * A subscription that nobody had before in this process, so that one store can
 * serve any number of cases. `name` tells processes apart that share a store.
 *
 * @category constructors
 * @since 0.1.0
 */
export const subscription = (name: string): Effect.Effect<Subscription.Subscription> =>
  Effect.sync(() => {
    subscriptions += 1
    return Subscription.make({
      id: `${name}-${subscriptions}`,
      tenant: `${name}-${subscriptions}`,
      connection: { provider: "world", account: "world" },
      entity: "note"
    })
  })

/**
 * Lets others get as far as they can. On a slow machine that may not be far, so
 * nothing may be called wrong because it has not happened by then.
 *
 * @category combinators
 * @since 0.1.0
 */
export const pause = <R>({ isRealTime }: Store<R>, millis = 20): Effect.Effect<void> =>
  isRealTime
    ? Effect.sleep(millis)
    : Effect.gen(function* () {
        for (let tick = 0; tick < 100; tick++) yield* Effect.yieldNow
      })

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

/** A law of a store, over its services. @category laws @since 0.1.0 */
export const law = <R, T>(
  store: Store<R>,
  options: {
    readonly id: string
    readonly claim: string
    readonly runs?: number
    readonly arbitrary: fc.Arbitrary<T>
    readonly all?: Law.Cases<T>
    readonly holds: (value: T) => Effect.Effect<unknown, unknown, R | Sync.Ports>
  }
): Law.Law => {
  return store.isShared
    ? Law.make({ ...options, layer: store.layer, holds: (value) => inTime(store, options.holds(value)) })
    : Law.make({ ...options, holds: (value) => within(store, options.holds(value)) })
}

/**
 * Runs an effect over an instance of the store of its own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const within = <R, A, E>(
  store: Store<R>,
  effect: Effect.Effect<A, E, R | Sync.Ports>
): Effect.Effect<A, unknown> => Effect.provide(inTime(store, effect), Layer.fresh(store.layer), { local: true })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const inTime = <A, E, R, R2>({ isRealTime }: Store<R2>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isRealTime ? effect : Time.during(Time.make(1_000_000))(effect)

const readMemory = Effect.fnUntraced(function* (
  subscription: Subscription.Subscription
): Effect.fn.Return<Recorded, never, Memory.Store> {
  const { entity, tenant } = subscription
  const items = yield* Memory.items(subscription)
  const { commits } = yield* Effect.flatMap(Memory.Store, (store) => store.state)
  return {
    items: items.map(({ externalId, outcome, runId }) => ({
      run: runId,
      tenant,
      entity,
      id: externalId,
      outcome: outcome._tag,
      operation: outcome._tag === "Applied" ? outcome.operation : undefined,
      reason: reasonOf(outcome),
      revision: outcome._tag === "Applied" ? outcome.revision : undefined,
      patch: outcome._tag === "Applied" ? outcome.patch : undefined
    })),
    events: yield* Memory.events(tenant),
    rows: (yield* Memory.changes(subscription)).map(({ after, before, externalId, revision }) => ({
      tenant,
      entity,
      id: externalId,
      revision,
      before: (before as History.Fields | undefined) ?? null,
      after: (after as History.Fields | undefined) ?? null
    })),
    lanes: commits.flatMap(({ lanes }) =>
      lanes
        .filter(({ lane }) => lane.subscription.tenant === tenant && lane.subscription.id === subscription.id)
        .map(({ batchNo, cursor, epoch, lane }) => ({
          lane: Lane.format(lane),
          epoch,
          batch_no: batchNo,
          cursor: cursor?.value ?? null
        }))
    ),
    refusals: (yield* Memory.quarantine(subscription)).map(({ externalId, refusal, status }) => ({
      id: externalId,
      version: refusal.version.value,
      isOpen: status === "Open"
    })),
    runs: (yield* Memory.runs(subscription)).map(({ counts, status }) => ({ status, counts: { ...counts } }))
  }
})

const reasonOf = (
  outcome: Exclude<Outcome.Outcome, Outcome.Applied> | { readonly _tag: "Applied" }
): string | undefined =>
  outcome._tag === "Skipped"
    ? outcome.reason
    : outcome._tag === "Quarantined" || outcome._tag === "Rejected"
      ? outcome.rejection.code
      : undefined
