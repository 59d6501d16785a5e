/**
 * What is left when a run ends anywhere, and what comes of it later: L07, L11,
 * L12, L13.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Fault from "../Fault.ts"
import * as Law from "../Law.ts"
import * as Reference from "../Reference.ts"
import * as Rounds from "../Rounds.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const recoveryLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => {
  const story = Reference.make(store, setup)
  return [
    Store.law(store, {
      id: "L07",
      claim: "a run cut anywhere and resumed leaves what one run leaves, change by change",
      runs: 110,
      arbitrary: fc.tuple(Rounds.rounds(), Rounds.harm()),
      holds: ([rounds, harm]) => sameAsWhole(store, setup, rounds, harm)
    }),
    Store.law(store, {
      id: "L11",
      claim: "a batch is here as a whole or not at all, whatever fault is at whichever point",
      runs: singles.size,
      arbitrary: fc.integer({ min: 0, max: singles.size - 1 }).map(singles.at),
      all: singles,
      holds: (fault) => story([[fault]])
    }),
    Store.law(store, {
      id: "L11",
      claim: "a batch is here as a whole or not at all, with two faults in one run or in two",
      runs: 180,
      arbitrary: fc.integer({ min: 0, max: pairs.size - 1 }).map(pairs.at),
      all: pairs,
      holds: ([one, other, isOneRun]) => story(isOneRun ? [[one, other]] : [[one], [other]])
    }),
    Store.law(store, {
      id: "L12",
      claim: "a run whose commits are not answered succeeds, and each of its effects is here once",
      runs: 110,
      arbitrary: fc.tuple(Rounds.rounds(), Rounds.harm(unanswered)),
      holds: ([rounds, harm]) =>
        Effect.gen(function* () {
          const { processes } = yield* sameAsWhole(store, setup, rounds, harm)
          const failed = processes.find(({ exit }) => Exit.isFailure(exit))
          yield* Law.requires(failed === undefined, () => `a run failed: ${Law.show(failed)}`)
        })
    }),
    Store.law(store, {
      id: "L12",
      claim: "each effect is here once, whatever happens at whichever commits",
      runs: 110,
      arbitrary: fc.tuple(Rounds.rounds(), Rounds.harm(atCommits)),
      holds: ([rounds, harm]) => sameAsWhole(store, setup, rounds, harm)
    }),
    ...WorldSource.kinds.map((kind) =>
      Store.law(store, {
        id: "L13",
        claim: `once faults stop, a sink agrees with a world read as ${kind}`,
        runs: 120,
        arbitrary: Scenarios.scenario({ kinds: [kind] }),
        holds: (scenario) =>
          Effect.flatMap(Simulation.play(store, scenario, setup), (result) => Simulation.judge(result))
      })
    )
  ]
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Plays rounds with and without harm, and compares. */
const sameAsWhole = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds,
  harm: Rounds.Harm
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const whole = yield* Rounds.play(store, rounds, setup)
  const cut = yield* Rounds.play(store, rounds, setup, harm)
  yield* Law.same("the records", cut.local, whole.local)
  yield* Law.same("their changes", Simulation.stories(cut), Simulation.stories(whole))
  yield* Simulation.judge(cut)
  return cut
})

/** A fault of every kind at every point. */
const singles: Law.Cases<Fault.Fault> = {
  size: Reference.pointsMax * Fault.kinds.length,
  at: (place) => ({
    at: Math.floor(place / Fault.kinds.length),
    kind: Fault.kinds[place % Fault.kinds.length]!
  })
}

/** Two of them, in one run or in one after the other. */
const pairs: Law.Cases<readonly [Fault.Fault, Fault.Fault, isOneRun: boolean]> = {
  size: 2 * singles.size ** 2,
  at: (place) => {
    const rest = Math.floor(place / 2)
    return [singles.at(Math.floor(rest / singles.size)), singles.at(rest % singles.size), place % 2 === 0]
  }
}

const commits = ["UnitOfWork.commit:before", "UnitOfWork.commit:after"] as const

const unanswered: fc.Arbitrary<ReadonlyArray<Fault.Fault>> = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 5 }),
    point: fc.constantFrom(...commits),
    kind: fc.constant("Unknown" as const)
  }),
  { minLength: 1, maxLength: 3 }
)

const atCommits: fc.Arbitrary<ReadonlyArray<Fault.Fault>> = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 5 }),
    point: fc.constantFrom(...commits, "Lanes.claim", "Lanes.claim:after", "RunRecorder.open:after"),
    kind: fc.constantFrom(...Fault.kinds)
  }),
  { minLength: 1, maxLength: 3 }
)
