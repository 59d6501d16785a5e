/** Repetitions are a share of the reads, whatever the order in which they come. */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as RetryBudget from "../src/RetryBudget.ts"
import { client, run } from "./support/Script.ts"

describe("RetryBudget", () => {
  it("repetitions never exceed the share of the reads and the burst, at any time", () =>
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.boolean(), { maxLength: 200 }),
        (share, burst, steps) => {
          const budget = Effect.runSync(RetryBudget.make({ share, burst }))
          let [reads, repetitions] = [0, 0]
          for (const isRead of steps) {
            if (isRead) Effect.runSync(budget.deposit)
            if (isRead) reads++
            else if (Effect.runSync(budget.withdraw)) repetitions++
            assert.ok(repetitions <= share * reads + burst + 1e-9)
          }
        }
      )
    ))

  it("what is due is given: a tenth of the reads, once the burst is spent", () => {
    const budget = Effect.runSync(RetryBudget.make({ burst: 1 }))
    assert.ok(Effect.runSync(budget.withdraw))
    const given = Array.from({ length: 100 }, () => {
      Effect.runSync(budget.deposit)
      return Effect.runSync(budget.withdraw)
    })
    assert.equal(given.filter(Boolean).length, 10)
  })

  it("an outage does not multiply the load: all reads together repeat as often as the budget says", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(() => ({ status: 503, body: "" }), {
          limits: { retries: 4, retryDelay: "1 millis", retryDelayMax: "1 millis" },
          retryBudget: { share: 0.1, burst: 5 },
          circuit: { failures: 1000 }
        })
        const reads = 30
        yield* Effect.forEach(
          Array.from({ length: reads }),
          () => Effect.flip(salesforce.query("SELECT Id FROM Account")),
          { concurrency: 3 }
        )
        assert.ok(script.asked.length > reads)
        assert.ok(script.asked.length <= reads + 0.1 * reads + 5, `${script.asked.length} requests`)
      })
    ))

  for (const options of [{ share: -0.1 }, { share: 1.1 }, { share: Number.NaN }, { burst: -1 }, { burst: 1.5 }]) {
    it(`${JSON.stringify(options)} is refused`, async () => {
      const error = await Effect.runPromise(Effect.flip(RetryBudget.make(options)))
      assert.equal(error.reason, "Invalid")
      assert.match(error.message, /retryBudget\./)
    })
  }
})
