// Goal: of several writers of one record one wins, and the other sees what it wrote.
// Method: two processes of the application's role, stopped where they meet. Guarantees: L10, L49.
import { it } from "@effect/vitest"
import type * as Entry from "@tidemark/core/model/Entry"
import * as Version from "@tidemark/core/model/Version"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Stage from "./support/Stage.ts"

const { advanceOf, externalId, subscription } = Stage

const find = (...ids: readonly [string, ...Array<string>]) =>
  Effect.flatMap(Ledger.Ledger, (ledger) =>
    ledger.find(subscription, [externalId(ids[0]), ...ids.slice(1).map(externalId)])
  )
const advance = (...advances: readonly [Entry.Advance, ...Array<Entry.Advance>]) =>
  Effect.flatMap(Ledger.Ledger, (ledger) => ledger.advance(subscription, advances))

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  return { owner, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

describe("ledger", () => {
  it.live("a row is found as it was written, whatever its values", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const version = Version.make({
          domain: "d'\"",
          value: "~ !",
          observedAt: 1_790_000_000_123.5,
          epoch: 3,
          at: -1
        })
        const first = advanceOf("a", 0, { version, localId: "l1", existence: "Weak", fingerprint: "f", revision: 0 })
        const made = yield* one(Stage.transact(advance(first)))
        const { expected: _, ...rest } = first
        assert.deepEqual(made.get(externalId("a")), { ...rest, token: 1, localId: "l1" })
        assert.deepEqual(yield* one(find("a", "nobody's")), made)
        const second = advanceOf("a", 1, { revision: 9_007_199_254_740_991, existence: "Deleted" })
        const { expected: __, ...later } = second
        const [entry] = (yield* one(Stage.transact(advance(second)))).values()
        assert.deepEqual(entry, { ...later, token: 2 })
      })
    )
  )

  it.live("ids are kept byte by byte: case, blanks, marks and order", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const ids = ["a", "A", " a", "a ", "\u00e9", "e\u0301", "\u{1F600}", "%_\\'\"", "{a,b}", "NULL", "null"]
        const [first, ...rest] = ids.map((id) => advanceOf(id, 0, { localId: `l${id}` }))
        yield* one(Stage.transact(advance(first!, ...rest)))
        const found = yield* one(find("x", ...ids))
        assert.deepEqual(
          new Map([...found].map(([id, { localId }]) => [id, localId])),
          new Map(ids.map((id) => [id, `l${id}`]))
        )
      })
    )
  )

  it.live("an advance planned against another token loses, and so does one of a row that is not there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        yield* one(Stage.transact(advance(advanceOf("a", 0), advanceOf("b", 0))))
        const won = yield* one(
          Stage.transact(advance(advanceOf("a", 2), advanceOf("b", 1), advanceOf("c", 0), advanceOf("gone", 4)))
        )
        assert.deepEqual([...won.keys()].toSorted(), ["b", "c"])
        assert.equal((yield* one(find("a"))).get(externalId("a"))!.token, 1)
        assert.equal((yield* one(find("gone"))).size, 0)
        assert.equal((yield* one(Stage.transact(advance(advanceOf("a", 0))))).size, 0)
      })
    )
  )

  it.live("of a batch of new rows, those that are there already lose, and the others win once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        yield* one(Stage.transact(advance(advanceOf("b", 0, { fingerprint: "first" }))))
        const won = yield* one(
          Stage.transact(advance(advanceOf("c", 0), advanceOf("b", 0, { fingerprint: "second" }), advanceOf("a", 0)))
        )
        assert.deepEqual([...won.keys()].toSorted(), ["a", "c"])
        const rows = yield* one(find("a", "b", "c"))
        assert.deepEqual(
          ["a", "b", "c"].map((id) => [rows.get(externalId(id))?.token, rows.get(externalId(id))?.fingerprint]),
          [
            [1, undefined],
            [1, "first"],
            [1, undefined]
          ]
        )
      })
    )
  )

  for (const [name, expected] of [
    ["a row that is there", 1],
    ["a new row", 0]
  ] as const) {
    const race = (commits: boolean) =>
      Effect.gen(function* () {
        const { one, other, owner } = yield* stage
        if (expected === 1) yield* one(Stage.transact(advance(advanceOf("r", 0))))
        const hasWritten = Deferred.makeUnsafe<void>()
        const mayEnd = Deferred.makeUnsafe<void>()
        const first = yield* Effect.forkChild(
          one(
            Effect.gen(function* () {
              const won = yield* advance(advanceOf("r", expected, { fingerprint: "first" }))
              yield* Deferred.succeed(hasWritten, undefined)
              yield* Deferred.await(mayEnd)
              return commits ? won.size : yield* Effect.fail("taken back" as const)
            }).pipe(Stage.transact, Effect.exit)
          )
        )
        yield* Deferred.await(hasWritten)
        const second = yield* Effect.forkChild(
          other(
            Stage.transact(
              Effect.gen(function* () {
                const won = yield* advance(advanceOf("r", expected, { fingerprint: "second" }))
                return { won: won.size, seen: (yield* find("r")).get(externalId("r")) }
              })
            )
          )
        )
        yield* Stage.waiting(owner)
        yield* Deferred.succeed(mayEnd, undefined)
        return { first: yield* Fiber.join(first), second: yield* Fiber.join(second) }
      })

    it.live(`of two advances of ${name}, the second waits, loses, and sees the row of the first`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { first, second } = yield* race(true)
          assert.deepEqual(first, Exit.succeed(1))
          assert.equal(second.won, 0)
          assert.equal(second.seen?.fingerprint, "first")
          assert.equal(second.seen?.token, expected + 1)
        })
      )
    )

    it.live(`of two advances of ${name}, the second wins when the first is taken back`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { first, second } = yield* race(false)
          assert.ok(Exit.isFailure(first))
          assert.equal(second.won, 1)
          assert.equal(second.seen?.fingerprint, "second")
          assert.equal(second.seen?.token, expected + 1)
        })
      )
    )
  }

  for (const [name, others] of [
    ["new rows", []],
    ["new rows and others", [advanceOf("gone", 4)]]
  ] as const) {
    it.live(`${name} are waited for in the order of their keys, whatever the order of the batch`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one, other, owner } = yield* stage
          const hasWritten = Deferred.makeUnsafe<void>()
          const mayGoOn = Deferred.makeUnsafe<void>()
          const first = yield* Effect.forkChild(
            one(
              Stage.transact(
                Effect.gen(function* () {
                  yield* advance(advanceOf("a", 0))
                  yield* Deferred.succeed(hasWritten, undefined)
                  yield* Deferred.await(mayGoOn)
                  return (yield* advance(advanceOf("b", 0))).size
                })
              )
            )
          )
          yield* Deferred.await(hasWritten)
          const second = yield* Effect.forkChild(
            other(Stage.transact(advance(advanceOf("b", 0), advanceOf("a", 0), ...others)))
          )
          yield* Stage.waiting(owner)
          yield* Deferred.succeed(mayGoOn, undefined)
          assert.equal(yield* Fiber.join(first), 1)
          assert.equal((yield* Fiber.join(second)).size, 0)
        })
      )
    )
  }

  it.live("batches that share their records in any order never deadlock, and every token is won once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other } = yield* stage
        const ids = Array.from({ length: 120 }, (_, index) => `r${index}`)
        const writer = (run: typeof one, order: (ids: ReadonlyArray<string>) => ReadonlyArray<string>) =>
          Effect.gen(function* () {
            let wins = 0
            for (let round = 0; round < 12; round++) {
              const [first, ...rest] = order(ids)
              const known = yield* run(find(first!, ...rest))
              const advances = order(ids).map((id) => advanceOf(id, known.get(externalId(id))?.token ?? 0))
              wins += (yield* run(Stage.transact(advance(advances[0]!, ...advances.slice(1))))).size
            }
            return wins
          })
        const wins = yield* Effect.all([writer(one, (all) => all), writer(other, (all) => all.toReversed())], {
          concurrency: 2
        })
        const rows = yield* one(find("r0", ...ids))
        const tokens = [...rows.values()].reduce((sum, { token }) => sum + token, 0)
        assert.equal(rows.size, ids.length)
        assert.equal(tokens, wins[0] + wins[1])
      })
    )
  )
})
