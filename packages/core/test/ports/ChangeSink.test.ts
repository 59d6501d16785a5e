/**
 * A sink of functions for one record: in order, a few at a time, and a failure that
 * is nobody's ends the batch.
 *
 * Guarantees: L15, L37
 */
import * as Observation from "@tidemark/core/model/Observation"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"

const subscription = Subscription.make({
  id: "notes",
  tenant: "default",
  entity: "note",
  connection: { provider: "test", account: "a" }
})

type Fate = "Written" | "Rejected"

const fates = fc.array(fc.constantFrom<Fate>("Written", "Rejected"), { minLength: 1, maxLength: 20 })

const writesOf = (fates: ReadonlyArray<Fate>) =>
  fates.map((fate, index): Write.Put<Fate> => {
    const externalId = Observation.ExternalId.make(`n${index}`)
    return { _tag: "Put", externalId, localId: `l${index}`, revision: 1, idempotencyKey: `k${index}`, record: fate }
  }) as unknown as Arr.NonEmptyReadonlyArray<Write.Write<Fate>>

/** A target that answers a write after those that began later, and counts how many are under way. */
const target = (concurrency: number | undefined) => {
  const seen = { now: 0, most: 0 }
  const sink = ChangeSink.fromRecordwise<Fate>({
    label: "test",
    ...(concurrency === undefined ? {} : { concurrency }),
    find: () => Effect.undefined,
    put: (_, { externalId, record }) =>
      Effect.gen(function* () {
        seen.now += 1
        seen.most = Math.max(seen.most, seen.now)
        for (let turn = Number(externalId.slice(1)) % 3; turn < 3; turn++) yield* Effect.yieldNow
        seen.now -= 1
        if (record === "Rejected") return yield* new Write.Rejection({ code: "Invalid", message: externalId })
        return { localId: externalId }
      }),
    remove: () => Effect.void
  })
  return { seen, sink }
}

describe("fromRecordwise", () => {
  it("L37 answers each write in its place, L15 a rejection being that of its record alone", () =>
    fc.assert(
      fc.asyncProperty(
        fates,
        fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
        async (fates, concurrency) => {
          const { seen, sink } = target(concurrency)
          const answers = await Effect.runPromise(sink.write(subscription, writesOf(fates)))
          const told = answers.map((answer) =>
            Result.match(answer, {
              onFailure: ({ message }) => ["Rejected", message],
              onSuccess: ({ localId }) => ["Written", localId]
            })
          )
          assert.deepEqual(
            told,
            fates.map((fate, index) => [fate, `n${index}`])
          )
          assert.equal(seen.most, Math.min(fates.length, concurrency ?? 4))
        }
      )
    ))

  it("writes a few at a time, whoever else writes through the same sink", () =>
    fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 3 }), (fates, concurrency) => {
        const { seen, sink } = target(concurrency)
        const call = sink.write(subscription, writesOf(fates))
        return Effect.runPromise(Effect.all([call, call, call], { concurrency: "unbounded" })).then(() => {
          assert.ok(seen.most <= concurrency, `${seen.most} at a time`)
        })
      })
    ))

  it("a failure that is nobody's is the batch's", () => {
    const failure = new ChangeSink.SinkError({ reason: "Unavailable", sink: "test", message: "no answer" })
    const sink = ChangeSink.fromRecordwise<Fate>({
      label: "test",
      find: () => Effect.fail(failure),
      put: () => Effect.fail(failure),
      remove: () => Effect.fail(failure)
    })
    const writes = writesOf(["Written"])
    const results = [
      Effect.runSync(Effect.result(sink.write(subscription, writes))),
      Effect.runSync(Effect.result(sink.find(subscription, [writes[0].externalId])))
    ]
    for (const result of results) assert.deepEqual(result, Result.fail(failure))
  })
})
