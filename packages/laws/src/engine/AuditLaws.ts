/**
 * What a run tells of itself, and how much it holds in memory: L37, L43.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Write from "@tidemark/core/model/Write"
import * as Fault from "../Fault.ts"
import * as GivenSource from "../GivenSource.ts"
import type * as History from "../History.ts"
import * as Law from "../Law.ts"
import * as Poison from "../Poison.ts"
import * as Rounds from "../Rounds.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const auditLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L37",
    claim: "each observation of a committed batch is told of once, the counts are the sum, and every run has ended",
    runs: 110,
    arbitrary: fc.record({
      rounds: Rounds.rounds({ note: Poison.note }),
      harm: Rounds.harm(),
      way: fc.constantFrom(...Poison.ways),
      items: fc.constantFrom("Changes" as const, "All" as const)
    }),
    holds: ({ harm, items, rounds, way }) =>
      Effect.gen(function* () {
        const own: Simulation.Setup = { sink: Poison.refusing(way), ...setup, sync: { ...setup.sync, items } }
        const { recorded } = yield* Rounds.play(store, rounds, own, harm)
        yield* tallies(recorded, items)
      })
  }),
  Store.law(store, {
    id: "L37",
    claim: "a run that nothing disturbs reads and counts what its source told",
    runs: 80,
    arbitrary: Rounds.rounds({ note: Poison.note }),
    holds: (rounds) =>
      Effect.gen(function* () {
        let told = 0
        const make = setup.source ?? WorldSource.make
        const source: Simulation.Setup["source"] = (kind, options) =>
          watched(make(kind, options), (observations) => (told += observations))
        const own = { sink: Poison.refusing("Row"), ...setup, source }
        const { recorded } = yield* Rounds.play(store, rounds, own)
        yield* Law.same("what was read", sum(recorded.runs.map(({ counts }) => counts["read"] ?? 0)), told)
      })
  }),
  Store.law(store, {
    id: "L43",
    claim: "however much there is to read, only so many pages are read before their commit",
    runs: 8,
    arbitrary: fc.record({ prefetch: fc.constantFrom(1, 2, 4, 10), pages: fc.constantFrom(20, 60, 150) }),
    holds: ({ pages, prefetch }) => inFlight(store, setup, prefetch, pages)
  })
]

// -----------------------------------------------------------------------------
// internal: the audit
// -----------------------------------------------------------------------------

/** Which count an item belongs to. */
const keyOf = ({ operation, outcome, reason }: History.Item): string | undefined => {
  switch (outcome) {
    case "Applied":
      return operation == null ? undefined : counters[operation]
    case "Quarantined":
      return reason === Write.parentMissing ? "parked" : "quarantined"
    case "Rejected":
      return "rejected"
    case "Skipped":
      return reason == null ? undefined : reasons[reason]
  }
}

const counters = { Created: "created", Updated: "updated", Deleted: "deleted", Adopted: "adopted", Drift: "drifted" }
const reasons: Readonly<Record<string, string>> = {
  Unchanged: "unchanged",
  Stale: "stale",
  Absent: "absent",
  Quarantined: "stillQuarantined"
}
const skips = new Set(Object.values(reasons))
const beside = new Set(["adopted", "drifted", "unknownFields", "unknownValues"])

/** The items of all runs against the counts of all runs; a run that left no count left no item. */
const tallies = Effect.fnUntraced(function* ({ items, runs }: Store.Recorded, kept: "Changes" | "All") {
  const found: Record<string, number> = {}
  for (const item of items) {
    const key = keyOf(item) ?? "unknown"
    if (!skips.has(key)) found[key] = (found[key] ?? 0) + 1
  }
  const counted: Record<string, number> = {}
  for (const { counts, status } of runs) {
    yield* Law.requires(status !== "Running", () => "a run has not ended, and others came after it")
    for (const [key, count] of Object.entries(counts)) if (count > 0) counted[key] = (counted[key] ?? 0) + count
  }
  const { read = 0, ...outcomes } = counted
  const settled = Object.entries(outcomes).filter(([key]) => !beside.has(key))
  yield* Law.same("the sum of all outcomes", sum(settled.map(([, count]) => count)), read)
  const changes = Object.fromEntries(Object.entries(outcomes).filter(([key]) => !skips.has(key)))
  yield* Law.same(`items, with ${kept.toLowerCase()} kept`, found, changes)
})

const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const number of numbers) total += number
  return total
}

/** The source, telling how many observations each page has. */
const watched = (source: WorldSource.Source, onPage: (observations: number) => void): WorldSource.Source =>
  source.fetch === undefined
    ? {
        ...source,
        read: (options) =>
          Stream.tap(source.read(options), ({ observations }) => Effect.sync(() => onPage(observations.length)))
      }
    : {
        ...source,
        read: (options) =>
          Stream.tap(source.read(options), ({ observations }) => Effect.sync(() => onPage(observations.length)))
      }

// -----------------------------------------------------------------------------
// internal: what is in flight
// -----------------------------------------------------------------------------

/**
 * Pages that are with one stage or the next: being read, being looked up, waiting for
 * the commit, being committed. Those read ahead may be there twice: taken as a whole
 * by the next stage, and read ahead again.
 */
const stages = 4

const inFlight = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  prefetch: number,
  pages: number
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const told = Array.from({ length: pages }, (_, index): GivenSource.Told => {
    const id = `record-${String(index).padStart(4, "0")}`
    return { id, version: 1, record: { name: "x", size: 1, remark: null } }
  })
  let pulled = 0
  let committed = 0
  let most = 0
  const onPage = () => {
    pulled += 1
    most = Math.max(most, pulled - committed)
  }
  const source: Simulation.Setup["source"] = () => watched(GivenSource.make(told, [1]), onPage)
  const bench = yield* Simulation.bench(store, { pageSizes: [1], batchSize: 1, prefetch }, { ...setup, source })
  const points = Fault.points([], (point) =>
    point === "UnitOfWork.begin"
      ? // So slow a commit that all who read ahead get as far as they can.
        Store.pause(store, 2)
      : Effect.sync(() => void (committed += point === "UnitOfWork.commit:after" ? 1 : 0))
  )
  const { exit } = yield* Simulation.run(bench, Rounds.live("Keyset"), points)
  yield* Law.requires(Exit.isSuccess(exit) && committed === pages, () => `${committed} of ${pages} were committed`)
  yield* Law.requires(most <= 2 * prefetch + stages, () => `${most} pages were in flight, with ${prefetch} read ahead`)
})
