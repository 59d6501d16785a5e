/**
 * Local ids: UUIDs of version 7, which begin with the time they were made at, so
 * that rows made together lie together in the index of their ids (RFC 9562, 5.7).
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"

/** Many at once: the system is asked for randomness once. @category constructors @since 0.1.0 */
export const make = (count: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const time = now.toString(16).padStart(12, "0")
    const prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`
    const random = SecureRandom.randomBytesUnsafe(count * size)
    return Array.from({ length: count }, (_, index) => prefix + suffix(random, index * size))
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Random bytes of one id; six of their bits are not used. */
const size = 10

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** 12 random bits, the variant, 62 random bits. */
const suffix = (random: Uint8Array, start: number): string => {
  const byte = (index: number) => random[start + index]!
  let text = `${(byte(0) & 15).toString(16)}${hex[byte(1)]}-${hex[128 | (byte(2) & 63)]}${hex[byte(3)]}-`
  for (let index = 4; index < size; index++) text += hex[byte(index)]
  return text
}
