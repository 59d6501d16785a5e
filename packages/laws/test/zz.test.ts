import { it } from "vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import * as Store from "@tidemark/laws/Store"
import * as Fault from "@tidemark/laws/Fault"
import * as Rounds from "@tidemark/laws/Rounds"
import * as Simulation from "@tidemark/laws/Simulation"
import * as Interleaving from "@tidemark/laws/Interleaving"
it("x", () => Store.law(Store.memory, { id: "X", claim: "", runs: 40, arbitrary: fc.integer({min:0,max:39}), all: {size: 40, at: (i) => i}, holds: (k) => Effect.gen(function*() {
  const bench = yield* Simulation.bench(Store.memory, { pageSizes: [1], batchSize: 1, prefetch: 1 })
  yield* Rounds.begin(bench, 0, ["a","b","c"].map((id) => ({ _tag: "Put" as const, id, record: {name:"x",size:1,remark:null}, lateBy: 0 })))
  const [a, b] = yield* Interleaving.together({ schedule: [{who:0,steps:k},{who:1,steps:8},{who:0,steps:1000}], isRealTime: false }, [false,true].map((isTakingOver) => (turn) =>
    Effect.gen(function*() {
      return yield* Simulation.run(bench, Rounds.live("Keyset"), Fault.points(isTakingOver ? [] : [{ point: "UnitOfWork.commit:before", at: 0, kind: "Unknown" }], turn), { isTakingOver }) })))
  console.error(k, Exit.isSuccess(a!.exit), Exit.isSuccess(b!.exit), a!.fired.length, a!.trace.slice(-3).join(" "), b!.trace.length)
}) }).check())
