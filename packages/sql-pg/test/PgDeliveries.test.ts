// Goal: what is owed is handed out head by head, to one process at a time, and settled once.
// Method: the port by its laws, as the application's role, on one or two connections. Leases of no length are over at
// once. Guarantees: L25, L27, L29, L32, L33, L34.
import { it } from "@effect/vitest"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  return { owner, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

const live = (name: string, body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const deliveries = Deliveries.Deliveries

describe("claims", () => {
  live("hand out the first of each key, and the next one when it is settled", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        yield* Owed.append(...Owed.keyed("a", 1, 3), ...Owed.keyed("b", 1, 2))
        const first = yield* Owed.claim()
        assert.deepEqual(Owed.names(first), ["a1", "b1"])
        assert.deepEqual(
          first.map(({ attempt, epoch, isLate }) => [attempt, epoch, isLate]),
          [
            [1, 1, false],
            [1, 1, false]
          ]
        )
        const { id, payload, tenant } = first[0]!.event
        assert.deepEqual({ id, payload, tenant }, { id: "acme/a/1/made", payload: { revision: 1 }, tenant: "acme" })
        assert.deepEqual(yield* Owed.claim(), [])
        assert.equal((yield* Owed.settle([first[0]!])).length, 1)
        const second = yield* Owed.claim()
        assert.deepEqual(Owed.names(second), ["a2"])
        yield* Owed.settle([...second, first[1]!])
        assert.deepEqual(Owed.names(yield* Owed.claim()), ["a3", "b2"])
      })
    )
  )

  live("hand out at most the limit, and tenants take turns", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        for (let n = 0; n < 40; n++) yield* Owed.append({ tenant: "big", key: `k${n}`, revision: 1 })
        for (const tenant of ["small", "tiny"]) yield* Owed.append({ tenant, key: "k", revision: 1 })
        const first = yield* Owed.claim({ limit: 6 })
        assert.equal(first.length, 6)
        assert.deepEqual([...new Set(first.map(({ tenant }) => tenant))].toSorted(), ["big", "small", "tiny"])
        yield* Owed.append({ tenant: "alone", key: "k", revision: 1 }, { tenant: "alone", key: "l", revision: 1 })
        const served: Array<string> = []
        for (let n = 0; n < 3; n++) served.push(...(yield* Owed.claim({ limit: 1 })).map(({ tenant }) => tenant))
        assert.deepEqual(served, ["alone", "big", "alone"])
      })
    )
  )

  live("leave other directions, newer versions, other types, and consumers that are not active", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing", { types: ["made", "kept"] })
        yield* Owed.consumer("search")
        yield* Owed.append(
          { key: "a", revision: 1, direction: "outbound" },
          { key: "b", revision: 1, version: 2 },
          { key: "c", revision: 1, type: "kept" },
          { key: "d", revision: 1 }
        )
        assert.deepEqual(Owed.names(yield* Owed.claim()), ["d1"])
        assert.deepEqual(Owed.names(yield* Owed.claim({ direction: "outbound" })), ["a1"])
        const known = Owed.hosted("billing", { made: 2, kept: 1 })
        assert.deepEqual(Owed.names(yield* Owed.claim({ hosted: [known] })), ["b1", "c1"])
        const both = [Owed.hosted("search", { made: 9 }), Owed.hosted("nobody")] as const
        assert.deepEqual(Owed.names(yield* Owed.claim({ hosted: both })), ["b1", "d1"])
      })
    )
  )

  live("inside a unit of work are a defect, and take nothing", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        yield* Owed.append(...Owed.keyed("a", 1, 1))
        assert.ok(Exit.hasDies(yield* Effect.exit(Stage.transact(Owed.claim()))))
        assert.equal((yield* Owed.claim())[0]!.attempt, 1)
      })
    )
  )

  live("reach the heads behind a long key, in one call and for a small limit too", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        yield* Owed.append(...Owed.keyed("a", 1, 3_000))
        assert.deepEqual(Owed.names(yield* Owed.claim({ limit: 1 })), ["a1"])
        yield* Owed.append(...Owed.keyed("b", 1, 1))
        assert.deepEqual(Owed.names(yield* Owed.claim({ limit: 1 })), ["b1"])
      })
    )
  )
})

describe("settlements", () => {
  live("L32 L33 are accepted once, and only of the last claim", ({ one, other }) =>
    Effect.gen(function* () {
      yield* one(Owed.consumer("billing"))
      yield* one(Owed.append(...Owed.keyed("a", 1, 2)))
      const [old] = yield* one(Owed.claim({ lease: Duration.zero }))
      const [taken] = yield* other(Owed.claim())
      assert.deepEqual([taken!.epoch, taken!.attempt, taken!.position], [2, 2, old!.position])
      assert.deepEqual(yield* one(Owed.settle([old!])), [])
      assert.deepEqual(yield* one(Effect.flatMap(deliveries, (it) => it.renew([old!], Owed.hour))), [])
      assert.equal((yield* other(Owed.settle([taken!]))).length, 1)
      assert.deepEqual(yield* other(Owed.settle([taken!])), [])
      assert.deepEqual(Owed.names(yield* one(Owed.claim())), ["a2"])
    })
  )

  live(
    "give back: a retry waits and blocks its key, a release does not count, a dead letter lets the key go on",
    ({ one, owner }) =>
      one(
        Effect.gen(function* () {
          yield* Owed.consumer("billing")
          yield* Owed.append(...Owed.keyed("a", 1, 2), ...Owed.keyed("b", 1, 2), ...Owed.keyed("c", 1, 2))
          const [a, b, c] = yield* Owed.claim()
          const accepted = yield* Effect.flatMap(deliveries, (it) =>
            it.settle([
              { held: c!, verdict: { _tag: "DeadLetter", error: "no\0 such \ud800" } },
              { held: a!, verdict: Owed.retry(Owed.hour) },
              { held: b!, verdict: { _tag: "Release" } }
            ])
          )
          assert.equal(accepted.length, 3)
          assert.deepEqual(yield* Owed.settle([a!, b!, c!]), [])
          const next = yield* Owed.claim()
          assert.deepEqual(Owed.names(next), ["b1", "c2"])
          assert.deepEqual(
            next.map(({ attempt, epoch }) => [attempt, epoch]),
            [
              [1, 2],
              [1, 1]
            ]
          )
          const [letter] = yield* Effect.flatMap(DeadLetters.DeadLetters, (it) => it.list())
          assert.deepEqual([letter!.event.key, letter!.attempts], ["c", 1])
          assert.match(letter!.error, /^no\\u0000 such/)
          const [state] = yield* Effect.flatMap(deliveries, (it) => it.backlog)
          assert.deepEqual(
            { ...state!, lag: 0 },
            {
              consumer: "billing",
              direction: "change",
              ready: 0,
              delayed: 1,
              held: 2,
              behind: 2,
              failing: 1,
              dead: 1,
              lag: 0
            }
          )
          for (const share of yield* Owed.shares(owner)) {
            assert.equal(share.deliveries + share.receipts + share.letters, 1, share.id)
          }
        })
      )
  )

  live("renewed, a lease goes on", ({ one, other }) =>
    Effect.gen(function* () {
      yield* one(Owed.consumer("billing"))
      yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
      const [held] = yield* one(Owed.claim({ lease: Duration.zero }))
      assert.equal((yield* one(Effect.flatMap(deliveries, (it) => it.renew([held!], Owed.hour)))).length, 1)
      assert.deepEqual(yield* other(Owed.claim()), [])
      assert.equal((yield* one(Owed.settle([held!]))).length, 1)
    })
  )

  live("L26 in the unit of work of the effect are committed with it, or not at all", ({ one, other, owner }) =>
    Effect.gen(function* () {
      yield* one(Owed.consumer("billing"))
      yield* one(Owed.append(...Owed.keyed("a", 1, 2)))
      const [held] = yield* one(Owed.claim())
      const acknowledged = Effect.flatMap(deliveries, (it) => it.acknowledge([held!]))
      yield* Effect.flip(one(Stage.transact(Effect.andThen(acknowledged, Effect.fail("taken back")))))
      assert.deepEqual(yield* other(Owed.claim()), [])
      // Beside it the unit of work stays that of its tenant.
      const effect = Effect.tap(acknowledged, () => Owed.append(...Owed.keyed("b", 1, 1)))
      assert.equal((yield* one(Stage.transact(effect))).length, 1)
      assert.deepEqual(yield* one(Stage.transact(acknowledged)), [])
      const foreign = Stage.transact(acknowledged, Owed.tenantId("other"))
      assert.ok(Exit.hasDies(yield* Effect.exit(one(foreign))))
      assert.deepEqual(Owed.names(yield* other(Owed.claim())), ["a2", "b1"])
      assert.deepEqual(
        (yield* Owed.shares(owner)).map(({ deliveries, receipts }) => [deliveries, receipts]),
        [
          [0, 1],
          [1, 0],
          [1, 0]
        ]
      )
    })
  )
})

describe("dead letters", () => {
  const dead = Effect.gen(function* () {
    yield* Owed.consumer("billing")
    yield* Owed.append(...Owed.keyed("a", 1, 3))
    for (let n = 0; n < 2; n++) yield* Owed.settle(yield* Owed.claim(), { _tag: "DeadLetter", error: `no ${n}` })
    return yield* DeadLetters.DeadLetters
  })

  live("are redriven once, late, beside their key, with a new count and the old fence", ({ one, other }) =>
    Effect.gen(function* () {
      const letters = yield* one(dead)
      const [second, first] = yield* letters.list()
      assert.deepEqual([first!.event.revision, second!.event.revision, first!.error], [1, 2, "no 0"])
      assert.deepEqual(yield* letters.list({ before: second!.position, consumer: "billing", type: "made" }), [first])
      const redrive = (it: DeadLetters.DeadLetters["Service"]) => it.redrive({ _tag: "All" }, "ann", 10)
      const both = [redrive(letters), other(Effect.flatMap(DeadLetters.DeadLetters, redrive))]
      const counts = yield* Effect.all(both, { concurrency: 2 })
      assert.equal(counts[0]! + counts[1]!, 2)
      assert.equal(yield* letters.redrive({ _tag: "Ids", ids: [first!.id] }, "ann", 10), 0)
      const again = yield* one(Owed.claim())
      assert.deepEqual(
        again.map(({ attempt, epoch, event, isLate }) => [event.revision, attempt, epoch, isLate]),
        [
          [1, 1, 2, true],
          [2, 1, 2, true],
          [3, 1, 1, false]
        ]
      )
    })
  )

  live("and waiting deliveries are skipped with a reason, and the key goes on", ({ one, owner }) =>
    Effect.gen(function* () {
      const letters = yield* one(dead)
      const [letter] = yield* letters.list()
      assert.equal(yield* letters.skip(letter!.id, "known", "ann"), true)
      assert.equal(yield* letters.skip(letter!.id, "known", "ann"), false)
      assert.equal(yield* letters.skip("no id", "known", "ann"), false)
      yield* one(Owed.append(...Owed.keyed("a", 4, 5)))
      const [held] = yield* one(Owed.claim())
      const named = DeadLetters.idOf({ consumer: "billing", position: held!.position })
      assert.equal(yield* letters.skip(`billing/${held!.position + 1}`, "early", "ann"), false)
      assert.equal(yield* letters.skip(named, "poison", "ann"), true)
      assert.deepEqual(yield* one(Owed.settle([held!])), [])
      assert.deepEqual(Owed.names(yield* one(Owed.claim())), ["a4"])
      assert.deepEqual(yield* owner`select reason, settled_by from tidemark.receipt order by settled_at`, [
        { reason: "known", settled_by: "ann" },
        { reason: "poison", settled_by: "ann" }
      ])
    })
  )
})

describe("what was forgotten", () => {
  live("is found by a claim that finds nothing else, a piece at a time", ({ one, owner }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        for (let n = 0; n < 3; n++) yield* Owed.append(...Owed.keyed(`k${n}`, 1, 2))
        yield* Owed.append(
          ...(Array.from({ length: 700 }, (_, n) => ({ key: `w${n}`, revision: 1 })) as unknown as [Owed.Fact])
        )
        const held = yield* Owed.claim({ limit: 1_000 })
        yield* Owed.settle(
          held.filter(({ event }) => event.key.startsWith("w")),
          Owed.retry(Owed.hour)
        )
        assert.deepEqual(yield* Owed.claim(), [])
        // As if who settled the first ones had died between its two statements.
        yield* owner`delete from tidemark.delivery where held`
        const found: Array<string> = []
        for (let n = 0; n < 3; n++) found.push(...Owed.names(yield* Owed.claim()))
        assert.deepEqual(found.toSorted(), ["k02", "k12", "k22"])
      })
    )
  )
})
