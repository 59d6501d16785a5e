// Goal: what detections say is found wrong or done, row by row, and no text in one means anything but itself.
// Method: texts made to break what reads them, through every place of a detection, read by a reader of SOQL of the
// tests' own and asked of the simulator. Guarantees: S28, S35, S37.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Problem from "@tidemark/core/model/Problem"
import * as Matching from "@tidemark/core/rules/Matching"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpClient from "effect/http/HttpClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Describe from "../src/Describe.ts"
import * as Detected from "../src/Detected.ts"
import * as DetectedFilter from "../src/DetectedFilter.ts"
import * as DetectedSource from "../src/DetectedSource.ts"
import type * as SalesforceClient from "../src/SalesforceClient.ts"
import * as SalesforceCursor from "../src/SalesforceCursor.ts"
import * as SimulatorSoql from "../src/simulator/Soql.ts"
import * as Soql from "../src/Soql.ts"
import * as Probe from "./support/Probe.ts"
import * as SoqlReader from "./support/SoqlReader.ts"

type Client = SalesforceClient.SalesforceClient["Service"]
type Options = Partial<Detection.Options<"salesforce">>

const poll = (options: Options = {}) =>
  Detection.poll({ provider: "salesforce", object: Probe.object, mapping: { word: "Word__c" }, ...options })

const live = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(NodeHttpClient.layerUndici)))

const described: Describe.Describe = {
  name: Probe.object,
  queryable: true,
  replicateable: true,
  undeletable: true,
  fields: [
    { name: "Id", type: "id", nillable: false },
    { name: "Word__c", type: "string" },
    { name: "Count__c", type: "int", scale: 0 },
    { name: "Sum__c", type: "double", scale: 2, calculated: true },
    { name: "Place__c", type: "address", filterable: false },
    { name: "Many__c", type: "multipicklist" },
    { name: "Other__c", type: "reference" },
    { name: "IsDeleted", type: "boolean", nillable: false },
    { name: "SystemModstamp", type: "datetime", nillable: false }
  ]
}

const compileWith = (detections: Readonly<Record<string, Detection.Detection>>) =>
  Detected.compileWith([Probe.object, "Account"], new Map([[Probe.object, described]]), detections)
const compiled = (options: Options = {}) => Result.getOrThrow(compileWith({ one: poll(options) }))["one"]!
const lines = (detections: Readonly<Record<string, Detection.Detection>>): ReadonlyArray<string> =>
  Result.match(compileWith(detections), {
    onFailure: ({ problems }) => problems.map(({ message, path }) => `${Problem.formatPath(path)}: ${message}`),
    onSuccess: () => []
  })

describe("detections against an org", () => {
  it("are answered with all that is wrong, by name and path", () => {
    const found = lines({
      first: poll({ mapping: { place: "Place__c", word: "Wrod__c" }, filters: [Filter.eq("Count__c", "1")] }),
      second: poll({ object: "Acount" as string }),
      third: poll({ unknownFields: "Keep", mapping: { extras: "Word__c" } }),
      fourth: poll({ cursor: { field: "LastModifiedDate" } })
    })
    assert.deepEqual(found.map((line) => line.slice(0, line.indexOf(": "))).toSorted(), [
      "detections.first.filters[0].value",
      "detections.first.mapping.place.path",
      "detections.first.mapping.word.path",
      "detections.fourth.cursor.field",
      "detections.second.object",
      "detections.third.mapping.extras"
    ])
    assert.match(found.join("\n"), /place\.path: Place__c cannot be part of a record: a compound field/)
    assert.match(found.join("\n"), /"Acount" is not an object of salesforce.* Did you mean Account\?/)
  })

  it("name the formula fields that they read or filter by", () =>
    live(
      Effect.gen(function* () {
        const { client } = yield* Probe.stage(1)
        const formulas = new Set(["Word__c", "Day__c"])
        const calculating: Client = {
          ...client,
          describe: (object) =>
            Effect.map(client.describe(object), ({ serverTime, value }) => ({
              serverTime,
              value: { ...value, fields: value.fields.map((one) => ({ ...one, calculated: formulas.has(one.name) })) }
            }))
        }
        const { one } = yield* Detected.compile(calculating, { one: poll({ filters: [Filter.isNull("Day__c")] }) })
        const source = yield* DetectedSource.make({ client: calculating, detected: one })
        assert.deepEqual(source.unstamped, ["Day__c", "Word__c"])
      })
    ))

  it("ask for the fields that they need, and no others", () => {
    const { compiled: one } = compiled({ filters: [Filter.gt("Count__c", 1)] })
    assert.deepEqual(one.select, ["Count__c", "SystemModstamp", "Word__c"])
  })

  it("ask no formula for numbers, no list for texts, and no Id for another text of it", () => {
    const asks = (filter: Filter.Filter) => compiled({ filters: [filter] }).compiled.staying.length === 0
    assert.deepEqual(
      [
        Filter.gt("Sum__c", 1),
        Filter.eq("Many__c", "a;b"),
        Filter.eq("Other__c", "001000000000aA0aaa"),
        Filter.eq("Other__c", "001000000000aA0"),
        Filter.gt("Count__c", 1),
        Filter.eq("Count__c", 1.5),
        Filter.isNull("Many__c")
      ].map(asks),
      [false, false, false, true, true, false, false]
    )
  })

  it("ask for as much as fits into an address, and say what did not", () => {
    const long = (letter: string) => Filter.eq("Word__c", letter.repeat(1_500))
    const { pushed } = compiled({ filters: ["a", "b", "c"].map(long) }).compiled
    const { left, where } = DetectedFilter.make(pushed, (name) => Describe.field(described, name))
    assert.deepEqual([where?._tag === "And" ? where.terms.length : undefined, left.length], [2, 1])
    assert.match(compiled({ filters: [long("'")] }).compiled.staying[0]?.reason ?? "", /no such comparison/)
  })
})

// -----------------------------------------------------------------------------
// texts
// -----------------------------------------------------------------------------

const count = Number(process.env["RUNS"] ?? 10_000)
const seed = Number(process.env["SEED"] ?? 1)

const hostile = fc.oneof(
  fc.constantFrom(
    "' OR Id != '",
    "\\' OR Id != null OR Word__c = \\'",
    "x') OR (Id != '",
    "x' LIMIT 1 --",
    "%",
    "_",
    "\\",
    "\\'",
    "NULL",
    "TODAY",
    ":word",
    "{0}",
    "Id FROM Account WHERE Id != '",
    "__proto__",
    "constructor",
    "Word__c\n",
    "Word__c, Id",
    "(SELECT Id FROM Account)",
    "2026-05-01T07:25:37.000Z OR Id != null",
    "001000000000aA0AAA' OR Id != '",
    "\ud800",
    "\0",
    "x".repeat(5_000),
    "'".repeat(3_000)
  ),
  fc.string({
    unit: fc.constantFrom("'", "\\", "%", "_", '"', "(", ")", " ", "n", "O", "R", "=", "-", "\n"),
    maxLength: 12
  }),
  fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 12 })
)

/** The text of what one predicate asks; `undefined` when it is not asked. */
const asked = (filter: Filter.Filter): string | undefined => {
  const result = compileWith({ one: poll({ filters: [filter] }) })
  if (Result.isFailure(result)) return undefined
  const { where } = DetectedFilter.make(result.success["one"]!.compiled.pushed, (name) =>
    Describe.field(described, name)
  )
  if (where === undefined) return undefined
  return Result.getOrThrow(Soql.format({ select: ["Id"], from: Probe.object, where }))
}

const predicates: ReadonlyArray<(text: string) => Filter.Filter> = [
  (text) => Filter.eq("Word__c", text),
  (text) => Filter.isIn("Word__c", ["a", text]),
  (text) => Filter.contains("Word__c", text),
  (text) => Filter.startsWith("Word__c", text),
  (text) => Filter.eq("Other__c", text)
]

/** What is between the quotes of each. */
const written: ReadonlyArray<(text: string) => ReadonlyArray<string>> = [
  (text) => [text],
  (text) => ["a", text],
  (text) => [`${SoqlReader.any}${text}${SoqlReader.any}`],
  (text) => [`${text}${SoqlReader.any}`],
  (text) => [text]
]

describe("hostile texts", () => {
  it(`of ${count}, none changes what is asked, wherever it stands`, { timeout: 300_000 }, () => {
    const plain = predicates.map((make) =>
      SoqlReader.shape(asked(make("b")) ?? asked(make("001000000000aA0")) ?? assert.fail("a plain text is not asked"))
    )
    let questions = 0
    for (const text of fc.sample(hostile, { numRuns: count, seed })) {
      for (const [index, make] of predicates.entries()) {
        const soql = asked(make(text))
        if (soql === undefined) continue
        questions += 1
        assert.deepEqual(SoqlReader.shape(soql), plain[index], soql)
        assert.deepEqual(SoqlReader.strings(soql), written[index]!(text), soql)
        assert.ok(Result.isSuccess(SimulatorSoql.parse(soql)), soql)
      }
      for (const options of [
        { object: text },
        { mapping: { word: text } },
        { mapping: { [text]: "Word__c" } },
        { cursor: { field: text } },
        { filters: [Filter.isNull(text)] }
      ] satisfies ReadonlyArray<Options>) {
        const result = compileWith({ one: poll(options as Options) })
        // What is accepted is a name of the object's own, or of the record here.
        if (Result.isSuccess(result)) assert.match(text, /^[A-Za-z][A-Za-z0-9_]*$/)
      }
      assert.equal(typeof Result.isSuccess(compileWith({ [text]: poll() })), "boolean")
      const cursor = Schema.decodeUnknownResult(SalesforceCursor.SalesforceCursor)
      for (const position of [
        { at: text, id: null },
        { at: "2026-05-01T07:25:37.000Z", id: text }
      ])
        if (Result.isSuccess(cursor(position))) assert.match(text, /^(?:[A-Za-z0-9]{15,18}|\d{4}-[-0-9T:.]{18}Z)$/)
    }
    assert.ok(questions > count, `only ${questions} were asked`)
  })

  it("are answered by the org as they are evaluated here", () =>
    live(
      Effect.gen(function* () {
        const { client, org } = yield* Probe.stage(seed)
        const texts = [...new Set(fc.sample(hostile, { numRuns: Math.ceil(count / 40), seed }))].filter(
          (text) => text.isWellFormed() && !text.includes("\0") && text.trim() !== "" && text.length <= 255
        )
        const ops = texts.map((text) => ({
          op: "create" as const,
          entity: Probe.object,
          fields: { Name: "x", Word__c: text }
        }))
        yield* org.control.mutate({ ops })
        yield* org.control.advance(60_000)
        const { entities } = yield* org.control.state
        const records = Object.entries(entities[Probe.object] ?? {})
        let questions = 0
        for (const filter of texts.flatMap((text) => predicates.slice(0, 4).map((make) => make(text)))) {
          const soql = asked(filter)
          if (soql === undefined) continue
          questions += 1
          const pages = yield* Stream.runCollect(client.pages(soql))
          const answered = new Set(pages.flatMap(({ rows }) => rows.map((row) => row["Id"])))
          for (const [id, record] of records)
            assert.equal(answered.has(id), Matching.matches(filter, record), `${soql} of ${JSON.stringify(record)}`)
        }
        assert.ok(questions > texts.length, `only ${questions} questions`)
      })
    ))
})
