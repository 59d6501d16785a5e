/**
 * Lets a world change, runs the engine over it as processes that may come to
 * harm, and tells what is left.
 *
 * After the steps of a scenario the world settles and faults stop; then each lane
 * is run twice, and further until nothing is new, at most `runsMax` times. (The first
 * run may only end a walk that an earlier one began.) What is left then is
 * judged against the world itself.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Run from "@tidemark/core/model/Run"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Busy from "@tidemark/core/ports/Lanes"
import * as Check from "./Check.ts"
import * as Fault from "./Fault.ts"
import * as Faulty from "./Faulty.ts"
import type * as History from "./History.ts"
import * as Law from "./Law.ts"
import type * as Place from "./Place.ts"
import * as Store from "./Store.ts"
import * as Upstream from "./Upstream.ts"
import * as World from "./World.ts"
import * as WorldSource from "./WorldSource.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One process that runs one lane. @category models @since 0.1.0 */
export interface Process {
  readonly lane: string
  readonly kind: WorldSource.Kind
  /** What goes on upstream while it reads. */
  readonly during: ReadonlyArray<World.Change>
  readonly faults: ReadonlyArray<Fault.Fault>
}

/** @category models @since 0.1.0 */
export type Step =
  | { readonly _tag: "Change"; readonly change: World.Change }
  | { readonly _tag: "Run"; readonly process: Process }

/** @category models @since 0.1.0 */
export interface Settings {
  readonly pageSizes: ReadonlyArray<number>
  readonly batchSize: number
  readonly prefetch: number
}

/** @category models @since 0.1.0 */
export interface Scenario extends Settings {
  readonly steps: ReadonlyArray<Step>
  /** The lanes that are run until nothing is new once faults have stopped. */
  readonly lanes: ReadonlyArray<{ readonly lane: string; readonly kind: WorldSource.Kind }>
}

/** What a law may change about the engine's surroundings, to plant a fault or to watch. @category models @since 0.1.0 */
export interface Setup {
  readonly ports?: (inner: Context.Context<Sync.Ports>) => Context.Context<Sync.Ports>
  /** The same, between the engine and the points where faults are: it sees the faults. */
  readonly portsAbove?: (inner: Context.Context<Sync.Ports>) => Context.Context<Sync.Ports>
  readonly source?: (kind: WorldSource.Kind, options: WorldSource.Options) => WorldSource.Source
  readonly sink?: (inner: ChangeSink.Transactional<World.Note>) => ChangeSink.ChangeSink<World.Note>
  readonly sync?: Partial<Pick<Sync.Options<World.Note, Place.Place>, "onRefusal" | "items" | "events" | "prefetch">>
}

/** How one process ended. @category models @since 0.1.0 */
export interface Ended<A = Run.Summary | Busy.Busy> {
  readonly exit: Exit.Exit<A, unknown>
  readonly fired: ReadonlyArray<Fault.Fired>
  readonly trace: ReadonlyArray<string>
}

/** A sync over a bench: its source, its sink, its lane. @category models @since 0.1.0 */
export type NoteSync = Sync.Sync<World.Note, Place.Place>

/** @category models @since 0.1.0 */
export interface Bench<R> {
  readonly store: Store.Store<R>
  readonly subscription: Subscription.Subscription
  readonly upstream: Upstream.Upstream
  readonly settings: Settings
  readonly setup: Setup
}

/** @category models @since 0.1.0 */
export interface Result {
  readonly subscription: Subscription.Subscription
  readonly world: World.World
  readonly processes: ReadonlyArray<Ended>
  readonly recorded: Store.Recorded
  readonly local: ReadonlyMap<string, World.Note>
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** Runs of one lane after which it must have nothing new. @category constants @since 0.1.0 */
export const runsMax = 4

/** A subscription of its own on the store, over an empty world. @category constructors @since 0.1.0 */
export const bench = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  settings: Settings,
  setup: Setup = {},
  world: World.World = World.make()
): Effect.fn.Return<Bench<R>> {
  const subscription = yield* Store.subscription(store.name)
  return { store, settings, setup, subscription, upstream: yield* Upstream.make(world) }
})

/** The sync that a process of this kind runs. @category constructors @since 0.1.0 */
export const sync = Effect.fnUntraced(function* <R>(
  { settings, setup, store, subscription, upstream }: Bench<R>,
  kind: WorldSource.Kind,
  points: Fault.Points = Fault.points()
): Effect.fn.Return<NoteSync, never, R> {
  const own = yield* store.sink
  const source = (setup.source ?? WorldSource.make)(kind, { upstream, pageSizes: settings.pageSizes })
  return Sync.make<World.Note, Place.Place>({
    subscription,
    schema: World.Note,
    source: Faulty.source(source, points),
    sink: Faulty.sink<World.Note, ChangeSink.ChangeSink<World.Note>>((setup.sink ?? ((sink) => sink))(own), points),
    settle: Duration.millis((yield* upstream.world).settle),
    batchSize: settings.batchSize,
    prefetch: settings.prefetch,
    events: true,
    ...setup.sync
  })
})

/** Runs one process to its end, whatever that is. @category running @since 0.1.0 */
export const run = <R>(
  bench: Bench<R>,
  process: Process,
  points: Fault.Points = Fault.points(process.faults),
  options: Sync.RunOptions = { isTakingOver: true }
): Effect.Effect<Ended, never, R | Sync.Ports> =>
  perform(bench, process, points, (own) =>
    Sync.run(own, { ...options, lane: Lane.make(bench.subscription, process.lane) })
  )

/** Does something else with the sync of a process, to its end, whatever that is. @category running @since 0.1.0 */
export const perform = Effect.fnUntraced(function* <R, A>(
  bench: Bench<R>,
  process: Omit<Process, "lane">,
  points: Fault.Points,
  program: (sync: NoteSync) => Effect.Effect<A, unknown, Sync.Ports>
): Effect.fn.Return<Ended<A>, never, R | Sync.Ports> {
  const { setup, upstream } = bench
  const context = yield* Effect.context<R | Sync.Ports>()
  const inner = (setup.ports ?? same)(context)
  const own = yield* sync(bench, process.kind, points)
  yield* upstream.plan(process.during)
  const exit = yield* program(own).pipe(
    points.run,
    Effect.provideContext((setup.portsAbove ?? same)(Faulty.ports(inner, points))),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.exit
  )
  return { exit, fired: points.fired(), trace: points.trace() }
})

/** Plays a scenario to its end, and fails when a lane does not come to rest. @category running @since 0.1.0 */
export const play = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  scenario: Scenario,
  setup: Setup = {}
): Effect.fn.Return<Result, unknown, R | Sync.Ports> {
  const bench_ = yield* bench(store, scenario, setup)
  const processes: Array<Ended> = []
  for (const step of scenario.steps) {
    if (step._tag === "Change") yield* bench_.upstream.change(step.change)
    else processes.push(yield* run(bench_, step.process))
  }
  yield* settle(bench_, scenario.lanes)
  return yield* result(bench_, processes)
})

/** Lets the world settle and runs lanes without faults until nothing is new. @category running @since 0.1.0 */
export const settle = Effect.fnUntraced(function* <R>(
  bench: Bench<R>,
  lanes: Scenario["lanes"]
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  yield* bench.upstream.settle
  for (let round = 0; ; round++) {
    let news = 0
    for (const { kind, lane } of lanes) {
      const { exit } = yield* run(bench, { lane, kind, during: [], faults: [] })
      if (Exit.isFailure(exit)) {
        return yield* new Law.Violation({ message: `a run without faults failed: ${Cause.pretty(exit.cause)}` })
      }
      if (exit.value instanceof Busy.Busy) return yield* new Law.Violation({ message: "a free lane is busy" })
      const { created, deleted, updated } = exit.value.counts
      news += created + deleted + updated
    }
    if (news === 0 && round > 0) return
    yield* Law.requires(round < runsMax, () => `there is still something new after ${round} runs`)
  }
})

/** What is left. @category running @since 0.1.0 */
export const result = Effect.fnUntraced(function* <R>(
  { store, subscription, upstream }: Bench<R>,
  processes: ReadonlyArray<Ended> = []
): Effect.fn.Return<Result, unknown, R | Sync.Ports> {
  const world = yield* upstream.world
  const recorded = yield* store.read(subscription)
  return { subscription, world, processes, recorded, local: yield* localOf(store, subscription, world) }
})

// -----------------------------------------------------------------------------
// judging
// -----------------------------------------------------------------------------

/** The result as a history. @category judging @since 0.1.0 */
export const toHistory = ({ local, recorded, subscription, world }: Result): History.History => ({
  upstream: [],
  visible: [],
  rows: recorded.rows,
  items: recorded.items,
  events: recorded.events,
  lanes: recorded.lanes,
  final: {
    upstream: { [subscription.entity]: Object.fromEntries(World.visible(world)) },
    local: { [subscription.entity]: Object.fromEntries(local) }
  }
})

/** Fails with all that is wrong with a result. @category judging @since 0.1.0 */
export const judge = (result: Result, options: Check.Options = {}): Effect.Effect<void, Law.Violation> =>
  Effect.suspend(() => {
    const report = Check.judge(toHistory(result), options)
    return Law.requires(report.violations.length === 0, () => Check.format(report))
  })

/**
 * The applied changes of each record, in order, without run ids: what must not
 * depend on how it was run.
 *
 * @category readers
 * @since 0.1.0
 */
export const stories = ({ recorded }: Result) =>
  Map.groupBy(
    recorded.items
      .filter(({ outcome }) => outcome === "Applied")
      .map(({ id, operation, patch, revision }) => ({ id, operation, patch, revision }))
      .toSorted((a, b) => World.compareText(a.id, b.id) || (a.revision ?? 0) - (b.revision ?? 0)),
    ({ id }) => id
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const same = (ports: Context.Context<Sync.Ports>): Context.Context<Sync.Ports> => ports

const localOf = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  subscription: Subscription.Subscription,
  world: World.World
): Effect.fn.Return<ReadonlyMap<string, World.Note>, unknown, R | Sync.Ports> {
  const sink = yield* store.sink
  const ids = [...new Set(world.revisions.map(({ id }) => id))].toSorted().map((id) => Observation.ExternalId.make(id))
  const [first, ...rest] = ids
  if (first === undefined) return new Map()
  const rows = yield* sink.find(subscription, [first, ...rest])
  return new Map([...rows].map(([id, { record }]) => [id, record]))
})
