/**
 * What holds for a sink outside of the store: L12, L13, L37.
 *
 * Its calls join no transaction, so they may be sent more than once; their keys,
 * and all that is told of them, are there once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import * as Redrive from "@tidemark/core/engine/Redrive"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Fault from "../Fault.ts"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Poison from "../Poison.ts"
import * as Rounds from "../Rounds.ts"
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
    id: "L12",
    claim: "a redrive of an external sink has every effect once, and refuses no record anew, however it is cut",
    runs: 100,
    arbitrary: fc.record({
      rounds: Rounds.rounds({ note: Poison.note }),
      way: fc.constantFrom("Row" as const, "Batch" as const),
      harm: fc.array(fc.record({ isMended: fc.boolean(), faults: fc.oneof(Scenarios.faults(), aroundCalls) }), {
        maxLength: 3
      })
    }),
    holds: (story) => redriven(store, setup, story)
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

/** Where a decision is stored, and what came of it is not. */
const aroundCalls: fc.Arbitrary<ReadonlyArray<Fault.Fault>> = fc
  .record({
    at: fc.integer({ min: 0, max: 2 }),
    point: fc.constantFrom("Sink.write", "Sink.write:after"),
    kind: fc.constantFrom(...Fault.kinds)
  })
  .map((fault) => [fault])

/** Redrives that come to harm, and one that does not: while the target still refuses, and once it is mended. */
const redriven = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  {
    harm,
    rounds,
    way
  }: {
    readonly rounds: Rounds.Rounds
    readonly way: "Row" | "Batch"
    readonly harm: ReadonlyArray<{ readonly isMended: boolean; readonly faults: ReadonlyArray<Fault.Fault> }>
  }
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  let isMended = false
  const target = yield* MemoryTarget.make<World.Note>({
    label: "target",
    refuse: (write) => (!isMended && write._tag === "Put" && Poison.isPoison(write.record) ? way : undefined)
  })
  const bench = yield* Simulation.bench(store, rounds, over(target, setup))
  yield* Rounds.playOn(bench, rounds)
  const before = (yield* store.read(bench.subscription)).refusals.length
  const redrive = (points: Fault.Points) =>
    Simulation.perform(bench, { kind: rounds.kind, during: [], faults: [] }, points, (sync) =>
      Redrive.run(sync, { isTakingOver: true })
    )
  for (const isNow of [false, true]) {
    isMended = isNow
    for (const { faults } of harm.filter((one) => one.isMended === isMended)) yield* redrive(Fault.points(faults))
    if (!isMended) yield* redrive(Fault.points())
  }
  const { exit } = yield* redrive(Fault.points())
  yield* Law.requires(Exit.isSuccess(exit), () => `a redrive without faults failed: ${Law.show(exit)}`)
  const result = yield* Simulation.result(bench)
  const { refusals } = result.recorded
  yield* Law.same("refusals", refusals.length, before)
  yield* Law.same(
    "what waits",
    refusals.filter(({ isOpen }) => isOpen),
    []
  )
  yield* judge(target, result)
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
