/**
 * An upstream system as a value: records, how they came to be, and who can see
 * them when.
 *
 * Its clock is coarse, so changes share stamps. A change may become visible later
 * than it was stamped, by at most `settle`; changes of one record become visible
 * in order. Nothing is forgotten: the world itself is what a sink must come to
 * agree with.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * The record of this world. A store's own table for it needs these three columns.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Note = Schema.Struct({
  name: Schema.String,
  size: Schema.Int,
  remark: Schema.NullOr(Schema.String)
})
/** @category models @since 0.1.0 */
export type Note = typeof Note.Type

/** One change of one record. @category models @since 0.1.0 */
export interface Revision {
  readonly id: string
  /** Place among all changes of the world. Starts at 1. */
  readonly sequence: number
  /** Source time of the change as the provider tells it, rounded down to the tick, in ms. */
  readonly stamp: number
  /** Source time from which readers see it, in ms. */
  readonly visibleAt: number
  /** `undefined` for a deletion. */
  readonly record: Note | undefined
}

/** @category models @since 0.1.0 */
export interface World {
  /** Source time, in ms since the epoch. */
  readonly now: number
  /** Length of one tick of its clock, in ms. */
  readonly tick: number
  /** How long after its stamp a change may stay invisible, in ms. At least one tick. */
  readonly settle: number
  /** In the order they were made. */
  readonly revisions: ReadonlyArray<Revision>
}

/** What happens upstream. @category models @since 0.1.0 */
export type Change =
  | { readonly _tag: "Put"; readonly id: string; readonly record: Note; readonly lateBy: number }
  | { readonly _tag: "Remove"; readonly id: string; readonly lateBy: number }
  | { readonly _tag: "Pass"; readonly time: number }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A world without records, at source time 100,000. @category constructors @since 0.1.0 */
export const make = (options: { readonly tick?: number; readonly settle?: number } = {}): World => ({
  now: 100_000,
  tick: options.tick ?? 10,
  settle: options.settle ?? 20,
  revisions: []
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** The world after a change. Removing what is not there changes nothing. @category combinators @since 0.1.0 */
export const after = (world: World, change: Change): World => {
  if (change._tag === "Pass") return { ...world, now: world.now + change.time }
  const { id, lateBy } = change
  const last = world.revisions.findLast((revision) => revision.id === id)
  if (change._tag === "Remove" && last?.record === undefined) return world
  const stamp = Math.floor(world.now / world.tick) * world.tick
  const visibleAt = Math.max(Math.min(world.now + lateBy, stamp + world.settle), last?.visibleAt ?? 0)
  const record = change._tag === "Put" ? change.record : undefined
  const revision = { id, sequence: world.revisions.length + 1, stamp, visibleAt, record }
  return { ...world, revisions: [...world.revisions, revision] }
}

/** @category combinators @since 0.1.0 */
export const afterAll = (world: World, changes: Iterable<Change>): World => {
  let next = world
  for (const change of changes) next = after(next, change)
  return next
}

/** The world once all of it is visible and below the horizon. @category combinators @since 0.1.0 */
export const settled = (world: World): World => ({ ...world, now: world.now + 10 * world.settle + world.tick })

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** What a reader sees now: the newest visible change of each record, deletions too, by id. @category readers @since 0.1.0 */
export const rows = (world: World): ReadonlyArray<Revision> => {
  const newest = new Map<string, Revision>()
  for (const revision of world.revisions) if (revision.visibleAt <= world.now) newest.set(revision.id, revision)
  return [...newest.values()].toSorted((a, b) => compareText(a.id, b.id))
}

/** The records that exist, as a reader sees them now. @category readers @since 0.1.0 */
export const visible = (world: World): ReadonlyMap<string, Note> =>
  new Map(rows(world).flatMap(({ id, record }) => (record === undefined ? [] : [[id, record] as const])))

/** Visible changes in the order they were announced. Announcements are only ever added at the end. @category readers @since 0.1.0 */
export const announced = (world: World): ReadonlyArray<Revision> =>
  world.revisions
    .filter(({ visibleAt }) => visibleAt <= world.now)
    .toSorted((a, b) => a.visibleAt - b.visibleAt || a.sequence - b.sequence)

/** Text in code unit order. @category ordering @since 0.1.0 */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
