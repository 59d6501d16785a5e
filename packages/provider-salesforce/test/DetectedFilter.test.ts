// Goal: a filter means the same to the org as it does here, and no text of it means anything else.
// Method: random filters over an object with fields of every type, asked of the simulator over HTTP and evaluated here.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Matching from "@tidemark/core/rules/Matching"
import * as Pushdown from "@tidemark/core/rules/Pushdown"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpClient from "effect/http/HttpClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Canonical from "../src/Canonical.ts"
import * as Describe from "../src/Describe.ts"
import * as Detected from "../src/Detected.ts"
import * as DetectedFilter from "../src/DetectedFilter.ts"
import type * as SalesforceClient from "../src/SalesforceClient.ts"
import * as Soql from "../src/Soql.ts"
import * as Probe from "./support/Probe.ts"

const numRuns = Number(process.env["RUNS"] ?? 600)
const seed = Number(process.env["SEED"] ?? 1)

type Client = SalesforceClient.SalesforceClient["Service"]

/** An org with records, and what is known of it. */
const stage = Effect.fnUntraced(function* (texts: ReadonlyArray<string> = []) {
  const { client, org } = yield* Probe.stage(seed)
  const ops = fc
    .sample(Probe.record(texts), { numRuns: 150, seed })
    .map((fields) => ({ op: "create" as const, entity: Probe.object, fields }))
  yield* org.control.mutate({ ops })
  yield* org.control.advance(60_000)
  const { value: described } = yield* client.describe(Probe.object)
  const { kept } = Canonical.partition(described.fields)
  const reader = Canonical.reader(kept)
  const select = ["Id", ...kept.flatMap(({ name }) => (name === "Id" ? [] : [name]))] as [string, ...Array<string>]
  const rows = yield* ask(client, { select, from: Probe.object })
  return { client, described, records: rows.map((row) => Result.getOrThrow(reader(row))) }
})

const ask = (client: Client, query: Soql.Query) =>
  Stream.runCollect(client.pages(Result.getOrThrow(Soql.format(query)))).pipe(
    Effect.map((pages) => pages.flatMap(({ rows }) => rows))
  )

const detection = (...filters: ReadonlyArray<Filter.Filter>) =>
  Detection.poll({ provider: "salesforce", object: Probe.object, mapping: { word: "Word__c" }, filters })

interface Asked {
  readonly pushed: Pushdown.Normal
  readonly rest: Pushdown.Normal
  readonly where: Soql.Expression | undefined
}
type Push = (filter: Filter.Filter, described: Describe.Describe) => Asked

const push: Push = (filter, described) => {
  const names = [Probe.object]
  const all = Detected.compileWith(names, new Map([[Probe.object, described]]), { one: detection(filter) })
  const { pushed, rest } = Result.getOrThrow(all).one.compiled
  const { left, where } = DetectedFilter.make(pushed, (name) => Describe.field(described, name))
  assert.deepEqual(left, [])
  return { pushed, rest, where }
}

/** Whether the org answers exactly what is pushed, or at least that. */
const agrees = (texts: ReadonlyArray<string>, isExact: boolean, push: Push) =>
  Effect.gen(function* () {
    const { client, described, records } = yield* stage(texts)
    const run = Effect.runPromiseWith(yield* Effect.context<HttpClient.HttpClient>())
    let asked = 0
    const law = fc.asyncProperty(
      Probe.filter.filter((one) => Filter.isBounded([one])),
      async (filter) => {
        const { pushed, rest, where } = push(filter, described)
        if (where === undefined) return
        asked += 1
        const rows = await run(ask(client, { select: ["Id"], from: Probe.object, where }))
        const answered = new Set(rows.map((row) => row["Id"]))
        for (const record of records) {
          const isWanted = Matching.matches(pushed, record)
          if (isExact || isWanted)
            assert.equal(answered.has(record["Id"]), isWanted, JSON.stringify({ filter, record }))
          assert.equal(isWanted && Matching.matches(rest, record), Matching.matches(withLongIds(filter), record))
        }
      }
    )
    const details = yield* Effect.promise(() => fc.check(law, { numRuns, seed }))
    return { details, asked }
  })

type Checked = Effect.Success<ReturnType<typeof agrees>>

/** Said once more: an Id of 15 characters stands for that of 18. */
const withLongIds = (filter: Filter.Filter): Filter.Filter =>
  JSON.parse(
    JSON.stringify(filter, (_, value: unknown) =>
      typeof value === "string" && Probe.ids.includes(value) ? Canonical.id(value) : value
    )
  ) as Filter.Filter

const live = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(NodeHttpClient.layerUndici)))

const changed = (where: Soql.Expression): Soql.Expression => {
  switch (where._tag) {
    case "And":
    case "Or":
      return { ...where, terms: where.terms.map(changed) as [Soql.Expression, ...Array<Soql.Expression>] }
    case "Not":
      return { ...where, term: changed(where.term) }
    case "Compare":
      return where.operator === "<" ? { ...where, operator: "<=" } : where
    default:
      return where
  }
}

/** Everything that can be written is asked, denials of texts too. */
const careless: Push = (filter, described) => {
  const whole = Pushdown.normal(withLongIds(filter))
  const { left, where } = DetectedFilter.make(whole, (name) => Describe.field(described, name))
  const terms = whole.operator === "and" ? whole.terms : [whole]
  return { pushed: { operator: "and", terms: terms.filter((term) => !left.includes(term)) }, rest: whole, where }
}

const isRight = ({ details: { errorInstance, failed } }: Checked): boolean => {
  if (failed && !(errorInstance instanceof assert.AssertionError)) throw errorInstance
  return !failed
}

describe("what is asked of a filter", () => {
  it("is answered by the org as it is evaluated here", () =>
    live(
      Effect.gen(function* () {
        const checked = yield* agrees([], true, push)
        if (checked.details.failed) throw checked.details.errorInstance
        assert.ok(checked.asked > numRuns / 4, `only ${checked.asked} of ${numRuns} filters were asked`)
      })
    ))
  it("would not be, if one operator were another", () =>
    live(
      Effect.gen(function* () {
        const wrong: Push = (...args) => {
          const { where, ...rest } = push(...args)
          return { ...rest, where: where === undefined ? undefined : changed(where) }
        }
        assert.ok(!isRight(yield* agrees([], true, wrong)))
      })
    ))
  it("leaves out no record that is wanted, whatever the org takes for equal", () =>
    live(
      Effect.gen(function* () {
        const checked = yield* agrees(Probe.odd, false, push)
        if (checked.details.failed) throw checked.details.errorInstance
      })
    ))
  it("would, if it were all that can be written", () =>
    live(
      Effect.gen(function* () {
        assert.ok(!isRight(yield* agrees(Probe.odd, false, careless)))
      })
    ))
})
