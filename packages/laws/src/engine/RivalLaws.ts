/**
 * Several processes at once: L32, L36, L49, W74.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Observation from "@tidemark/core/model/Observation"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Fault from "../Fault.ts"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Rounds from "../Rounds.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as Made from "../store/Made.ts"

/** @category laws @since 0.1.0 */
export const rivalLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L32",
    claim: "W12 a worker that is stopped anywhere and wakes after a take-over commits nothing, and stops nobody",
    runs: 120,
    arbitrary: fc.record({ rounds: Rounds.rounds({ roundsMax: 1 }), stop }),
    holds: ({ rounds, stop: { faults, steps } }) => takeOver(store, setup, rounds, steps, faults)
  }),
  Store.law(store, {
    id: "L32",
    claim: "of two workers one is busy or comes later, and none is fenced, unless it takes over",
    runs: 120,
    arbitrary: Interleaving.workers({ faults: [] }).map((encounter) => ({
      ...encounter,
      parties: encounter.parties.map((party) => ({ ...party, isTakingOver: false }))
    })),
    holds: (encounter) =>
      Effect.gen(function* () {
        const result = yield* Interleaving.play(store, encounter, setup)
        for (const { exit } of result.processes) {
          yield* Law.requires(Exit.isSuccess(exit), () => `a worker failed: ${Law.show(exit)}`)
        }
        yield* Simulation.judge(result)
      })
  }),
  Store.law(store, {
    id: "W74",
    claim: "a worker that is stopped holds up no find, and before its last statement no claim",
    runs: 80,
    arbitrary: fc.record({ rounds: Rounds.rounds({ roundsMax: 1 }), stop: fc.integer({ min: 0, max: 40 }) }),
    holds: ({ rounds, stop }) => holdsNobodyUp(store, setup, rounds, stop)
  }),
  Store.law(store, {
    id: "L33",
    claim: "a run that is interrupted, wherever it is, has given its lane back when it ends",
    runs: 60,
    arbitrary: fc.record({ rounds: Rounds.rounds({ roundsMax: 1 }), stop: fc.integer({ min: 0, max: 40 }) }),
    holds: ({ rounds, stop }) => givesBack(store, setup, rounds, stop)
  }),
  Store.law(store, {
    id: "L36",
    claim: "what a tenant has does not depend on what others do",
    runs: 80,
    arbitrary: fc.record({
      schedule: Interleaving.schedule,
      rounds: fc.tuple(Rounds.rounds({ roundsMax: 2 }), Rounds.rounds({ roundsMax: 2 })),
      harm: Rounds.harm()
    }),
    holds: ({ harm, rounds, schedule }) => noninterference(store, setup, rounds, harm, schedule)
  }),
  Store.law(store, {
    id: "L49",
    claim: "the changes of a record are one chain, whatever two lanes and crashes do to it",
    runs: 180,
    arbitrary: Interleaving.lanes(),
    holds: (encounter) =>
      Effect.flatMap(Interleaving.play(store, encounter, setup), (result) => Simulation.judge(result))
  }),
  Store.law(store, {
    id: "L49",
    claim: "the changes of a record are one chain, whatever two workers and crashes do to it",
    runs: 180,
    arbitrary: Interleaving.workers(),
    holds: (encounter) =>
      Effect.flatMap(Interleaving.play(store, encounter, setup), (result) => Simulation.judge(result))
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Steps of the other worker before the first goes on; mostly all. */
const between = fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 30 }))

/** Anywhere; or about where a worker, whose first commit was not answered, asks what became of it. */
const stop: fc.Arbitrary<{
  readonly steps: readonly [before: number, between: number]
  readonly faults: ReadonlyArray<Fault.Fault>
}> = fc.oneof(
  fc.record({ steps: fc.tuple(fc.integer({ min: 0, max: 60 }), between), faults: fc.constant([]) }),
  fc.record({
    steps: fc.tuple(fc.integer({ min: 12, max: 34 }), between),
    faults: fc
      .constantFrom("UnitOfWork.commit:before", "UnitOfWork.commit:after")
      .map((point): ReadonlyArray<Fault.Fault> => [{ at: 0, point, kind: "Unknown" }])
  })
)

/** One worker goes some steps and stops, another takes over and goes on, perhaps to its end, then the first. */
const takeOver = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  { kind, rounds, ...settings }: Rounds.Rounds,
  [before, between]: readonly [before: number, between: number],
  faults: ReadonlyArray<Fault.Fault>
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, settings, setup)
  yield* Rounds.begin(bench, 0, rounds[0] ?? [])
  const commits = Effect.map(store.read(bench.subscription), ({ lanes }) => lanes.length)
  const isClaimed = Deferred.makeUnsafe<void>()
  const worker = (isTakingOver: boolean) => (turn: (point: string) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      if (isTakingOver) yield* Deferred.await(isClaimed)
      const points = Fault.points(isTakingOver ? [] : faults, (point) =>
        Effect.suspend(() => {
          if (point === "Lanes.claim:after") Deferred.doneUnsafe(isClaimed, Effect.void)
          return turn(point)
        })
      )
      const { exit } = yield* Simulation.run(bench, Rounds.live(kind), points, { isTakingOver })
      return { exit, commits: yield* commits }
    })
  const schedule = [
    { who: 0, steps: before },
    { who: 1, steps: between },
    { who: 0, steps: 1_000 }
  ]
  const [first, second] = yield* Interleaving.together({ schedule, isRealTime: store.isRealTime }, [
    worker(false),
    worker(true)
  ])
  yield* Law.requires(Exit.isSuccess(second!.exit), () => `the second failed: ${Law.show(second)}`)
  yield* Law.requires(
    Exit.isSuccess(first!.exit) || isFenced(first!.exit),
    () => `the first ended with ${Law.show(first)}`
  )
  yield* Law.same("commits after the second worker has ended", yield* commits, second!.commits)
  yield* Simulation.settle(bench, [{ lane: "live", kind }])
  yield* Simulation.judge(yield* Simulation.result(bench))
})

/** A worker on its first round, stopped at the n-th point that it reaches, if there are as many. */
const stopped = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  { kind, rounds, ...settings }: Rounds.Rounds,
  stop: number
) {
  const bench = yield* Simulation.bench(store, settings, setup)
  yield* Rounds.begin(bench, 0, rounds[0] ?? [])
  const isStopped = Deferred.makeUnsafe<string>()
  const isOver = Deferred.makeUnsafe<void>()
  let reached = 0
  const points = Fault.points([], (point) =>
    Effect.suspend(() =>
      reached++ === stop ? Effect.andThen(Deferred.succeed(isStopped, point), Deferred.await(isOver)) : Effect.void
    )
  )
  const working = yield* Effect.forkChild(Simulation.run(bench, Rounds.live(kind), points))
  const point = yield* Effect.raceFirst(Deferred.await(isStopped), Effect.as(Fiber.await(working), "the end"))
  return { bench, working, point, goesOn: Deferred.succeed(isOver, undefined) }
})

/** A worker stops at a point; others look around and claim its lane; then it goes on. */
const holdsNobodyUp = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds,
  stop: number
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { bench, goesOn, point, working } = yield* stopped(store, setup, rounds, stop)
  const ledger = yield* Ledger.Ledger
  const sink = yield* store.sink
  const ids = [Observation.ExternalId.make("a"), Observation.ExternalId.make("b")] as const
  yield* comesBack(store, `a find, with a worker stopped at ${point},`, ledger.find(bench.subscription, ids))
  yield* comesBack(store, `a find, with a worker stopped at ${point},`, sink.find(bench.subscription, ids))
  if (point !== "UnitOfWork.commit:before") {
    yield* comesBack(store, `a claim, with a worker stopped at ${point},`, Made.claim(bench.subscription))
  }
  yield* goesOn
  yield* Fiber.join(working)
  yield* Simulation.settle(bench, [{ lane: "live", kind: rounds.kind }])
  yield* Simulation.judge(yield* Simulation.result(bench))
})

/** A worker is interrupted at a point; then its lane is free. */
const givesBack = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds,
  stop: number
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { bench, goesOn, point, working } = yield* stopped(store, setup, rounds, stop)
  const ending = yield* Effect.forkChild(Fiber.interrupt(working), { startImmediately: true })
  yield* goesOn
  yield* Fiber.join(ending)
  const claimed = yield* Effect.result(Made.claim(bench.subscription, { mode: "IfFree" }))
  yield* Law.requires(Result.isSuccess(claimed), () => `after an interruption at ${point}: ${Law.show(claimed)}`)
})

/** Far longer than a call takes that waits for nobody, in ms. */
const callMax = 4_000

const comesBack = Effect.fnUntraced(function* <R, A, E, R2>(
  store: Store.Store<R>,
  what: string,
  call: Effect.Effect<A, E, R2>
): Effect.fn.Return<void, E | Law.Violation, R2> {
  const isBack = yield* Effect.raceFirst(Effect.as(call, true), Effect.as(Store.pause(store, callMax), false))
  yield* Law.requires(isBack, () => `${what} did not come back`)
})

const isFenced = (exit: Simulation.Ended["exit"]): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.findErrorOption(exit.cause), (error) => error instanceof Lanes.Fenced)

/** Two tenants at once, and each alone. */
const noninterference = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: ReadonlyArray<Rounds.Rounds>,
  harm: Rounds.Harm,
  schedule: Interleaving.Schedule
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const alone = yield* Effect.forEach(rounds, (one) => Rounds.play(store, one, setup))
  const together = yield* Interleaving.together(
    { schedule, isRealTime: store.isRealTime },
    rounds.map((one, place) => (turn) => playInTurns(store, setup, one, place === 0 ? harm : [], turn))
  )
  for (const [place, result] of together.entries()) {
    yield* Law.same("the records", result.local, alone[place]?.local)
    yield* Law.same("their changes", Simulation.stories(result), Simulation.stories(alone[place]!))
    yield* Simulation.judge(result)
  }
})

/** Plays rounds, each of whose processes waits for its turn at every point. */
const playInTurns = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds,
  harm: Rounds.Harm,
  turn: (point: string) => Effect.Effect<void>
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, rounds, setup)
  for (const [number, changes] of rounds.rounds.entries()) {
    yield* Rounds.begin(bench, number, changes)
    for (const faults of [...(harm[number] ?? []), []]) {
      yield* Simulation.run(bench, Rounds.live(rounds.kind, faults), Fault.points(faults, turn))
    }
  }
  yield* Simulation.settle(bench, [{ lane: "live", kind: rounds.kind }])
  return yield* Simulation.result(bench)
})
