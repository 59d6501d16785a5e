// Goal: the ports of the memory store keep their laws.
// Guarantees: L01, L05, L10, L11, L12, L15, L24, L32, L36, L37, W07, W63, W71, W73.
import { portLaws } from "@tidemark/laws/StoreLaws"
import * as Store from "@tidemark/laws/Store"
import { describe, it } from "vitest"
import { settings } from "./support/settings.ts"

describe("the ports of the memory store", () => {
  for (const law of portLaws(Store.memory)) it(law.name, () => law.check(settings()))
})
