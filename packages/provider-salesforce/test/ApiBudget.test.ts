/**
 * Reading stops before the org's daily calls are used up, before a request is sent,
 * and begins again when calls have been given back.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as ApiBudget from "../src/ApiBudget.ts"
import type * as SalesforceClient from "../src/SalesforceClient.ts"
import * as SalesforceError from "../src/SalesforceError.ts"
import { type Answered, type Asked, client, run } from "./support/Script.ts"

const soql = "SELECT Id FROM Account"
const page = { done: true, records: [] }

/** An org that counts its calls and says how many were made. */
const counting = (org: { used: number; readonly limit: number; answer?: Answered }) => (asked: Asked) => {
  if (asked.token === undefined) return { body: [{ label: "Spring '26", version: "66.0" }] }
  org.used++
  return { body: page, ...org.answer, headers: { "sforce-limit-info": `api-usage=${org.used}/${org.limit}` } }
}

const stopped = (client: SalesforceClient.SalesforceClient["Service"]) =>
  Effect.gen(function* () {
    for (let made = 0; made < 100; made++) {
      const result = yield* Effect.result(client.query(soql))
      if (result._tag === "Failure") return { made, error: result.failure }
    }
    return yield* Effect.die("reading did not stop")
  })

/** On a clock that a test holds. */
const held = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, TestClock.layer()))

describe("ApiBudget", () => {
  it("the header tells the org's usage, among other parts, and nothing else does", () => {
    const table: ReadonlyArray<readonly [header: string | undefined, ApiBudget.Usage | undefined]> = [
      ["api-usage=8/15000", { used: 8, limit: 15_000 }],
      ["api-usage=8/15000; per-app-api-usage=17/250(appName=x)", { used: 8, limit: 15_000 }],
      ["per-app-api-usage=17/250(appName=x), api-usage=8/15000", { used: 8, limit: 15_000 }],
      ["api-usage=15001/15000", { used: 15_001, limit: 15_000 }],
      ["per-app-api-usage=17/250(appName=x)", undefined],
      ["api-usage=8/0", undefined],
      ["api-usage=8", undefined],
      ["api-usage=-8/15000", undefined],
      ["api-usage=1e3/15000", undefined],
      ["", undefined],
      [undefined, undefined]
    ]
    for (const [header, usage] of table) assert.deepEqual(ApiBudget.fromHeader(header), usage)
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void ApiBudget.fromHeader(`api-usage=${text}`)))
  })

  it("reading stops at the share, and no request is sent for it", () =>
    run(
      Effect.gen(function* () {
        const org = { used: 3, limit: 20 }
        const { client: salesforce, script } = yield* client(counting(org))
        const { error } = yield* stopped(salesforce)
        assert.equal(org.used, 16)
        assert.equal(error.reason, "QuotaExhausted")
        assert.match(error.message, /Nothing was sent.* 16 of its 20 calls.*ends at 16 \(80%\).*apiBudget/)
        assert.ok(error.cause instanceof ApiBudget.Exhaustion)
        assert.deepEqual({ ...error.cause }, { ...error.cause, used: 16, limit: 20, allowed: 16 })
        const asked = script.asked.length
        assert.equal((yield* Effect.flip(salesforce.query(soql))).reason, "QuotaExhausted")
        assert.equal(script.asked.length, asked)
      })
    ))

  it("any share or number of calls is kept to, however many calls are made at once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          used: fc.nat(30),
          calls: fc.integer({ min: 1, max: 30 }),
          concurrency: fc.integer({ min: 1, max: 6 }),
          interrupted: fc.array(fc.nat(40), { maxLength: 5 })
        }),
        ({ calls, concurrency, interrupted, used }) =>
          held(
            Effect.gen(function* () {
              const org = { used, most: used }
              const budget = yield* ApiBudget.make("salesforce", { calls })
              const call = (index: number) =>
                budget.within(
                  Effect.gen(function* () {
                    org.used++
                    yield* Effect.yieldNow
                    if (interrupted.includes(index)) return yield* Effect.interrupt
                    yield* budget.note({ used: org.used, limit: 1000 })
                  })
                )
              yield* call(-1)
              const begun = org.used
              yield* Effect.forEach(Array.from({ length: 40 }).keys(), (index) => Effect.exit(call(index)), {
                concurrency
              })
              // Calls that are given up tell nothing, so that each may pass once more.
              assert.ok(org.used <= Math.max(begun, calls) + interrupted.length, `${org.used} calls of ${calls}`)
              // Calls under way may be counted twice, so that the last few are not made.
              if (interrupted.length === 0) assert.ok(org.used > Math.max(begun, calls) - concurrency)
            })
          )
      ),
      { numRuns: 60 }
    ))

  it("after a while one call looks again, and reading goes on when calls were given back", () =>
    held(
      Effect.gen(function* () {
        const org = { used: 90, sent: 0 }
        const budget = yield* ApiBudget.make("salesforce", { share: 0.5, recheck: "10 minutes" })
        const call = budget.within(
          Effect.suspend(() => {
            org.sent++
            return budget.note({ used: org.used, limit: 100 })
          })
        )
        yield* call
        const error = yield* Effect.flip(call)
        assert.equal(error.retryAfter, 600_000)
        yield* TestClock.adjust("599 seconds")
        yield* Effect.flip(call)
        assert.equal(org.sent, 1)
        yield* TestClock.adjust("1 second")
        yield* call
        yield* Effect.flip(call)
        assert.equal(org.sent, 2)
        org.used = 10
        yield* TestClock.adjust("10 minutes")
        yield* call
        yield* call
        assert.equal(org.sent, 4)
      })
    ))

  it("a call that is given up at any step is no longer counted as under way", () =>
    held(
      Effect.gen(function* () {
        const budget = yield* ApiBudget.make("salesforce", { calls: 1 })
        yield* budget.note({ used: 0, limit: 100 })
        for (let steps = 0; steps < 30; steps++) {
          // Three operations at a time, the least that gets on, so that the interruption falls anywhere.
          const call = Effect.provideService(budget.within(Effect.yieldNow), Scheduler.MaxOpsBeforeYield, 3)
          const fiber = yield* Effect.forkChild(call)
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          yield* budget.within(Effect.void)
        }
      })
    ))

  it("a look that gets no answer lets no other call through until the next one is due", () =>
    held(
      Effect.gen(function* () {
        let sent = 0
        const budget = yield* ApiBudget.make("salesforce", { calls: 1, recheck: "10 minutes" })
        yield* budget.note({ used: 5, limit: 100 })
        const lost = SalesforceError.disconnected("salesforce", "ECONNRESET", "h")
        const call = budget.within(
          Effect.andThen(
            Effect.sync(() => sent++),
            Effect.fail(lost)
          )
        )
        for (let round = 1; round <= 3; round++) {
          yield* TestClock.adjust("10 minutes")
          assert.equal((yield* Effect.flip(call)).reason, "Unavailable")
          assert.equal((yield* Effect.flip(call)).reason, "QuotaExhausted")
          assert.equal(sent, round)
        }
      })
    ))

  it("a refusal for the daily limit is not repeated, and nothing more is sent", () =>
    run(
      Effect.gen(function* () {
        const refusal = { status: 403, body: [{ errorCode: "REQUEST_LIMIT_EXCEEDED", message: "TotalRequests" }] }
        const { client: salesforce, script } = yield* client(() => refusal)
        for (let made = 0; made < 3; made++) {
          assert.equal((yield* Effect.flip(salesforce.query(soql))).reason, "QuotaExhausted")
        }
        assert.equal(script.asked.length, 1)
      })
    ))

  it("the same refusal while calls are left is of the moment, and the next read is sent", () =>
    run(
      Effect.gen(function* () {
        const answer = { status: 403, body: [{ errorCode: "REQUEST_LIMIT_EXCEEDED", message: "ConcurrentRequests" }] }
        const { client: salesforce, script } = yield* client(counting({ used: 1, limit: 100, answer }))
        for (let made = 0; made < 3; made++) yield* Effect.flip(salesforce.query(soql))
        assert.equal(script.asked.length, 3)
      })
    ))

  it("the server's time is told when the budget is used up, and the limits are", () =>
    run(
      Effect.gen(function* () {
        const org: { used: number; readonly limit: number; answer?: Answered } = { used: 79, limit: 100 }
        const { client: salesforce } = yield* client((asked) =>
          asked.url === "/services/data/v66.0/limits"
            ? {
                body: {
                  DailyApiRequests: { Max: 100, Remaining: 60 },
                  Odd: { Max: 5 },
                  Other: { Max: 2, Remaining: 1 }
                }
              }
            : counting(org)(asked)
        )
        yield* stopped(salesforce)
        assert.ok((yield* salesforce.time) > 0)
        const { value } = yield* salesforce.limits
        assert.deepEqual(
          [...value],
          [
            ["DailyApiRequests", { max: 100, remaining: 60 }],
            ["Other", { max: 2, remaining: 1 }]
          ]
        )
        // The limits said that calls were given back.
        yield* salesforce.query(soql)
      })
    ))

  for (const options of [
    { share: 0 },
    { share: 1.5 },
    { share: Number.NaN },
    { calls: 0 },
    { calls: 0.5 },
    { recheck: "0 millis" },
    { recheck: "2 days" }
  ] as const) {
    it(`${JSON.stringify(options)} is refused`, async () => {
      const error = await Effect.runPromise(Effect.flip(ApiBudget.make("salesforce", options)))
      assert.equal(error.reason, "Invalid")
      assert.match(error.message, /apiBudget\./)
    })
  }
})
