/**
 * `laws`: every law of the test kit over the memory store, on as many cases as
 * wanted. The last line is `laws: N runs, M failures`.
 */
import type * as Law from "@tidemark/laws/Law"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Catalogue from "./Catalogue.ts"
import * as Flags from "./flags.ts"
import * as Progress from "./Progress.ts"

export const laws = Command.make(
  "laws",
  {
    runs: Flags.whole("runs", 10_000, 1, 100_000_000, "How many cases to try, shared by all laws"),
    seed: Flags.seed
  },
  Effect.fnUntraced(function* ({ runs, seed }) {
    const failures = yield* check(Catalogue.memory, runs, seed)
    yield* Console.log(`laws: ${runs} runs, ${failures} failures`)
    if (failures > 0)
      return yield* new LawsBroken({ message: `${failures} of ${Catalogue.memory.length} laws are broken` })
  })
).pipe(Command.withDescription("Try the laws of the engine and of the test kit on generated cases"))

export class LawsBroken extends Schema.TaggedError<LawsBroken>()("LawsBroken", { message: Schema.String }) {}

/** Checks each law on its share of the cases; how many are broken. Each is told with how to try it again. */
export const check = Effect.fnUntraced(function* (laws: ReadonlyArray<Law.Law>, runs: number, seed: number) {
  const bar = Progress.make("laws", runs)
  let done = 0
  let failures = 0
  for (const [law, share] of shares(laws, runs)) {
    const failure = yield* Effect.promise(() => law.check({ runs: share, seed }).then(() => undefined, reasonOf))
    done += share
    if (failure !== undefined) {
      failures += 1
      yield* Console.error(failure)
    }
    yield* bar(done, law.id)
  }
  return failures
})

/**
 * How many cases each law gets: as many as it asks for beside the others, and
 * `runs` in all. A law about one fixed case gets no second one while others can
 * take it.
 */
export const shares = (laws: ReadonlyArray<Law.Law>, runs: number): ReadonlyArray<readonly [Law.Law, number]> => {
  const all = laws.toSorted((a, b) => b.runs - a.runs)
  let left = runs
  let weight = all.reduce((sum, law) => sum + law.runs, 0)
  return all
    .toReversed()
    .map((law) => {
      const share = law.runs === 1 && weight > 1 ? Math.min(1, left) : Math.round((left * law.runs) / weight)
      left -= share
      weight -= law.runs
      return [law, share] as const
    })
    .filter(([, share]) => share > 0)
}

const reasonOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason))
