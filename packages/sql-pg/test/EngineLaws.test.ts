// Goal: the ports keep their laws on PostgreSQL, and the engine over them, as it does over memory.
// Guarantees: L01, L02, L03, L05, L07, L09, L10, L11, L12, L13, L14, L15, L16, L22, L24, L32, L33, L36, L37, L43, L45, L49,
// W07, W12, W63, W71, W73, W74.
// Method: each case has a tenant of its own in one database; few cases each, RUNS sets more.
import * as Store from "@tidemark/laws/Store"
import { agreement, verifyStore } from "@tidemark/laws/StoreLaws"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, describe, it } from "vitest"
import * as LawStore from "./support/LawStore.ts"

const scope = Scope.makeUnsafe()
const store = LawStore.make(scope)

/** Laws whose cases are long ones. */
const slow = new Set(["L16", "L43"])

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("PostgreSQL", () => {
  for (const law of [...verifyStore(store), agreement(store, Store.memory)]) {
    it(law.name, () => law.check(LawStore.settings(slow.has(law.id) ? 2 : 12)))
  }
})
