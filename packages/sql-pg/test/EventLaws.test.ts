// Goal: what is owed to consumers, and the inbox, keep their laws on PostgreSQL, as they do in memory.
// Guarantees: L25, L26, L27, L30, L32, L34, L50, W75.
// Method: each case has tenants, consumers and types of its own in one database; few cases each, RUNS sets more.
import type * as EventStore from "@tidemark/laws/events/EventStore"
import { verifyInbox, verifyOutbox } from "@tidemark/laws/EventLaws"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, describe, it } from "vitest"
import * as LawStore from "./support/LawStore.ts"

const scope = Scope.makeUnsafe()
const store: EventStore.EventStore<LawStore.Services> = {
  ...LawStore.make(scope),
  shares: LawStore.shares
}

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("PostgreSQL", () => {
  for (const law of [...verifyOutbox(store), ...verifyInbox(store)]) {
    it(law.name, () => law.check(LawStore.settings(8)))
  }
})
