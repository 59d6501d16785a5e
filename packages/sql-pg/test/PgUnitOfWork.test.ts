// Goal: what a unit of work wrote is there all together or not at all, and its caller is told which.
// Method: real transactions through a proxy that cuts connections, and errors raised by the server at COMMIT.
// Guarantees: L11, L12.
import { it } from "@effect/vitest"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as CommitProxy from "./support/CommitProxy.ts"
import * as Database from "./support/Database.ts"
import * as Fault from "./support/Fault.ts"
import * as Stage from "./support/Stage.ts"

const { advanceOf, externalId, subscription } = Stage

const advance = (id: string, expected = 0) =>
  Effect.flatMap(Ledger.Ledger, (ledger) => ledger.advance(subscription, [advanceOf(id, expected)]))
const has = (id: string) =>
  Effect.map(
    Effect.flatMap(Ledger.Ledger, (ledger) => ledger.find(subscription, [externalId(id)])),
    (found) => found.size === 1
  )
const defectOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? exit.cause.reasons.map((it) => (Cause.isDieReason(it) ? String(it.defect) : "")).join() : ""

type Pool = (url: string, options: { readonly maxConnections: number }) => ReturnType<typeof Database.pipeline>

const stageOf = Effect.fnUntraced(function* (pool: Pool) {
  const { appUrl, owner, ownerUrl } = yield* Stage.make
  const proxy = yield* CommitProxy.make({ target: appUrl })
  const through = Stage.ports(yield* pool(proxy.url, { maxConnections: 2 }))
  const direct = Stage.ports(yield* pool(appUrl, { maxConnections: 3 }))
  return { owner, ownerUrl, appUrl, proxy, through, direct }
})

describe.each<readonly [string, Pool]>([
  ["a pool", Database.pool],
  ["a pipelined pool", Database.pipeline]
])("unit of work over %s", (_, pool) => {
  const stage = stageOf(pool)

  it.live("a failure, a defect and an interruption take everything back, and are told as they are", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct } = yield* stage
        const failed = yield* direct(Effect.exit(Stage.transact(Effect.andThen(advance("a"), Effect.fail("mine")))))
        assert.deepEqual(failed, Exit.fail("mine"))
        const died = yield* direct(Effect.exit(Stage.transact(Effect.andThen(advance("a"), Effect.die("broken")))))
        assert.deepEqual(died, Exit.die("broken"))
        const hasWritten = Deferred.makeUnsafe<void>()
        const held = yield* Effect.forkChild(
          direct(
            Stage.transact(
              advance("a").pipe(Effect.andThen(Deferred.succeed(hasWritten, undefined)), Effect.andThen(Effect.never))
            )
          )
        )
        yield* Deferred.await(hasWritten)
        yield* Fiber.interrupt(held)
        assert.ok(!(yield* direct(has("a"))))
        assert.equal(yield* direct(Stage.transact(Effect.as(advance("a"), 7))), 7)
        assert.ok(yield* direct(has("a")))
      })
    )
  )

  it.live("a failed inner unit of work takes back its own writes and no others", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct } = yield* stage
        const inner = yield* direct(
          Stage.transact(
            Effect.gen(function* () {
              yield* advance("outer")
              const refused = yield* Effect.exit(Stage.transact(Effect.andThen(advance("inner"), Effect.fail("no"))))
              const sql = yield* SqlClient
              yield* Effect.exit(Stage.transact(sql`select 1 / 0`))
              yield* Stage.transact(advance("second"))
              return refused
            })
          )
        )
        assert.deepEqual(inner, Exit.fail("no"))
        assert.deepEqual(yield* direct(Effect.all([has("outer"), has("inner"), has("second")])), [true, false, true])
      })
    )
  )

  it.live("an error that the body swallowed is no success", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct } = yield* stage
        const error = yield* direct(
          Effect.flip(
            Stage.transact(
              Effect.gen(function* () {
                yield* advance("a")
                const sql = yield* SqlClient
                yield* Effect.ignore(sql`select 1 / 0`)
              })
            )
          )
        )
        assert.equal(error._tag === "TransactionError" && error.reason, "Unavailable")
        assert.ok(!(yield* direct(has("a"))))
      })
    )
  )

  for (const [fault, isThere] of [
    [Fault.dropBeforeCommit, false],
    [Fault.dropAfterCommit, true]
  ] as const) {
    it.live(`a connection lost at COMMIT is Unknown, and ${isThere ? "may be" : "need not be"} committed`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { direct, proxy, through } = yield* stage
          const armed = yield* proxy.arm(fault)
          const error = yield* through(Effect.flip(Stage.transact(advance("a"))))
          assert.equal(yield* armed.fired, 1)
          assert.equal(error._tag === "TransactionError" && error.reason, "Unknown")
          assert.equal(yield* direct(has("a")), isThere)
        })
      )
    )
  }

  it.live("a connection lost in the body is the body's own error, not the failed rollback's", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct, proxy, through } = yield* stage
        const error = yield* through(
          Effect.flip(Stage.transact(advance("a").pipe(Effect.andThen(proxy.cutAll), Effect.andThen(advance("b")))))
        )
        assert.equal(error._tag === "StoreError" && error.operation, "Ledger.advance")
        const mine = yield* through(
          Effect.exit(
            Stage.transact(advance("a").pipe(Effect.andThen(proxy.cutAll), Effect.andThen(Effect.fail("mine"))))
          )
        )
        assert.deepEqual(mine, Exit.fail("mine"))
        const nested = yield* through(
          Effect.exit(
            Stage.transact(
              Effect.andThen(advance("a"), Stage.transact(Effect.andThen(proxy.cutAll, Effect.fail("inner"))))
            )
          )
        )
        assert.deepEqual(nested, Exit.fail("inner"))
        assert.ok(!(yield* direct(has("a"))))
      })
    )
  )

  it.live("a server that cannot be reached is Unavailable", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nowhere = yield* pool("postgres://nobody@127.0.0.1:1/nothing", { maxConnections: 1 })
        const error = yield* Stage.ports(nowhere)(Effect.flip(Stage.transact(advance("a"))))
        assert.equal(error._tag === "TransactionError" && error.reason, "Unavailable")
        assert.equal((yield* Stage.ports(nowhere)(Effect.flip(has("a")))).reason, "Unavailable")
      })
    )
  )

  it.live("an error of the server at COMMIT says that nothing took effect: Conflict, or Unavailable", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct, owner } = yield* stage
        yield* owner`create table late (code text not null)`
        yield* owner`create function late_raise() returns trigger language plpgsql as ${owner.literal(
          "$$ begin raise exception 'too late' using errcode = new.code; end $$"
        )}`
        yield* owner`create constraint trigger late after insert on late deferrable initially deferred
          for each row execute function late_raise()`
        yield* Database.grantTables(owner)
        for (const [code, reason] of [
          ["40001", "Conflict"],
          ["40P01", "Conflict"],
          ["23503", "Unavailable"],
          ["57014", "Unavailable"]
        ] as const) {
          const error = yield* direct(
            Effect.flip(
              Stage.transact(
                Effect.gen(function* () {
                  const sql = yield* SqlClient
                  yield* advance("a")
                  yield* sql`insert into late values (${code})`
                })
              )
            )
          )
          assert.equal(error._tag === "TransactionError" && error.reason, reason, code)
          assert.ok(!(yield* direct(has("a"))))
        }
      })
    )
  )

  it.live("statement errors are told by their class, with the server's words and code", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { proxy, through } = yield* stage
        for (const [code, reason] of [
          ["22001", "Refused"],
          ["23505", "Refused"],
          ["40001", "Conflict"],
          ["40P01", "Conflict"],
          ["55P03", "Conflict"],
          ["53100", "Unavailable"],
          ["57014", "Unavailable"]
        ] as const) {
          const armed = yield* proxy.arm(Fault.injectError(code), {
            when: ({ statement }) => statement?.includes("tidemark.ledger") === true
          })
          const error = yield* through(Effect.flip(Stage.transact(advance("a"))))
          assert.equal(yield* armed.fired, 1)
          assert.ok(error instanceof StoreError)
          assert.deepEqual([error.reason, error.code, error.operation], [reason, code, "Ledger.advance"])
          assert.notEqual(error.message, "")
          assert.ok(!(yield* through(has("a"))))
        }
      })
    )
  )

  it.live("a port dies in a closed transaction, in one of another tenant, and in one of another client", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { direct, through } = yield* stage
        const closed = yield* direct(
          Effect.gen(function* () {
            const transaction = yield* Stage.transact(UnitOfWork.Transaction)
            const write = yield* Effect.exit(Effect.provideService(advance("a"), UnitOfWork.Transaction, transaction))
            const read = yield* Effect.exit(Effect.provideService(has("a"), UnitOfWork.Transaction, transaction))
            return [write, read].map(defectOf)
          })
        )
        for (const defect of closed) assert.match(defect, /is closed/)
        const foreign = yield* direct(Effect.exit(Stage.transact(has("a"), Stage.subscriptionOf("other").tenant)))
        assert.match(defectOf(foreign), /belongs to the tenant other/)
        const mixed = yield* direct(
          Stage.transact(
            Effect.gen(function* () {
              const transaction = yield* UnitOfWork.Transaction
              const write = Effect.provideService(advance("a"), UnitOfWork.Transaction, transaction)
              return yield* Effect.promise(() =>
                Effect.runPromise(through(Effect.exit(write) as Effect.Effect<Exit.Exit<unknown, unknown>>))
              )
            })
          )
        )
        assert.match(defectOf(mixed), /another client/)
      })
    )
  )

  it.live("nothing of a transaction stays on its connection: tenant and bounds end with it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* stage
        const single = yield* Database.client(appUrl)
        const settings = single<{ tenant: string | null; bound: string }>`
          select current_setting('tidemark.tenant', true) as tenant, current_setting('lock_timeout') as bound`
        const inside = yield* Stage.ports(single)(Stage.transact(settings))
        assert.deepEqual(inside, [{ tenant: "acme", bound: "10s" }])
        assert.deepEqual(yield* settings, [{ tenant: "", bound: "0" }])
        yield* Stage.ports(single)(has("a"))
        assert.deepEqual(yield* settings, [{ tenant: "", bound: "0" }])
      })
    )
  )
})
