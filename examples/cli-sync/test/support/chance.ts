/** Chance that follows from a seed. */

export interface Chance {
  /** A whole number from 0, below `end`. */
  readonly below: (end: number) => number
  readonly is: (probability: number) => boolean
  readonly pick: <A>(list: ReadonlyArray<A>) => A
}

/** Mulberry32. */
export const make = (seed: number): Chance => {
  let state = Math.imul(seed + 1, 0x9e3779b1)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (end: number) => Math.floor(next() * end)
  return { below, is: (probability) => next() < probability, pick: (list) => list[below(list.length)]! }
}
