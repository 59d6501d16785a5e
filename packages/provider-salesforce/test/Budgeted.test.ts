/**
 * A run whose budget of calls is used up ends at its last commit, and the next one
 * goes on from there: small budgets copy an org in many runs, with nothing lost.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Subscription from "@tidemark/core/model/Subscription"
import { Memory, MemorySink } from "@tidemark/memory"
import { type Canonical, Credentials, SalesforceClient, SalesforceSource } from "@tidemark/provider-salesforce"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const accounts = 1500

describe("a budget of calls", () => {
  it.each([1, 2, 3])("ends runs early and resumably, until all is read (seed %i)", (seed) =>
    Effect.gen(function* () {
      const org = yield* Simulator.make({ seed, accounts, tie: 40, shortPages: true })
      const subscription = Subscription.make({
        id: "salesforce/Account",
        tenant: "default",
        connection: { provider: "salesforce", account: org.orgId },
        entity: "account"
      })
      const sink = yield* MemorySink.make<Canonical.Record>({ label: "accounts" })
      const read = Effect.map(Memory.rows<Canonical.Record>(subscription), (rows) => rows.size)

      /** One process: a client, and a run that may use calls up to `calls` of the org's. */
      const session = Effect.fnUntraced(function* (calls: number) {
        const client = yield* SalesforceClient.make({
          url: org.url,
          credentials: Credentials.bearer(Redacted.make(org.token)),
          apiBudget: { calls }
        })
        const source = yield* SalesforceSource.make({ client, object: "Account", fields: ["Name"], pageSize: 200 })
        const settle = Duration.minutes(5)
        const sync = Sync.make({ subscription, schema: source.schema, sink, settle, source, batchSize: 50 })
        return yield* Sync.run(sync, { lane: Lane.live(subscription) })
      })

      const usage = Effect.map(
        Effect.flatMap(
          SalesforceClient.make({ url: org.url, credentials: Credentials.bearer(Redacted.make(org.token)) }),
          (client) => client.limits
        ),
        ({ value }) => value.get("DailyApiRequests")
      )

      let [ended, before] = [0, 0]
      for (let run = 0; run < 60; run++) {
        const { max = 0, remaining = 0 } = (yield* usage) ?? {}
        const calls = max - remaining + 4
        const result = yield* Effect.result(session(calls))
        const after = yield* read
        assert.ok(after >= before)
        before = after
        const left = yield* usage
        // The call for the limits is the one above.
        assert.ok(max - (left?.remaining ?? 0) <= calls + 1)
        if (Result.isSuccess(result)) break
        assert.equal(result.failure._tag, "SourceError")
        if (result.failure._tag === "SourceError") assert.equal(result.failure.reason, "QuotaExhausted")
        ended++
      }
      assert.ok(ended >= 2, `only ${ended} runs ended early`)
      assert.equal(yield* read, accounts)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.mergeAll(Memory.layer(), NodeHttpClient.layerUndici)),
      Effect.runPromise
    )
  )
})
