/** Versions that collide, and their order in words. */
import * as Version from "@tidemark/core/model/Version"
import * as fc from "fast-check"

export const version = fc
  .record({
    domain: fc.constantFrom("a", "a", "a", "b"),
    value: fc.constantFrom("", "1", "10", "9", "a", "B"),
    epoch: fc.nat(2),
    observedAt: fc.nat(3)
  })
  .map(Version.make)
export const sameDomain = version.map((one) => ({ ...one, domain: "a" }))

/** The order in words: value bytewise, then mapping, then time. */
export const isNewer = (a: Version.Version, b: Version.Version): boolean => {
  const bytes = Buffer.compare(Buffer.from(a.value), Buffer.from(b.value))
  if (bytes !== 0) return bytes > 0
  return a.epoch === b.epoch ? a.observedAt > b.observedAt : a.epoch > b.epoch
}
