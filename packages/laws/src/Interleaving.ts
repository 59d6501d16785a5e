/**
 * Processes that meet on one store, in the order that a schedule says.
 *
 * A process stops at every point it reaches and waits for its turn. What it does
 * between two points is a step. A step that does not come back, because it waits
 * for a row that another process holds, holds nobody up: the others go on, so a
 * stage cannot deadlock, whatever the store does. In simulated time the same
 * schedule gives the same course.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as Fault from "./Fault.ts"
import * as Scenarios from "./Scenarios.ts"
import * as Simulation from "./Simulation.ts"
import type * as Store from "./Store.ts"
import type * as World from "./World.ts"
import * as WorldSource from "./WorldSource.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Lets one process go some steps. One that cannot go is passed over. @category models @since 0.1.0 */
export interface Turn {
  /** Number of the process. */
  readonly who: number
  readonly steps: number
}

/** Turns in order. When it is over, the process that waits longest comes next. @category models @since 0.1.0 */
export type Schedule = ReadonlyArray<Turn>

/** A process of an encounter, and whether it fences whoever holds the lane. @category models @since 0.1.0 */
export interface Party extends Simulation.Process {
  readonly isTakingOver: boolean
}

/** Processes at once over one world. @category models @since 0.1.0 */
export interface Encounter extends Simulation.Settings {
  /** What happened upstream before, and was read by the first party's lane. */
  readonly known: ReadonlyArray<World.Change>
  /** What happened since. */
  readonly news: ReadonlyArray<World.Change>
  readonly parties: ReadonlyArray<Party>
  readonly schedule: Schedule
}

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

/** Turns of two processes. @category arbitraries @since 0.1.0 */
export const schedule: fc.Arbitrary<Schedule> = fc.array(
  fc.record({ who: fc.integer({ min: 0, max: 1 }), steps: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 25 })) }),
  { maxLength: 16 }
)

/** Two lanes that read one world in two ways. @category arbitraries @since 0.1.0 */
export const lanes = (options: Scenarios.Options = {}): fc.Arbitrary<Encounter> => {
  const kind = fc.constantFrom(...(options.kinds ?? WorldSource.kinds))
  const second = fc.constantFrom(...(options.kinds ?? [...WorldSource.kinds, "Deletions" as const]))
  return fc
    .tuple(kind, second)
    .chain(([one, other]) =>
      encounter(
        fc.tuple(party("live", one, fc.constant(true), options), party("second", other, fc.constant(true), options))
      )
    )
}

/** Two workers of one lane: the second is refused, or comes later, or takes over. @category arbitraries @since 0.1.0 */
export const workers = (options: Scenarios.Options = {}): fc.Arbitrary<Encounter> =>
  fc
    .constantFrom(...(options.kinds ?? WorldSource.kinds))
    .chain((kind) =>
      encounter(fc.tuple(party("live", kind, fc.constant(false), options), party("live", kind, fc.boolean(), options)))
    )

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** Steps of simulated time in which a step comes back that waits for nobody. @category constants @since 0.1.0 */
export const ticksMax = 40

/** How long a step of a real store may take before others go on, in ms. @category constants @since 0.1.0 */
export const patience = 12

/**
 * Runs processes at once, each given what to wait for at its points. Ends when all
 * have ended.
 *
 * @category running
 * @since 0.1.0
 */
export const together = <A, E, R>(
  options: { readonly schedule: Schedule; readonly isRealTime: boolean },
  processes: ReadonlyArray<(turn: (point: string) => Effect.Effect<void>) => Effect.Effect<A, E, R>>
): Effect.Effect<ReadonlyArray<A>, E, R> =>
  Effect.suspend(() => {
    const stage = makeStage(processes.length)
    const ended = processes.map((process, who) =>
      process(wait(stage, who)).pipe(Effect.ensuring(Effect.sync(() => leave(stage))))
    )
    return Effect.raceFirst(
      Effect.all(ended, { concurrency: "unbounded" }),
      Effect.andThen(drive(stage, options), Effect.never)
    )
  })

/** Plays an encounter, then lets its lanes run until nothing is new. @category running @since 0.1.0 */
export const play = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  encounter: Encounter,
  setup: Simulation.Setup = {}
): Effect.fn.Return<Simulation.Result, unknown, R | Sync.Ports> {
  const bench = yield* Simulation.bench(store, encounter, setup)
  const processes = yield* meet(bench, encounter)
  yield* Simulation.settle(bench, lanesOf(encounter))
  return yield* Simulation.result(bench, processes)
})

/** Plays an encounter on a bench, up to the end of its last party. @category running @since 0.1.0 */
export const meet = Effect.fnUntraced(function* <R>(
  bench: Simulation.Bench<R>,
  { known, news, parties, schedule }: Encounter
): Effect.fn.Return<ReadonlyArray<Simulation.Ended>, never, R | Sync.Ports> {
  const [first] = parties
  yield* bench.upstream.change(...known)
  if (first !== undefined && known.length > 0) yield* Simulation.run(bench, { ...first, during: [], faults: [] })
  yield* bench.upstream.change(...news)
  return yield* together(
    { schedule, isRealTime: bench.store.isRealTime },
    parties.map(
      (party) => (turn) =>
        Simulation.run(bench, party, Fault.points(party.faults, turn), { isTakingOver: party.isTakingOver })
    )
  )
})

/** The lanes of an encounter's parties, each once. @category readers @since 0.1.0 */
export const lanesOf = ({ parties }: Pick<Encounter, "parties">): Simulation.Scenario["lanes"] => [
  ...new Map(parties.map(({ kind, lane }) => [lane, { kind, lane }])).values()
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const encounter = (parties: fc.Arbitrary<ReadonlyArray<Party>>): fc.Arbitrary<Encounter> =>
  fc
    .record({
      settings: Scenarios.settings,
      known: fc.array(Scenarios.change, { maxLength: 5 }),
      news: fc.array(Scenarios.change, { minLength: 1, maxLength: 8 }),
      parties,
      schedule
    })
    .map(({ settings, ...rest }) => ({ ...settings, ...rest }))

const party = (
  lane: string,
  kind: WorldSource.Kind,
  isTakingOver: fc.Arbitrary<boolean>,
  options: Scenarios.Options
): fc.Arbitrary<Party> =>
  fc
    .tuple(Scenarios.process(lane, kind, options), isTakingOver)
    .map(([process, isTakingOver]) => ({ ...process, isTakingOver }))

/** A process at a point. */
interface Ticket {
  readonly who: number
  readonly turn: Deferred.Deferred<void>
}

interface Stage {
  /** In the order they came. */
  readonly waiting: Array<Ticket>
  /** Processes that have not ended. */
  present: number
  /** How often a process came to a point, or ended. */
  arrivals: number
  /** Done at the next arrival. */
  arrival: Deferred.Deferred<void>
}

const makeStage = (present: number): Stage => ({
  waiting: [],
  present,
  arrivals: 0,
  arrival: Deferred.makeUnsafe<void>()
})

const arrive = (stage: Stage): void => {
  stage.arrivals += 1
  Deferred.doneUnsafe(stage.arrival, Effect.void)
  stage.arrival = Deferred.makeUnsafe<void>()
}

const leave = (stage: Stage): void => {
  stage.present -= 1
  arrive(stage)
}

const wait = (stage: Stage, who: number) => (): Effect.Effect<void> =>
  Effect.suspend(() => {
    const ticket: Ticket = { who, turn: Deferred.makeUnsafe<void>() }
    stage.waiting.push(ticket)
    arrive(stage)
    return Effect.onInterrupt(Deferred.await(ticket.turn), () => Effect.sync(() => withdraw(stage, ticket)))
  })

const withdraw = (stage: Stage, ticket: Ticket): void => {
  const place = stage.waiting.indexOf(ticket)
  if (place >= 0) stage.waiting.splice(place, 1)
}

/** Gives turns until every process has ended. */
const drive = Effect.fnUntraced(function* (
  stage: Stage,
  { isRealTime, schedule }: { readonly isRealTime: boolean; readonly schedule: Schedule }
): Effect.fn.Return<void> {
  const turns = schedule.flatMap(({ steps, who }) => Array.from({ length: steps }, () => who))
  let next = 0
  yield* pause(stage, 0, isRealTime)
  while (stage.present > 0) {
    const wanted = stage.waiting.find(({ who }) => who === turns[next])
    const ticket = wanted ?? stage.waiting[0]
    next += 1
    const { arrivals } = stage
    if (ticket !== undefined) {
      withdraw(stage, ticket)
      yield* Deferred.succeed(ticket.turn, undefined)
    }
    yield* pause(stage, arrivals, isRealTime)
  }
})

/** Until somebody arrives; not longer than a step takes that waits for nobody. */
const pause = (stage: Stage, arrivals: number, isRealTime: boolean): Effect.Effect<void> =>
  isRealTime
    ? Effect.suspend(() =>
        stage.arrivals > arrivals
          ? Effect.void
          : Effect.raceFirst(Deferred.await(stage.arrival), Effect.sleep(patience))
      )
    : Effect.gen(function* () {
        for (let tick = 0; tick < ticksMax && stage.arrivals === arrivals; tick++) yield* Effect.yieldNow
      })
