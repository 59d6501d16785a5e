// Goal: processes meet on one store in the order a schedule says, and nobody waits for ever.
// Guarantees: L32, L49, W07.
import { Busy, Fenced } from "@tidemark/core/ports/Lanes"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Interleaving from "@tidemark/laws/Interleaving"
import type * as Simulation from "@tidemark/laws/Simulation"
import * as Store from "@tidemark/laws/Store"
import { describe, expect, it } from "vitest"

/** Processes that write down their steps. */
const course = (schedule: Interleaving.Schedule) =>
  Effect.gen(function* () {
    const steps: Array<string> = []
    yield* Interleaving.together(
      { schedule, isRealTime: false },
      ["a", "b"].map(
        (name) => (turn) =>
          Effect.gen(function* () {
            for (const number of [1, 2, 3]) {
              yield* turn("point")
              steps.push(`${name}${number}`)
            }
          })
      )
    )
    return steps.join(" ")
  })

describe("a stage", () => {
  it("follows its schedule, and goes on when that is over", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const turns = [
          { who: 1, steps: 2 },
          { who: 0, steps: 1 }
        ]
        expect(yield* course(turns)).toBe("b1 b2 a1 b3 a2 a3")
        expect(yield* course([{ who: 0, steps: 9 }])).toBe("a1 a2 a3 b1 b2 b3")
      })
    ))

  it("does not wait for a step that waits for another process", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const isFree = Deferred.makeUnsafe<void>()
        const ended = yield* Interleaving.together({ schedule: [{ who: 0, steps: 9 }], isRealTime: false }, [
          (turn) => Effect.andThen(turn("point"), Effect.as(Deferred.await(isFree), "the first")),
          (turn) => Effect.andThen(turn("point"), Effect.as(Deferred.succeed(isFree, undefined), "the second"))
        ])
        expect(ended).toEqual(["the first", "the second"])
      })
    ))
})

describe("two workers of one lane", () => {
  it("meet in every way: one is busy, one is fenced, both come to an end", () => {
    const seen = new Set<string>()
    const law = Store.law(Store.memory, {
      id: "L32",
      claim: "workers meet",
      runs: 200,
      arbitrary: Interleaving.workers({ faults: [] }),
      holds: (encounter) =>
        Effect.gen(function* () {
          const { processes } = yield* Interleaving.play(Store.memory, encounter)
          for (const { exit } of processes) seen.add(nameOf(exit))
        })
    })
    return law.check({ seed: 1 }).then(() => expect([...seen].toSorted()).toEqual(["Busy", "Fenced", "Succeeded"]))
  })
})

describe("two lanes", () => {
  it("lose races on one record, and both come to an end", () => {
    let losses = 0
    const law = Store.law(Store.memory, {
      id: "L49",
      claim: "lanes meet",
      runs: 200,
      arbitrary: Interleaving.lanes({ faults: [] }),
      holds: (encounter) =>
        Effect.gen(function* () {
          const { processes } = yield* Interleaving.play(Store.memory, encounter)
          // A batch that loses looks its records up again inside its transaction.
          const isRaced = processes.some(({ exit, trace }) => Exit.isSuccess(exit) && hasLost(trace))
          losses += isRaced ? 1 : 0
        })
    })
    return law.check({ seed: 1 }).then(() => expect(losses).toBeGreaterThan(10))
  })
})

const nameOf = (exit: Simulation.Ended["exit"]): string => {
  if (Exit.isSuccess(exit)) return exit.value instanceof Busy ? "Busy" : exit.value.status
  const error = Cause.squash(exit.cause)
  return error instanceof Fenced ? "Fenced" : String(error)
}

const hasLost = (trace: ReadonlyArray<string>): boolean =>
  trace.some((point, place) => point === "Ledger.advance" && trace[place + 1] === "Ledger.find")
