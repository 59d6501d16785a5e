/**
 * A short text that two equal values share, and two different ones almost
 * certainly do not (about 2^-53 by chance; no proof against an adversary).
 *
 * @since 0.1.0
 */

/**
 * Fingerprint of a value: primitives, arrays, plain objects (key order does not
 * matter, keys without a value do not count), and anything with `toJSON`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (value: unknown): string => {
  const hash: Hash = { high: 0xdeadbeef, low: 0x41c6ce57 }
  feed(hash, value)
  return digest(hash)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Two multiplicative 32-bit hashes, mixed into 53 bits at the end. Mutable: it is fed millions of times. */
interface Hash {
  high: number
  low: number
}

/** Every value begins with a letter for its kind and with its size, so that no two values read the same. */
const feed = (hash: Hash, value: unknown): void => {
  if (typeof value === "string") return text(hash, "s", value)
  if (typeof value === "number") return text(hash, "n", String(value))
  if (typeof value !== "object" || value === null) return text(hash, "p", String(value))
  if (Array.isArray(value)) {
    text(hash, "a", String(value.length))
    for (const element of value) feed(hash, element)
    return
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return feed(hash, value.toJSON())
  const properties = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(properties).filter((key) => properties[key] !== undefined)
  text(hash, "o", String(keys.length))
  for (const key of keys.toSorted()) {
    text(hash, "k", key)
    feed(hash, properties[key])
  }
}

const text = (hash: Hash, kind: string, content: string): void => {
  let high = Math.imul(hash.high ^ kind.charCodeAt(0), 2654435761)
  let low = Math.imul(hash.low ^ content.length, 1597334677)
  for (let index = 0; index < content.length; index++) {
    const code = content.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  hash.high = high
  hash.low = low
}

const digest = ({ high, low }: Hash): string => {
  const a = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  const b = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return toText(4294967296 * (2097151 & b) + (a >>> 0))
}

/** A number below 2^53 to the base 36, in two halves: engines are ten times slower with what is no 32-bit integer. */
const toText = (value: number): string => {
  const high = Math.floor(value / half)
  return high === 0 ? value.toString(36) : high.toString(36) + (value - high * half).toString(36).padStart(5, "0")
}

const half = 36 ** 5
