/**
 * A world that changes in rounds and stands still while it is read, so that two
 * ways of reading it may be compared: cut into other pieces, killed on the way.
 *
 * Each round begins at its own source time, whatever came before it, and all of
 * it can be seen when it is read.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import type * as Fault from "./Fault.ts"
import * as Law from "./Law.ts"
import * as Scenarios from "./Scenarios.ts"
import * as Simulation from "./Simulation.ts"
import type * as Store from "./Store.ts"
import type * as World from "./World.ts"
import * as WorldSource from "./WorldSource.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Rounds extends Simulation.Settings {
  readonly kind: WorldSource.Kind
  readonly rounds: ReadonlyArray<ReadonlyArray<World.Change>>
}

/** Faults of the processes that come before the one that ends a round, by round. @category models @since 0.1.0 */
export type Harm = ReadonlyArray<ReadonlyArray<ReadonlyArray<Fault.Fault>>>

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  readonly kinds?: ReadonlyArray<WorldSource.Kind>
  readonly note?: fc.Arbitrary<World.Note>
  readonly roundsMax?: number
}

/** @category arbitraries @since 0.1.0 */
export const rounds = ({ kinds, note, roundsMax }: Options = {}): fc.Arbitrary<Rounds> =>
  fc
    .record({
      settings: Scenarios.settings,
      kind: fc.constantFrom(...(kinds ?? WorldSource.kinds)),
      rounds: fc.array(fc.array(Scenarios.changeOf(note ?? Scenarios.note), { maxLength: 6 }), {
        minLength: 1,
        maxLength: roundsMax ?? 3
      })
    })
    .map(({ settings, ...rest }) => ({ ...settings, ...rest }))

/** Up to two processes per round that come to harm. @category arbitraries @since 0.1.0 */
export const harm = (faults: fc.Arbitrary<ReadonlyArray<Fault.Fault>> = Scenarios.faults()): fc.Arbitrary<Harm> =>
  fc.array(fc.array(faults, { maxLength: 2 }), { maxLength: 3 })

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** Lets a round happen, up to where all of it can be seen. @category running @since 0.1.0 */
export const begin = Effect.fnUntraced(function* <R>(
  { upstream }: Simulation.Bench<R>,
  number: number,
  changes: ReadonlyArray<World.Change>
): Effect.fn.Return<void> {
  const { now, settle } = yield* upstream.world
  yield* upstream.change({ _tag: "Pass", time: (number + 2) * roundLength - now }, ...changes)
  yield* upstream.change({ _tag: "Pass", time: settle })
})

/**
 * Plays rounds: in each, the processes that come to harm, and then one that does
 * not. In the end the world settles and the lane is run until nothing is new.
 *
 * @category running
 * @since 0.1.0
 */
export const play = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  rounds: Rounds,
  setup: Simulation.Setup = {},
  harm: Harm = []
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, rounds, setup)
  return yield* playOn(bench, rounds, harm)
})

/** Plays rounds on a bench of the caller's. @category running @since 0.1.0 */
export const playOn = Effect.fnUntraced(function* <R>(
  bench: Simulation.Bench<R>,
  { kind, rounds }: Rounds,
  harm: Harm = []
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const processes: Array<Simulation.Ended> = []
  for (const [number, changes] of rounds.entries()) {
    yield* begin(bench, number, changes)
    for (const faults of harm[number] ?? []) processes.push(yield* Simulation.run(bench, live(kind, faults)))
    processes.push(yield* whole(bench, kind))
  }
  yield* Simulation.settle(bench, [{ lane: "live", kind }])
  return yield* Simulation.result(bench, processes)
})

/** A process of the lane `live`. @category constructors @since 0.1.0 */
export const live = (kind: WorldSource.Kind, faults: ReadonlyArray<Fault.Fault> = []): Simulation.Process => ({
  lane: "live",
  kind,
  during: [],
  faults
})

/** Runs the lane `live` without faults; that it fails is a violation. @category running @since 0.1.0 */
export const whole = Effect.fnUntraced(function* <R>(
  bench: Simulation.Bench<R>,
  kind: WorldSource.Kind
): Effect.fn.Return<Simulation.Ended, Law.Violation, R | Sync.Ports> {
  const ended = yield* Simulation.run(bench, live(kind))
  const { exit } = ended
  if (Exit.isSuccess(exit)) return ended
  return yield* new Law.Violation({ message: `a run without faults failed: ${Cause.pretty(exit.cause)}` })
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** From the beginning of one round to that of the next, in ms of source time. */
const roundLength = 100_000
