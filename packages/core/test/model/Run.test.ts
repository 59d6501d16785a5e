/**
 * The counts of a run.
 *
 * Guarantees: L37
 */
import * as Outcome from "@tidemark/core/model/Outcome"
import * as Run from "@tidemark/core/model/Run"
import * as Write from "@tidemark/core/model/Write"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const applied = (operation: Outcome.Operation): Outcome.Applied => ({
  _tag: "Applied",
  operation,
  localId: "l",
  revision: 1,
  patch: {}
})
const rejection = new Write.Rejection({ code: "Invalid", message: "no" })
const outcomes: ReadonlyArray<readonly [Outcome.Outcome, keyof Run.Counts]> = [
  [applied("Created"), "created"],
  [applied("Updated"), "updated"],
  [applied("Deleted"), "deleted"],
  [applied("Adopted"), "adopted"],
  [applied("Drift"), "drifted"],
  [Outcome.skipped("Unchanged"), "unchanged"],
  [Outcome.skipped("Stale"), "stale"],
  [Outcome.skipped("Absent"), "absent"],
  [Outcome.skipped("Quarantined"), "stillQuarantined"],
  [{ _tag: "Quarantined", rejection }, "quarantined"],
  [{ _tag: "Rejected", rejection }, "rejected"]
]

const addsUp = (count: typeof Run.countItems) =>
  fc.property(fc.array(fc.constantFrom(...outcomes), { maxLength: 12 }), fc.nat(12), (items, cut) => {
    const counts = count(items.map(([outcome]) => ({ outcome })))
    for (const [, name] of outcomes) assert.equal(counts[name], items.filter((item) => item[1] === name).length, name)
    const found = counts.adopted + counts.drifted
    assert.equal(counts.read, items.length - found)
    const parts = [items.slice(0, cut), items.slice(cut)].map((part) => count(part.map(([outcome]) => ({ outcome }))))
    assert.deepEqual(Run.addCounts(parts[0]!, parts[1]!), counts)
  })

describe("Run.countItems", () => {
  it("L37 every outcome is counted once, what was read adds up, and parts add up to the whole", () =>
    holds(addsUp(Run.countItems)))
  it("L37 counting what was found on the way as read is caught", () =>
    isCaught(
      addsUp((items) => {
        const all = Array.from(items)
        return { ...Run.countItems(all), read: all.length }
      })
    ))
  it("only a rejection holds the cursor", () => {
    for (const [outcome, name] of outcomes) assert.equal(Outcome.isSettled(outcome), name !== "rejected")
  })
})
