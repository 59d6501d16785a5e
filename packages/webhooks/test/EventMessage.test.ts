/** An event as a message: ids that are as different as their keys, bodies that say what the definition says. */
import { describe, it } from "@effect/vitest"
import type * as Consumer from "@tidemark/core/engine/Consumer"
import * as EventType from "@tidemark/core/model/EventType"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import { EventMessage } from "@tidemark/webhooks"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { tenant } from "./support/Events.ts"

const idOf = (key: string): string => Effect.runSync(EventMessage.id(key).pipe(Effect.provide(NodeCrypto.layerDigest)))

const Paid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  version: 2,
  payload: Schema.Struct({ at: Schema.DateFromString, card: EventType.secret(Schema.String) }),
  upcasters: [EventType.upcaster(Schema.Struct({ on: Schema.String }), ({ on }) => ({ at: new Date(on) }))]
})

const event: Consumer.Received<EventType.Domain> = {
  id: "acme/i1",
  tenant,
  type: "invoice_paid",
  entity: "invoice",
  key: "i1",
  revision: 7,
  version: 1,
  direction: "change",
  payload: { at: new Date(0), card: "4242" }
}

const bodyOf = (event: Consumer.Received<EventType.Domain>, occurredAt?: number) =>
  Result.map(EventMessage.body(Paid, event, occurredAt), (bytes) => JSON.parse(Buffer.from(bytes).toString("utf8")))

describe("a message", () => {
  it("has an id that a header takes, the same for one key, another for another", () => {
    const keys = fc.oneof(fc.string({ unit: "grapheme", maxLength: 400 }), fc.constantFrom("a/b", "a.b", "a b", "é"))
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        assert.match(idOf(one), /^msg_[A-Za-z0-9_-]{43}$/)
        assert.equal(idOf(one) === idOf(other), one === other)
      })
    )
  })

  it("has the payload as it would be stored, in the version of its definition, without secrets", () => {
    assert.deepEqual(Result.getOrThrow(bodyOf(event)), {
      type: "invoice_paid",
      data: { at: "1970-01-01T00:00:00.000Z" },
      id: "acme/i1",
      entity: "invoice",
      key: "i1",
      revision: 7,
      version: 2
    })
    assert.equal(Result.getOrThrow(bodyOf(event, 1_000)).timestamp, "1970-01-01T00:00:01.000Z")
  })

  it("is none where the payload is not as defined", () => {
    assert.ok(Result.isFailure(bodyOf({ ...event, payload: { at: "yesterday" } })))
  })
})
