/**
 * What a stored cursor may claim: L01, L02, L03, L05.
 *
 * A cursor is judged against the world itself, by what a reader of its kind would
 * not read again from there.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Check from "../Check.ts"
import * as Law from "../Law.ts"
import type * as Place from "../Place.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as World from "../World.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const positionLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L01",
    claim: "a lane's stored cursor never goes back, and its batches are numbered without gaps",
    runs: 100,
    arbitrary: Scenarios.scenario(),
    holds: (scenario) =>
      Effect.gen(function* () {
        const result = yield* Simulation.play(store, scenario, setup)
        const faults = Check.judge(Simulation.toHistory(result)).violations.filter(({ entity }) => entity === "lane")
        yield* Law.requires(faults.length === 0, () => faults.map(({ message }) => message).join("\n"))
      })
  }),
  Store.law(store, {
    id: "L02",
    claim: "what a stored cursor has passed is here, wherever a run was stopped",
    runs: 300,
    arbitrary: Scenarios.scenario(),
    holds: (scenario) => playJudging(store, setup, scenario, World.make())
  }),
  Store.law(store, {
    id: "L03",
    claim: "a stored cursor claims nothing about records that share its position",
    runs: 150,
    arbitrary: crowded,
    holds: (scenario) => playJudging(store, setup, scenario, World.make({ tick: 100, settle: 100 }))
  }),
  Store.law(store, {
    id: "L05",
    claim: "a run moves the cursor of its own lane only",
    runs: 60,
    arbitrary: twoLanes,
    holds: ({ kinds, settings, steps }) =>
      Effect.gen(function* () {
        const bench = yield* Simulation.bench(store, settings, setup)
        for (const { changes, process, who } of steps) {
          yield* bench.upstream.change(...changes)
          const own = names[who]!
          const before = yield* checkpoints(bench, own)
          yield* Simulation.run(bench, { ...process, lane: own, kind: kinds[who]! })
          yield* Law.same("the other lanes", yield* checkpoints(bench, own), before)
        }
      })
  })
]

// -----------------------------------------------------------------------------
// internal: what a cursor claims
// -----------------------------------------------------------------------------

/** Rounds of changes that share stamps, read in small pages by processes that are killed between them. */
const crowded: fc.Arbitrary<Simulation.Scenario> = fc
  .record({
    kind: fc.constantFrom("Keyset" as const, "Stamps" as const, "Strict" as const),
    pageSizes: fc.constantFrom([1], [2], [1, 2]),
    rounds: fc.array(
      fc.record({
        changes: fc.array(Scenarios.change, { minLength: 2, maxLength: 6 }),
        kills: fc.array(fc.integer({ min: 5, max: 50 }), { maxLength: 2 })
      }),
      { minLength: 1, maxLength: 3 }
    )
  })
  .map(({ kind, pageSizes, rounds }) => ({
    pageSizes,
    batchSize: 1,
    prefetch: 1,
    lanes: [{ lane: "live", kind }],
    steps: rounds.flatMap(({ changes, kills }): ReadonlyArray<Simulation.Step> => [
      ...changes.map((change) => ({ _tag: "Change" as const, change })),
      { _tag: "Change", change: { _tag: "Pass", time: 300 } },
      ...[...kills.map((at) => [{ at, kind: "Kill" as const }]), []].map((faults) => ({
        _tag: "Run" as const,
        process: { lane: "live", kind, during: [], faults }
      }))
    ])
  }))

/** Whether a run from this place would not read the change again, by what the rule says. */
const isPassed = (
  kind: WorldSource.Kind,
  rule: WorldSource.Source["rule"],
  at: Place.Place,
  world: World.World,
  { id, sequence, stamp }: World.Revision
): boolean => {
  switch (kind) {
    case "Keyset":
    case "Stamps":
    case "Strict":
      if (stamp !== at.at) return stamp < at.at
      return rule.resume === "Exclusive" && (at.id === undefined || id <= at.id)
    case "Walk":
    case "Deletions":
      return stamp < at.at
    case "Pushes":
    case "Hints":
      return World.announced(world)
        .slice(0, at.at)
        .some((one) => one.sequence === sequence)
  }
}

/** Plays a scenario; after each of its processes, what the cursor has passed must be here. */
const playJudging = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  scenario: Simulation.Scenario,
  world: World.World
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, scenario, setup, world)
  for (const step of scenario.steps) {
    if (step._tag === "Change") {
      yield* bench.upstream.change(step.change)
      continue
    }
    yield* Simulation.run(bench, step.process)
    const { local, recorded, world } = yield* Simulation.result(bench)
    const cursor = recorded.lanes.at(-1)?.cursor as Place.Place | null | undefined
    if (cursor === undefined || cursor === null) continue
    const { kind } = step.process
    const { source } = yield* Simulation.sync(bench, kind)
    // What is read, by stamp or by id, is the newest change of a record only.
    for (const revision of World.rows(world)) {
      if (!isPassed(kind, source.rule, cursor, world, revision)) continue
      const since = world.revisions.filter(({ id, sequence }) => id === revision.id && sequence >= revision.sequence)
      const here = Law.show(local.get(revision.id))
      yield* Law.requires(
        since.some(({ record }) => Law.show(record) === here),
        () => `the cursor ${Law.show(cursor)} has passed ${Law.show(revision)}, and here is ${here}`
      )
    }
  }
})

// -----------------------------------------------------------------------------
// internal: two lanes
// -----------------------------------------------------------------------------

const names = ["live", "backfill/all", "third"] as const

const twoLanes = fc
  .record({
    settings: Scenarios.settings,
    kinds: fc.tuple(fc.constantFrom(...WorldSource.kinds), fc.constantFrom(...WorldSource.kinds, "Deletions" as const))
  })
  .chain(({ kinds, settings }) =>
    fc.record({
      settings: fc.constant(settings),
      kinds: fc.constant(kinds),
      steps: fc.array(
        fc.record({
          changes: fc.array(Scenarios.change, { maxLength: 4 }),
          who: fc.constantFrom(0, 1),
          process: Scenarios.process("live", kinds[0])
        }),
        { minLength: 1, maxLength: 6 }
      )
    })
  )

/** What the lanes other than this one remember. */
const checkpoints = Effect.fnUntraced(function* <R>(bench: Simulation.Bench<R>, own: string) {
  const lanes = yield* Lanes.Lanes
  return yield* Effect.forEach(
    names.filter((name) => name !== own),
    (name) => Effect.map(lanes.peek(Lane.make(bench.subscription, name)), (standing) => standing?.checkpoint ?? null)
  )
})
