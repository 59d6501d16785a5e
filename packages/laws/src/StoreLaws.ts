/**
 * All that the engine relies on in a store, and the engine over it.
 *
 * ```ts
 * for (const law of verifyStore(store)) it(law.name, () => law.check())
 * ```
 *
 * A case of a law about a port is a few calls, or a few dozen; a case of a law of
 * the engine is a whole scenario.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { engineLaws } from "./EngineLaws.ts"
import * as Law from "./Law.ts"
import * as Poison from "./Poison.ts"
import * as Rounds from "./Rounds.ts"
import * as Simulation from "./Simulation.ts"
import * as Store from "./Store.ts"
import { laneLaws } from "./store/LaneLaws.ts"
import { ledgerLaws } from "./store/LedgerLaws.ts"
import { recordLaws } from "./store/RecordLaws.ts"
import { runLaws } from "./store/RunLaws.ts"
import { transactionLaws } from "./store/TransactionLaws.ts"

/** The laws of each port, one port at a time. @category laws @since 0.1.0 */
export const portLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  ...transactionLaws(store),
  ...ledgerLaws(store),
  ...laneLaws(store),
  ...recordLaws(store),
  ...runLaws(store)
]

/** The laws of the ports, and of the engine over them. @category laws @since 0.1.0 */
export const verifyStore = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  ...portLaws(store),
  ...engineLaws(store)
]

/**
 * That two stores come to the same end over the same scenario: records, changes,
 * events and refusals of each record, and how far the lane is.
 *
 * @category laws
 * @since 0.1.0
 */
export const agreement = <R, R2>(store: Store.Store<R>, reference: Store.Store<R2>): Law.Law =>
  Store.law(store, {
    id: "L45",
    claim: `a scenario ends over ${store.name} as it ends over ${reference.name}, record by record`,
    runs: 50,
    arbitrary: fc.record({
      rounds: Rounds.rounds({ note: Poison.note }),
      harm: Rounds.harm(),
      way: fc.constantFrom(...Poison.ways)
    }),
    holds: ({ harm, rounds, way }) =>
      Effect.gen(function* () {
        const setup = { sink: Poison.refusing(way) }
        const here = ending(yield* Rounds.play(store, rounds, setup, harm))
        const there = ending(yield* Store.within(reference, Rounds.play(reference, rounds, setup, harm)))
        yield* Law.same("the end", here, there)
      })
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** What is left of each record, without names that stores give. */
const ending = (result: Simulation.Result) => {
  const { events, lanes, refusals } = result.recorded
  const told = events.map(({ key, revision, type }) => ({ key, revision, type }))
  return {
    records: result.local,
    changes: Simulation.stories(result),
    events: Object.entries(Object.groupBy(told, ({ key }) => key)).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    waiting: [...new Set(refusals.filter(({ isOpen }) => isOpen).map(Law.show))].toSorted(),
    hasCursor: (lanes.at(-1)?.cursor ?? null) !== null
  }
}
