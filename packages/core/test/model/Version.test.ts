/**
 * How new a read is.
 *
 * Guarantees: W66
 */
import * as Version from "@tidemark/core/model/Version"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"
import { isNewer, sameDomain } from "../support/versions.ts"

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
