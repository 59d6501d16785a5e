// Goal: the source does in a run what the guide says: changes and deletions arrive, what cannot be read is kept aside.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Subscription, Sync } from "@tidemark/core"
import { Memory, MemorySink } from "@tidemark/memory"
import { Duration, Effect, Layer } from "effect"
import { expect, it } from "vitest"
import * as ContactSource from "../src/ContactSource.ts"
import * as Directory from "./support/Directory.ts"

const connection = { provider: "directory", account: "acme" }
const subscription = Subscription.make({ id: "contacts", tenant: "default", connection, entity: "contact" })

const scenario = Effect.gen(function* () {
  const { spoil, token, upstream, url } = yield* Directory.make
  const source = yield* ContactSource.make({ url, token, limit: 2 })
  const sink = yield* MemorySink.make<ContactSource.Contact>({ label: "contacts" })
  const sync = Sync.make({ subscription, schema: ContactSource.Contact, source, sink, settle: Duration.seconds(1) })
  for (const id of ["c1", "c2", "c3"]) yield* upstream.put(id, { name: id, email: null }, 0)
  const first = yield* Sync.run(sync)
  yield* upstream.pass(5_000)
  yield* upstream.put("c1", { name: "c1", email: "c1@b.example" }, 0)
  yield* upstream.remove("c2")
  spoil("c4")
  const second = yield* Sync.run(sync)
  return { first, second, rows: yield* Memory.rows<ContactSource.Contact>(subscription) }
})

it("changes and deletions arrive, and what cannot be read is in quarantine", async () => {
  const { first, rows, second } = await Effect.runPromise(
    Effect.scoped(scenario).pipe(Effect.provide(Layer.merge(Memory.layer(), NodeHttpClient.layerUndici)))
  )
  expect(first).toMatchObject({ counts: { read: 3, created: 3 } })
  expect(second).toMatchObject({ counts: { created: 0, updated: 1, deleted: 1, quarantined: 1 } })
  expect(rows.size).toBe(2)
})
