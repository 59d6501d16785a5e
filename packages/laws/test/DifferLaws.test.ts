// Goal: the differ made of a schema keeps the laws, wrong differs are caught by the law that is against them.
// Guarantees: L17, L18, L19, L20, L21, L23.
import type * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import { verifyDiffer } from "@tidemark/laws/DifferLaws"
import * as Records from "@tidemark/laws/Records"
import * as Schema from "effect/Schema"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"

const Deal = Schema.Struct({
  title: Schema.String,
  stage: Schema.Literals(["open", "won", "lost"]),
  size: Schema.NullOr(Schema.Number),
  amount: Schema.BigDecimal,
  closes: Schema.Date,
  at: Schema.DateTimeUtc,
  tags: Schema.Array(Schema.String),
  owner: Schema.NullOr(Schema.Struct({ name: Schema.String, floor: Schema.optionalKey(Schema.Int) })),
  remark: Schema.optionalKey(Schema.String),
  constructor: Schema.optionalKey(Schema.String),
  note: Schema.String
})
type Deal = typeof Deal.Type
type Differ = FieldDiffer.FieldDiffer<Deal>
type Patch = FieldPatch.FieldPatch

const records = Records.fromSchema(Deal)
const differ: Differ = FieldDiffer.fromSchema(Deal, { ignore: ["note"] })

const patchOf = (changes: Iterable<readonly [string, FieldPatch.FieldChange]>): Patch =>
  Object.assign(Object.create(null) as object, Object.fromEntries(changes)) as Patch
const without = (patch: Patch, field: string): Patch =>
  patchOf(Object.entries(patch).filter(([name]) => name !== field))
const byReference = (a: object, b: object): Patch =>
  patchOf(
    Object.keys(Deal.fields).flatMap((field) => {
      const [before, after] = [Reflect.get(a, field) as unknown, Reflect.get(b, field) as unknown]
      return before === after || field === "note" ? [] : [[field, { before, after }] as const]
    })
  )

const wrong: ReadonlyArray<readonly [design: string, id: string, about: string, change: Partial<Differ>]> = [
  ["a field that is not compared", "L21", "exactly", { diff: (a, b) => without(differ.diff(a, b), "stage") }],
  ["equal values called different", "L17", "", { diff: byReference }],
  ["everything called new", "L17", "", { diff: (_, b) => differ.create(b) }],
  [
    "a value before that was never there",
    "L21",
    "exactly",
    {
      diff: (a, b) =>
        patchOf(Object.entries(differ.diff(a, b)).map(([field, { after }]) => [field, { before: after, after }]))
    }
  ],
  [
    "a way back that is another way",
    "L20",
    "",
    { diff: (a, b) => (a.title < b.title ? differ.diff(a, b) : differ.create(b)) }
  ],
  ["a patch that changes nothing", "L18", "a patch makes", { patch: (old) => old }],
  [
    "a patch that keeps what was cleared",
    "L18",
    "a patch makes",
    {
      patch: (old, patch) =>
        differ.patch(old, patchOf(Object.entries(patch).filter(([, { after }]) => after !== undefined)))
    }
  ],
  [
    "steps of which the last counts",
    "L18",
    "two steps",
    { combine: (first, second) => patchOf([...Object.entries(first), ...Object.entries(second)]) }
  ],
  [
    "a record that comes from itself",
    "L18",
    "out of nothing",
    { create: (record) => differ.diff(record, { ...record, title: "" }) }
  ],
  [
    "a JSON that loses what was cleared",
    "L18",
    "JSON",
    { toJson: (patch) => differ.toJson(patchOf(Object.entries(patch).filter(([, { after }]) => after !== undefined))) }
  ],
  ["a differ that leaves nothing out", "L19", "", { ...FieldDiffer.fromSchema(Deal), ignored: new Set(["note"]) }],
  [
    "a patch that changes what is left out",
    "L19",
    "",
    {
      patch: (old, patch) => ({
        ...differ.patch(old, patch),
        ...("note" in patch ? { note: patch["note"]!.after as string } : {})
      })
    }
  ],
  [
    "a patch with a field that no record has",
    "L23",
    "",
    { diff: (a, b) => patchOf([...Object.entries(differ.diff(a, b)), ["touched", { before: false, after: true }]]) }
  ],
  [
    "a patch of strangers that is applied",
    "L23",
    "",
    {
      patch: (old, patch) => ({
        ...old,
        ...Object.fromEntries(Object.entries(patch).map(([field, { after }]) => [field, after]))
      })
    }
  ],
  [
    "a patch that is assigned, and so changes the prototype",
    "L23",
    "",
    {
      patch: (old, patch) => {
        const record = { ...differ.patch(old, patch) }
        const strange = patch["__proto__"]
        return strange === undefined ? record : (Object.setPrototypeOf(record, strange.after as object) as Deal)
      }
    }
  ],
  [
    "a fingerprint of how values are written",
    "L21",
    "fingerprints",
    { fingerprint: (record) => String(Object.values(record)) }
  ],
  ["a fingerprint that is the same for all", "L21", "fingerprints", { fingerprint: () => "same" }],
  [
    "a fingerprint of what is left out too",
    "L21",
    "fingerprints",
    { fingerprint: (record) => `${differ.fingerprint(record)} ${record.note}` }
  ]
]

describe("a right differ", () => {
  for (const law of verifyDiffer({ differ, records })) it(law.name, () => law.check(settings()))
  it("L19 a differ that leaves nothing out keeps all laws", async () => {
    for (const law of verifyDiffer({ differ: FieldDiffer.fromSchema(Deal), records })) await law.check(settings(50))
  })
})

describe("a wrong differ", () => {
  for (const [design, id, about, change] of wrong) {
    it(`${id} ${design} is caught`, () =>
      isCaught(verifyDiffer({ differ: { ...differ, ...change }, records }), id, about))
  }
})
