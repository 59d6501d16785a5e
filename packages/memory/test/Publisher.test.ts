// Goal: an application's events are written with what made them true, once, in order.
// Guarantees: L24, O01, O02, O24, O26, O29, W30, W37.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Publisher from "@tidemark/core/engine/Publisher"
import * as Sync from "@tidemark/core/engine/Sync"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as fc from "fast-check"
import * as Notes from "./notes.ts"
import { failureOf, makeGate, processOf, tenant, transact } from "./support.ts"

const paid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  payload: Schema.Struct({ text: Schema.String })
})

const sent = EventType.define({
  type: "invoice_sent",
  direction: "change",
  aggregate: "invoice",
  payload: Schema.Struct({ text: Schema.String })
})

const publish = (key: string, text: string, id?: string) =>
  Publisher.publish(paid, { key, payload: { text }, ...(id === undefined ? {} : { id }) })

const told = Effect.map(Memory.events(tenant), (events) =>
  events.map(({ key, payload, revision }) => `${key}${revision} ${(payload as { text: string }).text}`)
)

describe("publish", () => {
  it("O02 outside a unit of work does not compile", () => {
    // @ts-expect-error it needs a transaction
    const outside: Effect.Effect<void, EventType.PayloadError, Memory.Services> = publish("a", "x")
    // @ts-expect-error the payload is not as defined
    const wrong = () => Publisher.publish(paid, { key: "a", payload: { number: 1 } })
    assert.ok(Effect.isEffect(outside) && typeof wrong === "function")
  })

  it.effect("refuses what the application's registry does not have", () =>
    Effect.gen(function* () {
      const registry = yield* EventRegistry.make(paid)
      const publish = Publisher.of(registry)
      // @ts-expect-error a definition that is not registered
      const wrong = publish(sent, { key: "a", payload: { text: "x" } })
      const twin = publish({ ...paid }, { key: "a", payload: { text: "x" } })
      const errors = yield* Effect.forEach([wrong, twin], (one) => transact(failureOf(one)))
      assert.deepEqual(errors, [
        new EventRegistry.Unregistered({
          type: "invoice_sent",
          message: "the registry has no invoice_sent: register the one that is published"
        }),
        new EventRegistry.Unregistered({
          type: "invoice_paid",
          message: "the registry has another definition of invoice_paid: register the one that is published"
        })
      ])
      yield* transact(publish(paid, { key: "a", payload: { text: "one" } }))
      assert.deepEqual(yield* told, ["a1 one"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("L24 writes at the end, key by key, what was not taken back", () =>
    Effect.gen(function* () {
      yield* transact(
        Effect.gen(function* () {
          yield* publish("b", "one")
          yield* publish("a", "two")
          yield* Effect.ignore(transact(Effect.andThen(publish("a", "never"), Effect.fail("no"))))
          yield* transact(publish("b", "three"))
          assert.deepEqual(yield* told, [])
        })
      )
      yield* Effect.ignore(transact(Effect.andThen(publish("a", "never"), Effect.fail("no"))))
      yield* transact(publish("a", "four"))
      assert.deepEqual(yield* told, ["a1 two", "b1 one", "b2 three", "a2 four"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O26 with an id is the same event again, and another payload is refused", () =>
    Effect.gen(function* () {
      yield* transact(publish("a", "one", "first"))
      yield* transact(publish("a", "one", "first"))
      assert.deepEqual(yield* told, ["a1 one"])
      const error = yield* failureOf(transact(publish("a", "other", "first")))
      assert.ok(error instanceof UnitOfWork.TransactionError)
      assert.match(String((error.cause as Error).message), /another event has the id/)
      assert.deepEqual(yield* told, ["a1 one"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("O24 refuses a payload that is too large before anything is written", () =>
    Effect.gen(function* () {
      const answered = yield* transact(
        Effect.andThen(publish("a", "small"), failureOf(publish("a", "x".repeat(EventType.bytesMax))))
      )
      assert.equal(answered.reason, "TooLarge")
      assert.deepEqual(yield* told, ["a1 small"])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect(
    "O29 of two units of work with one key commits in the order of their numbers, whoever published first",
    () =>
      Effect.gen(function* () {
        const database = yield* Memory.makeDatabase
        const gate = yield* makeGate("UnitOfWork.commit:before")
        const slow = processOf(
          database,
          gate.hook
        )(transact(Effect.andThen(publish("b", "slow"), publish("a", "slow"))))
        const quick = processOf(database)(transact(Effect.andThen(publish("a", "quick"), publish("b", "quick"))))
        const both = Effect.all(
          [
            slow,
            Effect.andThen(
              gate.reached,
              Effect.all([quick, Effect.andThen(Effect.yieldNow, gate.open)], { concurrency: 2 })
            )
          ],
          { concurrency: 2 }
        )
        yield* both
        const after = yield* processOf(database)(told)
        assert.deepEqual(after, ["a1 slow", "b1 slow", "a2 quick", "b2 quick"])
      })
  )

  it.effect("L24 inside a batch is written before the lane's fence, with the batch", () =>
    Effect.gen(function* () {
      const points: Array<string> = []
      const hook = (point: string) => Effect.sync(() => void points.push(point))
      const program = Effect.gen(function* () {
        const services = yield* Effect.context<Memory.Services>()
        const right = yield* MemorySink.make<Notes.Note>({ label: "notes" })
        const sink: ChangeSink.Transactional<Notes.Note> = {
          ...right,
          write: (subscription, writes) =>
            right.write(subscription, writes).pipe(
              Effect.tap(() => Effect.orDie(publish("a", "a note was written"))),
              Effect.provide(services)
            )
        }
        const observations = Notes.placed([Notes.upsert("x", 1, 1)])
        const sync = Sync.make({ ...(yield* Notes.syncOf({ observations, batchSize: 1 })), sink })
        yield* Sync.run(sync, { lane: Notes.live, isTakingOver: true })
        return yield* Memory.events(tenant)
      })
      const events = yield* Effect.provide(program, Memory.layer({ hook }))
      assert.deepEqual(events.map(({ type }) => type).toSorted(), ["invoice_paid", "note_created"])
      const last = points
        .slice(0, points.indexOf("UnitOfWork.commit:before"))
        .filter((one) => /append|commit/.test(one))
      assert.deepEqual(last, ["Outbox.append", "Outbox.append", "Lanes.commit"])
    })
  )

  it("L24 says what its unit of work and all those around it committed, and nothing else", () =>
    fc.assert(
      fc.asyncProperty(tree, (one) => {
        const program = Effect.gen(function* () {
          const isDone = yield* Effect.isSuccess(perform(one))
          const found = (yield* told).map((text) => text.split(" ")[1]!).toSorted()
          assert.deepEqual(found, isDone ? committed(one).toSorted() : [])
        })
        return Effect.runPromise(Effect.provide(program, Memory.layer(), { local: true }))
      }),
      { numRuns: 200 }
    ))
})

/** A unit of work: what it publishes, those inside it, and whether it fails at its end. */
interface Tree {
  readonly names: ReadonlyArray<string>
  readonly inner: ReadonlyArray<Tree>
  readonly isFailing: boolean
}

const treeOf = (inner: fc.Arbitrary<ReadonlyArray<Tree>>): fc.Arbitrary<Tree> =>
  fc.record({
    names: fc.array(fc.stringMatching(/^[a-z]{6}$/), { maxLength: 3 }),
    inner,
    isFailing: fc.constantFrom(false, false, true)
  })

const leaf = treeOf(fc.constant([]))
const branch = treeOf(fc.array(leaf, { maxLength: 2 }))
const tree = treeOf(fc.array(branch, { maxLength: 2 }))

const perform = ({ inner, isFailing, names }: Tree): Effect.Effect<void, unknown, Memory.Services> =>
  transact(
    Effect.gen(function* () {
      for (const name of names) yield* publish(name[0]!, name)
      for (const one of inner) yield* Effect.ignore(perform(one))
      if (isFailing) return yield* Effect.fail("no")
    })
  )

const committed = ({ inner, isFailing, names }: Tree): ReadonlyArray<string> =>
  isFailing ? [] : [...names, ...inner.flatMap(committed)]
