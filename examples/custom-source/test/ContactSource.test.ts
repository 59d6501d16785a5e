import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { verifySource } from "@tidemark/laws"
import { Effect } from "effect"
import * as fc from "fast-check"
import { it } from "vitest"
import * as ContactSource from "../src/ContactSource.ts"
import * as Directory from "./support/Directory.ts"

const records = fc.record({ name: fc.constantFrom("Ada", "Bo"), email: fc.constantFrom(null, "a@b.example") })
const make = Effect.gen(function* () {
  const { token, upstream, url } = yield* Directory.make
  return { source: yield* ContactSource.make({ url, token, limit: 2 }), upstream }
})
const layer = NodeHttpClient.layerUndici
const at = ContactSource.timeOf

for (const law of verifySource({ make, records, settle: 20, at, deletions: true, layer, runs: 25 }))
  it(law.name, () => law.check())
