// Goal: the engine keeps its laws over the memory store.
// Guarantees: L01, L02, L03, L05, L07, L09, L10, L11, L12, L13, L14, L15, L16, L22, L32, L36, L37, L43, L49, W02, W71, W77.
import { engineLaws } from "@tidemark/laws/EngineLaws"
import * as Store from "@tidemark/laws/Store"
import { describe, it } from "vitest"
import { settings } from "./support/settings.ts"

describe("the engine over memory", () => {
  for (const law of engineLaws(Store.memory)) it(law.name, () => law.check(settings()))
})
