// Goal: the lane row fences, excludes, and stays apart from other lanes on PostgreSQL. Guarantees: L01, L05, L32, W73.
// Method: two processes with pools of their own; leases are made to run out in the row, not waited for.
import { it } from "@effect/vitest"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const subscription = Harness.subscriptionOf("acme")
const live = Lane.live(subscription)
const lease = Duration.seconds(30)

const claim = (options: Partial<Lanes.ClaimOptions> = {}) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    lanes.claim({
      lane: live,
      lease,
      account: "crm-1",
      mappingEpoch: 0,
      mode: "IfFree",
      isReleasing: false,
      ...options
    })
  )

const commit = (held: Lanes.Claim, batchNo: number, place: number) =>
  Effect.gen(function* () {
    const uow = yield* UnitOfWork.UnitOfWork
    const lanes = yield* Lanes.Lanes
    const checkpoint = { cursor: { codecVersion: 1, value: place }, batchNo, mappingEpoch: 0, brake: Brake.released }
    yield* uow.transact(subscription.tenant, lanes.commit({ claim: held, checkpoint, lease }))
  })

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Harness.stage
  const one = Harness.processOf(yield* Database.pool(appUrl, { maxConnections: 3 }))
  const other = Harness.processOf(yield* Database.pool(appUrl, { maxConnections: 3 }))
  return { owner, one, other, expire: owner`update tidemark.lane set lease_until = now() - interval '1 second'` }
})

const failure = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => error._tag)

describe("lanes", () => {
  it.live("W73 a lane that is held answers Busy, and its holder goes on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other } = yield* stage
        const held = yield* one(claim())
        assert.equal(yield* failure(other(claim())), "Busy")
        yield* one(commit(held, 1, 10))
        assert.equal((yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.peek(live))))?.checkpoint.batchNo, 1)
      })
    )
  )

  it.live("L32 after a take-over the old holder commits nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { expire, one, other } = yield* stage
        const old = yield* one(claim())
        yield* expire
        const held = yield* other(claim())
        assert.equal(held.epoch, old.epoch + 1)
        assert.equal(yield* failure(one(commit(old, 1, 10))), "Fenced")
        assert.equal(yield* failure(one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.renew(old, lease)))), "Fenced")
        yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.release(old, "not mine")))
        yield* other(commit(held, 1, 20))
        const left = yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.peek(live)))
        assert.deepEqual(left?.checkpoint.cursor, { codecVersion: 1, value: 20 })
      })
    )
  )

  it.live("L01 a batch number is committed once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const held = yield* one(claim())
        yield* one(commit(held, 1, 10))
        assert.equal(yield* failure(one(commit(held, 1, 5))), "Fenced")
        assert.equal(yield* failure(one(commit(held, 3, 30))), "Fenced")
        yield* one(commit(held, 2, 20))
      })
    )
  )

  it.live("L05 other lanes, partitions and tenants are not touched", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const lanes = [
          Lane.make(subscription, "backfill/all"),
          Lane.make(subscription, "live", "emea"),
          Lane.live(Harness.subscriptionOf("other"))
        ]
        for (const lane of lanes) yield* one(claim({ lane }))
        const before =
          yield* owner`select tenant, lane, partition, epoch::int, batch_no::int from tidemark.lane order by 1, 2, 3`
        const held = yield* one(claim())
        yield* one(commit(held, 1, 10))
        yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.release(held, "stopped")))
        const after = yield* owner`select tenant, lane, partition, epoch::int, batch_no::int from tidemark.lane
          where not (tenant = 'acme' and lane = 'live' and partition = '') order by 1, 2, 3`
        assert.deepEqual(after, before)
      })
    )
  )

  it.live("a claim waits for the commit of the old holder that is under way", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other, owner } = yield* stage
        const old = yield* one(claim())
        const isFenced = Deferred.makeUnsafe<void>()
        const isOpen = Deferred.makeUnsafe<void>()
        const committing = yield* Effect.forkChild(
          one(
            Effect.gen(function* () {
              const uow = yield* UnitOfWork.UnitOfWork
              const lanes = yield* Lanes.Lanes
              const checkpoint = { cursor: undefined, batchNo: 1, mappingEpoch: 0, brake: Brake.released }
              yield* uow.transact(
                subscription.tenant,
                lanes
                  .commit({ claim: old, checkpoint, lease })
                  .pipe(Effect.andThen(Deferred.succeed(isFenced, undefined)), Effect.andThen(Deferred.await(isOpen)))
              )
            })
          )
        )
        yield* Deferred.await(isFenced)
        const claiming = yield* Effect.forkChild(other(claim({ mode: "TakeOver" })))
        yield* owner`select 1 from pg_stat_activity where wait_event_type = 'Lock'`.pipe(
          Effect.filterOrFail((rows) => rows.length > 0),
          Effect.retry({ times: 10_000 })
        )
        yield* Deferred.succeed(isOpen, undefined)
        yield* Fiber.join(committing)
        const held = yield* Fiber.join(claiming)
        assert.equal(held.checkpoint.batchNo, 1)
        assert.equal(held.epoch, old.epoch + 1)
      })
    )
  )

  it.live("an account that is not the lane's is refused and nothing is changed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const held = yield* one(claim())
        yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.release(held, undefined)))
        const before = yield* owner`select * from tidemark.lane`
        assert.equal(yield* failure(one(claim({ account: "crm-2" }))), "AccountMismatch")
        assert.deepEqual(yield* owner`select * from tidemark.lane`, before)
      })
    )
  )

  it.live("a stopped lane is claimed only to be released, and its brake forgets", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const held = yield* one(claim())
        yield* one(Effect.flatMap(Lanes.Lanes, (lanes) => lanes.release(held, "too many refusals")))
        assert.equal(yield* failure(one(claim())), "Stopped")
        const released = yield* one(claim({ isReleasing: true }))
        assert.deepEqual(released.checkpoint.brake, Brake.released)
        assert.equal(yield* failure(one(claim({ mode: { own: held.epoch } }))), "Fenced")
        assert.equal((yield* one(claim({ mode: { own: released.epoch } }))).epoch, released.epoch + 1)
      })
    )
  )
})
