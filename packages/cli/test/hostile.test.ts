// Goal: nothing that is stored does anything to a terminal, or ends a line that a program reads.
// Method: every command over a store whose names, ids, messages and observations are hostile. Guarantees: C06.
import { Write } from "@tidemark/core"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as World from "./support/World.ts"

/** What terminals obey, what turns the reading direction, what is not seen, and what ends a line. */
const hostile = fc
  .array(
    fc.constantFrom(
      "\u001b[2J",
      "\u001b]0;t\u0007",
      "\u009b31m",
      "\r",
      "\n",
      "\t",
      "\u202e",
      "\u200b",
      "\u2028",
      "a",
      "日"
    ),
    { minLength: 1, maxLength: 4 }
  )
  .map((parts) => parts.join(""))

const isHarmless = (text: string): boolean =>
  !/[\p{Cc}\p{Zl}\p{Zp}\u200b\u202a-\u202e\ufeff]/u.test(text.replaceAll("\n", ""))

describe("every command", () => {
  it("prints nothing that a terminal obeys, whatever is stored", () =>
    fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, hostile, (object, id, name, words) =>
        World.operated(
          Effect.fnUntraced(function* (world) {
            const commands = [
              ["sync", "--progress"],
              ["plan", "--all"],
              ["status"],
              ["runs"],
              ["runs", "--limit", "1"],
              ["runs", "show", "run-1"],
              ["quarantine", "list", "--limit", "1"],
              ["quarantine", "show", "refusal-1"],
              ["quarantine", "redrive", "--all", "--dry-run"],
              ["quarantine", "redrive", "--all"],
              ["quarantine", "redrive", words],
              ["runs", "--object", words],
              ["runs", "show", words]
            ]
            for (const command of commands) {
              for (const flags of [[], ["--json"]]) {
                const { err, out, progress } = yield* world.run(...command, ...flags)
                assert.ok(isHarmless(out + err + progress), `${command.join(" ")}: ${JSON.stringify(out + err)}`)
                const count =
                  flags.length === 0 ? 0 : out.split("\n").filter((line) => line !== "" && !line.startsWith("{")).length
                assert.equal(count, 0, `${command.join(" ")} prints JSON lines only`)
              }
            }
            const lanes = Context.get(world.context, Lanes.Lanes)
            const held = yield* Effect.orDie(World.claim(world))
            yield* Effect.orDie(lanes.release(held, words))
            for (const flags of [["status"], ["status", "--json"], ["sync"]]) {
              const { err, out } = yield* world.run(...flags)
              assert.ok(isHarmless(out) && isHarmless(err), `${flags.join(" ")}: ${JSON.stringify(out + err)}`)
            }
          }),
          [
            { id, at: 1, name },
            { id: `${id}!`, at: 2, name: `good ${name}` }
          ],
          {
            object,
            refuse: (text) => (text === name ? new Write.Rejection({ code: words, message: words }) : undefined)
          }
        )
      ),
      { numRuns: 25 }
    ))
})
