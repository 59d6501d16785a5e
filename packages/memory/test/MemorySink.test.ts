/** The sink over the store's rows, its constraints, and what happens behind the engine's back. */
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Write from "@tidemark/core/model/Write"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import { accounts, advance, failureOf, id, makeGate, makeSignal, processOf, transact } from "./support.ts"

interface Account {
  readonly name: string
  readonly email?: string
}

const put = (externalId: string, name: string, email?: string): Write.Write<Account> => ({
  _tag: "Put",
  externalId: id(externalId),
  localId: `proposed-${externalId}`,
  revision: 1,
  idempotencyKey: `${externalId}/1`,
  record: { name, ...(email === undefined ? {} : { email }) }
})
const remove = (externalId: string): Write.Write<Account> => ({
  _tag: "Remove",
  externalId: id(externalId),
  localId: `proposed-${externalId}`,
  revision: 2,
  idempotencyKey: `${externalId}/2`
})

const makeSink = MemorySink.make<Account>({
  label: "accounts",
  unique: (record) => record.email,
  refuse: (write) =>
    write._tag === "Put" && write.record.name === "row"
      ? "Row"
      : write._tag === "Put" && write.record.name === "batch"
        ? "Batch"
        : undefined
})
const write = (sink: ChangeSink.ChangeSink<Account>, ...writes: Arr.NonEmptyReadonlyArray<Write.Write<Account>>) =>
  transact(sink.write(accounts, writes))
const namesOf = Effect.map(Memory.rows<Account>(accounts), (rows) =>
  Object.fromEntries([...rows].map(([key, { record }]) => [key, record.name]))
)
const local = Effect.provide(Memory.layer(), { local: true })

describe("sink", () => {
  it.effect("finds what was written, and nothing once it is removed", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      yield* write(sink, put("a", "A"), put("b", "B"))
      const found = yield* sink.find(accounts, [id("a"), id("c")])
      assert.deepEqual([...found], [["a", { localId: "proposed-a", record: { name: "A" } }]])
      yield* write(sink, remove("a"), remove("c"))
      assert.deepEqual(yield* namesOf, { b: "B" })
    }).pipe(local)
  )

  it.effect("keeps the id of a row that was there before, and answers it", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      yield* (yield* Memory.Store).put(accounts, id("a"), { name: "old" })
      const [answer] = yield* write(sink, put("a", "A"))
      assert.deepEqual(answer, Result.succeed({ localId: "local-1" }))
      assert.equal((yield* Memory.rows(accounts)).get(id("a"))?.localId, "local-1")
    }).pipe(local)
  )

  it.effect("refuses a row with an answer in its place, or a batch as a whole", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      const answers = yield* write(sink, put("a", "A"), put("b", "row"))
      assert.deepEqual(answers.map(Result.isSuccess), [true, false])
      const error = yield* failureOf(write(sink, put("c", "C"), put("d", "batch")))
      assert.deepEqual([error._tag, error.reason], ["SinkError", "Refused"])
      assert.deepEqual(yield* namesOf, { a: "A" })
    }).pipe(local)
  )

  it.effect("a write taken back leaves no trace, in the history neither", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      yield* failureOf(transact(Effect.andThen(sink.write(accounts, [put("a", "A")]), Effect.fail("no" as const))))
      assert.deepEqual(yield* namesOf, {})
      assert.deepEqual(yield* Memory.changes(accounts), [])
    }).pipe(local)
  )

  it.effect("the history tells each row before and after, with the ledger's revision", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      const ledger = yield* Ledger.Ledger
      const store = yield* Memory.Store
      yield* transact(
        Effect.andThen(ledger.advance(accounts, [advance("a", 0, 5)]), sink.write(accounts, [put("a", "A")]))
      )
      yield* store.put(accounts, id("a"), { name: "drifted" })
      yield* store.remove(accounts, id("a"))
      assert.deepEqual(
        (yield* Memory.changes(accounts)).map(({ after, before, revision }) => [revision, before, after]),
        [
          [5, undefined, { name: "A" }],
          [5, { name: "A" }, { name: "drifted" }],
          [5, { name: "drifted" }, undefined]
        ]
      )
    }).pipe(local)
  )

  it.effect("a change from outside waits for the transaction that holds the row", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const signal = yield* makeSignal("Store.put")
      const engine = yield* Effect.flatMap(makeSink, (sink) => write(sink, put("a", "A"))).pipe(
        processOf(database, gate.hook),
        Effect.forkChild
      )
      yield* gate.reached
      const outside = yield* Effect.flatMap(Memory.Store, (store) =>
        store.put(accounts, id("a"), { name: "drifted" })
      ).pipe(processOf(database, signal.hook), Effect.forkChild)
      yield* signal.reached
      yield* gate.open
      yield* Fiber.join(engine)
      yield* Fiber.join(outside)
      assert.deepEqual(yield* namesOf.pipe(processOf(database)), { a: "drifted" })
    })
  )
})

describe("unique", () => {
  it.effect("a second record with a value is refused, until the first has lost it", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      yield* write(sink, put("a", "A", "x@x"))
      yield* write(sink, put("a", "A again", "x@x"))
      const error = yield* failureOf(write(sink, put("b", "B", "x@x")))
      assert.ok(error._tag === "SinkError")
      assert.deepEqual([error.reason, error.code], ["Refused", "23505"])
      yield* write(sink, remove("a"))
      yield* write(sink, put("b", "B", "x@x"))
      yield* write(sink, put("b", "B", "y@y"), put("c", "C", "x@x"))
      assert.deepEqual(yield* namesOf, { b: "B", c: "C" })
    }).pipe(local)
  )

  it.effect("two records of one batch cannot share a value", () =>
    Effect.gen(function* () {
      const sink = yield* makeSink
      const error = yield* failureOf(write(sink, put("a", "A", "x@x"), put("b", "B", "x@x")))
      assert.equal(error.reason, "Refused")
    }).pipe(local)
  )

  /** One transaction takes or frees a value and stops; another comes to take it. */
  const race = Effect.fnUntraced(function* (first: Write.Write<Account>, isTakenBack: boolean) {
    const database = yield* Memory.makeDatabase
    if (first._tag === "Remove") {
      yield* Effect.flatMap(makeSink, (sink) => write(sink, put("a", "A", "x@x"))).pipe(processOf(database))
    }
    const gate = yield* makeGate("UnitOfWork.commit:before")
    const signal = yield* makeSignal("Sink.write")
    const one = yield* Effect.flatMap(makeSink, (sink) => write(sink, first)).pipe(
      processOf(database, (point) =>
        isTakenBack && point === "UnitOfWork.commit:before"
          ? Effect.andThen(gate.hook(point), Effect.die("crash"))
          : gate.hook(point)
      ),
      Effect.exit,
      Effect.forkChild
    )
    yield* gate.reached
    const two = yield* Effect.flatMap(makeSink, (sink) => write(sink, put("b", "B", "x@x"))).pipe(
      processOf(database, signal.hook),
      Effect.match({ onFailure: (error) => error.reason, onSuccess: () => "Written" }),
      Effect.forkChild
    )
    yield* signal.reached
    yield* gate.open
    yield* Fiber.join(one)
    return yield* Fiber.join(two)
  })

  it.effect("who comes second waits for who takes or frees the value, and goes by how that ends", () =>
    Effect.gen(function* () {
      assert.equal(yield* race(put("a", "A", "x@x"), false), "Refused")
      assert.equal(yield* race(put("a", "A", "x@x"), true), "Written")
      assert.equal(yield* race(remove("a"), false), "Written")
      assert.equal(yield* race(remove("a"), true), "Refused")
    })
  )
})

describe("target", () => {
  const send = (target: MemoryTarget.Target<Account>, ...writes: Arr.NonEmptyReadonlyArray<Write.Write<Account>>) =>
    target.sink.write(accounts, writes)

  it.effect("a key seen before has no second effect and the same answer", () =>
    Effect.gen(function* () {
      const target = yield* MemoryTarget.make<Account>({ label: "crm" })
      yield* target.change(accounts, id("a"), { localId: "theirs", record: { name: "old" } })
      const first = yield* send(target, put("a", "A"))
      yield* target.change(accounts, id("a"), { localId: "theirs", record: { name: "newer" } })
      assert.deepEqual(yield* send(target, put("a", "A")), first)
      assert.deepEqual(first, [Result.succeed({ localId: "theirs" })])
      assert.equal((yield* target.rows(accounts)).get(id("a"))?.record.name, "newer")
      assert.deepEqual(
        (yield* target.calls).map((call) => call.isEffective),
        [true, false]
      )
    })
  )

  it.effect("a target that does not honour keys has an effect each time", () =>
    Effect.gen(function* () {
      const target = yield* MemoryTarget.make<Account>({ label: "crm", isIdempotent: false })
      yield* send(target, put("a", "A"))
      yield* send(target, put("a", "A"))
      assert.deepEqual(
        (yield* target.calls).map((call) => call.isEffective),
        [true, true]
      )
    })
  )

  it.effect("a crash after an effect leaves the effect, one before it does not", () =>
    Effect.gen(function* () {
      for (const [point, names] of [
        ["Target.write:before", []],
        ["Target.write:after", ["a"]]
      ] as const) {
        const target = yield* MemoryTarget.make<Account>({
          label: "crm",
          hook: (name) => (name === point ? Effect.die("crash") : Effect.void)
        })
        yield* Effect.exit(send(target, put("a", "A"), put("b", "B")))
        assert.deepEqual([...(yield* target.rows(accounts)).keys()], names)
      }
    })
  )

  it.effect("refuses a row with an answer, or a call before any effect", () =>
    Effect.gen(function* () {
      const target = yield* MemoryTarget.make<Account>({
        label: "crm",
        refuse: (one) => (one.externalId === "b" ? "Row" : one.externalId === "c" ? "Batch" : undefined)
      })
      assert.deepEqual((yield* send(target, put("a", "A"), put("b", "B"))).map(Result.isSuccess), [true, false])
      const error = yield* failureOf(send(target, put("d", "D"), put("c", "C")))
      assert.equal(error.reason, "Refused")
      assert.deepEqual([...(yield* target.sink.find(accounts, [id("a"), id("b"), id("d")])).keys()], ["a"])
    })
  )
})
