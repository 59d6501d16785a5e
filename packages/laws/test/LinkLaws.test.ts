// Goal: links of the memory store keep their laws, and wrong ones are caught.
// Guarantees: W44.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Links from "@tidemark/core/ports/Links"
import * as LinkLaws from "@tidemark/laws/LinkLaws"
import * as Memory from "@tidemark/memory/Memory"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"
import { apart, type Patch, replace } from "./support/wrongPatch.ts"

const wrong = (patch: Patch): LinkLaws.LinkStore<Memory.Services> => ({
  ...LinkLaws.memory,
  layer: Layer.effectContext(Effect.map(Layer.build(Layer.fresh(Memory.layer())), patch))
})

const links = (change: (right: Links.Links["Service"]) => Partial<Links.Links["Service"]>): Patch =>
  replace(Links.Links, change)

describe("links", () => {
  for (const law of LinkLaws.verifyLinks(LinkLaws.memory)) it(law.name, () => law.check(settings()))

  const caught = (design: string, patch: Patch) =>
    it(`W44 ${design} is caught`, () => isCaught(LinkLaws.verifyLinks(wrong(patch)), "W44"))

  caught(
    "a link of any type",
    links((right) => ({
      put: (tenant, [first, ...rest]) => right.put(tenant, [{ ...first, type: "other" }, ...rest])
    }))
  )
  caught(
    "a link that is found from its source alone",
    links((right) => ({
      find: (tenant, options = {}) => right.find(tenant, { ...options, target: undefined })
    }))
  )
  caught(
    "a link in a transaction of its own",
    replace(Links.Links, (right, all) => ({ put: (tenant, links) => apart(all, tenant, right.put(tenant, links)) }))
  )
  caught(
    "metadata that stays as it was first",
    links((right) => ({
      put: (tenant, all) =>
        Effect.gen(function* () {
          const known = yield* right.find(tenant, { limit: 1_000 })
          const isKnown = (one: Links.Link) =>
            known.some(
              (it) =>
                JSON.stringify([it.source, it.target, it.type]) === JSON.stringify([one.source, one.target, one.type])
            )
          const [first, ...rest] = all.filter((one) => !isKnown(one))
          if (first !== undefined) yield* right.put(tenant, [first, ...rest])
        })
    }))
  )
})
