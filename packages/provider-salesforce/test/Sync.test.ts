// Goal: a copy in step with the org, over real HTTP, with everything an org does. Guarantees: L02, L04, L13, L49, W72.
// Method: the engine over memory and the simulator; between runs records are created, edited, deleted, purged and
// undeleted, some in transactions that stay open; when the dust has settled the copy is compared with the org's own state.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import * as Subscription from "@tidemark/core/model/Subscription"
import { Memory, MemorySink } from "@tidemark/memory"
import {
  type Canonical,
  Credentials,
  SalesforceClient,
  SalesforceDeletes,
  SalesforceSource
} from "@tidemark/provider-salesforce"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as HttpClient from "effect/http/HttpClient"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const seeds = Array.from({ length: Number(process.env.RUNS ?? 6) }, (_, index) => Number(process.env.SEED ?? 1) + index)
const fields = ["Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "BillingCity"]
const settle = Duration.minutes(5)

/** An org, and one run of each lane of its accounts. */
const stage = Effect.fnUntraced(function* (seed: number, accounts: number, tie = 0) {
  const org = yield* Simulator.make({ seed, accounts, tie, shortPages: true })
  const client = yield* SalesforceClient.make({
    url: org.url,
    credentials: Credentials.bearer(Redacted.make(org.token))
  })
  const source = yield* SalesforceSource.make({ client, object: "Account", fields })
  const deletes = yield* SalesforceDeletes.make({ client, source })
  const subscription = Subscription.make({
    id: "salesforce/Account",
    tenant: "default",
    connection: { provider: "salesforce", account: org.orgId },
    entity: "account"
  })
  const sink = yield* MemorySink.make<Canonical.Record>({ label: "accounts" })
  const common = { subscription, schema: source.schema, sink, settle, batchSize: 100, events: true }
  const run = Effect.gen(function* () {
    const live = yield* Sync.run(Sync.make({ ...common, source }), { lane: Lane.live(subscription) })
    yield* Sync.run(Sync.make({ ...common, source: deletes }), { lane: SalesforceDeletes.lane(subscription) })
    assert.ok("counts" in live)
    return live
  })
  const copy = Effect.map(Memory.rows<Canonical.Record>(subscription), (rows) =>
    [...rows].map(([id, row]) => [id as string, row.record] as const)
  )
  const truth = Effect.map(org.control.state, ({ entities }) =>
    Object.entries(entities["Account"] ?? {})
      .map(([id, values]) => [id, Object.fromEntries(fields.map((field) => [field, values[field]]))] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
  )
  return { org, run, copy, truth, subscription }
})

const live = <A, E>(effect: Effect.Effect<A, E, Memory.Services | HttpClient.HttpClient | Scope.Scope>) =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(Effect.provide(Layer.mergeAll(Memory.layer(), NodeHttpClient.layerUndici)))
  )

describe("a copy of an org", () => {
  it.each(seeds)("L02 L13 is in step once the dust has settled, whatever happened meanwhile (seed %i)", (seed) =>
    live(
      Effect.gen(function* () {
        const { copy, org, run, subscription, truth } = yield* stage(seed, 150, 40)
        yield* run
        for (let round = 0; round < 6; round++) {
          yield* org.control.mutate({
            random: { count: 25, seed: seed * 100 + round, entity: "Account", lateMaxMs: 240_000 }
          })
          yield* org.control.advance(45_000 + round * 20_000)
          yield* run
          if (round === 3) yield* org.control.mutate({ expireLocators: true })
        }
        yield* org.control.advance(Duration.toMillis(Duration.minutes(6)))
        yield* run
        assert.deepEqual(yield* copy, yield* truth)
        yield* org.control.advance(Duration.toMillis(Duration.minutes(6)))
        const quiet = yield* run
        assert.deepEqual([quiet.counts.created, quiet.counts.updated, quiet.counts.deleted], [0, 0, 0])
        const items = yield* Memory.items(subscription)
        const last = new Map<string, number>()
        for (const { externalId, outcome } of items) {
          if (outcome._tag !== "Applied") continue
          assert.equal(outcome.revision, (last.get(externalId) ?? 0) + 1)
          last.set(externalId, outcome.revision)
        }
      })
    )
  )

  it("L04 W72 a record edited every four minutes is seen by every run, and the cursor stays behind the horizon", () =>
    live(
      Effect.gen(function* () {
        const { copy, org, run } = yield* stage(1, 5)
        yield* run
        const [[id]] = (yield* copy) as [readonly [string, Canonical.Record]]
        for (let round = 0; round < 8; round++) {
          yield* org.control.mutate({
            ops: [{ op: "update", entity: "Account", id, fields: { Name: `Round ${round}` } }]
          })
          yield* org.control.advance(240_000)
          const { cursor } = yield* run
          assert.equal(new Map(yield* copy).get(id)?.["Name"], `Round ${round}`)
          const at = Date.parse((cursor!.value as { at: string }).at)
          assert.ok(at <= Date.parse(yield* org.control.now) - Duration.toMillis(settle))
        }
      })
    ))

  it("L03 a tie larger than a page is read whole", () =>
    live(
      Effect.gen(function* () {
        const { copy, run, truth } = yield* stage(2, 2600, 2500)
        const { counts } = yield* run
        assert.equal(counts.created, 2600)
        assert.deepEqual(yield* copy, yield* truth)
      })
    ))
})
