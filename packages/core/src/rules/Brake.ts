/**
 * When refusals are no longer single records but a fault of the whole lane.
 *
 * The brake trips at 50 refusals in a row, or at 50 refusals that are more than
 * a fifth of the lane's last 1,000 observations. It counts first refusals only:
 * a record that waits in quarantine and is read again does not count.
 *
 * **Laws**
 *
 * - batch-free: counting in pieces equals counting at once;
 * - patient: fewer than 50 refusals among the last 1,000 never trip it;
 * - bounded: the state holds at most 1,000 numbers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** Refusals in a row, and at least this many among the last ones. @category constants @since 0.1.0 */
export const refusalsMin = 50
/** Observations looked back at. @category constants @since 0.1.0 */
export const windowSize = 1_000
/** Share of refusals above which the brake trips. @category constants @since 0.1.0 */
export const shareMax = 0.2

/** Kept with the lane. @category schemas @since 0.1.0 */
export const Brake = Schema.Struct({
  /** Observations counted so far. */
  seen: Schema.Int,
  /** Ordinals of the refused ones among the last `windowSize`. */
  refused: Schema.Array(Schema.Int),
  inARow: Schema.Int
})
/** @category models @since 0.1.0 */
export type Brake = typeof Brake.Type

/** @category constructors @since 0.1.0 */
export const released: Brake = { seen: 0, refused: [], inARow: 0 }

/**
 * Counts observations in arrival order. Answers the new state and whether the
 * brake has tripped on the way.
 *
 * @category combinators
 * @since 0.1.0
 */
export const count = (
  brake: Brake,
  isRefused: Iterable<boolean>
): { readonly brake: Brake; readonly isTripped: boolean } => {
  let { inARow, seen } = brake
  const refused = [...brake.refused]
  let first = 0
  for (const refusal of isRefused) {
    seen += 1
    inARow = refusal ? inARow + 1 : 0
    if (refusal) refused.push(seen)
    while (refused[first] !== undefined && refused[first]! <= seen - windowSize) first += 1
    const recent = refused.length - first
    const isTooMany = recent >= refusalsMin && recent > shareMax * Math.min(seen, windowSize)
    if (inARow >= refusalsMin || isTooMany)
      return { brake: { seen, refused: refused.slice(first), inARow }, isTripped: true }
  }
  return { brake: { seen, refused: refused.slice(first), inARow }, isTripped: false }
}
