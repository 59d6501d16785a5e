// Goal: the program of the package's page does what the page says.
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"

import { Memory, MemorySink } from "@tidemark/memory"

const Deal = Schema.Struct({ name: Schema.String })
type Deal = typeof Deal.Type

const connection = { provider: "crm", account: "acme" }
const subscription = Subscription.make({ id: "deals", tenant: "default", entity: "deal", connection })
const version = Version.make({ domain: "crm/at", value: "1", observedAt: 1 })
const source = ChangeSource.plain({
  label: "crm/deal",
  domain: "crm/at",
  account: Effect.succeed("acme"),
  rule: CursorRule.make({ codec: Schema.Finite, positions: "Unique", resume: "Exclusive" }),
  read: () =>
    Stream.succeed(Page.make([Observation.upsert({ id: "d1", position: 1, record: { name: "Anvil" }, version })]))
})

const program = Effect.gen(function* () {
  const sink = yield* MemorySink.make<Deal>({ label: "deals" })
  yield* Sync.run(Sync.make({ subscription, schema: Deal, source, sink }))
  return yield* Memory.rows<Deal>(subscription)
}).pipe(Effect.provide(Memory.layer()))

it("the program of the page leaves the rows of its source", async () => {
  const rows = await Effect.runPromise(program)
  expect([...rows.values()].map(({ record }) => record)).toEqual([{ name: "Anvil" }])
})
