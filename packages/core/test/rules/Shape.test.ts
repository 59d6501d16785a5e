// Goal: the glance says what the parser says, of every value.
// Method: records of a schema with a field of each kind, and near misses of them, against the schema's own guard.
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Shape from "@tidemark/core/rules/Shape"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { holds, isCaught } from "../support/law.ts"

const fields = {
  name: Schema.String,
  stage: Schema.NullOr(Schema.Literals(["open", "won"])),
  rank: Schema.NullOr(Schema.Finite),
  size: Schema.Number,
  count: Schema.Union([Schema.Int, Schema.String]),
  isOpen: Schema.UndefinedOr(Schema.Boolean),
  code: Schema.String.check(Schema.isMaxLength(2)),
  at: Schema.NullOr(Schema.Date),
  when: Schema.Union([Schema.NullOr(Schema.Date), Schema.Literal("never")]),
  note: Schema.optionalKey(Schema.String),
  hint: Schema.optional(Schema.NullOr(Schema.String)),
  lone: Schema.Union([Schema.String, Schema.String.check(Schema.isMinLength(1))], { mode: "oneOf" })
}
const Deal = Schema.Struct(fields)
const Whole = Deal.check(Schema.makeFilter((deal) => deal.name !== deal.code))
const Open = Schema.StructWithRest(Deal, [Schema.Record(Schema.String, Schema.Unknown)])
class Class extends Schema.Class<Class>("Class")(fields) {}
const schemas: ReadonlyArray<FieldDiffer.RecordSchema<object>> = [
  Deal,
  Whole,
  // The engine's records are structs; whatever else has fields must not be taken for one.
  Object.assign(Schema.make<Schema.Codec<object>>(Open.ast), { fields }),
  Class
]

const edges: ReadonlyArray<unknown> = [
  null,
  undefined,
  "",
  "open",
  "ab",
  "abc",
  true,
  [],
  {},
  new Date(0),
  new Date(NaN),
  1n,
  0,
  -0,
  1.5,
  2 ** 53 - 1,
  2 ** 53,
  NaN,
  Infinity
]
const value = fc.constantFrom(...edges)
const fitting = fc.record(
  {
    name: fc.string(),
    stage: fc.constantFrom(null, "open", "won"),
    rank: fc.constantFrom(null, 1.5),
    size: fc.constantFrom(1, NaN),
    count: fc.constantFrom(1, "1"),
    isOpen: fc.constantFrom(true, undefined),
    code: fc.constantFrom("", "ab"),
    at: fc.constantFrom(null, new Date(0)),
    when: fc.constantFrom(null, new Date(0), "never"),
    note: fc.string(),
    hint: fc.constantFrom(null, undefined, "x"),
    lone: fc.constantFrom("", "x")
  },
  { requiredKeys: ["name", "stage", "rank", "size", "count", "isOpen", "code", "at", "when", "lone"] }
)
const near = fc.tuple(fitting, fc.constantFrom(...Object.keys(fields), "other", "__proto__"), value, fc.boolean())
const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fitting },
  {
    weight: 8,
    arbitrary: near.map(([deal, name, value, isRemoved]) =>
      isRemoved
        ? Object.fromEntries(Object.entries(deal).filter(([key]) => key !== name))
        : Object.fromEntries([...Object.entries(deal), [name, value]])
    )
  },
  { weight: 1, arbitrary: fitting.map((deal) => Object.create(deal) as unknown) },
  { weight: 1, arbitrary: fitting.map((deal) => Object.assign([], deal) as unknown) },
  { weight: 1, arbitrary: value }
)

type Make = typeof Shape.is
const agrees = (make: Make) =>
  fc.property(fc.constantFrom(...schemas), anything, (schema, value) => {
    assert.equal(make(schema)(value), Schema.is(schema)(value))
  })

describe("Shape", () => {
  it("says of every value what the schema says", () => holds(agrees(Shape.is), 3_000))

  it("says of every edge in every field what the schema says", () => {
    const [deal] = fc.sample(fitting, { numRuns: 1, seed: 1 })
    for (const schema of schemas) {
      for (const name of Object.keys(fields)) {
        for (const edge of edges) {
          const record = { ...deal, [name]: edge }
          assert.equal(Shape.is(schema)(record), Schema.is(schema)(record), `${name}: ${String(edge)}`)
        }
      }
    }
  })

  it("is caught when it looks at types only", () => {
    const careless: Make = (schema) => {
      const entries = Object.entries(schema.fields)
      return (record): record is never =>
        typeof record === "object" &&
        record !== null &&
        entries.every(([name, field]) => {
          const value = (record as Readonly<Record<string, unknown>>)[name]
          return SchemaAST.isString(field.ast) ? typeof value === "string" : value !== undefined
        })
    }
    isCaught(agrees(careless))
  })
})
