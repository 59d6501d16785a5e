// Goal: a file of detections is read whole, and all that is wrong with it is said at once, by file and path.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, describe, it } from "vitest"
import * as DetectionFile from "../src/DetectionFile.ts"
import * as Detections from "../src/Detections.ts"
import * as ConfigurationText from "../src/ConfigurationText.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-detections-"))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const read = (file: string) =>
  Effect.runPromise(Effect.result(DetectionFile.read(file)).pipe(Effect.provide(NodeServices.layer)))
const readText = (text: string | Uint8Array) => {
  const file = path.join(folder, "detections.yaml")
  fs.writeFileSync(file, text)
  return read(file)
}
const linesOf = async (text: string | Uint8Array) => {
  const result = await readText(text)
  assert.ok(Result.isFailure(result))
  assert.ok(result.failure.isMendable)
  return result.failure.message
    .split("\n")
    .map((line) => line.replace(`${path.join(folder, "detections.yaml")}`, "FILE"))
}

const yaml = `
detections:
  accounts:
    version: 1
    provider: salesforce
    object: Account
    mapping:
      name: { path: Name, transforms: [trim], presence: Required }
      kind: { constant: account }
    filters:
      - { operator: ne, field: Type, value: Competitor }
    leaves: Delete
    window: { settle: 2 minutes }
`

describe("a file of detections", () => {
  it("holds what would be written in code", async () => {
    const detection = Detection.poll({
      provider: "salesforce",
      object: "Account",
      mapping: {
        name: Detection.field("Name", { transforms: ["trim"], presence: "Required" }),
        kind: Detection.constant("account")
      },
      filters: [Filter.ne("Type", "Competitor")],
      leaves: "Delete",
      window: { settle: "2 minutes" }
    })
    assert.deepEqual(Result.getOrThrow(await readText(yaml)), { accounts: detection })
    const json = JSON.stringify(
      { detections: { accounts: Result.getOrThrow(Detection.encode(detection)) } },
      undefined,
      "\t"
    )
    assert.deepEqual(Result.getOrThrow(await readText(json)), { accounts: detection })
    assert.deepEqual(
      Result.getOrThrow(Detections.fromUnknown({ accounts: Result.getOrThrow(Detection.encode(detection)) })),
      { accounts: detection }
    )
  })

  it("is answered with all that is wrong, with the file and the path", async () => {
    const wrong = yaml
      .replace("version: 1", "version: 2")
      .replace("path: Name", "path: Na me")
      .replace("operator: ne", "operator: nee")
    const second = yaml.replace("detections:\n  accounts:", "  more:").replace("leaves: Delete", "leave: Delete")
    const lines = await linesOf(`${wrong}${second}`)
    const starts = [
      "FILE: detections.accounts.version: ",
      "FILE: detections.accounts.mapping.name.path: ",
      "FILE: detections.accounts.filters[0].operator: ",
      "FILE: detections.more.leave: "
    ]
    assert.deepEqual(
      lines.map((line) => starts.find((start) => line.startsWith(start)) ?? line).toSorted(),
      starts.toSorted()
    )
  })

  it.each([
    ["no detection", "detections: {}", /^FILE: detections: .*an object with 1 to 200 detections/],
    ["other keys", `${yaml}\nother: 1`, /^FILE: other: is not known here/],
    ["nothing", "", /^FILE: /],
    [
      "two of one name but for case",
      yaml + yaml.replace("detections:\n  accounts", "  ACCOUNTS"),
      /differ by more than case/
    ],
    ["a name that is none", yaml.replace("accounts:", "'a b':"), /detections\["a b"\]/],
    ["broken text", "detections: [", /^FILE: .*line 1/],
    ["what a terminal would obey", 'detections:\n  "\\e[2J": 1', /\\u001b\[2J/],
    ["bytes that are no text", new Uint8Array([0x61, 0xff]), /^FILE is not UTF-8/]
  ])("with %s is refused", async (_, text, expected) => assert.match((await linesOf(text))[0] ?? "", expected))

  it("that is not there, or has no end, is refused", async () => {
    for (const file of [path.join(folder, "none.yaml"), folder, "/dev/zero"]) {
      const result = await read(file)
      assert.ok(Result.isFailure(result) && result.failure.message.includes(file), file)
    }
  })

  it("of any hostile text is read or refused, in words that a terminal can show", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 30 }),
          fc.constantFrom(
            "' OR Id != '",
            "__proto__",
            "\u202e",
            "*a",
            "!!js/function 'x'",
            "]}",
            "\u001b[2J",
            "# x",
            "a: b"
          )
        ),
        fc.nat(4),
        (text, place) => {
          const places = ["accounts:", "Name,", "Account\n", "Competitor", "Delete"]
          const spoilt = yaml.replace(places[place]!, () => `${text}${places[place]!.replace(/^\w+/, "")}`)
          const parsed = ConfigurationText.parse(spoilt)
          if (Result.isFailure(parsed)) return
          const result = Detections.fromFile(parsed.success)
          if (Result.isFailure(result)) assert.notEqual(result.failure.problems.length, 0)
          else for (const name of Object.keys(result.success)) assert.match(name, /^[A-Za-z][A-Za-z0-9_]*$/)
        }
      ),
      { numRuns: Number(process.env["RUNS"] ?? 2_000) }
    ))
})
