/**
 * What holds for a sink outside of the store: L12, L13, L37.
 *
 * Its calls join no transaction, so they may be sent more than once; their keys,
 * and all that is told of them, are there once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import type * as World from "../World.ts"

/** @category laws @since 0.1.0 */
export const externalLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L12",
    claim: "an external sink has every effect once, and what was decided before a crash is what is told of it",
    runs: 180,
    arbitrary: Scenarios.scenario(),
    holds: (scenario) =>
      Effect.gen(function* () {
        const target = yield* MemoryTarget.make<World.Note>({ label: "target" })
        const result = yield* Simulation.play(store, scenario, over(target, setup))
        yield* judge(target, result)
      })
  }),
  Store.law(store, {
    id: "L49",
    claim: "the changes of a record of an external sink are one chain, whatever two lanes and crashes do to it",
    runs: 110,
    arbitrary: fc.oneof(Interleaving.lanes(), Interleaving.workers()),
    holds: (encounter) =>
      Effect.gen(function* () {
        const target = yield* MemoryTarget.make<World.Note>({ label: "target" })
        const bench = yield* Simulation.bench(store, encounter, over(target, setup))
        yield* Interleaving.meet(bench, encounter)
        const lanes = Interleaving.lanesOf(encounter)
        // A record with an open intent waits for the lane that opened it, so each lane is run before any must succeed.
        for (const lane of lanes) yield* Simulation.run(bench, { ...lane, during: [], faults: [] })
        yield* Simulation.settle(bench, lanes)
        yield* judge(target, yield* Simulation.result(bench))
      })
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const over = (target: MemoryTarget.Target<World.Note>, setup: Simulation.Setup): Simulation.Setup => ({
  ...setup,
  sink: () => target.sink
})

/** The target agrees with the world, and each effect it had is told of once. */
const judge = Effect.fnUntraced(function* (
  target: MemoryTarget.Target<World.Note>,
  result: Simulation.Result
): Effect.fn.Return<void, unknown> {
  const { recorded, subscription } = result
  const rows = yield* target.rows(subscription)
  const local = new Map([...rows].map(([id, { record }]) => [id as string, record]))
  yield* Simulation.judge({ ...result, local })
  const effects = (yield* target.calls).filter(({ isEffective }) => isEffective)
  const keys = effects.map(({ write }) => write.idempotencyKey)
  yield* Law.same("keys of the effects", [...new Set(keys)], keys)
  const told = recorded.items
    .filter(({ operation, outcome }) => outcome === "Applied" && operation !== "Adopted" && operation !== "Drift")
    .map(({ id, revision }) => `${id}/${revision}`)
  const had = effects.map(({ write }) => `${write.externalId}/${write.revision}`)
  yield* Law.same("the effects told of", told.toSorted(), had.toSorted())
})
