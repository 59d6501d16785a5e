/** Dates and waits in headers. */
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as HttpDate from "../src/HttpDate.ts"
import * as RetryAfter from "../src/RetryAfter.ts"

describe("headers", () => {
  it("HTTP dates are read as JavaScript writes them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        assert.equal(HttpDate.parse(new Date(seconds * 1000).toUTCString()), seconds * 1000)
      })
    )
    for (const text of [
      "",
      "yesterday",
      "Fri, 31 Feb 2026 08:00:00 GMT",
      "Fri, 01 May 2026 08:00:00 +0200",
      "1777622400"
    ]) {
      assert.equal(HttpDate.parse(text), undefined)
    }
  })

  it("a wait is a number of seconds or a date, and anything else is none", () => {
    const now = Date.UTC(2026, 4, 1, 8)
    const at = (offset: number) => new Date(now + offset).toUTCString()
    const table: ReadonlyArray<readonly [header: string | undefined, now: number | undefined, number | undefined]> = [
      [undefined, now, undefined],
      ["0", now, 0],
      ["120", undefined, 120_000],
      [at(30_000), now, 30_000],
      [at(-30_000), now, 0],
      [at(30_000), undefined, undefined],
      ["-1", now, undefined],
      ["1.5", now, undefined],
      ["", now, undefined],
      ["9999999999", now, undefined],
      ["999999999", now, RetryAfter.max],
      [at(400 * 86_400_000), now, RetryAfter.max]
    ]
    for (const [header, now, expected] of table) assert.equal(RetryAfter.fromHeader(header, now), expected)
  })
})
