/**
 * A short text that two equal values share, and two different ones almost
 * certainly do not (2^-53 by chance; not proof against an adversary).
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
export const of = (value: unknown): string => hash(canonical(value))

/** Text of a value that does not depend on the order of object keys. */
const canonical = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  if (typeof value !== "object" || value === null) return String(value === 0 ? 0 : value)
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if ("toJSON" in value && typeof value.toJSON === "function") return canonical(value.toJSON())
  const record = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(record).filter((key) => record[key] !== undefined)
  return `{${keys
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`)
    .join()}}`
}

/** Two multiplicative 32-bit hashes mixed into 53 bits. */
const hash = (text: string): string => {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
}
