// Goal: the engine's laws hold on PostgreSQL, as the application's role, whatever happens to the connection.
// Method: short random histories through the real engine; connections cut at any message, answers to COMMIT dropped
// before or after it took effect; what is left is judged against the history itself. Guarantees: L07, L09, L12-L15, L49.
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as CommitProxy from "./support/CommitProxy.ts"
import * as Database from "./support/Database.ts"
import * as Fault from "./support/Fault.ts"
import * as Harness from "./support/Harness.ts"

const runs = Number(process.env.RUNS ?? 25)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }

let tenants = 0
const nextTenant = () => `tenant-${tenants++}`

/** One chain per record: revisions by one, patches that follow on each other, one event for each. */
const requireChains = ({
  events,
  items
}: {
  events: ReadonlyArray<{ key: string; revision: number; type: string }>
  items: ReadonlyArray<{ id: string; operation: string; revision: number; patch: Harness.Patch }>
}) => {
  const last = new Map<string, { revision: number; record: Record<string, unknown> | undefined }>()
  for (const { id, operation, patch, revision } of items) {
    const before = last.get(id) ?? { revision: 0, record: undefined }
    assert.equal(revision, before.revision + 1, `${id} jumped`)
    assert.equal(operation === "Created", before.record === undefined, `${id} ${operation}`)
    for (const [field, change] of Object.entries(patch)) assert.deepEqual(change.before, before.record?.[field])
    const after = {
      ...before.record,
      ...Object.fromEntries(Object.entries(patch).map(([field, { after }]) => [field, after]))
    }
    last.set(id, { revision, record: operation === "Deleted" ? undefined : after })
  }
  const facts = (list: ReadonlyArray<readonly [string, number]>) =>
    list.map(([id, revision]) => `${id} ${revision}`).toSorted()
  assert.deepEqual(
    facts(events.map(({ key, revision }) => [key.split("/").at(-1)!, revision])),
    facts(items.map(({ id, revision }) => [id, revision]))
  )
}

const scenario = fc.record({
  history: Harness.changes,
  pageSize: fc.integer({ min: 1, max: 6 }),
  batchSize: fc.integer({ min: 1, max: 4 })
})

describe.each([
  ["a pool", Database.pool],
  ["a pipelined pool", Database.pipeline]
])("engine over %s", (_, pool) => {
  it.live("L09 running again changes nothing; L14 the batch size shows in nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Harness.stage
        const process = Harness.processOf(yield* pool(appUrl))
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(scenario, (s) =>
              Effect.runPromise(
                Effect.gen(function* () {
                  const [one, other] = [nextTenant(), nextTenant()]
                  const large = { history: s.history, pageSize: 100, batchSize: 100 }
                  yield* process(Harness.run({ ...s, subscription: Harness.subscriptionOf(one) }))
                  yield* process(Harness.run({ ...large, subscription: Harness.subscriptionOf(other) }))
                  const first = yield* Harness.readAll(owner, one)
                  yield* process(
                    Harness.run({ ...s, subscription: Harness.subscriptionOf(one), lane: "backfill/again" })
                  )
                  const again = yield* Harness.readAll(owner, one)
                  const whole = yield* Harness.readAll(owner, other)
                  assert.deepEqual(first.rows, Harness.outcomeOf(s.history))
                  assert.deepEqual(again.rows, first.rows)
                  assert.deepEqual(again.items, first.items)
                  assert.deepEqual(again.events, first.events)
                  const perKey = (items: typeof first.items) =>
                    items.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.revision - b.revision))
                  assert.deepEqual(perKey(whole.items), perKey(first.items))
                  requireChains(first)
                })
              )
            ),
            { numRuns: runs, ...seed }
          )
        )
      })
    )
  )

  // Rows of records that the ledger does not know: what is sent behind the insert that meets them is taken back.
  it.live(
    "L13 a batch of new records that finds rows of theirs there, marked as deleted, is written all the same",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { appUrl, owner } = yield* Harness.stage
          const process = Harness.processOf(yield* pool(appUrl))
          const tenant = nextTenant()
          const subscription = Harness.subscriptionOf(tenant)
          const sizes = { pageSize: 10, batchSize: 4 }
          const history = ["a", "b", "c", "d", "e", "f"].map((id, size) => ({ id, record: { title: "x", size } }))
          const first = history.slice(2, 4)
          const gone = first.map(({ id }) => ({ id, record: undefined }))
          yield* process(Harness.run({ ...sizes, history: [...first, ...gone], subscription }))
          for (const name of ["ledger", "item", "event", "lane"]) {
            yield* owner`delete from ${owner(`tidemark.${name}`)} where tenant = ${tenant}`
          }
          yield* process(Harness.run({ ...sizes, history, subscription }))
          const left = yield* Harness.readAll(owner, tenant)
          assert.deepEqual(left.rows, Harness.outcomeOf(history))
          requireChains(left)
          const [kept] = yield* owner<{ rows: number }>`
          select count(*)::int as rows from note where tenant = ${tenant}`
          assert.equal(kept!.rows, history.length)
        })
      )
  )

  for (const [name, fault] of [
    ["before", Fault.dropBeforeCommit],
    ["after", Fault.dropAfterCommit]
  ] as const) {
    it.live(`L12 answers to COMMIT dropped ${name} it took effect change nothing`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { appUrl, owner } = yield* Harness.stage
          const proxy = yield* CommitProxy.make({ target: appUrl })
          const process = Harness.processOf(yield* pool(proxy.url))
          let fired = 0
          yield* Effect.promise(() =>
            fc.assert(
              fc.asyncProperty(
                scenario,
                fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 3 }),
                (s, skips) =>
                  Effect.runPromise(
                    Effect.gen(function* () {
                      const tenant = nextTenant()
                      const subscription = Harness.subscriptionOf(tenant)
                      for (const skip of skips) {
                        let seen = 0
                        const armed = yield* proxy.arm(fault, { times: 1, when: () => seen++ >= skip })
                        yield* Effect.exit(process(Harness.run({ ...s, subscription, isTakingOver: true })))
                        fired += yield* armed.fired
                        yield* armed.disarm
                      }
                      const last = yield* process(Harness.run({ ...s, subscription, isTakingOver: true }))
                      assert.ok("status" in last && last.status === "Succeeded")
                      const left = yield* Harness.readAll(owner, tenant)
                      assert.deepEqual(left.rows, Harness.outcomeOf(s.history))
                      requireChains(left)
                      assert.ok(left.runs.every(({ status }) => status !== "Running"))
                    })
                  )
              ),
              { numRuns: runs, ...seed }
            )
          )
          assert.ok(fired > 0, "no answer was dropped")
        })
      )
    )
  }

  it.live("L11 a connection cut at any message leaves all of a batch or nothing; L13 what follows converges", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Harness.stage
        const proxy = yield* CommitProxy.make({ target: appUrl })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(scenario, fc.integer({ min: 2, max: 60 }), (s, message) =>
              Effect.runPromise(
                Effect.scoped(
                  Effect.gen(function* () {
                    const tenant = nextTenant()
                    const subscription = Harness.subscriptionOf(tenant)
                    const cut = Harness.processOf(yield* pool(proxy.url, { maxConnections: 1 }))
                    const armed = yield* proxy.arm(Fault.cutAtMessage(message), { times: 1 })
                    yield* Effect.exit(cut(Harness.run({ ...s, subscription })))
                    yield* armed.disarm
                    const middle = yield* Harness.readAll(owner, tenant)
                    requireChains(middle)
                    const whole = Harness.processOf(yield* pool(appUrl, { maxConnections: 2 }))
                    yield* whole(Harness.run({ ...s, subscription, isTakingOver: true }))
                    const left = yield* Harness.readAll(owner, tenant)
                    assert.deepEqual(left.rows, Harness.outcomeOf(s.history))
                    requireChains(left)
                  })
                )
              )
            ),
            { numRuns: runs, ...seed }
          )
        )
      })
    )
  )

  it.live("L49 two lanes on the same records leave one chain each; L36 tenants do not meet", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Harness.stage
        const [one, other] = [yield* pool(appUrl), yield* pool(appUrl)]
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(scenario, (s) =>
              Effect.runPromise(
                Effect.gen(function* () {
                  const [tenant, neighbour] = [nextTenant(), nextTenant()]
                  const reversed = [...s.history].toReversed()
                  yield* Effect.all(
                    [
                      Harness.processOf(one)(Harness.run({ ...s, subscription: Harness.subscriptionOf(tenant) })),
                      Harness.processOf(other)(
                        Harness.run({ ...s, subscription: Harness.subscriptionOf(tenant), lane: "backfill/all" })
                      ),
                      Harness.processOf(other)(
                        Harness.run({ ...s, history: reversed, subscription: Harness.subscriptionOf(neighbour) })
                      )
                    ],
                    { concurrency: 3 }
                  )
                  const left = yield* Harness.readAll(owner, tenant)
                  assert.deepEqual(left.rows, Harness.outcomeOf(s.history))
                  requireChains(left)
                  const beside = yield* Harness.readAll(owner, neighbour)
                  assert.deepEqual(beside.rows, Harness.outcomeOf(reversed))
                  requireChains(beside)
                })
              )
            ),
            { numRuns: runs, ...seed }
          )
        )
      })
    )
  )
})
