/**
 * Detections of an object of few fields, valid ones and their neighbours.
 */
import type * as Catalogue from "@tidemark/core/model/Catalogue"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Transforming from "@tidemark/core/rules/Transforming"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Filters from "./Filters.ts"

/** The fields of `Filters`, of every type there are literals of, and one without. */
export const account: Catalogue.Description = {
  name: "Account",
  fields: [
    { name: "Id", type: "Text", filterable: true, caseSensitive: true },
    { name: "Name", type: "Text", filterable: true },
    { name: "Notes", type: "Text", filterable: false },
    { name: "Amount", type: "Number", filterable: true },
    { name: "IsActive", type: "Boolean", filterable: true },
    { name: "Closed", type: "Date", filterable: true },
    { name: "Stamp", type: "Instant", filterable: true },
    { name: "Created", type: "Instant", filterable: false },
    { name: "Address", type: "Other", filterable: false },
    { name: "Owner.Name", type: "Text", filterable: true }
  ],
  cursors: ["Created", "Stamp"]
}

export const providers = { salesforce: { objects: [account] }, hubspot: { objects: [] } }

const span = fc.oneof(
  fc.nat(100_000).map(Duration.millis),
  fc.nat(3_660).map(Duration.days),
  fc.nat(100).map(Duration.minutes),
  fc.constant(Duration.zero)
)
const name = fc.stringMatching(/^[a-z][A-Za-z0-9_]{0,5}$/)
const exact = Schema.decodeUnknownResult(Filter.Exact)
const constant: fc.Arbitrary<Detection.Constant> = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.double({ noDefaultInfinity: true, noNaN: true }).filter((value) => Result.isSuccess(exact(value))),
  fc.boolean(),
  fc.constant(null)
)
export const transform = fc.constantFrom(...Detection.Transform.literals)

const rule = (path: fc.Arbitrary<string>): fc.Arbitrary<Detection.Rule> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .record(
          {
            transforms: fc.array(transform, { maxLength: 3 }),
            presence: fc.constantFrom("Required", "Optional"),
            default: constant
          },
          { requiredKeys: [], noNullPrototype: true }
        )
        .chain((options) => path.map((path) => Detection.field(path, options)))
    },
    { weight: 1, arbitrary: constant.map(Detection.constant) }
  )

const first: fc.Arbitrary<Detection.First> = fc.oneof(
  fc.constant("Everything" as const),
  fc.constant({ since: "2026-05-01T07:25:37Z" }),
  span.map((within) => ({ within }))
)

const options = (path: fc.Arbitrary<string>, filter: fc.Arbitrary<Filter.Filter>) =>
  fc.record(
    {
      provider: fc.constant("salesforce"),
      object: fc.constant("Account"),
      mapping: fc
        .uniqueArray(fc.tuple(name, rule(path)), { minLength: 1, maxLength: 5, selector: ([key]) => key.toLowerCase() })
        .map((pairs) => Object.fromEntries(pairs)),
      cursor: fc.constantFrom<"auto" | { readonly field: string }>("auto", { field: "Stamp" }),
      filters: fc.array(filter, { maxLength: 2 }),
      window: fc.record({ settle: span, first }, { requiredKeys: [], noNullPrototype: true }),
      leaves: fc.constantFrom(...Detection.Leaves.literals),
      missingCursor: fc.constantFrom(...Detection.MissingCursor.literals),
      unknownFields: fc.constantFrom(...Detection.UnknownFields.literals),
      epoch: fc.nat(Detection.epochMax)
    },
    { requiredKeys: ["provider", "object", "mapping"], noNullPrototype: true }
  )

/** Valid in itself, of any object. */
export const detection = options(
  name,
  Filters.filter.filter((one) => Filter.isBounded([one]))
).map((one) => Detection.poll(one))

/** One predicate for each type of field, which fits it. */
const fitting: fc.Arbitrary<Filter.Filter> = fc.constantFrom<Filter.Filter>(
  Filter.eq("Id", "a"),
  Filter.ne("Name", "x"),
  Filter.contains("Notes", "x"),
  Filter.gte("Amount", 1),
  Filter.eq("IsActive", true),
  Filter.lt("Closed", Filter.date("2026-05-01")),
  Filter.gt("Stamp", Filter.instant("2026-05-01T07:25:37Z")),
  Filter.isNull("Address"),
  Filter.not(Filter.or(Filter.isIn("Name", ["x", "y"]), Filter.eq("Owner.Name", null)))
)

/** Without transforms that cannot work: what compiles against `account`. */
export const compiling = options(fc.constantFrom(...account.fields.map((field) => field.name)), fitting)
  .map((one) => Detection.poll(one))
  .map((one) => ({
    ...one,
    mapping: Object.fromEntries(
      Object.entries(one.mapping).map(([key, rule]): readonly [string, Detection.Rule] => {
        if ("constant" in rule) return [key, rule]
        const { type } = account.fields.find(({ name }) => name === rule.path)!
        return [key, Transforming.misfit(rule.transforms, type) === undefined ? rule : { ...rule, transforms: [] }]
      })
    )
  }))
