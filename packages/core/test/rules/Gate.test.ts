/**
 * Whether a version is news.
 *
 * Guarantees: L10, W66, W67
 */
import type * as Entry from "@tidemark/core/model/Entry"
import * as Version from "@tidemark/core/model/Version"
import * as Gate from "@tidemark/core/rules/Gate"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import { isNewer, sameDomain, version } from "../support/versions.ts"

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
