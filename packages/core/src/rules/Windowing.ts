/**
 * Which positions may leave a source: the horizon caps the cursor, not the read.
 *
 * Rows become visible late, and a record that is edited all the time never stays
 * below a moving bound. So a run reads up to the present, and no position above
 * `startedAt - settle` leaves it: what lies above is applied now and read again
 * next time. All times are source time, in ms since the epoch.
 *
 * **Laws**
 *
 * - settled: every position that leaves is at or below the horizon;
 * - monotone: positions that leave never go back;
 * - complete: of positions that come in order, an observation's own or an earlier
 *   one leaves with it.
 *
 * @since 0.1.0
 */

/** @category models @since 0.1.0 */
export interface Window {
  /** Source time when the run began. */
  readonly startedAt: number
  /** The furthest a cursor may go in this run. */
  readonly horizon: number
}

/** @category constructors @since 0.1.0 */
export const make = (options: { readonly startedAt: number; readonly settle: number }): Window => ({
  startedAt: options.startedAt,
  horizon: options.startedAt - options.settle
})

/**
 * The position an observation may carry: its own when that is at or below the
 * horizon and does not go back, else the last one that was.
 *
 * @param at source time of a position
 * @category combinators
 * @since 0.1.0
 */
export const cap = <C>(window: Window, at: (position: C) => number, last: C | undefined, position: C): C | undefined =>
  at(position) > window.horizon || (last !== undefined && at(position) < at(last)) ? last : position
