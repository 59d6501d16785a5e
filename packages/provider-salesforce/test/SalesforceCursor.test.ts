/** The rules positions obey: storage, equality, and an order that knows its limits. */
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as SalesforceCursor from "../src/SalesforceCursor.ts"
import * as SalesforceDeletes from "../src/SalesforceDeletes.ts"
import * as Stamp from "../src/Stamp.ts"

const { rule } = SalesforceCursor

// Few stamps and few ids, so that ties happen.
const position = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom(null, "001000000000001", "001000000000001AAA", "001000000000002AAA")
  )
  .map(([second, id]) => SalesforceCursor.make(Stamp.fromMillis(second * 1000)!, id))

describe("SalesforceCursor", () => {
  it("a position survives being stored", () => {
    fc.assert(
      fc.property(position, (at) => {
        const stored = Result.getOrThrow(CursorRule.encode(rule, at))
        const text = JSON.parse(JSON.stringify(stored)) as CursorRule.Stored
        assert.deepEqual(Result.getOrThrow(CursorRule.decode(rule, text)), at)
      })
    )
  })

  it("order is strict, agrees with equality, and is silent within one stamp", () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        const ab = rule.order?.(a, b)
        const ba = rule.order?.(b, a)
        assert.equal(ab === undefined, a.at === b.at && !rule.equals(a, b))
        assert.equal(ab === 0, rule.equals(a, b))
        if (ab !== undefined) assert.equal(Math.sign(ab) + Math.sign(ba!), 0)
        const bc = rule.order?.(b, c)
        if (ab !== undefined && bc !== undefined && ab < 0 && bc < 0) assert.ok(rule.order!(a, c)! < 0)
      })
    )
  })

  it("a stored cursor that was tampered with is an error, never a position", () => {
    const values = [
      { at: "1970-01-01T00:00:00.000Z OR Name != null", id: null },
      { at: "2026-05-01T07:25:37.000Z", id: "x' OR Id != '" },
      { at: "2026-05-01T07:25:37.000+0000", id: null },
      { at: "2026-05-01T07:25:37.000Z" },
      { at: 1777622737000, id: null },
      "2026-05-01T07:25:37.000Z",
      null
    ]
    for (const value of values) assert.ok(Result.isFailure(CursorRule.decode(rule, { codecVersion: 1, value })))
    const good = { at: "2026-05-01T07:25:37.000Z", id: null }
    assert.ok(Result.isSuccess(CursorRule.decode(rule, { codecVersion: 1, value: good })))
    assert.ok(Result.isFailure(CursorRule.decode(rule, { codecVersion: 2, value: good })))
  })

  it("positions of the deletes lane survive being stored, and sort by time", () => {
    const { rule } = SalesforceDeletes
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), (a, b) => {
        const [first, second] = [a, b].map((second) => ({ until: Stamp.fromMillis(second * 1000)! }))
        assert.deepEqual(
          CursorRule.decode(rule, Result.getOrThrow(CursorRule.encode(rule, first!))),
          Result.succeed(first)
        )
        assert.equal(Math.sign(rule.order!(first!, second!)!), Math.sign(a - b))
      })
    )
  })
})
