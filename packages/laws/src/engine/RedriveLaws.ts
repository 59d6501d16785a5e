/**
 * What comes of refused records that are tried again: L07, L09, L15, L49.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import * as Redrive from "@tidemark/core/engine/Redrive"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Fault from "../Fault.ts"
import * as Interleaving from "../Interleaving.ts"
import * as Law from "../Law.ts"
import * as Poison from "../Poison.ts"
import * as Rounds from "../Rounds.ts"
import * as Scenarios from "../Scenarios.ts"
import * as Simulation from "../Simulation.ts"
import * as Store from "../Store.ts"
import type * as World from "../World.ts"
import * as WorldSource from "../WorldSource.ts"

/** @category laws @since 0.1.0 */
export const redriveLaws = <R>(store: Store.Store<R>, setup: Simulation.Setup = {}): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L15",
    claim: "once the cause is mended, a redrive leaves nothing waiting and every record as it is upstream",
    runs: 120,
    arbitrary: story,
    holds: (story) => mended(store, setup, story)
  }),
  Store.law(store, {
    id: "L07",
    claim: "a redrive cut anywhere and run again leaves what one redrive leaves, change by change",
    runs: 120,
    arbitrary: fc.tuple(story, fc.array(Scenarios.faults(), { minLength: 1, maxLength: 2 })),
    holds: ([story, harm]) => cut(store, setup, story, harm)
  }),
  Store.law(store, {
    id: "L15",
    claim: "what a redrive meets refused again waits as the same refusal, with one attempt more, and stops no lane",
    runs: 100,
    arbitrary: fc.tuple(story, fc.integer({ min: 1, max: 3 })),
    holds: ([story, times]) => again(store, setup, story, times)
  }),
  Store.law(store, {
    id: "L15",
    claim: "what a redrive read and met refused is no news to the live lane",
    runs: 60,
    arbitrary: fc.tuple(
      story.map((one): Story => ({ ...one, isFetching: true })),
      fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
    ),
    holds: ([story, changed]) => known(store, setup, story, changed)
  }),
  Store.law(store, {
    id: "L49",
    claim: "the changes of a record are one chain, whatever a redrive, another one and a live lane do at once",
    runs: 100,
    arbitrary: fc.record({
      story,
      news: fc.array(Scenarios.change, { maxLength: 6 }),
      isTakingOver: fc.boolean(),
      schedule: Interleaving.schedule
    }),
    holds: (encounter) => beside(store, setup, encounter)
  })
]

// -----------------------------------------------------------------------------
// internal: stories
// -----------------------------------------------------------------------------

/** Rounds in which some records are poison, and how they are refused and read again. */
interface Story {
  readonly rounds: Rounds.Rounds
  readonly way: Poison.Way
  readonly isFetching: boolean
}

/** Kinds that tell whole records, so that what was kept of one is enough. */
const whole: ReadonlyArray<WorldSource.Kind> = ["Keyset", "Stamps", "Strict", "Walk"]

const story: fc.Arbitrary<Story> = fc.boolean().chain((isFetching) =>
  fc.record({
    isFetching: fc.constant(isFetching),
    way: fc.constantFrom(...Poison.ways),
    rounds: Rounds.rounds({ note, kinds: isFetching ? WorldSource.kinds : whole })
  })
)

/** Every second record is poison, or there would be little to redrive. */
const note = fc.oneof(Scenarios.note, Poison.note, fc.constant({ name: "x", size: 1, remark: "poison" }))

/** Plays a story to its end. Answers its bench, mended, and as it was. */
const play = Effect.fnUntraced(function* <R>(store: Store.Store<R>, setup: Simulation.Setup, story: Story) {
  const { isFetching, rounds, way } = story
  const source: NonNullable<Simulation.Setup["source"]> = (kind, options) => {
    const right = (setup.source ?? WorldSource.make)(kind, options)
    if (isFetching) return right
    const { fetch: _, ...plain } = right
    return plain as WorldSource.Source // the kinds of such a story tell whole records
  }
  const refusing = { ...setup, source, sink: Poison.refusing(way) }
  const bench = yield* Simulation.bench(store, rounds, refusing)
  yield* Rounds.playOn(bench, rounds)
  return { refusing: bench, mended: { ...bench, setup: { ...setup, source } } }
})

const redrive = <R>(
  bench: Simulation.Bench<R>,
  kind: WorldSource.Kind,
  points: Fault.Points = Fault.points(),
  isTakingOver = true
) => Simulation.perform(bench, { kind, during: [], faults: [] }, points, (sync) => Redrive.run(sync, { isTakingOver }))

/** Redrives without faults; that it fails, or is busy, is a violation. */
const redriveWhole = Effect.fnUntraced(function* <R>(bench: Simulation.Bench<R>, kind: WorldSource.Kind) {
  const { exit } = yield* redrive(bench, kind)
  if (Exit.isFailure(exit)) {
    return yield* new Law.Violation({ message: `a redrive without faults failed: ${Cause.pretty(exit.cause)}` })
  }
  if (exit.value instanceof Lanes.Busy)
    return yield* new Law.Violation({ message: "a redrive took a free lane for busy" })
  return exit.value
})

/** All that was ever refused, oldest first. */
const refusalsOf = <R>({ subscription: { tenant } }: Simulation.Bench<R>) =>
  Effect.gen(function* () {
    return (yield* (yield* Quarantine.Quarantine).list(tenant, { isWithClosed: true, limit: 1_000 })).toReversed()
  })

// -----------------------------------------------------------------------------
// internal: laws
// -----------------------------------------------------------------------------

const mended = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  story: Story
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { kind } = story.rounds
  const { mended } = yield* play(store, setup, story)
  const before = yield* refusalsOf(mended)
  const waiting = new Set(before.flatMap(({ externalId, status }) => (status === "Open" ? [externalId] : [])))
  const { applied, left, refused, run, tried } = yield* redriveWhole(mended, kind)
  yield* Law.same("records that were applied", applied, waiting.size)
  yield* Law.same(
    "what could not be redriven",
    { ...left, refused },
    { sourceOnly: 0, misfit: 0, unread: 0, refused: 0 }
  )
  yield* Law.requires(tried >= applied, () => `${applied} were applied of ${tried} that were tried`)
  yield* Law.same("how the run ended", run.status, "Succeeded")
  yield* isOver(mended, before)
  const after = yield* Simulation.result(mended)
  yield* Simulation.judge(after)
  const second = yield* redriveWhole(mended, kind)
  yield* Law.same("what another redrive tries", second.tried, 0)
  yield* Rounds.whole(mended, kind)
  const later = yield* Simulation.result(mended)
  yield* Law.same("what comes of it later", [later.recorded.items, later.local], [after.recorded.items, after.local])
})

/** Nothing waits; what was closed before is as it was, and for each record that waited a refusal was redriven. */
const isOver = Effect.fnUntraced(function* <R>(
  bench: Simulation.Bench<R>,
  before: ReadonlyArray<Quarantine.Kept>
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const after = yield* refusalsOf(bench)
  const closed = (all: ReadonlyArray<Quarantine.Kept>, of: ReadonlySet<string>) => all.filter(({ id }) => of.has(id))
  const earlier = new Set(before.flatMap(({ id, status }) => (status === "Open" ? [] : [id])))
  yield* Law.same("what was closed before", closed(after, earlier), closed(before, earlier))
  yield* Law.same(
    "what waits",
    after.filter(({ status }) => status === "Open"),
    []
  )
  yield* Law.same("refusals", after.length, before.length)
  const redriven = after.filter(({ status }) => status === "Redriven").map(({ externalId }) => externalId)
  const waited = before.filter(({ status }) => status === "Open").map(({ externalId }) => externalId)
  yield* Law.same("records that were redriven", [...new Set(redriven)].toSorted(), [...new Set(waited)].toSorted())
})

const cut = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  story: Story,
  harm: ReadonlyArray<ReadonlyArray<Fault.Fault>>
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { kind } = story.rounds
  const left = (bench: Simulation.Bench<R>) =>
    Effect.gen(function* () {
      yield* redriveWhole(bench, kind)
      const result = yield* Simulation.result(bench)
      yield* Simulation.judge(result)
      const { events, refusals } = result.recorded
      return {
        records: result.local,
        changes: Simulation.stories(result),
        events: events.map(({ key, revision, type }) => `${key} ${revision} ${type}`).toSorted(),
        refusals: refusals.map(({ id, isOpen, version }) => `${id} ${version} ${isOpen}`)
      }
    })
  const one = yield* left((yield* play(store, setup, story)).mended)
  const { mended } = yield* play(store, setup, story)
  for (const faults of harm) yield* redrive(mended, kind, Fault.points(faults))
  yield* Law.same("what is left", yield* left(mended), one)
})

const again = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  story: Story,
  times: number
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { kind } = story.rounds
  const { mended, refusing } = yield* play(store, setup, story)
  const before = yield* refusalsOf(refusing)
  const local = (yield* Simulation.result(refusing)).local
  const waiting = before.filter(({ status }) => status === "Open")
  for (let time = 0; time < times; time++) {
    const { refused, run, tried } = yield* redriveWhole(refusing, kind)
    yield* Law.same("what was refused", refused, tried)
    yield* Law.requires(tried > 0 || waiting.length === 0, () => `nothing was tried of ${Law.show(waiting)}`)
    yield* Law.same("how the run ended", run.status, waiting.length === 0 ? "Succeeded" : "Partial")
  }
  const plain = (all: ReadonlyArray<Quarantine.Kept>, more: number) =>
    all.map(({ attempts, id, rejection: { code }, status }) => ({
      id,
      code,
      status,
      attempts: status === "Open" ? attempts + more : attempts
    }))
  yield* Law.same("the refusals", plain(yield* refusalsOf(refusing), 0), plain(before, times))
  yield* Law.same("the records", (yield* Simulation.result(refusing)).local, local)
  yield* Rounds.whole(refusing, kind)
  yield* Law.same("the refusals once read again", plain(yield* refusalsOf(refusing), 0), plain(before, times))
  yield* redriveWhole(mended, kind)
  yield* Simulation.judge(yield* Simulation.result(mended))
})

/** Records that wait change upstream, are poison still, and a redrive sees it before the live lane does. */
const known = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  story: Story,
  changed: ReadonlyArray<string>
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { kind, rounds } = story.rounds
  const { refusing } = yield* play(store, setup, story)
  const before = yield* refusalsOf(refusing)
  const waiting = new Set<string>(before.flatMap(({ externalId, status }) => (status === "Open" ? [externalId] : [])))
  const poison = (id: string, size: number): World.Change => ({
    _tag: "Put",
    id,
    record: { name: "newer", size, remark: "poison" },
    lateBy: 0
  })
  yield* Rounds.begin(refusing, rounds.length, changed.filter((id) => waiting.has(id)).map(poison))
  yield* redriveWhole(refusing, kind)
  yield* Rounds.whole(refusing, kind)
  const ids = (all: ReadonlyArray<Quarantine.Kept>) => all.map(({ id, status }) => `${id} ${status}`)
  yield* Law.same("the refusals", ids(yield* refusalsOf(refusing)), ids(before))
})

interface Encounter {
  readonly story: Story
  readonly news: ReadonlyArray<World.Change>
  readonly isTakingOver: boolean
  readonly schedule: Interleaving.Schedule
}

const beside = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  setup: Simulation.Setup,
  { isTakingOver, news, schedule, story }: Encounter
): Effect.fn.Return<void, unknown, R | Sync.Ports> {
  const { kind, rounds } = story.rounds
  const { mended } = yield* play(store, setup, story)
  yield* Rounds.begin(mended, rounds.length, news)
  yield* Interleaving.together({ schedule, isRealTime: store.isRealTime }, [
    (turn) => redrive(mended, kind, Fault.points([], turn), false),
    (turn) => Simulation.run(mended, Rounds.live(kind), Fault.points([], turn)),
    (turn) => redrive(mended, kind, Fault.points([], turn), isTakingOver)
  ] as ReadonlyArray<(turn: (point: string) => Effect.Effect<void>) => Effect.Effect<unknown, never, R | Sync.Ports>>)
  yield* Simulation.settle(mended, [{ lane: "live", kind }])
  yield* redriveWhole(mended, kind)
  yield* Simulation.judge(yield* Simulation.result(mended))
  const waiting = (yield* refusalsOf(mended)).filter(({ status }) => status === "Open")
  yield* Law.same("what waits", waiting, [])
})
