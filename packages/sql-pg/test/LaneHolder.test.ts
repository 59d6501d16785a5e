// Goal: a holder that stops right before its commit blocks nobody for longer than the server bounds it. Guarantees: W74.
// Method: a unit of work fences and then does nothing; its lane is claimed by another process.
import { it } from "@effect/vitest"
import * as Made from "@tidemark/laws/store/Made"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import { PgStore } from "@tidemark/sql-pg"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const subscription = Harness.subscriptionOf("acme")

describe("a holder that stops after its fence", () => {
  it.live("W74 loses its transaction to the idle timeout, and the claim that waited goes on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* Harness.stage
        const bounded = PgStore.layer({ idle: "300 millis" }).pipe(
          Layer.provideMerge(Layer.succeed(SqlClient, yield* Database.pool(appUrl, { maxConnections: 2 })))
        )
        const other = Harness.processOf(yield* Database.pool(appUrl, { maxConnections: 2 }))
        const held = yield* Effect.provide(Made.claim(subscription), bounded, { local: true })
        const isFenced = Deferred.makeUnsafe<void>()
        const isOver = Deferred.makeUnsafe<void>()
        const stopped = yield* Made.commit(held, 1).pipe(
          Effect.andThen(Deferred.succeed(isFenced, undefined)),
          Effect.andThen(Deferred.await(isOver)),
          (body) => Made.transact(subscription, body),
          Effect.provide(bounded, { local: true }),
          Effect.flip,
          Effect.forkChild
        )
        yield* Deferred.await(isFenced)
        const { checkpoint, epoch } = yield* other(Made.claim(subscription))
        assert.equal(epoch, held.epoch + 1)
        assert.equal(checkpoint.batchNo, 0, "what the stopped holder wrote was taken back")
        yield* Deferred.succeed(isOver, undefined)
        assert.ok((yield* Fiber.join(stopped)) instanceof UnitOfWork.TransactionError)
      })
    )
  )
})
