/**
 * From a detection and a catalogue to what is asked of the provider; and whole files.
 */
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Problem from "@tidemark/core/model/Problem"
import * as Detecting from "@tidemark/core/rules/Detecting"
import * as Pushdown from "@tidemark/core/rules/Pushdown"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Detections from "../support/Detections.ts"
import * as Hostile from "../support/Hostile.ts"
import { holds, isCaught } from "../support/law.ts"

type Options = Detection.Options<"salesforce">

const poll = (options: Partial<Options> = {}) =>
  Detection.poll({ provider: "salesforce", object: "Account", mapping: { name: "Name" }, ...options })
const compiled = (options: Partial<Options> = {}) =>
  Result.getOrThrow(Detecting.compile(poll(options), Detections.account))
const paths = (result: Result.Result<unknown, Detection.DetectionError>) =>
  Result.match(result, {
    onFailure: ({ problems }) => problems.map(({ path }) => Problem.formatPath(path)),
    onSuccess: () => []
  })
const stamp = "2026-05-01T07:25:37.000Z"

// -----------------------------------------------------------------------------
// compiling
// -----------------------------------------------------------------------------

describe("a detection", () => {
  it("of what the object has compiles, and names all fields it needs", () => {
    const one = compiled({
      mapping: { name: "Name", owner: Detection.field("Owner.Name"), kind: Detection.constant("account") },
      filters: [Filter.gt("Amount", 1)]
    })
    assert.deepEqual([one.cursor, one.select], ["Stamp", ["Amount", "Name", "Owner.Name", "Stamp"]])
  })
  it("with names and literals that do not fit is answered with all of them", () => {
    const result = Detecting.compile(
      poll({
        cursor: { field: "Created" },
        mapping: { a: "Nmae", b: Detection.field("Amount", { transforms: ["trim"] }), c: "Name" },
        filters: [
          Filter.not(Filter.eq("Amount", "1")),
          Filter.or(Filter.isNull("Owner"), Filter.isIn("Closed", [Filter.date("2026-05-01"), stamp])),
          Filter.eq("Address", "x"),
          Filter.contains("IsActive", "x"),
          Filter.eq("Amount", 1, { case: "Exact" })
        ]
      }),
      Detections.account,
      { base: ["here"] }
    )
    assert.deepEqual(paths(result), [
      "here.cursor.field",
      "here.mapping.a.path",
      "here.mapping.b.transforms[0]",
      "here.filters[0].term.value",
      "here.filters[1].terms[0].field",
      "here.filters[1].terms[1].values[1]",
      "here.filters[2].value",
      "here.filters[3].text",
      "here.filters[4].case"
    ])
    const lines = Result.isFailure(result) ? result.failure.message.split("\n") : []
    assert.match(lines[0] ?? "", /Created is not filterable, so changes cannot be read by it$/)
    assert.match(lines[1] ?? "", /"Nmae" is not a field of Account; allowed: .*\. Did you mean Name\?$/)
    assert.match(lines[3] ?? "", /is a text, and Amount holds a number$/)
  })
  it("that breaks its own bounds is answered before the object is looked at", () => {
    assert.deepEqual(paths(Detecting.compile(poll({ mapping: {} }), Detections.account)), ["mapping"])
    assert.deepEqual(paths(Detecting.compile(poll({ mapping: { "a b": "Name" } }), Detections.account)), [
      'mapping["a b"]'
    ])
    assert.deepEqual(paths(Detecting.compile(poll({ mapping: { Name: "Name", name: "Id" } }), Detections.account)), [
      "mapping"
    ])
  })
  it("is polled by the best field that is filterable, or by the one it names", () => {
    assert.equal(compiled({ cursor: { field: "Stamp" } }).cursor, "Stamp")
    const none = { ...Detections.account, cursors: ["Created"] }
    assert.deepEqual(paths(Detecting.compile(poll(), none)), ["cursor"])
    assert.deepEqual(paths(Detecting.compile(poll({ cursor: { field: "Name" } }), Detections.account)), [
      "cursor.field"
    ])
    assert.deepEqual(paths(Detecting.compile(poll({ cursor: { field: "stamp" } }), Detections.account)), [
      "cursor.field"
    ])
  })
  it("says from when on its first run reads", () => {
    const start = (first: Detection.First) => Detecting.startOf(poll({ window: { first } }), 1_000_000)
    assert.deepEqual(
      [start("Everything"), start({ since: "1970-01-01T00:00:01Z" }), start({ within: Duration.minutes(1) })],
      [undefined, 1_000, 940_000]
    )
  })
})

describe("what a provider is asked", () => {
  const both = [Filter.eq("Name", "x"), Filter.contains("Notes", "x"), Filter.eq("Name", "é")]

  it("is what it can answer as stated, and the rest says why it is not asked", () => {
    const { pushed, rest, staying } = compiled({ filters: both })
    assert.deepEqual(pushed, Filter.eq("Name", "x"))
    assert.deepEqual(rest, Filter.and(both[1]!, both[2]!))
    assert.deepEqual(
      staying.map(({ predicate }) => predicate),
      both.slice(1)
    )
    assert.match(staying[0]?.reason ?? "", /cannot compare by this field/)
    assert.match(staying[1]?.reason ?? "", /outside ASCII/)
  })
  it("is nothing where records that leave are deleted: they could not be seen to leave", () => {
    const { pushed, rest, staying } = compiled({ filters: both, leaves: "Delete" })
    assert.deepEqual([pushed, rest], [Filter.everything, Filter.and(...both)])
    for (const { reason } of staying) assert.match(reason, /must not leave them out/)
    assert.equal(staying.length, both.length)
    const nothing = Filter.not(Filter.and())
    assert.deepEqual(compiled({ filters: [nothing], leaves: "Delete" }).pushed, Filter.everything)
    assert.deepEqual(compiled({ filters: [nothing], leaves: "Keep" }).pushed, Filter.or())
  })
  it("is up to the provider in the end", () => {
    const canPush = (predicate: Pushdown.Positive) => predicate.operator !== "eq"
    const one = Detecting.compile(poll({ filters: both }), Detections.account, { canPush })
    assert.deepEqual(Result.getOrThrow(one).pushed, Filter.everything)
  })
  it("compares ids exactly, unless a filter says otherwise", () => {
    assert.deepEqual(compiled({ filters: [Filter.eq("Id", "a")] }).pushed, Filter.eq("Id", "a", { case: "Exact" }))
    assert.deepEqual(compiled({ filters: [Filter.eq("Id", "a", { case: "Ignore" })] }).pushed, Filter.everything)
  })
})

// -----------------------------------------------------------------------------
// maps of detections
// -----------------------------------------------------------------------------

describe("detections of several providers", () => {
  it("are compiled by name", () => {
    const both = Result.getOrThrow(Detecting.compileAll(Detections.providers, { salesforce: poll(), other: poll() }))
    assert.deepEqual([both.salesforce.cursor, both.other.cursor], ["Stamp", "Stamp"])
    // @ts-expect-error there is no detection of that name
    assert.equal(both.salesfroce, undefined)
  })
  it("of a provider that does not exist do not compile, and are answered by path", () => {
    const typo = Detection.poll({ provider: "salesfroce", object: "Account", mapping: { name: "Name" } })
    // @ts-expect-error salesfroce is no provider
    const result = Detecting.compileAll(Detections.providers, { accounts: typo })
    assert.deepEqual(paths(result), ["detections.accounts.provider"])
    assert.match(
      Result.isFailure(result) ? result.failure.message : "",
      /"salesfroce" is not a provider; allowed: salesforce, hubspot\. Did you mean salesforce\?$/
    )
  })
  it("are not found among what a map inherits", () => {
    const inherited = Detection.poll({ provider: "constructor", object: "Account", mapping: { name: "Name" } })
    const providers: Record<string, typeof Detections.providers.salesforce> = Detections.providers
    assert.deepEqual(paths(Detecting.compileAll(providers, { accounts: inherited })), ["detections.accounts.provider"])
  })
  it("of a file are answered with the problems of all, those that cannot be read and those that do not fit", () => {
    const good = { version: 1, provider: "salesforce", object: "Account", mapping: { name: { path: "Name" } } }
    const result = Detecting.read(Detections.providers, {
      detections: {
        good,
        unread: { ...good, leaves: "keep" },
        misfit: { ...good, mapping: { name: { path: "Nmae" } } },
        nowhere: { ...good, object: "account" },
        nobody: { ...good, provider: "hubspott" }
      }
    })
    assert.deepEqual(paths(result), [
      "detections.unread.leaves",
      "detections.misfit.mapping.name.path",
      "detections.nowhere.object",
      "detections.nobody.provider"
    ])
    const read = Result.getOrThrow(Detecting.read(Detections.providers, { detections: { good } }))
    assert.deepEqual(Object.keys(read), ["good"])
  })
})

/** A detection whose every text somebody else chose. */
const chosen = fc
  .record({
    name: Hostile.name,
    text: Hostile.name,
    field: fc.oneof(fc.constantFrom("Name", "Notes", "Id"), Hostile.name),
    operator: fc.constantFrom("eq", "ne", "contains", "startsWith", "in", "notIn", "isNull"),
    row: fc.dictionary(fc.constantFrom("Name", "Notes", "Id"), Hostile.name)
  })
  .map(({ field, name, operator, row, text }) => {
    const asked = {
      eq: { value: text },
      ne: { value: text },
      in: { values: [text] },
      notIn: { values: [text] },
      isNull: {}
    }
    const filter = { operator, field, ...(operator in asked ? asked[operator as keyof typeof asked] : { text }) }
    const mapping = Object.fromEntries([[name, { path: field, default: text }]])
    const detection = { version: 1, provider: "salesforce", object: "Account", mapping, filters: [filter] }
    return { input: { detections: Object.fromEntries([[name, detection]]) }, name, row: { Stamp: stamp, ...row }, text }
  })

const unharmed = (read: typeof Detecting.read) =>
  fc.property(chosen, ({ input, name, row, text }) => {
    const result = read(Detections.providers, input)
    if (Result.isFailure(result)) {
      assert.ok(result.failure.problems.length > 0)
      return
    }
    assert.match(name, /^[A-Za-z][A-Za-z0-9_]*$/)
    assert.ok(!name.endsWith("\n") && !text.includes("\0") && text.isWellFormed())
    const { decide, pushed, select } = result.success[name]!
    for (const field of select) assert.ok(Detections.account.fields.some((known) => known.name === field))
    for (const { field } of Pushdown.predicates(pushed)) assert.ok(select.includes(field))
    assert.ok(["Admit", "Leave"].includes(decide(row)._tag))
  })

describe("texts that somebody else chose", () => {
  it("pass through names, filters and files 10,000 times without harm", () => holds(unharmed(Detecting.read), 10_000))
  it("would do harm, if names were taken as they come", () =>
    isCaught(
      unharmed((providers, input) => {
        const [[name = "", one] = []] = Object.entries((input as { readonly detections: object }).detections)
        const renamed = Detecting.read(providers, {
          detections: { safe: { ...(one as object), mapping: { a: { path: "Name" } } } }
        })
        return Result.map(renamed, ({ safe }) => ({ [name]: safe! }))
      })
    ))
})
