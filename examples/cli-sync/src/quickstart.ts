/**
 * The example of the README: a source of one's own, synced into memory.
 */
import { ChangeSource, CursorRule, Observation, Page, Subscription, Sync, Version } from "@tidemark/core"
import { Memory, MemorySink } from "@tidemark/memory"
import { Effect, Schema, Stream } from "effect"

const Deal = Schema.Struct({ name: Schema.String, amount: Schema.Finite })
const deals = ["Anvil", "Bellows"].map((name, index) => ({ id: `d${index}`, at: 1, name, amount: 10 }))

const upsert = ({ at, id, ...record }: (typeof deals)[number]) => {
  const version = Version.make({ domain: "crm/at", value: String(at).padStart(9, "0"), observedAt: 2 })
  return Observation.upsert({ id, position: at, record, version })
}
const source = ChangeSource.plain({
  label: "crm/deal",
  domain: "crm/at",
  account: Effect.succeed("acme"),
  rule: CursorRule.make({ codec: Schema.Finite, positions: "Shared", resume: "Inclusive" }),
  read: ({ from = 0 }) => Stream.succeed(Page.make(deals.filter((deal) => deal.at >= from).map(upsert)))
})

const connection = { provider: "crm", account: "acme" }
const subscription = Subscription.make({ id: "crm/deal", tenant: "default", entity: "deal", connection })

export const program = Effect.gen(function* () {
  const sink = yield* MemorySink.make<typeof Deal.Type>({ label: "deals" })
  const sync = Sync.make({ subscription, schema: Deal, source, sink, events: true })
  const first = yield* Sync.run(sync) // created: 2
  const second = yield* Sync.run(sync) // unchanged: 2
  return { first, second, events: yield* Memory.events(subscription.tenant) }
})
