/**
 * What becomes of records that come before the one they refer to: K21.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Write from "@tidemark/core/model/Write"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Fault from "../Fault.ts"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Parents from "../Parents.ts"
import * as Rounds from "../Rounds.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as World from "../World.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const parkingLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "K21",
    claim:
      "in whatever order parents and children come, and whatever breaks, after a run nothing waits whose parent is there",
    runs: 200,
    arbitrary: fc.record({ family, harm: Rounds.harm() }),
    holds: ({ family, harm }) =>
      Effect.gen(function* () {
        const { kind, rounds } = family
        const bench = yield* Simulation.bench(store, family, setupOf(setup, family))
        for (const [number, changes] of rounds.entries()) {
          yield* Rounds.begin(bench, number, changes)
          for (const faults of harm[number] ?? []) yield* Simulation.run(bench, Rounds.live(kind, faults))
          yield* Rounds.whole(bench, kind)
          yield* isSettled(bench)
        }
        yield* Simulation.settle(bench, [{ lane: "live", kind }])
        yield* isSettled(bench)
      })
  }),
  Store.law(store, {
    id: "K21",
    claim: "two lanes that bring parents and children at once leave what one would",
    runs: 60,
    arbitrary: fc.record({ family, schedule: Interleaving.schedule }),
    holds: ({ family, schedule }) =>
      Effect.gen(function* () {
        const { kind, rounds } = family
        const bench = yield* Simulation.bench(store, family, setupOf(setup, family))
        for (const [number, changes] of rounds.entries()) yield* Rounds.begin(bench, number, changes)
        yield* Interleaving.together({ schedule, isRealTime: store.isRealTime }, [
          (turn) => Simulation.run(bench, Rounds.live(kind), Fault.points([], turn)),
          (turn) => Simulation.run(bench, { ...Rounds.live(kind), lane: "backfill" }, Fault.points([], turn))
        ] as ReadonlyArray<
          (turn: (point: string) => Effect.Effect<void>) => Effect.Effect<unknown, never, R | Sync.Ports>
        >)
        yield* Simulation.settle(bench, [
          { lane: "live", kind },
          { lane: "backfill", kind }
        ])
        yield* isSettled(bench)
      })
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Family extends Rounds.Rounds {
  readonly way: Parents.Way
  readonly onRefusal: "Hold" | "Quarantine"
}

const family: fc.Arbitrary<Family> = fc
  .record({
    settings: Scenarios.settings,
    kind: fc.constantFrom(...WorldSource.kinds),
    way: fc.constantFrom(...Parents.ways),
    onRefusal: fc.constantFrom("Hold" as const, "Quarantine" as const),
    rounds: fc.array(fc.array(Parents.change, { maxLength: 6 }), { minLength: 1, maxLength: 3 })
  })
  .map(({ settings, ...rest }) => ({ ...settings, ...rest }))

const setupOf = (setup: Simulation.Setup, { onRefusal, way }: Family): Simulation.Setup => ({
  ...setup,
  sink: (inner) => Parents.requiring(way)((setup.sink ?? ((sink) => sink))(inner) as typeof inner),
  sync: { ...setup.sync, onRefusal }
})

/** The copy is what is upstream but for records that wait, and they are those whose parent is not here. */
const isSettled = Effect.fnUntraced(function* <R>(bench: Simulation.Bench<R>) {
  const result = yield* Simulation.result(bench)
  const orphans = Parents.orphans(World.visible(result.world), result.local)
  yield* Simulation.judge(result, { excused: new Set(orphans) })
  const { tenant } = bench.subscription
  const waiting = yield* (yield* Quarantine.Quarantine).list(tenant, { limit: 1_000 })
  yield* Law.same("what waits", [...new Set(waiting.map(({ externalId }) => externalId))].toSorted(), orphans)
  const others = waiting.filter(({ rejection }) => !Write.isParked(rejection))
  yield* Law.same("what waits for something else", others, [])
  const removed = result.world.revisions.flatMap(({ id, record }) => (record === undefined ? [id] : []))
  const created = result.recorded.events.filter(({ type }) => type === "note_created").map(({ key }) => key)
  const twice = created.filter((key, index) => created.indexOf(key) !== index)
  const wrong = twice.filter((key) => !removed.some((id) => key.endsWith(`/${id}`)))
  yield* Law.same("records that were created twice", wrong, [])
})
