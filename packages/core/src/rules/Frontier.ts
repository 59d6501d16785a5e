/**
 * How far a run may move its cursor: the golden rule, as one pure function.
 *
 * *The cursor may move to the furthest position from which a new run would read
 * every unsettled change again.* A `Frontier` is told, in arrival order, what was
 * read and whether it has settled.
 *
 * | positions, resume   | a position is safe when                                        |
 * | ------------------- | -------------------------------------------------------------- |
 * | any, Inclusive      | seen, with everything before it settled                        |
 * | Unique, Exclusive   | settled, with everything before it                             |
 * | Shared, Exclusive   | settled, and an observation elsewhere or a mark has arrived    |
 *
 * That is for `Ascending` sources. A mark is a barrier for every kind: once all
 * before it has settled, its position is safe.
 *
 * **Laws** (each is a property test)
 *
 * - no loss: resuming from `committed` reads every unsettled observation again;
 * - progress: no later position among those seen is safe;
 * - monotone: `committed` never moves backwards;
 * - batch-free: advancing in pieces equals advancing at once.
 *
 * @since 0.1.0
 */
import * as CursorRule from "../model/CursorRule.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Frontier<out C> {
  /** Safe to persist and resume from. `undefined` until some position is. */
  readonly committed: C | undefined
  /** Position of the last settled observation: `committed`, or the next one to be safe. */
  readonly reached: C | undefined
  /** Something has not settled: nothing after it counts in this run. */
  readonly isHeld: boolean
}

/**
 * What arrived: an observation, which has settled or not, or a mark.
 *
 * @category models
 * @since 0.1.0
 */
export type Arrival<C> =
  | { readonly _tag: "Observed"; readonly position: C | undefined; readonly isSettled: boolean }
  | { readonly _tag: "Mark"; readonly position: C }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The frontier of a run that resumes from `committed`. @category constructors @since 0.1.0 */
export const start = <C>(committed: C | undefined): Frontier<C> => ({ committed, reached: committed, isHeld: false })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * The frontier after some arrivals.
 *
 * @category combinators
 * @since 0.1.0
 */
export const advance = <C>(
  rule: CursorRule.CursorRule<C>,
  frontier: Frontier<C>,
  arrivals: Iterable<Arrival<C>>
): Frontier<C> => {
  let { committed, reached, isHeld } = frontier
  const commit = (position: C | undefined) => {
    if (position === undefined) return
    if (committed === undefined || !CursorRule.isBackward(rule, committed, position)) committed = position
  }
  for (const arrival of arrivals) {
    if (isHeld) break
    const { position } = arrival
    if (arrival._tag === "Mark") {
      commit(position)
      // A mark behind what was reached says nothing about it.
      if (reached === undefined || !CursorRule.isBackward(rule, reached, arrival.position)) reached = committed
      continue
    }
    const isTelling = rule.emission === "Ascending" && position !== undefined
    if (isTelling && rule.resume === "Inclusive") commit(position)
    if (isTelling && rule.resume === "Exclusive" && reached !== undefined && !rule.equals(reached, position)) {
      commit(reached)
    }
    if (!arrival.isSettled) {
      isHeld = true
      break
    }
    if (!isTelling) continue
    if (rule.resume === "Exclusive" && rule.positions === "Unique") commit(position)
    reached = position
  }
  return { committed, reached, isHeld }
}

/**
 * The first position that breaks the order an `Ascending` source promised, as
 * far as its rule can tell; `undefined` when none does.
 *
 * @category guards
 * @since 0.1.0
 */
export const findDisorder = <C>(
  rule: CursorRule.CursorRule<C>,
  frontier: Frontier<C>,
  positions: Iterable<C | undefined>
): C | undefined => {
  if (rule.emission !== "Ascending" || rule.order === undefined) return undefined
  let last = frontier.reached
  for (const position of positions) {
    if (position === undefined) continue
    if (last !== undefined && CursorRule.isBackward(rule, last, position)) return position
    last = position
  }
  return undefined
}
