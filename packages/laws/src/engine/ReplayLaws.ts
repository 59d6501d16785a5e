/**
 * What must not depend on how often, in what order, and in what pieces something
 * is told: L09, L10, L14, L22.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as GivenSource from "../GivenSource.ts"
import * as Law from "../Law.ts"
import * as Poison from "../Poison.ts"
import * as Rounds from "../Rounds.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as World from "../World.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const replayLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L09",
    claim: "reading everything again changes nothing and tells nothing",
    runs: 150,
    arbitrary: Rounds.rounds(),
    holds: (rounds) => readAgain(store, setup, rounds)
  }),
  Store.law(store, {
    id: "L10",
    claim: "in any order and however often, the greatest versions are what is left",
    runs: 250,
    arbitrary: fc.record({ settings: Scenarios.settings, told: GivenSource.told() }),
    holds: ({ settings, told }) =>
      Effect.flatMap(tell(store, setup, settings, told), (result) => Simulation.judge(result))
  }),
  Store.law(store, {
    id: "L14",
    claim: "changes and refusals do not depend on how what is told is cut into pages and batches",
    runs: 250,
    arbitrary: fc.record({ one: Scenarios.settings, other: Scenarios.settings, told: GivenSource.told(Poison.note) }),
    // For the same reason as `newestOnly` the sink refuses by values alone.
    holds: ({ one, other, told }) =>
      Effect.gen(function* () {
        const refusing = { ...setup, sink: setup.sink ?? Poison.refusing("Check") }
        yield* sameResults(yield* tell(store, refusing, one, told), yield* tell(store, refusing, other, told))
      })
  }),
  Store.law(store, {
    id: "L14",
    claim: "changes and refusals do not depend on the size of pages and batches, nor on reading ahead",
    runs: 150,
    arbitrary: fc.constantFrom(...Poison.ways).chain((way) =>
      fc.record({
        other: Scenarios.settings,
        way: fc.constant(way),
        rounds: Rounds.rounds({ note: Poison.note, kinds: way === "Check" ? WorldSource.kinds : newestOnly })
      })
    ),
    holds: ({ other, rounds, way }) =>
      Effect.gen(function* () {
        const refusing = { ...setup, sink: setup.sink ?? Poison.refusing(way) }
        const one = yield* Rounds.play(store, rounds, refusing)
        yield* sameResults(one, yield* Rounds.play(store, { ...rounds, ...other }, refusing))
      })
  }),
  Store.law(store, {
    id: "L22",
    claim: "what was written reads back as the same record, and a preview of another run is empty",
    runs: 150,
    arbitrary: Rounds.rounds(),
    holds: (rounds) => readBack(store, setup, rounds)
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Kinds that show a record once per read: of several changes in one batch, a sink meets the last one only. */
const newestOnly: ReadonlyArray<WorldSource.Kind> = ["Keyset", "Stamps", "Strict", "Walk"]

const differ = FieldDiffer.fromSchema(World.Note)

/** Reads rounds, and then all of it again on a lane that has no cursor. */
const readAgain = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, rounds, setup)
  const before = yield* Rounds.playOn(bench, rounds)
  yield* Simulation.run(bench, { ...Rounds.live(rounds.kind), lane: "again" })
  const after = yield* Simulation.result(bench)
  const { read, stale, unchanged, absent } = (after.recorded.runs.at(-1)?.counts ?? {}) as Record<string, number>
  yield* Law.same("what is read", read, (stale ?? 0) + (unchanged ?? 0) + (absent ?? 0))
  yield* Law.same("the records", after.local, before.local)
  yield* Law.same("the items", after.recorded.items, before.recorded.items)
  yield* Law.same("the events", after.recorded.events, before.recorded.events)
})

/** Reads rounds, and then looks at what is here with the eyes of a differ, and of a preview. */
const readBack = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  rounds: Rounds.Rounds
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, rounds, setup)
  const { world } = yield* Rounds.playOn(bench, rounds)
  const sync = yield* Simulation.sync(bench, rounds.kind)
  for (const [id, record] of World.visible(world)) {
    const externalId = Observation.ExternalId.make(id)
    const row = (yield* sync.sink.find(bench.subscription, [externalId])).get(externalId)
    yield* Law.requires(row !== undefined, () => `${id} was written, and is not found`)
    if (row !== undefined) yield* Law.same(`what differs in ${id}`, differ.diff(row.record, record), {})
  }
  const previews = yield* Stream.runCollect(Sync.plan(sync, { lane: Lane.make(bench.subscription, "preview") }))
  const changes = previews.flatMap(({ decisions }) => decisions).filter(({ _tag }) => _tag !== "Skip")
  yield* Law.same("the preview", changes, [])
})

/** Reads what is told, to the end. */
const tell = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  settings: Simulation.Settings,
  told: ReadonlyArray<GivenSource.Told>
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const source: Simulation.Setup["source"] = (_, { pageSizes }) => GivenSource.make(told, pageSizes)
  const bench = yield* Simulation.bench(store, settings, { source, ...setup }, GivenSource.toWorld(told))
  yield* Rounds.whole(bench, "Keyset")
  return yield* Simulation.result(bench)
})

const sameResults = Effect.fnUntraced(function* (one: Simulation.Result, other: Simulation.Result) {
  yield* Law.same("the changes", Simulation.stories(other), Simulation.stories(one))
  yield* Law.same("the records", other.local, one.local)
  yield* Law.same("what waits in quarantine", waiting(other), waiting(one))
})

/** Open refusals, each once. */
const waiting = ({ recorded }: Simulation.Result): ReadonlyArray<string> =>
  [...new Set(recorded.refusals.filter(({ isOpen }) => isOpen).map(({ id, version }) => `${id}/${version}`))].toSorted()
