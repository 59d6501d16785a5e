// Goal: a relay does not start where it would lose or mix up deliveries.
// Guarantees: O02, O27, I08.
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventType from "@tidemark/core/model/EventType"
import * as Consumers from "@tidemark/core/ports/Consumers"
import type * as Outbox from "@tidemark/core/ports/Outbox"
import * as Memory from "@tidemark/memory/Memory"
import { paid, publish, registry, sent } from "./relaySupport.ts"
import { failureOf } from "./support.ts"

describe("a consumer", () => {
  it("O02 O27 that is misused does not compile", () => {
    const needing = Consumer.make("mail", { on: [paid], handler: () => sent("x") })
    // @ts-expect-error a handler has no transaction, so nobody can run what needs one
    const handler: Consumer.Consumer<Outbox.Outbox> = needing
    const transactional: Consumer.Consumer<Outbox.Outbox> = Consumer.make("mail", {
      on: [paid],
      transactional: () => sent("x")
    })
    const seen = EventType.define({ type: "seen", tier: "audit", aggregate: "x", payload: Schema.Struct({}) })
    // @ts-expect-error an audit event starts no work
    const audit = Consumer.make("mail", { on: [seen], handler: () => Effect.void })
    // @ts-expect-error there is no such field
    const field = Consumer.make("mail", { on: [paid], handler: ({ payload }) => Effect.succeed(payload.euros) })
    assert.ok([handler, transactional, audit, field].every(({ name }) => name === "mail"))
  })
})

describe("a relay refuses to start", () => {
  const consumer = (name: string, timeout: Duration.Input = "1 seconds") =>
    Consumer.make(name, { on: [paid], timeout, start: "Beginning", handler: () => Effect.void })

  const refusal = <R>(consumers: ReadonlyArray<Consumer.Consumer<R>>) =>
    Effect.gen(function* () {
      const error = yield* failureOf(Relay.prepare({ registry: yield* registry, consumers }))
      assert.equal(error._tag, "RelayError")
      return error as Relay.RelayError
    })

  it.effect("I08 with two consumers of one name", () =>
    Effect.gen(function* () {
      const error = yield* refusal([consumer("mail"), consumer("mail")])
      assert.deepEqual([error.reason, error.consumers], ["Duplicate", ["mail"]])
      assert.deepEqual(yield* (yield* Consumers.Consumers).list, [])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("with a consumer that may take longer than its lease", () =>
    Effect.gen(function* () {
      assert.equal((yield* refusal([consumer("mail", "30 seconds")])).reason, "Timeout")
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("with a consumer to run that nobody declares", () =>
    Effect.gen(function* () {
      const options = { registry: yield* registry, consumers: [consumer("mail")], only: ["mial"] }
      const error = yield* failureOf(Relay.prepare(options))
      assert.deepEqual(error._tag === "RelayError" && [error.reason, error.consumers], ["Undeclared", ["mial"]])
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("with a type that the registry does not have", () =>
    Effect.gen(function* () {
      const other = { ...paid, type: "invoice_lost" as const }
      const lost = Consumer.make("mail", { on: [other], handler: () => Effect.void })
      assert.equal((yield* refusal([lost])).reason, "UnknownType")
    }).pipe(Effect.provide(Memory.layer()))
  )

  it.effect("while deliveries wait for somebody that nobody declares, and says what mends it", () =>
    Effect.gen(function* () {
      yield* Relay.prepare({ registry: yield* registry, consumers: [consumer("old")] })
      yield* publish("a", 1)
      const error = yield* refusal([consumer("new")])
      assert.deepEqual([error.reason, error.consumers], ["Undeclared", ["old"]])
      assert.match(error.message, /outbox rename old .*outbox retire old/)
      const consumers = yield* Consumers.Consumers
      yield* consumers.change("old", { _tag: "Rename", to: "new" }, "ann")
      yield* Relay.prepare({ registry: yield* registry, consumers: [consumer("new")] })
    }).pipe(Effect.provide(Memory.layer()))
  )
})
