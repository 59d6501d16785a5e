/** An object with a field of each type that a filter can name, and values that meet its literals. */
import * as Filter from "@tidemark/core/model/Filter"
import type * as Matching from "@tidemark/core/rules/Matching"
import * as Credentials from "../../src/Credentials.ts"
import * as SalesforceClient from "../../src/SalesforceClient.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"

export const object = "Probe__c"

const fields = [
  { name: "Word__c", type: "string" },
  { name: "Area__c", type: "textarea" },
  { name: "Pick__c", type: "picklist", values: ["Hot", "Cold"] },
  { name: "Mail__c", type: "email" },
  { name: "Money__c", type: "currency", scale: 2, precision: 18 },
  { name: "Count__c", type: "int" },
  { name: "Flag__c", type: "boolean" },
  { name: "Day__c", type: "date" },
  { name: "At__c", type: "datetime" },
  { name: "Other__c", type: "reference", referenceTo: "Account" }
] as const

/** An org with the object, and a client of it. */
export const stage = Effect.fnUntraced(function* (seed: number) {
  const org = yield* Simulator.make({ seed, accounts: 0, contacts: 0, opportunities: 0 })
  yield* org.control.mutate({ schema: [{ op: "addObject", name: object, fields }] })
  const client = yield* SalesforceClient.make({
    url: org.url,
    credentials: Credentials.bearer(Redacted.make(org.token))
  })
  return { org, client }
})

// -----------------------------------------------------------------------------
// values
// -----------------------------------------------------------------------------

const words = ["x", "X", "xy", "50%", "50_", "5", "o'k", 'say "x"', "x; --", "(x", "NULL", "TRUE", "' OR Id != '"]
/** Beyond what a server and we are known to take for equal. */
export const odd = ["\u212a", "k", "İ", "i", "é", "É", "Σ", "ß", "\uff38"]
const money = [0, 1, -1, 0.1, 12.5, 999_999_999_999.99, 1e13, 12_345_678_901_234.56, 999_999_999_999_999]
const counts = [0, 1, -1, 2_147_483_647]
const days = ["2026-05-01", "2024-02-29", "1700-01-02"]
const instants = ["2026-05-01T07:25:37.000Z", "2026-05-01T07:25:38.000Z", "1999-12-31T23:59:59.000Z"]
export const ids = ["001000000000aA0", "001000000000AA0", "001000000000zzZ"]

const of = <A>(values: ReadonlyArray<A>) => fc.constantFrom<A | null>(null, ...values)

/** What a record is made of. */
export const record = (texts: ReadonlyArray<string> = []): fc.Arbitrary<Matching.Row> =>
  fc.record({
    Name: fc.constantFrom("x", "Probe"),
    Word__c: of([...words, ...texts]),
    Area__c: of([...words, ...texts]),
    Pick__c: of(["Hot", "Cold", "hot"]),
    Mail__c: of(["a@x.example", "A@x.example"]),
    Money__c: of(money),
    Count__c: of(counts),
    Flag__c: fc.boolean(),
    Day__c: of(days),
    At__c: of(instants),
    Other__c: of(ids)
  })

const literals: Readonly<Record<string, fc.Arbitrary<Filter.Literal>>> = {
  Word__c: fc.constantFrom(...words, "k", "i", "é", " x", "a\\b"),
  Area__c: fc.constantFrom(...words, "line\nbreak"),
  Pick__c: fc.constantFrom("Hot", "cold"),
  Mail__c: fc.constantFrom("a@x.example", "x"),
  Money__c: fc.oneof(
    fc.constantFrom(...money, 1e-7),
    fc.constantFrom("12.50", "12345678901234.57", "0.1000000000000000001").map(Filter.decimal)
  ),
  Count__c: fc.oneof(fc.constantFrom(...counts, 2 ** 31, 0.5), fc.constant(Filter.decimal("1.0"))),
  Flag__c: fc.boolean(),
  Day__c: fc.constantFrom(...days, "0001-01-01", "9999-12-31").map(Filter.date),
  At__c: fc
    .constantFrom(...instants, "2026-05-01T09:25:37+02:00", "2026-05-01T07:25:37.500Z", "9999-12-31T00:00:00Z")
    .map(Filter.instant),
  Other__c: fc.constantFrom(...ids, "001000000000aA0AAA", "nothing")
}
const texts = ["Word__c", "Area__c", "Pick__c", "Mail__c", "Other__c"]
const ordered = ["Money__c", "Count__c", "Day__c", "At__c"]
const names = Object.keys(literals)

const predicate: fc.Arbitrary<Filter.Filter> = fc.oneof(
  fc.constantFrom(...names).map(Filter.isNull),
  fc
    .constantFrom(...names)
    .chain((name) =>
      fc
        .tuple(fc.constantFrom(Filter.eq, Filter.ne), literals[name]!)
        .map(([make, literal]): Filter.Filter => make(name, literal))
    ),
  fc
    .constantFrom(...ordered)
    .chain((name) =>
      fc
        .tuple(fc.constantFrom(Filter.lt, Filter.lte, Filter.gt, Filter.gte), literals[name]!)
        .map(([make, literal]): Filter.Filter => make(name, literal as Filter.Ordered))
    ),
  fc
    .constantFrom(...names)
    .chain((name) =>
      fc
        .tuple(fc.constantFrom(Filter.isIn, Filter.notIn), fc.array(literals[name]!, { minLength: 1, maxLength: 3 }))
        .map(([make, values]): Filter.Filter => make(name, values))
    ),
  fc
    .constantFrom(...texts)
    .chain((name) =>
      fc
        .tuple(fc.constantFrom(Filter.contains, Filter.startsWith), literals[name]!)
        .map(([make, literal]): Filter.Filter => make(name, literal as string))
    )
)

/** Of the object, within the bounds of filters. */
export const filter: fc.Arbitrary<Filter.Filter> = fc.letrec<{ any: Filter.Filter }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthIdentifier: "probe" },
    predicate,
    fc.array(tie("any"), { maxLength: 3, depthIdentifier: "probe" }).map((terms) => Filter.and(...terms)),
    fc.array(tie("any"), { minLength: 1, maxLength: 3, depthIdentifier: "probe" }).map((terms) => Filter.or(...terms)),
    tie("any").map((term) => Filter.not(term))
  )
})).any
