/** Claims, leases, and the fence. */
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Memory from "@tidemark/memory/Memory"
import {
  accounts,
  advance,
  advanceAll,
  failureOf,
  live,
  makeGate,
  makeSignal,
  processOf,
  tokenOf,
  transact
} from "./support.ts"

const options: Lanes.ClaimOptions = {
  lane: live,
  lease: Duration.seconds(30),
  account: "00D1",
  mappingEpoch: 3,
  mode: "IfFree",
  isReleasing: false
}

const claim = (changes: Partial<Lanes.ClaimOptions> = {}) =>
  Effect.flatMap(Lanes.Lanes, (lanes) => lanes.claim({ ...options, ...changes }))

const release = (held: Lanes.Claim, stopped?: string) =>
  Effect.flatMap(Lanes.Lanes, (lanes) => lanes.release(held, stopped))

const checkpoint = (batchNo: number): Lanes.Checkpoint => ({
  cursor: { codecVersion: 1, value: `c${batchNo}` },
  batchNo,
  mappingEpoch: 4,
  brake: { seen: batchNo, refused: [], inARow: 0 }
})

const commit = (held: Lanes.Claim, batchNo: number) =>
  transact(
    Effect.flatMap(Lanes.Lanes, (lanes) =>
      lanes.commit({ claim: held, checkpoint: checkpoint(batchNo), lease: options.lease })
    )
  )

const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(failureOf(effect), (error) => error._tag)

describe("claim", () => {
  it.effect("the first claim of a lane has epoch 1 and nothing to remember", () =>
    Effect.gen(function* () {
      const lanes = yield* Lanes.Lanes
      assert.equal(yield* lanes.peek(live), undefined)
      const held = yield* claim()
      assert.equal(held.epoch, 1)
      assert.equal(held.checkpoint.cursor, undefined)
      assert.equal(held.checkpoint.batchNo, 0)
      assert.equal(held.checkpoint.mappingEpoch, 3)
      assert.deepEqual((yield* lanes.peek(live))?.checkpoint, held.checkpoint)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("while the lease runs another claim is busy and told for how long, then it succeeds", () =>
    Effect.gen(function* () {
      yield* claim()
      yield* TestClock.adjust("10 seconds")
      const busy = yield* failureOf(claim())
      assert.ok(busy._tag === "Busy")
      assert.equal(busy.remaining, 20_000)
      yield* TestClock.adjust("20 seconds")
      assert.equal((yield* claim()).epoch, 2)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a renewal and a commit extend the lease, a release ends it", () =>
    Effect.gen(function* () {
      const lanes = yield* Lanes.Lanes
      const held = yield* claim()
      yield* TestClock.adjust("20 seconds")
      yield* lanes.renew(held, options.lease)
      yield* TestClock.adjust("20 seconds")
      assert.equal(yield* tagOf(claim()), "Busy")
      yield* commit(held, 1)
      yield* TestClock.adjust("20 seconds")
      assert.equal(yield* tagOf(claim()), "Busy")
      yield* release(held)
      assert.equal((yield* claim()).epoch, 2)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a take-over fences the holder: neither commit nor renewal nor release of it does anything", () =>
    Effect.gen(function* () {
      const lanes = yield* Lanes.Lanes
      const old = yield* claim()
      const held = yield* claim({ mode: "TakeOver" })
      assert.equal(held.epoch, 2)
      assert.equal(yield* tagOf(commit(old, 1)), "Fenced")
      assert.equal(yield* tagOf(lanes.renew(old, options.lease)), "Fenced")
      yield* release(old, "stopped by a ghost")
      assert.equal(yield* tagOf(claim()), "Busy")
      yield* commit(held, 1)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a claim replaces its own epoch, and is fenced when another came after it", () =>
    Effect.gen(function* () {
      const first = yield* claim()
      const second = yield* claim({ mode: { own: first.epoch } })
      assert.equal(second.epoch, 2)
      assert.equal(yield* tagOf(claim({ mode: { own: first.epoch } })), "Fenced")
      assert.equal(yield* tagOf(claim({ lane: Lane.make(accounts, "cdc"), mode: { own: 1 } })), "Fenced")
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("credentials of another account change nothing", () =>
    Effect.gen(function* () {
      yield* release(yield* claim())
      const before = yield* Memory.lane(live)
      const error = yield* failureOf(claim({ account: "00D2" }))
      assert.ok(error._tag === "AccountMismatch")
      assert.deepEqual([error.stored, error.actual], ["00D1", "00D2"])
      assert.deepEqual(yield* Memory.lane(live), before)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a stopped lane stays stopped until it is released, which forgets what the brake had counted", () =>
    Effect.gen(function* () {
      const held = yield* claim()
      yield* commit(held, 1)
      yield* release(held, "too many refusals")
      const error = yield* failureOf(claim())
      assert.ok(error._tag === "Stopped")
      assert.equal(error.message, "too many refusals")
      const released = yield* claim({ isReleasing: true })
      assert.equal(released.checkpoint.brake.seen, 0)
      assert.equal(released.checkpoint.batchNo, 1)
      yield* release(released)
      assert.equal((yield* claim()).epoch, 3)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a claim waits for the holder's commit under way, and sees it", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const held = yield* claim().pipe(processOf(database))
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const signal = yield* makeSignal("Lanes.claim")
      const worker = yield* commit(held, 1).pipe(processOf(database, gate.hook), Effect.forkChild)
      yield* gate.reached
      const claiming = yield* claim({ mode: { own: 1 } }).pipe(processOf(database, signal.hook), Effect.forkChild)
      yield* signal.reached
      yield* gate.open
      yield* Fiber.join(worker)
      const next = yield* Fiber.join(claiming)
      assert.deepEqual(next.checkpoint, checkpoint(1))
      assert.equal(next.epoch, 2)
    })
  )

  it.effect("of two first claims of one lane at once one is busy", () =>
    Effect.gen(function* () {
      const outcomes = yield* Effect.forEach(
        [1, 2],
        () =>
          claim().pipe(
            Effect.map(() => "Claimed"),
            Effect.catch((error) => Effect.succeed(error._tag))
          ),
        {
          concurrency: "unbounded"
        }
      )
      assert.deepEqual(outcomes.toSorted(), ["Busy", "Claimed"])
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a claim whose answer is lost is made: the caller can replace it", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      yield* claim().pipe(
        processOf(database, (point) => (point === "Lanes.claim:after" ? Effect.die("crash") : Effect.void)),
        Effect.exit
      )
      assert.equal(yield* tagOf(claim().pipe(processOf(database))), "Busy")
      assert.equal((yield* claim({ mode: { own: 1 } }).pipe(processOf(database))).epoch, 2)
    })
  )
})

describe("commit", () => {
  it.effect("takes effect only for the next batch number", () =>
    Effect.gen(function* () {
      const held = yield* claim()
      yield* commit(held, 1)
      for (const batchNo of [0, 1, 3]) assert.equal(yield* tagOf(commit(held, batchNo)), "Fenced")
      yield* commit(held, 2)
      assert.deepEqual((yield* (yield* Lanes.Lanes).peek(live))?.checkpoint, checkpoint(2))
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a fenced unit of work takes its other writes with it", () =>
    Effect.gen(function* () {
      const lanes = yield* Lanes.Lanes
      const old = yield* claim()
      yield* claim({ mode: "TakeOver" })
      const unit = transact(
        Effect.andThen(
          advanceAll(advance("a", 0)),
          lanes.commit({ claim: old, checkpoint: checkpoint(1), lease: options.lease })
        )
      )
      assert.equal(yield* tagOf(unit), "Fenced")
      assert.equal(yield* tokenOf("a"), 0)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("moves one lane and no other, and the history tells of each move", () =>
    Effect.gen(function* () {
      const cdc = Lane.make(accounts, "cdc")
      const [a, b] = [yield* claim(), yield* claim({ lane: cdc })]
      const before = yield* Memory.lane(cdc)
      yield* commit(a, 1)
      yield* commit(a, 2)
      assert.deepEqual(yield* Memory.lane(cdc), before)
      yield* commit(b, 1)
      assert.deepEqual(
        (yield* Memory.moves(live)).map(({ batchNo, cursor, epoch }) => [epoch, batchNo, cursor?.value]),
        [
          [1, 1, "c1"],
          [1, 2, "c2"]
        ]
      )
      assert.equal((yield* Memory.moves(cdc)).length, 1)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )
})
