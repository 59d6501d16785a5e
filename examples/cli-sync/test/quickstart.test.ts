// Goal: the README's example does what it says.
import { Memory } from "@tidemark/memory"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { it } from "vitest"
import { program } from "../src/quickstart.ts"

it("the first run creates, the second finds nothing to do", async () => {
  const { events, first, second } = await Effect.runPromise(Effect.provide(program, Memory.layer()))
  assert.ok("counts" in first && "counts" in second)
  assert.equal(first.counts.created, 2)
  assert.deepEqual([second.counts.created, second.counts.unchanged], [0, 2])
  assert.deepEqual(
    events.map(({ type }) => type),
    ["deal_created", "deal_created"]
  )
})
