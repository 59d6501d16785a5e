// Goal: a law that says nothing of a kind of sink says so, and is not counted as kept.
import * as Scenarios from "@tidemark/laws/Scenarios"
import { verifySink } from "@tidemark/laws/SinkLaws"
import type * as SinkLaws from "@tidemark/laws/SinkLaws"
import * as World from "@tidemark/laws/World"
import type * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { settings } from "./support/settings.ts"

const target = MemoryTarget.make<World.Note>({ label: "target" })
const memory = MemorySink.make<World.Note>({ label: "notes" })

describe("a law of another kind of sink", () => {
  const told = async (sink: SinkLaws.Options<World.Note, Memory.Services>["sink"]) => {
    const laws = verifySink({ schema: World.Note, sink, records: Scenarios.note })
    const checked = await Promise.all(laws.map((law) => law.check({ ...settings(), runs: 3 })))
    return checked.flatMap(({ cases, law, notApplicable }) => {
      expect(cases === 0, law).toBe(notApplicable !== undefined)
      return notApplicable === undefined ? [] : [`${law}: ${notApplicable}`]
    })
  }

  it("says that it is not applicable, and why", async () => {
    const outside = "an external sink joins no transaction: what it wrote stays"
    expect(await told(Effect.map(target, ({ sink }) => sink))).toEqual([
      `L11 a write is read in its transaction, and by nobody else before it commits: ${outside}`,
      `L11 a write that is taken back leaves nothing: ${outside}`,
      `L11 a write that an inner unit of work takes back leaves what is around it: ${outside}`
    ])
    expect(await told(memory)).toEqual([
      "L11 a batch of which an external sink took a part is whole once it is written again: " +
        "a transactional sink takes a batch whole or not at all"
    ])
  })
})
