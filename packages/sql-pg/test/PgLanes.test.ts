// Goal: a lane's row says who may move it, by the database's clock, and keeps what it is given.
// Method: two processes of the application's role; leases end because the row says so. Guarantees: L01, L32, L33.
import { it } from "@effect/vitest"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Stage from "./support/Stage.ts"

const lane = Lane.live(Stage.subscription)
const lease = Duration.seconds(30)

const claim = (options: Partial<Lanes.ClaimOptions> = {}) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    lanes.claim({ lane, lease, account: "me", mappingEpoch: 4, mode: "IfFree", isReleasing: false, ...options })
  )
const commit = (held: Lanes.Claim, checkpoint: Partial<Lanes.Checkpoint> & { readonly batchNo: number }) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    Stage.transact(
      lanes.commit({
        claim: held,
        lease,
        checkpoint: { cursor: undefined, mappingEpoch: 4, brake: Brake.released, ...checkpoint }
      })
    )
  )
const peek = Effect.flatMap(Lanes.Lanes, (lanes) => lanes.peek(lane))
const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  const until = (time: string) => owner`update tidemark.lane set lease_until = ${time}::text::timestamptz`
  return { owner, until, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

describe("lanes as rows", () => {
  it.live("a lane begins empty, at epoch 1, and of many first claims one holds it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other } = yield* stage
        assert.equal(yield* one(peek), undefined)
        const results = yield* Effect.all(
          [one, other, one, other].map((run) => Effect.result(run(claim()))),
          { concurrency: 4 }
        )
        const held = results.filter((result) => result._tag === "Success")
        assert.equal(held.length, 1)
        assert.deepEqual(held[0]!.success, {
          lane,
          epoch: 1,
          checkpoint: { cursor: undefined, batchNo: 0, mappingEpoch: 4, brake: Brake.released }
        })
      })
    )
  )

  it.live("a checkpoint is kept as it is, whatever its position and its brake", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const held = yield* one(claim())
        const cursors = [null, 0, "a\0 \ud800 '", { at: "2026", ids: ["x", null] }, [], false]
        for (const [index, value] of cursors.entries()) {
          const brake: Brake.Brake = { seen: 5_000_000_000, refused: [1, 4_999_999_999], inARow: 2 }
          const checkpoint = { cursor: { codecVersion: 2, value }, batchNo: index + 1, mappingEpoch: index, brake }
          yield* one(commit(held, checkpoint))
          assert.deepEqual((yield* one(peek))?.checkpoint, checkpoint)
        }
        yield* one(commit(held, { batchNo: cursors.length + 1 }))
        assert.equal((yield* one(peek))?.checkpoint.cursor, undefined)
      })
    )
  )

  it.live("a lease ends by the database's clock, and Busy says how long it still runs", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other, until } = yield* stage
        yield* one(claim())
        yield* until("2999-01-01")
        const busy = yield* other(Effect.flip(claim()))
        assert.ok(busy._tag === "Busy" && busy.remaining > 365 * 86_400_000 && busy.remaining < Number.MAX_SAFE_INTEGER)
        yield* until("2001-01-01")
        assert.equal((yield* other(claim())).epoch, 2)
      })
    )
  )

  it.live("a release ends the lease at once, and does nothing for an old epoch", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other } = yield* stage
        const old = yield* one(claim())
        const held = yield* other(claim({ mode: "TakeOver" }))
        const lanes = yield* one(Lanes.Lanes)
        yield* lanes.release(old, "a word from the past")
        assert.equal(yield* tagOf(one(claim())), "Busy")
        yield* lanes.release(held, undefined)
        assert.equal((yield* one(claim())).epoch, 3)
      })
    )
  )

  it.live("a renewal by the holder extends the lease; by an old holder it is Fenced", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other, until } = yield* stage
        const lanes = yield* one(Lanes.Lanes)
        const old = yield* one(claim())
        yield* until("2001-01-01")
        yield* lanes.renew(old, lease)
        assert.equal(yield* tagOf(other(claim())), "Busy")
        yield* other(claim({ mode: "TakeOver" }))
        assert.equal(yield* tagOf(lanes.renew(old, lease)), "Fenced")
        assert.equal(yield* tagOf(one(commit(old, { batchNo: 1 }))), "Fenced")
      })
    )
  )

  it.live("an own claim replaces itself, and is Fenced when another came after it or there was none", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other } = yield* stage
        assert.equal(yield* tagOf(one(claim({ mode: { own: 1 } }))), "Fenced")
        assert.equal(yield* one(peek), undefined)
        const first = yield* one(claim())
        yield* one(commit(first, { batchNo: 1 }))
        const again = yield* one(claim({ mode: { own: first.epoch } }))
        assert.deepEqual([again.epoch, again.checkpoint.batchNo], [2, 1])
        assert.equal(yield* tagOf(one(commit(first, { batchNo: 2 }))), "Fenced")
        yield* other(claim({ mode: "TakeOver" }))
        assert.equal(yield* tagOf(one(claim({ mode: { own: again.epoch } }))), "Fenced")
      })
    )
  )

  it.live("a claim that fails changes nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other, owner, until } = yield* stage
        const held = yield* one(claim())
        const row = owner`select * from tidemark.lane`
        const before = yield* row
        assert.equal(yield* tagOf(other(claim())), "Busy")
        assert.equal(yield* tagOf(other(claim({ mode: "TakeOver", account: "another" }))), "AccountMismatch")
        assert.deepEqual(yield* row, before)
        yield* (yield* one(Lanes.Lanes)).release(held, "the brake tripped: a\0 \ud800")
        yield* until("2001-01-01")
        const stopped = yield* row
        assert.equal(yield* tagOf(other(claim())), "Stopped")
        assert.equal(yield* tagOf(other(claim({ mode: "TakeOver" }))), "Stopped")
        assert.deepEqual(yield* row, stopped)
        assert.equal((yield* other(claim({ isReleasing: true }))).epoch, 2)
      })
    )
  )
})
