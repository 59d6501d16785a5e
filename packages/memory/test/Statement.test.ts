/** What READ COMMITTED lets transactions see of each other, and when they wait. */
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import {
  accounts,
  advance,
  advanceAll,
  failureOf,
  id,
  makeGate,
  makeSignal,
  processOf,
  tokenOf,
  transact
} from "./support.ts"

describe("snapshots", () => {
  it.effect("two statements of one transaction see what another committed between them", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const between = yield* Deferred.make<void>()
      const seen = yield* Deferred.make<void>()
      const reader = yield* transact(
        Effect.gen(function* () {
          const before = yield* tokenOf("a")
          yield* Deferred.succeed(seen, undefined)
          yield* Deferred.await(between)
          return [before, yield* tokenOf("a")]
        })
      ).pipe(processOf(database), Effect.forkChild)
      yield* Deferred.await(seen)
      yield* transact(advanceAll(advance("a", 0))).pipe(processOf(database))
      yield* Deferred.succeed(between, undefined)
      assert.deepEqual(yield* Fiber.join(reader), [0, 1])
    })
  )

  it.effect("nobody sees what is not committed, but its own transaction", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const writer = yield* transact(Effect.andThen(advanceAll(advance("a", 0)), tokenOf("a"))).pipe(
        processOf(database, gate.hook),
        Effect.forkChild
      )
      yield* gate.reached
      assert.equal(yield* tokenOf("a").pipe(processOf(database)), 0)
      assert.equal(yield* transact(tokenOf("a")).pipe(processOf(database)), 0)
      yield* gate.open
      assert.equal(yield* Fiber.join(writer), 1)
      assert.equal(yield* tokenOf("a").pipe(processOf(database)), 1)
    })
  )

  it.effect("a statement that waited still does not see rows that came after it began", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      yield* transact(advanceAll(advance("a", 0))).pipe(processOf(database))
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const signal = yield* makeSignal("Ledger.advance")
      const first = yield* transact(advanceAll(advance("a", 1), advance("b", 0))).pipe(
        processOf(database, gate.hook),
        Effect.forkChild
      )
      yield* gate.reached
      const second = yield* transact(
        Effect.gen(function* () {
          const won = yield* advanceAll(advance("a", 1), advance("b", 1))
          return [won, yield* tokenOf("b")]
        })
      ).pipe(processOf(database, signal.hook), Effect.forkChild)
      yield* signal.reached
      yield* gate.open
      yield* Fiber.join(first)
      assert.deepEqual(yield* Fiber.join(second), [[], 1])
    })
  )
})

describe("locks", () => {
  /** One transaction stops before its end, another comes to wait for it; then the first ends. */
  const race = Effect.fnUntraced(function* (expected: number, isFirstFailing: boolean) {
    const database = yield* Memory.makeDatabase
    if (expected === 1) yield* transact(advanceAll(advance("a", 0))).pipe(processOf(database))
    const gate = yield* makeGate("Ledger.find")
    const signal = yield* makeSignal("Ledger.advance")
    const first = yield* transact(
      Effect.gen(function* () {
        const won = yield* advanceAll(advance("a", expected, 10))
        yield* tokenOf("a")
        return isFirstFailing ? yield* Effect.fail("taken back" as const) : won
      })
    ).pipe(processOf(database, gate.hook), Effect.exit, Effect.forkChild)
    yield* gate.reached
    const second = yield* transact(
      Effect.gen(function* () {
        const won = yield* advanceAll(advance("a", expected, 20))
        const found = (yield* (yield* Ledger.Ledger).find(accounts, [id("a")])).get(id("a"))
        return { won, revision: found?.revision }
      })
    ).pipe(processOf(database, signal.hook), Effect.forkChild)
    yield* signal.reached
    yield* gate.open
    assert.equal(Exit.isFailure(yield* Fiber.join(first)), isFirstFailing)
    return yield* Fiber.join(second)
  })

  it.effect("a blocked writer looks at the row again once the other has committed, and loses", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* race(1, false), { won: [], revision: 10 })
    })
  )

  it.effect("a blocked writer wins when the other is taken back", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* race(1, true), { won: [2], revision: 20 })
    })
  )

  it.effect("the second inserter of a key waits for the first, and loses", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* race(0, false), { won: [], revision: 10 })
    })
  )

  it.effect("the second inserter of a key wins when the first is taken back", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* race(0, true), { won: [1], revision: 20 })
    })
  )

  it.effect("a loser that the snapshot shows to have lost does not wait", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      yield* transact(advanceAll(advance("a", 0))).pipe(processOf(database))
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const first = yield* transact(advanceAll(advance("a", 1))).pipe(processOf(database, gate.hook), Effect.forkChild)
      yield* gate.reached
      assert.deepEqual(yield* transact(advanceAll(advance("a", 7))).pipe(processOf(database)), [])
      yield* gate.open
      assert.deepEqual(yield* Fiber.join(first), [2])
    })
  )

  it.effect("of two transactions that wait for each other one gets a conflict, and the other goes on", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const signal = yield* makeSignal("Ledger.advance")
      const hasA = yield* Deferred.make<void>()
      const hasB = yield* Deferred.make<void>()
      const first = yield* transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* Deferred.succeed(hasA, undefined)
          yield* Deferred.await(hasB)
          return yield* advanceAll(advance("b", 0))
        })
      ).pipe(processOf(database, signal.hook), Effect.forkChild)
      const second = transact(
        Effect.gen(function* () {
          yield* Deferred.await(hasA)
          yield* advanceAll(advance("b", 0))
          yield* Deferred.succeed(hasB, undefined)
          yield* signal.reached
          return yield* advanceAll(advance("a", 0))
        })
      ).pipe(processOf(database))
      const error = yield* failureOf(second)
      assert.equal(error._tag, "StoreError")
      assert.equal(error.reason, "Conflict")
      assert.deepEqual(yield* Fiber.join(first), [1])
    })
  )

  it("waiting for a lock that was given back closes no circle", () => {
    const database = Effect.runSync(Memory.makeDatabase)
    const [one, two]: ReadonlyArray<Database.Holder> = [{ waitsFor: undefined }, { waitsFor: undefined }]
    const held = Database.acquire(database, one!, "a")
    two!.waitsFor = held
    const wanted = Database.acquire(database, two!, "b")
    assert.ok(Database.isDeadlock(one!, wanted))
    Database.release(database, held)
    assert.ok(!Database.isDeadlock(one!, wanted))
  })

  it.effect("interrupting a waiting writer leaves nothing behind", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const signal = yield* makeSignal("Ledger.advance")
      const first = yield* transact(advanceAll(advance("b", 0))).pipe(processOf(database, gate.hook), Effect.forkChild)
      yield* gate.reached
      const second = yield* transact(advanceAll(advance("a", 0), advance("b", 0))).pipe(
        processOf(database, signal.hook),
        Effect.forkChild
      )
      yield* signal.reached
      yield* Fiber.interrupt(second)
      assert.deepEqual(yield* transact(advanceAll(advance("a", 0))).pipe(processOf(database)), [1])
      yield* gate.open
      yield* Fiber.join(first)
      assert.equal(database.locks.size, 0)
    })
  )
})

describe("turns", () => {
  it.effect("others run between any two statements, so both read before either writes", () =>
    Effect.gen(function* () {
      const attempt = transact(Effect.flatMap(tokenOf("a"), (token) => advanceAll(advance("a", token))))
      const wins = yield* Effect.all([attempt, attempt], { concurrency: "unbounded" })
      assert.deepEqual(wins, [[1], []])
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("statements of two fibers take turns", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const read = (name: string) => Effect.tap(tokenOf("a"), () => Effect.sync(() => order.push(name)))
      const fibers = ["first", "second"].map((name) => Effect.andThen(read(name), read(name)))
      yield* Effect.all(fibers, { concurrency: "unbounded" })
      assert.deepEqual(order, ["first", "second", "first", "second"])
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )
})

describe("laws", () => {
  /** A hook that lets others run first, as often as the next number says. */
  const dawdle = (pauses: ReadonlyArray<number>) => {
    let index = 0
    return () => Effect.repeat(Effect.yieldNow, { times: pauses[index++ % pauses.length] ?? 0 }).pipe(Effect.asVoid)
  }

  it("of any number of advances planned against one token exactly one wins, in any interleaving", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (schedules, rounds) =>
          Effect.gen(function* () {
            const database = yield* Memory.makeDatabase
            const wins = yield* Effect.forEach(
              schedules,
              (pauses) =>
                Effect.gen(function* () {
                  const won: Array<number> = []
                  for (let round = 0; round < rounds; round++) {
                    won.push(
                      ...(yield* transact(Effect.flatMap(tokenOf("a"), (token) => advanceAll(advance("a", token)))))
                    )
                  }
                  return won
                }).pipe(processOf(database, dawdle(pauses))),
              { concurrency: "unbounded" }
            )
            const tokens = wins.flat().toSorted((a, b) => a - b)
            assert.deepEqual(
              tokens,
              tokens.map((_, index) => index + 1)
            )
            assert.equal(yield* tokenOf("a").pipe(processOf(database)), tokens.length)
            assert.equal(database.locks.size, 0)
          }).pipe(Effect.runPromise)
      ),
      { numRuns: 200 }
    ))

  it("transactions over many rows in any order end, by commit or by conflict, and never hang", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            keys: fc.uniqueArray(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }),
            pauses: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 })
          }),
          { minLength: 2, maxLength: 4 }
        ),
        (writers) =>
          Effect.gen(function* () {
            const database = yield* Memory.makeDatabase
            const results = yield* Effect.forEach(
              writers,
              ({ keys, pauses }) =>
                transact(Effect.forEach(keys, (key) => advanceAll(advance(key, 0)))).pipe(
                  Effect.map((won) => won.flat().length),
                  Effect.catch((error) => Effect.succeed(error.reason)),
                  processOf(database, dawdle(pauses))
                ),
              { concurrency: "unbounded" }
            )
            const won = results.reduce<number>((sum, result) => sum + (typeof result === "number" ? result : 0), 0)
            const found = yield* Memory.ledger(accounts).pipe(processOf(database))
            assert.equal(won, found.size)
            assert.ok(results.every((result) => typeof result === "number" || result === "Conflict"))
          }).pipe(Effect.runPromise)
      ),
      { numRuns: 200 }
    ))
})
