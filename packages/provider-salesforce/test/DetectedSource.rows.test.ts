// Goal: what becomes of single rows: mapped, left out, refused, deleted; and where a lane stands after them.
// Guarantees: S15, S28, S37.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpClient from "effect/http/HttpClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type * as Canonical from "../src/Canonical.ts"
import * as Detected from "../src/Detected.ts"
import * as DetectedRecord from "../src/DetectedRecord.ts"
import * as DetectedSource from "../src/DetectedSource.ts"
import * as Mapping from "../src/Mapping.ts"
import type * as SalesforceClient from "../src/SalesforceClient.ts"
import * as Probe from "./support/Probe.ts"
import * as Reading from "./support/Reading.ts"

type Client = SalesforceClient.SalesforceClient["Service"]
type Options = Partial<Detection.Options<"salesforce">>

const live = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(NodeHttpClient.layerUndici)))

const detectedOf = Effect.fnUntraced(function* (client: Client, options: Options) {
  const one = Detection.poll({
    provider: "salesforce",
    object: Probe.object,
    mapping: { word: "Word__c" },
    window: { settle: 0 },
    ...options
  })
  return (yield* Detected.compile(client, { one })).one
})

/** An org with some records, a source, and one read of it. */
const readAll = Effect.fnUntraced(function* (
  options: Options,
  rows: ReadonlyArray<Record<string, string | number | boolean | null>>,
  spoil: (row: Canonical.Row) => Canonical.Row = (row) => row
) {
  const { client, org } = yield* Probe.stage(1)
  const ops = rows.map((fields) => ({ op: "create" as const, entity: Probe.object, fields: { Name: "x", ...fields } }))
  const made = yield* org.control.mutate({ ops })
  yield* org.control.advance(60_000)
  const spoilt: Client = {
    ...client,
    pages: (soql, asked) => Stream.map(client.pages(soql, asked), (page) => ({ ...page, rows: page.rows.map(spoil) }))
  }
  const source = yield* DetectedSource.make({ client: spoilt, detected: yield* detectedOf(client, options) })
  const pages = yield* Reading.read(source, { from: undefined, settle: 0 })
  return { all: Reading.observations(pages), client, ids: made.map(({ id }) => id), org, pages, source }
})

const told = (all: Reading.Read<DetectedRecord.Record, unknown>[number]["observations"]) =>
  all.map((one) => (one._tag === "Upsert" ? one.record : one._tag === "Unreadable" ? one.message : one._tag))

describe("a row", () => {
  it("is mapped, with its own stamp as version", () =>
    live(
      Effect.gen(function* () {
        const mapping = { text: Detection.field("Word__c", { transforms: ["uppercase"] }), sum: "Money__c" }
        const { all } = yield* readAll({ mapping, epoch: 3 }, [{ Word__c: "a", Money__c: 1.5 }])
        const [one] = all
        assert.ok(one?._tag === "Upsert")
        assert.deepEqual(one.record, { text: "A", sum: 1.5 })
        assert.deepEqual([one.version.domain, one.version.epoch], [Mapping.domain, 3])
      })
    ))

  const words = [{ Word__c: "a" }, { Word__c: "b" }, { Word__c: "a" }, { Word__c: "c" }]
  const isA = [Filter.eq("Word__c", "a"), Filter.ne("Word__c", "\u00e9")]

  it("that does not match is a deletion at its own version, or left out", () =>
    live(
      Effect.gen(function* () {
        const deleting = yield* readAll({ filters: isA, leaves: "Delete" }, words)
        assert.deepEqual(told(deleting.all), [{ word: "a" }, "Delete", { word: "a" }, "Delete"])
        const gone = deleting.all.find((one) => one._tag === "Delete")
        assert.deepEqual([gone?.evidence, gone?.version?.domain], [{ _tag: "Left" }, Mapping.domain])
        assert.equal(gone?.version?.observedAt, gone?.observedAt)
        assert.equal(deleting.source.where, undefined)
        const keeping = yield* readAll({ filters: isA }, words)
        assert.deepEqual(told(keeping.all), [{ word: "a" }, { word: "a" }])
        assert.notEqual(keeping.source.where, undefined)
        assert.deepEqual(keeping.source.staying.length, 1)
      })
    ))

  it("that is left out does not hold the lane back: its page ends with a mark", () =>
    live(
      Effect.gen(function* () {
        const { pages } = yield* readAll({ filters: [Filter.ne("Word__c", "a")] }, [...words, { Word__c: "a" }])
        const [first] = pages
        assert.deepEqual(first?.observations.length, 2)
        const last = first.observations.at(-1)?.position
        assert.ok(first.mark !== undefined && last !== undefined)
        assert.ok(first.mark.position.id !== null && first.mark.position.id !== last.id)
        const none = yield* readAll({ filters: [Filter.not(Filter.contains("Word__c", "a"))] }, [{ Word__c: "a" }])
        assert.ok(none.pages[0]?.observations.length === 0 && none.pages[0].mark !== undefined)
      })
    ))

  it("that was deleted is told, whether it matched or not", () =>
    live(
      Effect.gen(function* () {
        const { ids, org, source } = yield* readAll({ filters: isA }, words)
        yield* org.control.mutate({ ops: [{ op: "delete", entity: Probe.object, id: ids[1]! }] })
        yield* org.control.advance(60_000)
        const all = Reading.observations(yield* Reading.read(source, { from: undefined, settle: 0 }))
        assert.deepEqual(told(all), [{ word: "a" }, { word: "a" }, "Delete"])
      })
    ))

  it("that cannot be read or mapped is unreadable where it may be wanted, and no more than left out elsewhere", () =>
    live(
      Effect.gen(function* () {
        const mapping = { money: Detection.field("Money__c", { presence: "Required" }) }
        const filters = [Filter.eq("Word__c", "a"), Filter.ne("Word__c", "\u00e9")]
        const spoil = (row: Canonical.Row) => ({ ...row, Money__c: "many" })
        const bad = yield* readAll({ mapping, filters, leaves: "Delete" }, words, spoil)
        assert.deepEqual(
          bad.all.map(({ _tag }) => _tag),
          ["Unreadable", "Delete", "Unreadable", "Delete"]
        )
        const lacking = yield* readAll({ mapping, filters }, words)
        assert.match(String(told(lacking.all)[0]), /money: Money__c is required, and has no value/)
        const unclear = yield* readAll({ mapping, filters, leaves: "Delete" }, words, (row) => ({ ...row, Word__c: 1 }))
        assert.deepEqual(new Set(unclear.all.map(({ _tag }) => _tag)), new Set(["Unreadable"]))
      })
    ))

  it("S15 that lacks a field it was asked for is unreadable: absent is not null", () =>
    live(
      Effect.gen(function* () {
        const { all } = yield* readAll({}, words.slice(0, 1), (row) =>
          Object.fromEntries(Object.entries(row).filter(([name]) => name !== "Word__c"))
        )
        assert.match(String(told(all)[0]), /Word__c/)
      })
    ))

  it("before the window of a first run is not read", () =>
    live(
      Effect.gen(function* () {
        const { client, org } = yield* readAll({}, words.slice(0, 2))
        yield* org.control.advance(3_600_000)
        yield* org.control.mutate({
          ops: [{ op: "create", entity: Probe.object, fields: { Name: "x", Word__c: "new" } }]
        })
        yield* org.control.advance(60_000)
        for (const first of [{ within: Duration.minutes(30) }, { since: "2026-05-01T08:30:00Z" }]) {
          const detected = yield* detectedOf(client, { window: { settle: 0, first } })
          const source = yield* DetectedSource.make({ client, detected })
          const all = Reading.observations(yield* Reading.read(source, { from: undefined, settle: 0 }))
          assert.deepEqual(told(all), [{ word: "new" }])
        }
      })
    ))
})

describe("a read by id", () => {
  it("knows the records that match, and fails on one that is wanted and cannot be mapped", () =>
    live(
      Effect.gen(function* () {
        const mapping = { money: Detection.field("Money__c", { presence: "Required" }) }
        const rows = [{ Word__c: "a", Money__c: 1 }, { Word__c: "b" }, { Word__c: "a" }]
        const { ids, source } = yield* readAll({ mapping, filters: [Filter.eq("Word__c", "a")] }, rows)
        const found = yield* source.fetch([Mapping.externalId(ids[0]!), Mapping.externalId(ids[1]!)])
        assert.deepEqual(
          [...found].map(([id, { record }]) => [id, record]),
          [[ids[0], { money: 1 }]]
        )
        const failed: Result.Result<unknown, ChangeSource.SourceError> = yield* Effect.result(
          source.fetch([Mapping.externalId(ids[2]!)])
        )
        assert.ok(Result.isFailure(failed) && failed.failure.reason === "Malformed")
      })
    ))
})

// -----------------------------------------------------------------------------
// schema
// -----------------------------------------------------------------------------

const rule = (name: string, transforms: ReadonlyArray<Detection.Transform>) =>
  fc
    .tuple(fc.subarray([...transforms]), fc.constantFrom("Required", "Optional"))
    .map(([transforms, presence]) => Detection.field(name, { transforms, presence }))

const mapping = fc.record({
  word: rule("Word__c", ["trim", "lowercase", "emptyToNull", "splitList"]),
  number: rule("Word__c", ["toNumber"]),
  money: rule("Money__c", ["toDecimalText"]),
  sum: rule("Money__c", ["toNumber", "emptyToNull"]),
  count: rule("Count__c", []),
  flag: rule("Flag__c", []),
  day: rule("Day__c", ["toDate", "emptyToNull"]),
  at: rule("At__c", ["toInstant"]),
  id: rule("Id", ["lowercase"]),
  fixed: fc.constantFrom("a", 1, true, null).map(Detection.constant)
})

describe("a mapped record", () => {
  const made = (unknownFields: Detection.UnknownFields, rules: Readonly<Record<string, Detection.Rule>>) =>
    Effect.gen(function* () {
      const { client } = yield* Probe.stage(1)
      return yield* detectedOf(client, { mapping: rules, unknownFields })
    })

  it("fits its schema", async () => {
    const { describe: described } = await live(made("Ignore", { word: Detection.field("Word__c") }))
    let fitting = 0
    fc.assert(
      fc.property(
        mapping,
        Probe.record(["a;b", "1.50", "-0"]),
        fc.constantFrom(...Detection.UnknownFields.literals),
        (rules, row, unknownFields) => {
          const one = Detection.poll({ provider: "salesforce", object: Probe.object, mapping: rules, unknownFields })
          const describes = new Map([[Probe.object, described]])
          const { compiled } = Result.getOrThrow(Detected.compileWith([Probe.object], describes, { one })).one
          const mapped = compiled.map({ ...row, Id: "001000000000aA0AAC", SystemModstamp: "2026-05-01T07:25:37.000Z" })
          if (Result.isFailure(mapped)) return
          fitting += 1
          const schema = DetectedRecord.schema(compiled.detection, described)
          const record = DetectedRecord.fromMapped(compiled.detection, mapped.success)
          assert.ok(Schema.is(schema)(record), JSON.stringify(record))
          assert.deepEqual(Object.keys(record).toSorted(), Object.keys(schema.fields).toSorted())
        }
      ),
      { numRuns: 2_000 }
    )
    assert.ok(fitting > 50, `only ${fitting} were mapped`)
  })

  it("S28 S37 keeps unknown fields beside the others, or is refused for them, as the detection says", async () => {
    const row = JSON.parse('{"Word__c":"a","New__c":{"deep":[1]},"__proto__":{"polluted":true}}') as Canonical.Row
    const keeping = await live(made("Keep", { word: Detection.field("Word__c") }))
    const record = DetectedRecord.fromMapped(keeping.compiled.detection, Result.getOrThrow(keeping.compiled.map(row)))
    const schema = DetectedRecord.schema(keeping.compiled.detection, keeping.describe)
    assert.ok(Schema.is(schema)(record))
    assert.deepEqual(Object.keys(record["extras"] as object).toSorted(), ["New__c", "__proto__"])
    assert.equal("polluted" in record, false)
    const refusing = await live(made("Quarantine", { word: Detection.field("Word__c") }))
    assert.ok(Result.isFailure(refusing.compiled.map(row)))
  })
})
