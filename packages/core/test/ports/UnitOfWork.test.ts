/**
 * Evidence of an open transaction.
 *
 * Guarantees: L11, L36
 */
import * as Subscription from "@tidemark/core/model/Subscription"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"

const [mine, other] = ["mine", "other"].map((tenant) => Subscription.TenantId.make(tenant)) as [
  Subscription.TenantId,
  Subscription.TenantId
]

/** A store that only tells what it was asked to bracket, and how that ended. */
const makeStore = (store: string) => {
  const log: Array<string> = []
  const uow = UnitOfWork.make({
    store,
    bracket: ({ isNested, tenant }, effect) =>
      Effect.onExit(
        Effect.andThen(
          Effect.sync(() => log.push(`${isNested ? "savepoint" : "begin"} ${tenant}`)),
          effect
        ),
        (exit) => Effect.sync(() => log.push(Exit.isSuccess(exit) ? "commit" : "rollback"))
      )
  })
  return { uow, log, write: (tenant = mine) => Effect.as(UnitOfWork.current(store, tenant), "written") }
}

const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromiseExit(effect)
const requireDeath = (exit: Exit.Exit<unknown, unknown>, message: RegExp) => {
  assert.ok(Exit.isFailure(exit) && Cause.hasDies(exit.cause), "it did not die")
  const defect = Cause.squash(exit.cause)
  assert.match(defect instanceof Error ? defect.message : "", message)
}
const requireValue = <A>(exit: Exit.Exit<A, unknown>): A => {
  assert.ok(Exit.isSuccess(exit), "it failed")
  return exit.value
}

describe("UnitOfWork", () => {
  it("opens a transaction of its tenant, which the store's ports may join", async () => {
    const { log, uow, write } = makeStore("store")
    assert.equal(requireValue(await run(uow.transact(mine, write()))), "written")
    assert.deepEqual(log, ["begin mine", "commit"])
  })

  it("L11 a unit of work inside another is a savepoint of it", async () => {
    const { log, uow, write } = makeStore("store")
    const nested = uow.transact(mine, Effect.andThen(uow.transact(mine, write()), write()))
    assert.equal(requireValue(await run(nested)), "written")
    assert.deepEqual(log, ["begin mine", "savepoint mine", "commit", "commit"])
  })

  it("L11 what fails, dies, or is interrupted is taken back", async () => {
    const { log, uow } = makeStore("store")
    for (const effect of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
      assert.ok(Exit.isFailure(await run(uow.transact(mine, effect as Effect.Effect<never, string>))))
    }
    assert.deepEqual(
      log.filter((line) => line !== "begin mine"),
      ["rollback", "rollback", "rollback"]
    )
  })

  it("L11 the outer one goes on when it takes a failure of the inner one", async () => {
    const { log, uow, write } = makeStore("store")
    const inner = Effect.ignore(uow.transact(mine, Effect.fail("no")))
    assert.equal(requireValue(await run(uow.transact(mine, Effect.andThen(inner, write())))), "written")
    assert.deepEqual(log, ["begin mine", "savepoint mine", "rollback", "commit"])
  })

  it("L36 dies when another tenant would join", async () => {
    const { log, uow, write } = makeStore("store")
    requireDeath(await run(uow.transact(mine, uow.transact(other, write(other)))), /mine was joined by other/)
    assert.deepEqual(log, ["begin mine", "rollback"])
  })

  it("of another store is a transaction beside it", async () => {
    const [one, two] = [makeStore("one"), makeStore("two")]
    assert.equal(requireValue(await run(one.uow.transact(mine, two.uow.transact(other, two.write(other))))), "written")
    assert.deepEqual(
      [one.log, two.log],
      [
        ["begin mine", "commit"],
        ["begin other", "commit"]
      ]
    )
  })
})

describe("UnitOfWork.current", () => {
  it("L36 dies in a transaction of another tenant", async () => {
    const { uow, write } = makeStore("store")
    requireDeath(await run(uow.transact(mine, write(other))), /belongs to the tenant mine, not to other/)
  })

  it("dies in a transaction of another store", async () => {
    const [one, two] = [makeStore("one"), makeStore("two")]
    requireDeath(await run(one.uow.transact(mine, two.write())), /belongs to the store one, not to two/)
  })

  it.each([
    ["committed", Effect.void],
    ["taken back", Effect.fail("no")]
  ] as const)("L11 dies in a transaction that was %s", async (_, end) => {
    const { uow, write } = makeStore("store")
    const leaked = Effect.gen(function* () {
      let evidence: UnitOfWork.Transaction["Service"] | undefined
      const keep = Effect.tap(UnitOfWork.Transaction, (transaction) => Effect.sync(() => (evidence = transaction)))
      yield* Effect.ignore(uow.transact(mine, Effect.andThen(keep, end)))
      return yield* Effect.provideService(write(), UnitOfWork.Transaction, evidence!)
    })
    requireDeath(await run(leaked), /is closed/)
  })

  it("L11 dies in a fiber that outlives its transaction", async () => {
    const { uow, write } = makeStore("store")
    const outliving = Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const fiber = yield* uow.transact(mine, Effect.forkDetach(Effect.andThen(Deferred.await(gate), write())))
      yield* Deferred.succeed(gate, undefined)
      return yield* Fiber.join(fiber)
    })
    requireDeath(await run(outliving), /is closed/)
  })

  it("a unit of work in such a fiber is a transaction of its own", async () => {
    const { log, uow, write } = makeStore("store")
    const outliving = Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const late = Effect.andThen(Deferred.await(gate), uow.transact(other, write(other)))
      const fiber = yield* uow.transact(mine, Effect.forkDetach(late))
      yield* Deferred.succeed(gate, undefined)
      return yield* Fiber.join(fiber)
    })
    assert.equal(requireValue(await run(outliving)), "written")
    assert.deepEqual(log, ["begin mine", "commit", "begin other", "commit"])
  })
})
