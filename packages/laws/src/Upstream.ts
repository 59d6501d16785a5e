/**
 * A world that goes on while it is read.
 *
 * What is planned happens between two reads, one change before each; the rest
 * happens when a test says so.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as World from "./World.ts"

/** @category models @since 0.1.0 */
export interface Upstream {
  /** The world as it is now. */
  readonly world: Effect.Effect<World.World>
  /** The world as a reader meets it: what was planned next happens first, and a read takes 1 ms. */
  readonly read: Effect.Effect<World.World>
  readonly change: (...changes: ReadonlyArray<World.Change>) => Effect.Effect<void>
  /** Lets changes happen one by one, before each of the next reads. */
  readonly plan: (changes: ReadonlyArray<World.Change>) => Effect.Effect<void>
  /** Lets the planned rest happen, and time pass until all of it can be seen. */
  readonly settle: Effect.Effect<void>
}

/** @category constructors @since 0.1.0 */
export const make = (initial: World.World): Effect.Effect<Upstream> =>
  Effect.sync(() => {
    let world = initial
    let planned: Array<World.Change> = []
    return {
      world: Effect.sync(() => world),
      read: Effect.sync(() => {
        const next = planned.shift()
        if (next !== undefined) world = World.after(world, next)
        world = World.after(world, { _tag: "Pass", time: 1 })
        return world
      }),
      change: (...changes) => Effect.sync(() => void (world = World.afterAll(world, changes))),
      plan: (changes) => Effect.sync(() => void planned.push(...changes)),
      settle: Effect.sync(() => {
        world = World.settled(World.afterAll(world, planned))
        planned = []
      })
    }
  })
