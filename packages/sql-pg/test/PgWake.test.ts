// Goal: who listens hears of commits that made deliveries, of no others, and of a lost connection.
// Method: one listener, appends before and after a consumer registers; the listener's backend is ended.
import { it } from "@effect/vitest"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Wake from "@tidemark/core/ports/Wake"
import { PgWake } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const listening = (appUrl: string) =>
  Effect.gen(function* () {
    const client = yield* Database.pool(appUrl, { maxConnections: 1 })
    const layer = PgWake.layer.pipe(Layer.provide(Layer.succeed(PgClient.PgClient, client)))
    const { signals } = yield* Effect.provide(Wake.Wake, layer)
    const heard = yield* Queue.unbounded<void>()
    const fiber = yield* Effect.forkScoped(
      Effect.flip(Stream.runForEach(signals, () => Queue.offer(heard, undefined))),
      {
        startImmediately: true
      }
    )
    return { heard, fiber }
  })

const listens = (owner: PgClient.PgClient) =>
  owner`select 1 from pg_stat_activity where datname = current_database() and query ilike 'listen%' and state = 'idle'`.pipe(
    Effect.filterOrFail((rows) => rows.length > 0),
    Effect.retry({ times: 10_000 })
  )

describe("wake", () => {
  it.live(
    "one word, with nothing in it, per commit that made deliveries; none for others, or what was taken back",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { appUrl, owner } = yield* Stage.make
          const one = yield* Stage.process(appUrl)
          const words = yield* (yield* Database.pool(appUrl, { maxConnections: 1 })).listen("tidemark")
          /** How many came since the last time: a word of our own is the last. */
          const heard = Effect.gen(function* () {
            yield* owner`select pg_notify('tidemark', 'end')`
            const payloads: Array<string> = []
            while (payloads.at(-1) !== "end") payloads.push((yield* Queue.take(words)).payload)
            return payloads
          })
          yield* one(Owed.append(...Owed.keyed("a", 1, 2)))
          assert.deepEqual(yield* heard, ["end"])
          yield* one(Owed.consumer("billing", { start: "Now" }))
          yield* heard
          const retake = Effect.andThen(Owed.append(...Owed.keyed("c", 1, 1)), Effect.fail("no"))
          yield* Effect.flip(one(Stage.transact(retake)))
          yield* one(Owed.append({ key: "b", revision: 1, type: "kept" }))
          assert.deepEqual(yield* heard, ["end"])
          const both = Effect.andThen(Owed.append(...Owed.keyed("d", 1, 2)), Owed.append(...Owed.keyed("e", 1, 2)))
          yield* one(Stage.transact(both))
          assert.deepEqual(yield* heard, ["", "end"])
          yield* one(Owed.append(...Owed.keyed("d", 1, 2)))
          assert.deepEqual(yield* heard, ["end"])
          yield* one(Owed.append(...Owed.keyed("d", 2, 3)))
          assert.deepEqual(yield* heard, ["", "end"])
          yield* one(Owed.settle(yield* one(Owed.claim()), { _tag: "DeadLetter", error: "no" }))
          assert.deepEqual(yield* heard, ["end"])
          yield* one(Effect.flatMap(DeadLetters.DeadLetters, (it) => it.redrive({ _tag: "All" }, "ann", 9)))
          assert.deepEqual(yield* heard, ["", "end"])
        })
      )
  )

  it.live("a word is a signal", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        const one = yield* Stage.process(appUrl)
        yield* one(Owed.consumer("billing"))
        const { heard } = yield* listening(appUrl)
        yield* listens(owner)
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        yield* Queue.take(heard)
      })
    )
  )

  it.live("fails when its connection is lost", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        const { fiber } = yield* listening(appUrl)
        yield* listens(owner)
        yield* owner`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query ilike 'listen%'`
        const error = yield* Fiber.join(fiber)
        assert.deepEqual([error._tag, error.reason], ["StoreError", "Unavailable"])
      })
    )
  )
})
