/** The lane that reads everything again: when it begins, where it goes on, what it costs, and what it sees. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Lane from "@tidemark/core/model/Lane"
import { Memory, MemorySink } from "@tidemark/memory"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"
import * as Credentials from "../src/Credentials.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import * as SalesforceFull from "../src/SalesforceFull.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as FakeOrg from "./support/FakeOrg.ts"
import * as Reading from "./support/Reading.ts"

const idOf = (index: number): string => Canonical.id(`00100000000000${"abAB"[index]!}`)!

const stage = (options: Partial<SalesforceFull.Options> = {}) =>
  Effect.gen(function* () {
    const org = FakeOrg.make([0, 1, 2, 3].map((index) => ({ id: idOf(index), stamp: 0, visible: 0, name: "n" })))
    org.now = 10
    const source = yield* SalesforceSource.make({ client: org.client, object: "Account" })
    const full = yield* SalesforceFull.make({ client: org.client, source, every: "1 hour", pageSize: 2, ...options })
    return { org, full }
  })

const run = Effect.runPromise
const settle = 30
const finished = (second: number) => ({ began: FakeOrg.stampAt(second), id: null })

describe("everything read again", () => {
  it("is read by Id, a limited number of rows at a time, and the end is told", () =>
    run(
      Effect.gen(function* () {
        const { full, org } = yield* stage()
        const pages = yield* Reading.read(full, { from: undefined, settle })
        const told = Reading.observations(pages).map(({ externalId }) => externalId)
        assert.deepEqual(told, [0, 1, 2, 3].map(idOf).toSorted(FakeOrg.compareIds))
        assert.deepEqual(Reading.committed(undefined, pages), finished(10))
        assert.deepEqual(
          org.queries.map((soql) => soql.replace(/^.* FROM Account ?/, "")),
          ["", `WHERE Id > '${told[1]}' `, `WHERE Id > '${told[3]}' `].map((where) => `${where}ORDER BY Id ASC LIMIT 2`)
        )
      })
    ))

  it("begins anew when its time has come, and asks for nothing before", () =>
    run(
      Effect.gen(function* () {
        const { full, org } = yield* stage()
        for (const [second, isDue] of [
          [10, false],
          [11, false],
          [3609, false],
          [3610, true]
        ] as const) {
          org.now = second
          org.queries.length = 0
          const pages = yield* Reading.read(full, { from: finished(10), settle })
          assert.deepEqual([pages.length > 0, org.queries.length > 0], [isDue, isDue], `after ${second} s`)
          if (isDue) assert.deepEqual(Reading.committed(undefined, pages), finished(3610))
        }
      })
    ))

  it("goes on behind the last Id after a stop, as the reading it was", () =>
    run(
      Effect.gen(function* () {
        const { full, org } = yield* stage()
        const [first] = yield* Reading.read(full, { from: undefined, settle, most: 1 })
        const from = Reading.committed(undefined, [first!])!
        assert.equal(from.began, FakeOrg.stampAt(10))
        org.now = 100_000
        const pages = yield* Reading.read(full, { from, settle })
        assert.equal(Reading.observations([first!, ...pages]).length, 4)
        assert.deepEqual(Reading.committed(from, pages), finished(10))
      })
    ))

  it("can be shared out among runs", () =>
    run(
      Effect.gen(function* () {
        const { full } = yield* stage({ queriesMax: 1 })
        let from: SalesforceFull.Cursor | undefined
        const sizes: Array<number> = []
        do {
          const pages = yield* Reading.read(full, { from, settle })
          sizes.push(Reading.observations(pages).length)
          from = Reading.committed(from, pages)
        } while (from?.id !== null)
        assert.deepEqual(sizes, [2, 2, 0])
      })
    ))

  it("ends where a server does not keep to the order, instead of reading for ever", () =>
    run(
      Effect.gen(function* () {
        const { full, org } = yield* stage()
        const deaf = { ...org.client, pages: () => org.client.pages("SELECT Id, SystemModstamp FROM Account LIMIT 2") }
        const source = yield* SalesforceSource.make({ client: deaf, object: "Account" })
        const made = yield* SalesforceFull.make({ client: deaf, source, every: "1 hour", pageSize: 2 })
        const error = yield* Effect.flip(Reading.read(made, { from: undefined, settle }))
        assert.deepEqual([error.reason, error.source], ["NotAdvancing", full.label])
      })
    ))

  it.each([{ every: "0 seconds" }, { every: "367 days" }, { pageSize: 2001 }, { queriesMax: 0 }] as const)(
    "refuses %o",
    (options) =>
      run(
        Effect.gen(function* () {
          const error = yield* Effect.flip(stage(options))
          assert.deepEqual([error.reason, error.message.includes(Object.keys(options)[0]!)], ["Invalid", true])
        })
      )
  )

  it("sees a formula that came to another value, which the live lane does not", () =>
    run(
      Effect.gen(function* () {
        const org = yield* Simulator.make({ seed: 1, accounts: 20 })
        const field = { name: "Score__c", type: "double", calculated: true } as const
        yield* org.control.mutate({ schema: [{ op: "addField", entity: "Account", field }] })
        const credentials = Credentials.bearer(Redacted.make(org.token))
        const client = yield* SalesforceClient.make({ url: org.url, credentials })
        const source = yield* SalesforceSource.make({ client, object: "Account", fields: ["Name", "Score__c"] })
        assert.deepEqual(source.unstamped, ["Score__c"])
        const full = yield* SalesforceFull.make({ client, source, every: "7 days" })
        const sink = yield* MemorySink.make<Canonical.Record>({ label: "accounts" })
        const { subscription } = Reading
        const common = { subscription: { ...subscription, connection: { provider: "salesforce", account: org.orgId } } }
        const options = { ...common, schema: source.schema, sink }
        const live = Sync.run(Sync.make({ ...options, source }), { lane: Lane.live(common.subscription) })
        const again = Sync.run(Sync.make({ ...options, source: full }), {
          lane: SalesforceFull.lane(common.subscription)
        })
        yield* live
        yield* again
        const [id] = Object.keys((yield* org.control.state).entities["Account"]!)
        const values = { Score__c: 42 }
        yield* org.control.advance(3_600_000)
        yield* org.control.mutate({ schema: [{ op: "calculate", entity: "Account", id: id!, values }] })
        const updated = (done: Effect.Success<typeof live>) => ("counts" in done ? done.counts.updated : undefined)
        assert.deepEqual([updated(yield* live), updated(yield* again)], [0, 0])
        yield* org.control.advance(7 * 86_400_000)
        assert.deepEqual([updated(yield* live), updated(yield* again)], [0, 1])
        const rows = yield* Memory.rows<Canonical.Record>(common.subscription)
        assert.equal([...rows].find(([name]) => name === id)?.[1].record["Score__c"], 42)
      }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(Memory.layer(), NodeHttpClient.layerUndici)))
    ))
})
