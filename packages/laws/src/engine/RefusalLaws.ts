/**
 * What a record that is refused does to others: L15, L16.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as GivenSource from "../GivenSource.ts"
import * as Law from "../Law.ts"
import type * as Place from "../Place.ts"
import * as Poison from "../Poison.ts"
import * as Rounds from "../Rounds.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import type * as World from "../World.ts"

/** @category laws @since 0.1.0 */
export const refusalLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L15",
    claim: "a poison record is quarantined alone, and the others are as they would be without it",
    runs: 200,
    arbitrary: fc.record({ rounds: Rounds.rounds({ note: Poison.note }), way: fc.constantFrom(...Poison.ways) }),
    holds: ({ rounds, way }) =>
      Effect.gen(function* () {
        const refusing = { ...setup, sink: setup.sink ?? Poison.refusing(way) }
        const result = yield* Rounds.play(store, rounds, refusing)
        const pure = yield* Rounds.play(store, { ...rounds, rounds: rounds.rounds.map(withoutPoison) }, refusing)
        const poisoned = new Set(rounds.rounds.flat().flatMap((one) => (isPoison(one) ? [one.id] : [])))
        const rest = <T>(all: ReadonlyMap<string, T>) => [...all].filter(([id]) => !poisoned.has(id))
        yield* Law.same("the other records", rest(result.local), rest(pure.local))
        yield* Law.same("their changes", rest(Simulation.stories(result)), rest(Simulation.stories(pure)))
        yield* Law.same("refusals without poison", pure.recorded.refusals, [])
        yield* quarantineIsPoison(result)
        yield* Simulation.judge(result, { excused: poisonNow(result.world) })
      })
  }),
  Store.law(store, {
    id: "L16",
    claim: "above the threshold the brake stops the lane and the cursor stays; below it no refusal stops it",
    runs: 15,
    arbitrary: crowds,
    holds: ({ flags, kills, settings, way }) =>
      brake(store, { sink: Poison.refusing(way), ...setup }, settings, flags, kills)
  })
]

// -----------------------------------------------------------------------------
// internal: one record
// -----------------------------------------------------------------------------

const isPoison = (change: World.Change): change is Extract<World.Change, { readonly _tag: "Put" }> =>
  change._tag === "Put" && Poison.isPoison(change.record)

const withoutPoison = (changes: ReadonlyArray<World.Change>) => changes.filter((change) => !isPoison(change))

/** The records that are poison in the end. */
const poisonNow = (world: World.World): ReadonlySet<string> => {
  const last = new Map(world.revisions.map(({ id, record }) => [id, record]))
  return new Set([...last].flatMap(([id, record]) => (Poison.isPoison(record) ? [id] : [])))
}

/** Who is poison waits in quarantine, and nobody else; who never was has never been there. */
const quarantineIsPoison = Effect.fnUntraced(function* ({ recorded, world }: Simulation.Result) {
  const open = new Set(recorded.refusals.flatMap(({ id, isOpen }) => (isOpen ? [id] : [])))
  yield* Law.same("what waits in quarantine", [...open].toSorted(), [...poisonNow(world)].toSorted())
  const ever = new Set(world.revisions.flatMap(({ id, record }) => (Poison.isPoison(record) ? [id] : [])))
  const wrong = recorded.refusals.filter(({ id }) => !ever.has(id))
  yield* Law.same("refusals of what was never poison", wrong, [])
})

// -----------------------------------------------------------------------------
// internal: the brake
// -----------------------------------------------------------------------------

/** Stretches of records, each with so many good ones between two that are refused. */
const crowds = fc.record({
  settings: fc.record({
    pageSizes: fc.constantFrom([7], [40], [100], [1, 30]),
    batchSize: fc.constantFrom(1, 8, 50, 100),
    prefetch: fc.constant(2)
  }),
  way: fc.constantFrom(...Poison.ways),
  kills: fc.array(fc.integer({ min: 20, max: 200 }), { maxLength: 2 }),
  flags: fc
    .array(
      fc.record({
        length: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 45, max: 110 })),
        every: fc.constantFrom(1, 1, 2, 2, 3, 5, 9, 1_000)
      }),
      { minLength: 1, maxLength: 4 }
    )
    .map((stretches) =>
      stretches.flatMap(({ every, length }) => Array.from({ length }, (_, place) => place % every === every - 1))
    )
})

/** The place at which the brake trips, by its rule as it is told to people: 50 in a row, or 50 that are over a fifth. */
const tripOf = (flags: ReadonlyArray<boolean>): number | undefined => {
  const place = flags.findIndex((_, index) => {
    const seen = flags.slice(0, index + 1)
    const window = seen.slice(-1_000)
    const refused = window.filter(Boolean).length
    return (refused >= 50 && refused > window.length / 5) || (seen.length >= 50 && seen.slice(-50).every(Boolean))
  })
  return place < 0 ? undefined : place
}

const brake = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  settings: Simulation.Settings,
  flags: ReadonlyArray<boolean>,
  kills: ReadonlyArray<number>
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const told = flags.map((isRefused, index): GivenSource.Told => ({
    id: `record-${String(index).padStart(4, "0")}`,
    version: 1,
    record: { name: "x", size: 1, remark: isRefused ? "poison" : null }
  }))
  const source: Simulation.Setup["source"] = (_, { pageSizes }) => GivenSource.make(told, pageSizes)
  const bench = yield* Simulation.bench(store, settings, { source, ...setup })
  for (const at of kills) yield* Simulation.run(bench, Rounds.live("Keyset", [{ at, kind: "Kill" }]))
  const { exit } = yield* Simulation.run(bench, Rounds.live("Keyset"))
  const passed = yield* passedBy(bench)
  const trip = tripOf(flags)
  const text = `it went to ${passed} of ${told.length} and should trip at ${trip}`
  if (trip === undefined) {
    yield* Law.requires(Exit.isSuccess(exit), () => `the lane was stopped below the threshold; ${text}`)
    return yield* Law.same("what was passed", passed, told.length)
  }
  yield* Law.requires(isStopped(exit), () => `the lane was not stopped; ${text}`)
  yield* Law.requires(passed <= trip && passed > trip - settings.batchSize, () => text)
  const again = yield* Simulation.run(bench, Rounds.live("Keyset"))
  yield* Law.requires(isStopped(again.exit), () => "a stopped lane ran again without being released")
  yield* Law.same("what was passed by a stopped lane", yield* passedBy(bench), passed)
  yield* Simulation.run(bench, Rounds.live("Keyset"), undefined, { isReleasing: true })
  const further = yield* passedBy(bench)
  yield* Law.requires(further > passed || settings.batchSize >= 50, () => "a released lane went no further")
})

/** How many observations the cursor has passed; each of them must have been settled with it. */
const passedBy = Effect.fnUntraced(function* <R>(bench: Simulation.Bench<R>) {
  const { items, lanes, refusals } = yield* bench.store.read(bench.subscription)
  const cursor = lanes.at(-1)?.cursor as Place.Place | null | undefined
  const passed = cursor === undefined || cursor === null ? 0 : cursor.at + 1
  const settled = items.filter(({ outcome }) => outcome === "Applied").length + refusals.length
  yield* Law.same("what was settled", settled, passed)
  return passed
})

const isStopped = (exit: Simulation.Ended["exit"]): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.findErrorOption(exit.cause), (error) => error instanceof Lanes.Stopped)
