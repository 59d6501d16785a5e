// Goal: the programs of the package's page do what the page says.
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Publisher from "@tidemark/core/engine/Publisher"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Memory from "@tidemark/memory/Memory"
import { Forwarder, StandardWebhooks } from "@tidemark/webhooks"
import { Clock, Effect, Redacted, Schema } from "effect"
import { expect, it } from "vitest"
import { secretOf, tenant } from "./support/Events.ts"
import * as Receiver from "./support/Receiver.ts"

const InvoicePaid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  payload: Schema.Struct({ cents: Schema.Int })
})

const program = (url: string, allow: ReadonlyArray<string>, secret: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const hooks = yield* Forwarder.make("billing-hooks", {
      on: [InvoicePaid],
      url, // https://hooks.example/tidemark
      allow, // [] but for servers of your own
      secrets: { current: secret } // whsec_...
    })
    const registry = yield* EventRegistry.make(InvoicePaid)
    const relay = { registry, consumers: [hooks] }
    yield* Relay.prepare(relay)
    return yield* Relay.run(relay)
  }).pipe(Effect.scoped)

const isGenuine = Effect.fnUntraced(function* (
  secret: Redacted.Redacted<string>,
  headers: Readonly<Record<string, string | undefined>>,
  body: Uint8Array
) {
  const secrets = yield* StandardWebhooks.secrets({ current: secret })
  return yield* StandardWebhooks.verify(secrets, { headers, body }, yield* Clock.currentTimeMillis)
}, Effect.provide(NodeCrypto.layerMac))

it("the program of the page posts what is published, and the receiver of the page knows it", async () => {
  const secret = Redacted.make(secretOf(9))
  const got = await Effect.runPromise(
    Effect.gen(function* () {
      let arrived: (message: Receiver.Got) => void = () => undefined
      const first = new Promise<Receiver.Got>((resolve) => (arrived = resolve))
      const { url } = yield* Receiver.serve((message) => (arrived(message), 200))
      const published = Effect.flatMap(UnitOfWork.UnitOfWork, (uow) =>
        uow.transact(tenant, Publisher.publish(InvoicePaid, { key: "i1", payload: { cents: 100 } }))
      )
      const message = Effect.andThen(
        Effect.repeat(Effect.yieldNow, { times: 100 }),
        Effect.andThen(
          published,
          Effect.promise(() => first)
        )
      )
      const one = yield* Effect.raceFirst(program(url, [url], secret), message)
      const headers = one.headers as Readonly<Record<string, string>>
      const known = yield* isGenuine(secret, headers, Buffer.from(one.text))
      return { ...known, data: one.json.data }
    }).pipe(Effect.scoped, Effect.provide(Memory.layer()))
  )
  expect(got).toMatchObject({ id: expect.stringMatching(/^msg_/), data: { cents: 100 } })
})
