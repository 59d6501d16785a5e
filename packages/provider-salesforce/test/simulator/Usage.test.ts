/** The calls of a day over HTTP: told by every answer, and refused once they are used up. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const told = ({ headers }: Caller.Answer) => headers.get("sforce-limit-info")

describe("Usage", () => {
  it("the last call of the limit is answered, the next one refused, until the first are a day old", () =>
    run({ dailyLimit: 3 }, ({ call, simulator }) =>
      Effect.gen(function* () {
        const ask = call(`${base}/sobjects`)
        assert.deepEqual([(yield* ask).status, told(yield* ask)], [200, "api-usage=2/3"])
        yield* simulator.control.advance(3_600_000)
        assert.equal(told(yield* ask), "api-usage=3/3")
        const refused = yield* ask
        assert.deepEqual(
          [refused.status, refused.json],
          [403, [{ message: "TotalRequests Limit exceeded.", errorCode: "REQUEST_LIMIT_EXCEEDED" }]]
        )
        assert.equal(told(refused), "api-usage=3/3")
        yield* simulator.control.advance(23 * 3_600_000 - 1)
        assert.equal((yield* ask).status, 403)
        yield* simulator.control.advance(60_001)
        const later = yield* ask
        assert.deepEqual([later.status, told(later)], [200, "api-usage=2/3"])
      })
    ))

  it("the limits say the same as the header, and calls of others count", () =>
    run({}, ({ call, post }) =>
      Effect.gen(function* () {
        assert.equal((yield* post("/__mutate", { calls: 90 })).status, 200)
        const answer = yield* call(`${base}/limits`)
        assert.equal(told(answer), "api-usage=91/5000000")
        assert.deepEqual(answer.json["DailyApiRequests"], { Max: 5_000_000, Remaining: 4_999_909 })
      })
    ))

  it("the usual limit is told alone, another one can be set at any time", () =>
    run({}, ({ call, post }) =>
      Effect.gen(function* () {
        for (let part = 0; part < 50; part++) yield* post("/__mutate", { calls: 100_000 })
        assert.equal(told(yield* call(`${base}/sobjects`)), "api-usage=5000001/5000000")
        yield* post("/__mutate", { dailyLimit: 100_000 })
        assert.equal((yield* call(`${base}/sobjects`)).status, 403)
        assert.equal((yield* call("/services/data")).status, 200)
      })
    ))
})
