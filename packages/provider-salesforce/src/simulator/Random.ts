/**
 * Numbers that look random and follow from a seed.
 *
 * **Guarantees**
 *
 * - the same seed gives the same numbers, on every machine;
 * - a generator made with a name is independent of those made with other names,
 *   so a new use of chance somewhere changes nothing elsewhere.
 *
 * Not for secrets.
 *
 * @since 0.1.0
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Random {
  /** At least 0, below 1. */
  readonly next: () => number
  /** An integer, at least 0, below `end`. 0 when `end` is 0. */
  readonly below: (end: number) => number
  /** `true` with this probability. */
  readonly chance: (probability: number) => boolean
  /** One of the items, each as likely as the others. The list must not be empty. */
  readonly pick: <A>(items: readonly [A, ...Array<A>]) => A
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (seed: number, name: string): Random => {
  let state = hash(seed, hashText(name))
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    return mix(state) / 0x1_0000_0000
  }
  const below = (end: number) => Math.floor(next() * end)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)] ?? items[0]
  }
}

// -----------------------------------------------------------------------------
// hashing
// -----------------------------------------------------------------------------

/** A number of 32 bits, never negative, that depends on all of the numbers and on their order. @category hashing @since 0.1.0 */
export const hash = (...values: ReadonlyArray<number>): number => {
  let state = 0x9e3779b9
  for (const value of values) {
    state = mix((state ^ (value >>> 0)) >>> 0)
    state = mix((state + Math.floor(Math.abs(value) / 0x1_0000_0000) + 0x85ebca6b) >>> 0)
  }
  return state
}

/** A number of 32 bits, never negative. @category hashing @since 0.1.0 */
export const hashText = (text: string): number => {
  let state = 0x811c9dc5
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193)
  return mix(state >>> 0)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Every bit of the result depends on every bit of the value.
const mix = (value: number): number => {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return (mixed ^ (mixed >>> 15)) >>> 0
}
