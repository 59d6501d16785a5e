/** Units of work: all or nothing, nested or not, whatever ends them. */
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Lanes from "@tidemark/core/ports/Lanes"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Memory from "@tidemark/memory/Memory"
import {
  accounts,
  advance,
  advanceAll,
  failureOf,
  live,
  makeSignal,
  processOf,
  subscriptionOf,
  tenant,
  tokenOf,
  transact
} from "./support.ts"

const unavailable = new StoreError({ reason: "Unavailable", operation: "test", message: "gone" })

describe("atomic", () => {
  const endings: Record<"fails" | "dies" | "is interrupted", Effect.Effect<void, string>> = {
    fails: Effect.fail("no"),
    dies: Effect.die("no"),
    "is interrupted": Effect.interrupt
  }
  for (const [name, ending] of Object.entries(endings)) {
    it.effect(`a unit of work that ${name} leaves no trace`, () =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const before = database.state
        const exit = yield* transact(Effect.andThen(advanceAll(advance("a", 0)), ending)).pipe(
          processOf(database),
          Effect.exit
        )
        assert.ok(Exit.isFailure(exit))
        assert.equal(database.state, before)
        assert.equal(database.locks.size, 0)
      })
    )
  }

  it.effect("a fiber interrupted inside leaves no trace", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const inside = yield* Deferred.make<void>()
      const fiber = yield* transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* Deferred.succeed(inside, undefined)
          return yield* Effect.never
        })
      ).pipe(processOf(database), Effect.forkChild)
      yield* Deferred.await(inside)
      yield* Fiber.interrupt(fiber)
      assert.equal(yield* tokenOf("a").pipe(processOf(database)), 0)
      assert.equal(database.locks.size, 0)
    })
  )
})

describe("the answer to a commit", () => {
  const attempt = Effect.fnUntraced(function* (
    point: string,
    fault: Effect.Effect<void, StoreError | UnitOfWork.TransactionError>
  ) {
    const database = yield* Memory.makeDatabase
    const exit = yield* transact(advanceAll(advance("a", 0))).pipe(
      processOf(database, (name) => (name === point ? fault : Effect.void)),
      Effect.exit
    )
    assert.equal(database.locks.size, 0)
    return { exit, token: yield* tokenOf("a").pipe(processOf(database)) }
  })
  const unknown = Effect.fail(new UnitOfWork.TransactionError({ reason: "Unknown", cause: "connection lost" }))
  const reasonOf = (exit: Exit.Exit<unknown, { readonly reason?: string }>): string | undefined =>
    Exit.isFailure(exit) && Cause.hasFails(exit.cause)
      ? (Cause.squash(exit.cause) as { readonly reason: string }).reason
      : undefined

  it.effect("lost before the commit: unknown, and taken back", () =>
    Effect.gen(function* () {
      const { exit, token } = yield* attempt("UnitOfWork.commit:before", unknown)
      assert.deepEqual([reasonOf(exit), token], ["Unknown", 0])
    })
  )

  it.effect("lost after the commit: unknown, and committed", () =>
    Effect.gen(function* () {
      const { exit, token } = yield* attempt("UnitOfWork.commit:after", unknown)
      assert.deepEqual([reasonOf(exit), token], ["Unknown", 1])
    })
  )

  it.effect("whatever fails after the commit is unknown, since it took effect", () =>
    Effect.gen(function* () {
      const { exit, token } = yield* attempt("UnitOfWork.commit:after", Effect.fail(unavailable))
      assert.deepEqual([reasonOf(exit), token], ["Unknown", 1])
    })
  )

  it.effect("a crash before the commit takes it back, one after it does not", () =>
    Effect.gen(function* () {
      const before = yield* attempt("UnitOfWork.commit:before", Effect.die("crash"))
      const after = yield* attempt("UnitOfWork.commit:after", Effect.die("crash"))
      assert.ok(Exit.isFailure(before.exit) && Cause.hasDies(before.exit.cause))
      assert.ok(Exit.isFailure(after.exit) && Cause.hasDies(after.exit.cause))
      assert.deepEqual([before.token, after.token], [0, 1])
    })
  )

  it.effect("a store that cannot begin runs nothing", () =>
    Effect.gen(function* () {
      const { exit, token } = yield* attempt("UnitOfWork.begin", Effect.fail(unavailable))
      assert.deepEqual([reasonOf(exit), token], ["Unavailable", 0])
    })
  )
})

describe("nested", () => {
  it.effect("an inner unit of work that fails takes back its own writes and no others", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const program = transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* failureOf(
            transact(Effect.andThen(advanceAll(advance("a", 1), advance("b", 0)), Effect.fail("no" as const)))
          )
          assert.deepEqual([yield* tokenOf("a"), yield* tokenOf("b")], [1, 0])
          yield* transact(advanceAll(advance("c", 0)))
        })
      )
      yield* program.pipe(processOf(database))
      const found = yield* Memory.ledger(accounts).pipe(processOf(database))
      assert.deepEqual(
        [...found].map(([id, entry]) => [id, entry.token]),
        [
          ["a", 1],
          ["c", 1]
        ]
      )
    })
  )

  it.effect("an outer unit of work that fails takes back what an inner one finished", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      yield* failureOf(
        transact(Effect.andThen(transact(advanceAll(advance("a", 0))), Effect.fail("no" as const))).pipe(
          processOf(database)
        )
      )
      assert.equal(yield* tokenOf("a").pipe(processOf(database)), 0)
    })
  )

  it.effect("what was locked inside is free after the inner rollback, what was locked before it is not", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const signal = yield* makeSignal("Ledger.advance")
      const ready = yield* Deferred.make<void>()
      const finish = yield* Deferred.make<void>()
      const first = yield* transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* failureOf(transact(Effect.andThen(advanceAll(advance("b", 0)), Effect.fail("no" as const))))
          yield* Deferred.succeed(ready, undefined)
          yield* Deferred.await(finish)
        })
      ).pipe(processOf(database), Effect.forkChild)
      yield* Deferred.await(ready)
      assert.deepEqual(yield* transact(advanceAll(advance("b", 0))).pipe(processOf(database)), [1])
      const second = yield* transact(advanceAll(advance("a", 0))).pipe(
        processOf(database, signal.hook),
        Effect.forkChild
      )
      yield* signal.reached
      yield* Deferred.succeed(finish, undefined)
      yield* Fiber.join(first)
      assert.deepEqual(yield* Fiber.join(second), [])
    })
  )

  it("savepoints restore exactly what was there, however they are nested", () => {
    type Step = { readonly key: string } | { readonly inner: ReadonlyArray<Step>; readonly isFailing: boolean }
    const { steps } = fc.letrec<{ steps: ReadonlyArray<Step>; step: Step }>((tie) => ({
      steps: fc.array(tie("step"), { maxLength: 4 }),
      step: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.record({ key: fc.constantFrom("a", "b", "c") }),
        fc.record({ inner: tie("steps"), isFailing: fc.boolean() })
      )
    }))
    /** Writes that stay, counted by key. */
    const expected = (all: ReadonlyArray<Step>): Record<string, number> => {
      const counts: Record<string, number> = {}
      for (const step of all) {
        const added = "key" in step ? { [step.key]: 1 } : step.isFailing ? {} : expected(step.inner)
        for (const [key, count] of Object.entries(added)) counts[key] = (counts[key] ?? 0) + count
      }
      return counts
    }
    const perform = Effect.fnUntraced(function* (
      all: ReadonlyArray<Step>
    ): Effect.fn.Return<
      void,
      StoreError | UnitOfWork.TransactionError,
      Ledger.Ledger | UnitOfWork.UnitOfWork | UnitOfWork.Transaction
    > {
      for (const step of all) {
        if ("key" in step) yield* advanceAll(advance(step.key, yield* tokenOf(step.key)))
        else if (step.isFailing) yield* failureOf(transact(Effect.andThen(perform(step.inner), Effect.fail("no"))))
        else yield* transact(perform(step.inner))
      }
    })
    return fc.assert(
      fc.asyncProperty(steps, (all) =>
        Effect.gen(function* () {
          const database = yield* Memory.makeDatabase
          yield* transact(perform(all)).pipe(processOf(database))
          const found = yield* Memory.ledger(accounts).pipe(processOf(database))
          const tokens = Object.fromEntries([...found].map(([key, entry]) => [key, entry.token]))
          const counts = expected(all)
          assert.deepEqual(
            tokens,
            Object.fromEntries(
              Object.keys(counts)
                .toSorted()
                .map((key) => [key, counts[key]])
            )
          )
          assert.equal(database.locks.size, 0)
        }).pipe(Effect.runPromise)
      ),
      { numRuns: 200 }
    )
  })
})

describe("aborted", () => {
  const failingOnce = (point: string) => {
    let isDone = false
    return (name: string) => {
      if (name !== point || isDone) return Effect.void
      isDone = true
      return Effect.fail(unavailable)
    }
  }

  it.effect("a transaction whose statement failed refuses statements, and does not commit", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const error = yield* transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* failureOf(tokenOf("a"))
          const refused = yield* failureOf(tokenOf("a"))
          assert.equal(refused.code, "25P02")
        })
      ).pipe(processOf(database, failingOnce("Ledger.find")), failureOf)
      assert.equal(error._tag, "TransactionError")
      assert.equal(error.reason, "Unavailable")
      assert.equal(yield* tokenOf("a").pipe(processOf(database)), 0)
    })
  )

  it.effect("taking back a savepoint made before the failure mends it", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      yield* transact(
        Effect.gen(function* () {
          yield* advanceAll(advance("a", 0))
          yield* failureOf(transact(tokenOf("a")))
          yield* advanceAll(advance("b", 0))
        })
      ).pipe(processOf(database, failingOnce("Ledger.find")))
      assert.deepEqual([...(yield* Memory.ledger(accounts).pipe(processOf(database))).keys()], ["a", "b"])
    })
  )
})

describe("membership", () => {
  const other = subscriptionOf("other")

  it.effect("a port dies when it is called with another tenant than the transaction's", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      const write = yield* Effect.exit(transact(ledger.advance(other, [advance("a", 0)])))
      const find = yield* Effect.exit(transact(ledger.find(other, [advance("a", 0).externalId])))
      assert.ok(Exit.isFailure(write) && Cause.hasDies(write.cause))
      assert.ok(Exit.isFailure(find) && Cause.hasDies(find.cause))
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("records of two tenants are two records", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      const uow = yield* UnitOfWork.UnitOfWork
      yield* uow.transact(tenant, advanceAll(advance("a", 0)))
      const won = yield* uow.transact(other.tenant, ledger.advance(other, [advance("a", 0)]))
      assert.equal(won.size, 1)
      assert.equal((yield* Memory.ledger(other)).size, 1)
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )

  it.effect("a port dies in a transaction that is over, and in one of another database", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* Memory.makeDatabase, yield* Memory.makeDatabase]
      const evidence = yield* transact(UnitOfWork.Transaction).pipe(processOf(one))
      const late = advanceAll(advance("a", 0)).pipe(
        Effect.provideService(UnitOfWork.Transaction, evidence),
        processOf(one)
      )
      const foreign = transact(advanceAll(advance("a", 0)).pipe(processOf(two))).pipe(processOf(one))
      for (const effect of [late, foreign]) {
        const exit = yield* Effect.exit(effect)
        assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }
    })
  )

  it.effect("a claim inside a unit of work dies instead of waiting for itself", () =>
    Effect.gen(function* () {
      const lanes = yield* Lanes.Lanes
      const exit = yield* Effect.exit(
        transact(
          lanes.claim({
            lane: live,
            lease: Duration.seconds(30),
            account: "00D1",
            mappingEpoch: 0,
            mode: "IfFree",
            isReleasing: false
          })
        )
      )
      assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }).pipe(Effect.provide(Memory.layer(), { local: true }))
  )
})
