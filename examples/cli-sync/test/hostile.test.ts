// Goal: no text in a file of detections means anything but itself, from the file to the query.
// Method: texts made to break what reads them, in every place of a YAML file; what comes out is read by the parser of
// the simulator, and a sample is run against it. Guarantees: S37.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ConfigurationText, Detections } from "@tidemark/cli"
import {
  Credentials,
  Describe,
  Detected,
  DetectedFilter,
  DetectedSource,
  SalesforceClient,
  Soql
} from "@tidemark/provider-salesforce"
import { Simulator, Soql as Reader } from "@tidemark/provider-salesforce/simulator"
import { Lane, Subscription } from "@tidemark/core"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const count = Number(process.env["RUNS"] ?? 10_000)
const seed = Number(process.env["SEED"] ?? 1)

const hostile = fc.oneof(
  fc.constantFrom(
    "' OR Id != '",
    "\\' OR Id != null OR Name = \\'",
    "x') OR (Id != '",
    "*alias",
    "&anchor",
    "!!binary aGk=",
    "<<",
    "__proto__",
    "constructor",
    "# none",
    "- a",
    "a: b",
    "}",
    "Name\n",
    "Name FROM User",
    "null",
    "\u2028",
    "\ud800",
    "\0",
    "'".repeat(3_000)
  ),
  fc.string({
    unit: fc.constantFrom("'", "\\", "%", "_", '"', "(", ")", " ", "n", "O", "R", ":", "-", "\n", "{"),
    maxLength: 12
  }),
  fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 12 })
)

/** Every place of a file that holds somebody's text. */
const places = ["Detection", "Object", "Path", "Target", "Field", "Equal", "Part", "Constant"] as const
type Place = (typeof places)[number]

const file = (text: string, place: Place): string => {
  const at = (one: Place, otherwise: string) => JSON.stringify(place === one ? text : otherwise)
  return `detections:
  ${at("Detection", "one")}:
    version: 1
    provider: salesforce
    object: ${at("Object", "Account")}
    mapping: { ${at("Target", "name")}: { path: ${at("Path", "Name")} }, fixed: { constant: ${at("Constant", "x")} } }
    filters:
      - { operator: eq, field: ${at("Field", "Name")}, value: ${at("Equal", "x")} }
      - { operator: contains, field: Phone, text: ${at("Part", "x")} }
`
}

const stage = Effect.gen(function* () {
  const org = yield* Simulator.make({ seed: 1, accounts: 20 })
  const credentials = Credentials.bearer(Redacted.make(org.token))
  const client = yield* SalesforceClient.make({ url: org.url, credentials })
  return { client, described: (yield* client.describe("Account")).value }
})

const subscription = Subscription.make({
  id: "hostile",
  tenant: "default",
  connection: { provider: "salesforce", account: "a" },
  entity: "hostile"
})

const isName = (text: string) => /^[A-Za-z][A-Za-z0-9_]*$/.test(text)

/** What a reader should find: two conditions, and in them the texts. */
const meant = (text: string, place: Place) => {
  const equal = {
    _tag: "Compare",
    field: "Name",
    operator: "=",
    value: { _tag: "Text", value: place === "Equal" ? text : "x" }
  }
  const pattern = (place === "Part" ? text : "x").replaceAll(/['%_]/g, (sign) => `\\${sign}`)
  return [equal, { _tag: "Like", field: "Phone", pattern: `%${pattern}%` }]
}

describe("a file of detections", () => {
  it(`with any of ${count} hostile texts asks for what it says, or is refused`, { timeout: 300_000 }, () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const { client, described } = yield* stage
          let [asked, run] = [0, 0]
          for (const [index, text] of fc.sample(hostile, { numRuns: count, seed }).entries()) {
            const place = places[index % places.length]!
            const parsed = ConfigurationText.parse(file(text, place))
            if (Result.isFailure(parsed)) continue
            const read = Detections.fromFile(parsed.success)
            if (Result.isFailure(read)) continue
            const [[name, one], ...others] = Object.entries(read.success) as [[string, (typeof read.success)[string]]]
            assert.deepEqual(others, [])
            const compiled = Detected.compileWith(["Account"], new Map([["Account", described]]), read.success)
            if (Result.isFailure(compiled)) continue
            for (const named of [name, one.object, ...Object.keys(one.mapping)]) assert.ok(isName(named), named)
            if (place === "Constant") assert.deepEqual(one.mapping["fixed"], { constant: text })
            const detected = compiled.success[name]!
            const { where } = DetectedFilter.make(detected.compiled.pushed, (field) => Describe.field(described, field))
            if (where === undefined) continue
            const soql = Result.getOrThrow(Soql.format({ select: ["Id"], from: "Account", where }))
            const query = Result.getOrThrow(Reader.parse(soql))
            const found = query.where?._tag === "And" ? query.where.terms : [query.where]
            assert.ok(
              found.every((term) => meant(text, place).some((one) => JSON.stringify(one) === JSON.stringify(term))),
              soql
            )
            asked += 1
            if (index % 100 > 2) continue
            const source = yield* DetectedSource.make({ client, detected })
            const options = { lane: Lane.live(subscription), from: undefined, settle: source.settle }
            yield* Stream.runDrain(source.read(options))
            run += 1
          }
          assert.ok(asked > count / 4 && run > 10, `only ${asked} were asked, and ${run} run`)
        })
      ).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )
  )
})
