/**
 * Things that go wrong at named points of a run, and whether they did.
 *
 * Points are counted from 0 in the order a run reaches them: each call of a port,
 * of the source, of the sink; before and after a commit. A fault fires at most
 * once. A run counts as one with faults only if they fired.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * - `Kill`: the process is gone, and with it all it would have done, cleaning up included;
 * - `Die`: a defect; cleaning up still happens;
 * - `Interrupt`: the run is interrupted from outside, about here;
 * - `Conflict`: the call fails as one that may be tried again;
 * - `Unavailable`: the call fails as one that may not;
 * - `Unknown`: the connection is lost. At a commit nobody knows then whether it took effect: before it, it did not;
 *   after it, it did.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "Kill" | "Die" | "Interrupt" | "Conflict" | "Unavailable" | "Unknown"

/** @category models @since 0.1.0 */
export interface Fault {
  /** Number of the point: among all, or among those of the name `point`. */
  readonly at: number
  readonly kind: Kind
  readonly point?: string
}

/** A fault with the name of the point where it fired. @category models @since 0.1.0 */
export interface Fired extends Fault {
  readonly point: string
}

/** What a point fails with; each wrapper makes its port's own error of it. @category errors @since 0.1.0 */
export class Injected extends Data.TaggedError("Injected")<{
  readonly kind: "Conflict" | "Unavailable" | "Unknown"
  readonly point: string
}> {}

/** One run's points. @category models @since 0.1.0 */
export interface Points {
  /** Comes to a point: what is to happen there happens. */
  readonly reach: (point: string) => Effect.Effect<void, Injected>
  /** The points reached so far. */
  readonly trace: () => ReadonlyArray<string>
  readonly fired: () => ReadonlyArray<Fired>
  /** Runs the process these points belong to. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constants @since 0.1.0 */
export const kinds: ReadonlyArray<Kind> = ["Kill", "Die", "Interrupt", "Conflict", "Unavailable", "Unknown"]

/**
 * Points with faults at some of them. `before` is done first at every point: it may
 * wait, to let another process go first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const points = (
  faults: ReadonlyArray<Fault> = [],
  before: (point: string) => Effect.Effect<void> = () => Effect.void
): Points => {
  const trace: Array<string> = []
  const reached = new Map<string, number>()
  const fired: Array<Fired> = []
  const interrupted = Deferred.makeUnsafe<never>()
  let isGone = false
  const gone = Effect.die(new Error("the process is gone"))
  return {
    trace: () => trace,
    fired: () => fired,
    run: (effect) => Effect.raceFirst(effect, Deferred.await(interrupted)),
    reach: (point) =>
      Effect.suspend(() => (isGone ? gone : before(point))).pipe(
        Effect.andThen(
          Effect.suspend((): Effect.Effect<void, Injected> => {
            if (isGone) return gone
            trace.push(point)
            const count = reached.get(point) ?? 0
            reached.set(point, count + 1)
            const fault = faults.find((one) =>
              one.point === undefined ? one.at === trace.length - 1 : one.point === point && one.at === count
            )
            if (fault === undefined) return Effect.void
            fired.push({ ...fault, point })
            switch (fault.kind) {
              case "Kill":
                isGone = true
                return gone
              case "Die":
                return Effect.die(new Error(`a defect at ${point}`))
              case "Interrupt":
                return Effect.andThen(Deferred.interrupt(interrupted), someTicks)
              default:
                return Effect.fail(new Injected({ kind: fault.kind, point }))
            }
          })
        )
      )
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Long enough for an interruption to arrive, where it can. */
const someTicks = Effect.gen(function* () {
  for (let tick = 0; tick < 5; tick++) yield* Effect.yieldNow
})
