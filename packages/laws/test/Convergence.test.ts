// Goal: whatever dies wherever, once faults stop the sink agrees with the world, and every record has one story.
// Guarantees: L01, L02, L03, L04, L07, L11, L12, L13, L49.
import * as Effect from "effect/Effect"
import * as Simulation from "@tidemark/laws/Simulation"
import * as Scenarios from "@tidemark/laws/Scenarios"
import * as Store from "@tidemark/laws/Store"
import * as WorldSource from "@tidemark/laws/WorldSource"
import { describe, it } from "vitest"
import { settings } from "./support/settings.ts"

describe("convergence", () => {
  for (const kind of WorldSource.kinds) {
    const law = Store.law(Store.memory, {
      id: "L13",
      claim: `once faults stop, a sink agrees with a world read as ${kind}`,
      runs: 300,
      arbitrary: Scenarios.scenario({ kinds: [kind] }),
      holds: (scenario) => Effect.flatMap(Simulation.play(Store.memory, scenario), (result) => Simulation.judge(result))
    })
    it(law.name, () => law.check(settings()))
  }
})
