// Goal: what the guide shows of the configuration file is a configuration.
// Method: the blocks of the guide itself, read by the schema.
import { Configuration, ConfigurationSecret, ConfigurationText } from "@tidemark/cli"
import { Problem } from "@tidemark/core"
import { Spec } from "@tidemark/provider-salesforce"
import * as Result from "effect/Result"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { it } from "vitest"
import * as Config from "../src/config.ts"

const guide = fs.readFileSync(path.join(import.meta.dirname, "../../../docs/guides/first-sync.md"), "utf8")
const [whole = "", ways = ""] = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? "")

const valueOf = (text: string) => Result.getOrThrowWith(ConfigurationText.parse(text), Problem.format)

it("the configuration of the guide is one", () => {
  const decoded = Configuration.decode(Config.settings, valueOf(whole))
  const { objects, source } = Result.getOrThrowWith(decoded, Problem.format)
  assert.deepEqual(Object.keys(objects ?? {}), ["Account", "Opportunity"])
  assert.equal(source?.apiBudget?.share, 0.5)
})

it("each way to get a session that the guide names is one, and no other is missing", () => {
  const schema = Spec.auth(ConfigurationSecret.Secret)
  const types = ways
    .trim()
    .split("\n")
    .map((line) => Result.getOrThrowWith(Problem.decode(schema, valueOf(line)), Problem.format).type)
  assert.deepEqual(types, ["refresh", "jwt", "clientCredentials"])
})
