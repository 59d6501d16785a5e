// Goal: right cursor rules keep the laws, wrong ones are caught by the law that is against them.
// Guarantees: L01, L02, L03, L06, L08, W01.
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import { verifyCursorRule } from "@tidemark/laws/CursorRuleLaws"
import type * as CursorRuleLaws from "@tidemark/laws/CursorRuleLaws"
import * as Place from "@tidemark/laws/Place"
import * as WorldSource from "@tidemark/laws/WorldSource"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"

type Rule = CursorRule.CursorRule<Place.Place>
type Options = CursorRuleLaws.Options<Place.Place>

const at = fc.integer({ min: 0, max: 4 })
const pairs: fc.Arbitrary<Place.Place> = fc.record(
  { at, id: fc.constantFrom("a", "b", "c") },
  { noNullPrototype: true }
)
const places: fc.Arbitrary<Place.Place> = fc.record(
  { at, id: fc.constantFrom("a", "b"), walk: at },
  { requiredKeys: ["at"], noNullPrototype: true }
)
const ats: fc.Arbitrary<Place.Place> = at.map((at) => ({ at }))
/** Stamps of an upstream in which records share them. */
const shared = fc.array(ats, { maxLength: 8 }).map((all) => all.toSorted(Place.compare))

const right: Record<string, Options> = {
  "a stamp and an id": { rule: WorldSource.keyset.rule, positions: pairs },
  "a shared stamp, read from on": { rule: WorldSource.stamps.rule, positions: ats, line: shared },
  "a shared stamp, read after": { rule: WorldSource.strict.rule, positions: ats, line: shared },
  "a walk without an order": { rule: WorldSource.walk.rule, positions: places },
  "a number of pushes": { rule: WorldSource.pushes.rule, positions: ats },
  "a partial order": {
    rule: { ...WorldSource.keyset.rule, order: (a, b) => (a.at === b.at && a.id !== b.id ? undefined : a.at - b.at) },
    positions: pairs
  }
}

const keyset = (change: Partial<Rule>): Options => ({
  rule: { ...WorldSource.keyset.rule, ...change },
  positions: pairs
})
const At = Schema.Struct({ at: Schema.Finite })
const ofCodec = (codec: unknown): Partial<Rule> => ({ codec: codec as Rule["codec"] })

const wrong: ReadonlyArray<readonly [design: string, id: string, about: string, options: Options]> = [
  ["a codec that loses a part", "L08", "comes back", keyset(ofCodec(At))],
  [
    "a codec and an equality that lose a part",
    "L08",
    "comes back",
    keyset({ ...ofCodec(At), equals: (a, b) => a.at === b.at })
  ],
  [
    "a codec that begins anew where something is missing",
    "L08",
    "never stored",
    keyset(
      ofCodec(
        Schema.Struct({ at: Schema.Finite.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))), id: Schema.String })
      )
    )
  ],
  ["a codec version that is no number", "L08", "another codec version", keyset({ codecVersion: NaN })],
  ["an equality of objects", "L08", "comes back", keyset({ equals: (a, b) => a === b })],
  ["an equality of stamps alone", "L08", "equivalence", keyset({ equals: (a, b) => a.at === b.at })],
  ["an equality within a distance", "L08", "equivalence", keyset({ equals: (a, b) => Math.abs(a.at - b.at) < 2 })],
  ["an equality in one direction", "L08", "equivalence", keyset({ equals: (a, b) => Place.compare(a, b) <= 0 })],
  ["an order that contradicts equality", "L01", "strict", keyset({ order: (a, b) => Place.compare(a, b) || -1 })],
  ["an order that goes round", "L01", "strict", keyset({ order: (a, b) => ((a.at - b.at + 7) % 5) - 2 })],
  ["an order that is no number", "L01", "strict", keyset({ order: (a, b) => (a.id === b.id ? a.at - b.at : NaN) })],
  [
    "an order that is not that of the provider",
    "L06",
    "never go back",
    { rule: { ...WorldSource.stamps.rule, order: (a, b) => b.at - a.at }, positions: ats, line: shared }
  ],
  [
    "W01 positions called unique that records share",
    "L03",
    "very position",
    { rule: { ...WorldSource.strict.rule, positions: "Unique" }, positions: ats, line: shared }
  ],
  [
    "W01 a read after the stamp, called inclusive",
    "L03",
    "very position",
    { rule: WorldSource.stamps.rule, positions: ats, line: shared, isRead: (from, { at }) => at > from.at }
  ],
  [
    "ties that are not told apart from what comes next",
    "L02",
    "every unsettled",
    {
      rule: { ...WorldSource.strict.rule, equals: () => false },
      positions: ats,
      line: shared,
      isRead: (a, b) => b.at > a.at
    }
  ],
  [
    "a read that leaves the next stamp out",
    "L02",
    "every unsettled",
    { rule: WorldSource.stamps.rule, positions: ats, line: shared, isRead: (from, { at }) => at > from.at + 1 }
  ],
  [
    "a source called ascending that is not",
    "L02",
    "every unsettled",
    {
      rule: { ...WorldSource.stamps.rule, emission: "Ascending" },
      positions: ats,
      line: fc.array(ats, { maxLength: 8 }),
      isRead: (from, { at }) => at >= from.at
    }
  ],
  [
    "an order by which nothing moves on",
    "L01",
    "reaches the end",
    { rule: { ...WorldSource.stamps.rule, order: (a, b) => b.at - a.at }, positions: ats, line: shared }
  ]
]

describe("a right cursor rule", () => {
  for (const [name, options] of Object.entries(right)) {
    for (const law of verifyCursorRule(options)) it(`${law.name}: ${name}`, () => law.check(settings()))
  }
})

describe("a wrong cursor rule", () => {
  for (const [design, id, about, options] of wrong) {
    it(`${id} ${design} is caught`, () => isCaught(verifyCursorRule(options), id, about))
  }
})
