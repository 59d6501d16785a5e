/**
 * Generated worlds, processes and faults: few ids, few stamps and small pages, so
 * that ties and collisions happen.
 *
 * @since 0.1.0
 */
import * as fc from "fast-check"
import * as Fault from "./Fault.ts"
import type * as Simulation from "./Simulation.ts"
import type * as World from "./World.ts"
import * as WorldSource from "./WorldSource.ts"

/** Ids of records, few of them. @category arbitraries @since 0.1.0 */
export const id = fc.constantFrom("a", "b", "c", "d")

/** @category arbitraries @since 0.1.0 */
export const note: fc.Arbitrary<World.Note> = fc.record({
  name: fc.constantFrom("x", "y"),
  size: fc.integer({ min: 0, max: 2 }),
  remark: fc.constantFrom(null, "z")
})

/** A change that makes records of this kind. @category arbitraries @since 0.1.0 */
export const changeOf = (record: fc.Arbitrary<World.Note>): fc.Arbitrary<World.Change> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ _tag: fc.constant("Put" as const), id, record, lateBy: fc.constantFrom(0, 0, 0, 5, 20) })
    },
    {
      weight: 2,
      arbitrary: fc.record({ _tag: fc.constant("Remove" as const), id, lateBy: fc.constantFrom(0, 0, 5, 20) })
    },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Pass" as const), time: fc.constantFrom(1, 4, 10, 25, 60) }) }
  )

/** @category arbitraries @since 0.1.0 */
export const change: fc.Arbitrary<World.Change> = changeOf(note)

/** Faults of one run, mostly none or one. @category arbitraries @since 0.1.0 */
export const faults = (
  kinds: ReadonlyArray<Fault.Kind> = Fault.kinds,
  pointsMax = 50
): fc.Arbitrary<ReadonlyArray<Fault.Fault>> =>
  fc.array(fc.record({ at: fc.integer({ min: 0, max: pointsMax }), kind: fc.constantFrom(...kinds) }), {
    maxLength: 2
  })

/** @category arbitraries @since 0.1.0 */
export const settings: fc.Arbitrary<Simulation.Settings> = fc.record({
  pageSizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  batchSize: fc.integer({ min: 1, max: 5 }),
  prefetch: fc.integer({ min: 1, max: 3 })
})

/** @category models @since 0.1.0 */
export interface Options {
  /** Default: all kinds that tell the whole story. */
  readonly kinds?: ReadonlyArray<WorldSource.Kind>
  /** Default: all. */
  readonly faults?: ReadonlyArray<Fault.Kind>
  readonly stepsMax?: number
  /** Whether the world goes on while it is read. Default: `true`. */
  readonly isMoving?: boolean
}

/** One lane over a world, run now and then, coming to harm. @category arbitraries @since 0.1.0 */
export const scenario = (options: Options = {}): fc.Arbitrary<Simulation.Scenario> =>
  fc.constantFrom(...(options.kinds ?? WorldSource.kinds)).chain((kind) =>
    fc
      .record({
        settings,
        steps: fc.array(
          fc.oneof(
            {
              weight: 3,
              arbitrary: change.map((change): Simulation.Step => ({ _tag: "Change", change }))
            },
            {
              weight: 2,
              arbitrary: process("live", kind, options).map((process): Simulation.Step => ({ _tag: "Run", process }))
            }
          ),
          { maxLength: options.stepsMax ?? 14 }
        )
      })
      .map(({ settings, steps }) => ({ ...settings, steps, lanes: [{ lane: "live", kind }] }))
  )

/** One process of a lane. @category arbitraries @since 0.1.0 */
export const process = (
  lane: string,
  kind: WorldSource.Kind,
  options: Options = {}
): fc.Arbitrary<Simulation.Process> =>
  fc.record({
    lane: fc.constant(lane),
    kind: fc.constant(kind),
    during: options.isMoving === false ? fc.constant([]) : fc.array(change, { maxLength: 3 }),
    faults: options.faults !== undefined && options.faults.length === 0 ? fc.constant([]) : faults(options.faults)
  })
