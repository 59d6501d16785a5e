/**
 * One small story that has everything in it, to be broken at each of its points:
 * three pages, two records, one of them poison at first, and a deletion.
 *
 * Whatever breaks it, what is committed after n batches is what an undisturbed
 * run has committed after n batches: rows, ledger, items, events, refusals, and
 * cursor.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Observation from "@tidemark/core/model/Observation"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Fault from "./Fault.ts"
import * as GivenSource from "./GivenSource.ts"
import * as Law from "./Law.ts"
import * as Poison from "./Poison.ts"
import * as Rounds from "./Rounds.ts"
import * as Simulation from "./Simulation.ts"
import type * as Store from "./Store.ts"
import type * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is committed. Ids that stores give themselves are left out. @category models @since 0.1.0 */
export interface Committed {
  readonly rows: ReadonlyMap<string, World.Note>
  readonly ledger: ReadonlyArray<unknown>
  readonly items: ReadonlyArray<unknown>
  readonly events: ReadonlyArray<unknown>
  readonly refusals: ReadonlyArray<unknown>
  readonly cursor: unknown
}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

const note = (size: number, remark: string | null = null): World.Note => ({ name: "x", size, remark })

/** @category constants @since 0.1.0 */
export const told: ReadonlyArray<GivenSource.Told> = [
  { id: "a", version: 1, record: note(1) },
  { id: "b", version: 1, record: note(1, "poison") },
  { id: "a", version: 2, record: note(2) },
  { id: "b", version: 2, record: note(2) },
  { id: "a", version: 3, record: undefined },
  { id: "b", version: 2, record: note(2) }
]

/** More than it has points, with faults in it or without. @category constants @since 0.1.0 */
export const pointsMax = 84

const settings: Simulation.Settings = { pageSizes: [2], batchSize: 2, prefetch: 1 }

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Gives what plays the story as one process per list of faults, looking at what is
 * committed after the first of them, and then to its end. What must be there is
 * looked up once, from a run that nothing disturbs.
 *
 * @category running
 * @since 0.1.0
 */
export const make = <R>(store: Store.Store<R>, setup: Simulation.Setup) => {
  let known: Undisturbed | undefined
  return Effect.fnUntraced(function* (
    faults: ReadonlyArray<ReadonlyArray<Fault.Fault>>
  ): Effect.fn.Return<void, unknown, R | Sync.Ports> {
    const { points, steps } = (known ??= yield* undisturbed(store, setup))
    yield* Law.requires(points < pointsMax, () => `the story has ${points} points`)
    const bench = yield* open(store, setup)
    const fired: Array<Fault.Fired> = []
    for (const [place, some] of faults.entries()) {
      fired.push(...(yield* Simulation.run(bench, Rounds.live("Keyset", some))).fired)
      const { batches, committed } = yield* look(bench)
      if (place === 0)
        yield* Law.same(`what ${batches} batches left after ${Law.show(fired)}`, committed, steps[batches])
    }
    yield* Simulation.settle(bench, [{ lane: "live", kind: "Keyset" }])
    const { committed } = yield* look(bench)
    const end = steps.at(-1)!
    yield* Law.same(`what is left in the end after ${Law.show(fired)}`, withoutTokens(committed), withoutTokens(end))
    yield* Simulation.judge(yield* Simulation.result(bench))
  })
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const open = <R>(store: Store.Store<R>, setup: Simulation.Setup) =>
  Simulation.bench(
    store,
    settings,
    {
      ...setup,
      source: (kind, options) => (setup.source ?? source)(kind, options),
      sink: (inner) => (setup.sink ?? Poison.refusing("Row"))(inner)
    },
    GivenSource.toWorld(told)
  )

const source: NonNullable<Simulation.Setup["source"]> = (_, { pageSizes }) => GivenSource.make(told, pageSizes)

/** What a run that nothing disturbs comes by, and what it has committed after 0, 1, 2 ... batches. */
interface Undisturbed {
  readonly points: number
  readonly steps: ReadonlyArray<Committed>
}

const undisturbed = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup
): Effect.fn.Return<Undisturbed, unknown, R | Sync.Ports> {
  const bench = yield* open(store, setup)
  const context = yield* Effect.context<R | Sync.Ports>()
  const steps = [(yield* look(bench)).committed]
  const points = Fault.points([], (point) =>
    point === "UnitOfWork.commit:after"
      ? look(bench).pipe(
          Effect.map(({ committed }) => void steps.push(committed)),
          Effect.provideContext(context),
          Effect.orDie
        )
      : Effect.void
  )
  const { trace } = yield* Simulation.run(bench, Rounds.live("Keyset"), points)
  return { points: trace.length, steps }
})

const look = Effect.fnUntraced(function* <R>(bench: Simulation.Bench<R>) {
  const { local, recorded } = yield* Simulation.result(bench)
  const ids = [Observation.ExternalId.make("a"), Observation.ExternalId.make("b")] as const
  const entries = yield* (yield* Ledger.Ledger).find(bench.subscription, ids)
  const committed: Committed = {
    rows: local,
    ledger: ids.flatMap((id) => {
      const entry = entries.get(id)
      if (entry === undefined) return []
      const { existence, revision, token, version } = entry
      return [{ id, existence, revision, token, version: version.value }]
    }),
    items: recorded.items.map(({ id, operation, outcome, patch, reason, revision }) => ({
      id,
      operation,
      outcome,
      patch,
      reason,
      revision
    })),
    events: recorded.events.map(({ key, revision, type }) => ({ key, revision, type })),
    refusals: recorded.refusals,
    cursor: recorded.lanes.at(-1)?.cursor ?? null
  }
  return { committed, batches: recorded.lanes.at(-1)?.batch_no ?? 0 }
})

/** Reading something again may move a token, and nothing else. */
const withoutTokens = (committed: Committed): Committed => ({ ...committed, ledger: [] })
