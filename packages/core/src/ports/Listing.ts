/**
 * How far one answer of a list goes.
 *
 * Lists are read in pieces. Each entry of a list has a position, a number that
 * only its list understands; the position of the last one read is where the next
 * piece begins. What comes or goes in between moves no other entry.
 *
 * @since 0.1.0
 */

/** Most entries of one answer. @category constants @since 0.1.0 */
export const limitMax = 1_000

/** Entries of one answer, unless it says otherwise. @category constants @since 0.1.0 */
export const limitDefault = 100

/** @category models @since 0.1.0 */
export interface Options {
  /** Most entries of the answer, from 1 to `limitMax`. Default: `limitDefault`. */
  readonly limit?: number | undefined
}

/** For lists that begin with the newest entry. @category models @since 0.1.0 */
export interface NewestFirst extends Options {
  /** Only what is older than the entry at this position. Default: begins with the newest. */
  readonly before?: number | undefined
}

/** For lists in the order of writing. @category models @since 0.1.0 */
export interface OldestFirst extends Options {
  /** Only what comes after the entry at this position. Default: begins with the first. */
  readonly after?: number | undefined
}

/** The limit that an answer keeps, whatever it was asked for. @category readers @since 0.1.0 */
export const limitOf = ({ limit = limitDefault }: Options): number =>
  Math.min(Math.max(Math.trunc(limit) || 1, 1), limitMax)
