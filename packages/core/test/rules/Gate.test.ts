/**
 * Versions, and whether one is news.
 *
 * Guarantees: L10, W66, W67
 */
import type * as Entry from "@tidemark/core/model/Entry"
import * as Version from "@tidemark/core/model/Version"
import * as Gate from "@tidemark/core/rules/Gate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const version = fc
  .record({
    domain: fc.constantFrom("a", "a", "a", "b"),
    value: fc.constantFrom("", "1", "10", "9", "a", "B"),
    epoch: fc.nat(2),
    observedAt: fc.nat(3)
  })
  .map(Version.make)
const sameDomain = version.map((one) => ({ ...one, domain: "a" }))

/** The order in words: value bytewise, then mapping, then time. */
const isNewer = (a: Version.Version, b: Version.Version): boolean => {
  const bytes = Buffer.compare(Buffer.from(a.value), Buffer.from(b.value))
  if (bytes !== 0) return bytes > 0
  return a.epoch === b.epoch ? a.observedAt > b.observedAt : a.epoch > b.epoch
}

type Compare = typeof Version.compare

const totalOrder = (compare: Compare) =>
  fc.property(sameDomain, sameDomain, sameDomain, (a, b, c) => {
    assert.equal(compare(a, b) > 0, isNewer(a, b))
    assert.equal(compare(a, b) === 0, !isNewer(a, b) && !isNewer(b, a))
    assert.equal(Math.sign(compare(a, b)), Math.sign(-compare(b, a)) + 0)
    if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.ok(compare(a, c) <= 0)
  })

describe("Version", () => {
  it("W66 is a total order: value bytewise, then mapping, then time of the read", () =>
    holds(totalOrder(Version.compare)))
  it("W66 an order of numbers is caught", () =>
    isCaught(
      totalOrder((a, b) => Number(a.value) - Number(b.value) || a.epoch - b.epoch || a.observedAt - b.observedAt)
    ))
  it("W66 an order without the time of the read is caught", () =>
    isCaught(totalOrder((a, b) => Version.compare({ ...a, observedAt: 0 }, { ...b, observedAt: 0 }))))
  it("a read that began later never yields a smaller version of an unchanged record", () =>
    holds(
      fc.property(sameDomain, fc.nat(3), (one, later) =>
        assert.ok(Version.compare(one, { ...one, observedAt: one.observedAt + later }) <= 0)
      )
    ))
  it("the lowest is below every read", () =>
    holds(fc.property(sameDomain, (one) => assert.ok(Version.compare(Version.lowest("a"), one) <= 0))))
  it.each(["\n", "é", "\0", "a\u007f"])("a value is printable ASCII, and %j is not", (value) =>
    assert.ok(
      Result.isFailure(Schema.decodeUnknownResult(Version.Version)({ domain: "a", value, epoch: 0, observedAt: 0 }))
    )
  )
  it("has no time of its own when it is given none", () => {
    assert.deepEqual(Object.keys(Version.make({ domain: "a", value: "1", observedAt: 1, at: undefined })), [
      "domain",
      "value",
      "epoch",
      "observedAt"
    ])
  })
})

// -----------------------------------------------------------------------------
// the gate
// -----------------------------------------------------------------------------

type Judge = typeof Gate.judge

const lastAccepted = (judge: Judge) =>
  fc.property(fc.array(sameDomain, { minLength: 1, maxLength: 6 }), (arrivals) => {
    let known: Gate.Known | undefined
    for (const one of arrivals) if (judge(known, one) === "Accept") known = { version: one, existence: "Present" }
    for (const one of arrivals) assert.ok(!isNewer(one, known!.version), "a greater version was not accepted last")
  })

const judges = (judge: Judge) =>
  fc.property(
    version,
    version,
    fc.constantFrom<Entry.Existence>("Present", "Deleted", "Weak"),
    (known, one, existence) => {
      const isComparable = known.domain === one.domain
      const isNews = existence === "Weak" ? one.observedAt > known.observedAt : isNewer(one, known)
      const verdict = judge({ version: known, existence }, one)
      assert.equal(verdict === "Accept", !isComparable || isNews)
      const isSame = known.value === one.value && known.epoch === one.epoch
      assert.equal(verdict === "Repeat", isComparable && !isNews && isSame && existence !== "Weak")
    }
  )

const greaterAlone: Judge = (known, one) =>
  known === undefined || one.value > known.version.value ? "Accept" : "Stale"
const greaterOrEqual: Judge = (known, one) =>
  known === undefined || one.value >= known.version.value ? "Accept" : "Stale"
const anyDomain: Judge = (known, one) =>
  Gate.judge(known && { ...known, version: { ...known.version, domain: one.domain } }, one)
const strongOnly: Judge = (known, one) => Gate.judge(known && { ...known, existence: "Present" }, one)

describe("Gate", () => {
  it("L10 whatever the order and repetition of reads, the greatest is the last one accepted", () =>
    holds(lastAccepted(Gate.judge)))
  it("W66 greater alone is caught", () => isCaught(lastAccepted(greaterAlone)))
  it("W66 greater or equal is caught", () => isCaught(lastAccepted(greaterOrEqual)))

  it("L10 W67 judges by version in one domain, by time against a weak tombstone, and not at all across domains", () =>
    holds(judges(Gate.judge)))
  it("W67 comparing across domains is caught", () => isCaught(judges(anyDomain)))
  it("L10 comparing versions with a weak tombstone is caught", () => isCaught(judges(strongOnly)))

  it("accepts whatever comes first", () =>
    holds(
      fc.property(version, fc.nat(3), (one, time) => {
        assert.equal(Gate.judge(undefined, one), "Accept")
        assert.equal(Gate.judgeTime(undefined, time), "Accept")
      })
    ))
  it("a deletion without a version is news only if it began later", () =>
    holds(
      fc.property(version, fc.nat(4), (known, at) =>
        assert.equal(
          Gate.judgeTime({ version: known, existence: "Present" }, at),
          at > known.observedAt ? "Accept" : "Stale"
        )
      )
    ))
})

describe("Gate.isWorthNoting", () => {
  const at = (value: string, observedAt: number, stamp?: number, epoch = 0) =>
    Version.make({ domain: "a", value, observedAt, at: stamp, epoch })
  const cases: ReadonlyArray<readonly [string, boolean, Version.Version, Version.Version]> = [
    ["another value", true, at("1", 1, 1), at("2", 99, 2)],
    ["another mapping", true, at("1", 90, 1), at("1", 99, 1, 1)],
    ["the same stamp while edits may share it", true, at("1", 6, 1), at("1", 99, 1)],
    ["the same stamp once they may not", false, at("1", 7, 1), at("1", 99, 1)],
    ["the same exact value", false, at("1", 1), at("1", 99)],
    ["a read where only its time orders", true, at("", 1), at("", 99)]
  ]
  it.each(cases)("%s: %s", (_, expected, known, later) => assert.equal(Gate.isWorthNoting(known, later, 5), expected))
})
