// Goal: the small rules hold for all inputs. Guarantees: L04, L06, L08, L16, L17-L21, L23, W70, W77.
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Event from "@tidemark/core/model/Event"
import * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as Observation from "@tidemark/core/model/Observation"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Pagination from "@tidemark/core/ports/Pagination"
import * as Brake from "@tidemark/core/rules/Brake"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

const numRuns = Number(process.env.RUNS ?? 2_000)
const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) }
const check = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => void) =>
  fc.assert(fc.property(arbitrary, law), { numRuns, ...seed })

// -----------------------------------------------------------------------------
// differ
// -----------------------------------------------------------------------------

const Thing = Schema.Struct({
  text: Schema.String,
  maybe: Schema.NullOr(Schema.Int),
  optional: Schema.optionalKey(Schema.String),
  exact: Schema.BigDecimal,
  list: Schema.Array(Schema.Int),
  any: Schema.Json,
  constructor: Schema.NullOr(Schema.Int),
  local: Schema.Int
})
type Thing = typeof Thing.Type
const differ = FieldDiffer.fromSchema(Thing, { ignore: ["local"] })

const thing: fc.Arbitrary<Thing> = fc.record(
  {
    text: fc.constantFrom("", "a", "__proto__"),
    maybe: fc.constantFrom(null, 0, -0, 1),
    optional: fc.constantFrom("", "x"),
    exact: fc.constantFrom(BigDecimal.make(1n, 0), BigDecimal.make(10n, 1), BigDecimal.make(2n, 0)),
    list: fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 2 }),
    any: fc.constantFrom<Schema.Json>(null, 1, { b: 1, a: [1] }, { a: [1], b: 1 }, JSON.parse('{"__proto__":1}')),
    constructor: fc.constantFrom(null, 1),
    local: fc.integer({ min: 0, max: 1 })
  },
  { requiredKeys: ["text", "maybe", "exact", "list", "any", "constructor", "local"], noNullPrototype: true }
)
/** Half of the pairs are equal but for what is ignored and for how a decimal is written. */
const things = fc
  .tuple(thing, thing, thing, fc.boolean())
  .map(([a, b, c, isTwin]): [Thing, Thing, Thing] => [
    a,
    isTwin ? { ...a, local: b.local, exact: rescaled(a.exact) } : b,
    c
  ])

const rescaled = ({ scale, value }: BigDecimal.BigDecimal) => BigDecimal.make(value * 10n, scale + 1)

const lawsOf = (
  one: FieldDiffer.FieldDiffer<Thing>
): Readonly<Record<string, (values: [Thing, Thing, Thing]) => void>> => ({
  "L17 no difference between a record and itself": ([a]) =>
    assert.ok(FieldPatch.isEmpty(one.diff(a, { ...a, list: [...a.list] }))),
  "L18 a patch makes the record it was made from": ([a, b]) =>
    assert.ok(FieldPatch.isEmpty(one.diff(one.patch(a, one.diff(a, b)), b))),
  "L19 ignored fields are in no patch and no patch changes them": ([a, b]) => {
    const patch = one.diff(a, b)
    assert.ok(!("local" in patch))
    assert.equal(one.patch(a, { ...patch, local: { before: 0, after: 9 } }).local, a.local)
  },
  "L20 the way back is the inverse patch": ([a, b]) => {
    const [there, back] = [one.diff(a, b), one.diff(b, a)]
    assert.deepEqual(Object.keys(back), Object.keys(there))
    for (const [name, { after, before }] of Object.entries(FieldPatch.invert(there))) {
      assert.equal(back[name]?.before, before)
      assert.equal(back[name]?.after, after)
    }
  },
  "L21 no difference exactly if the fields are equal, and then one fingerprint": ([a, b]) => {
    const text = (value: Thing) =>
      JSON.stringify(
        {
          ...value,
          local: 0,
          maybe: value.maybe === null ? null : value.maybe + 0,
          exact: BigDecimal.format(BigDecimal.normalize(value.exact)),
          any: sorted(value.any)
        },
        Object.keys({ ...a, ...b }).toSorted()
      )
    const isEqual = text(a) === text(b) && sorted(a.any) === sorted(b.any)
    assert.equal(FieldPatch.isEmpty(one.diff(a, b)), isEqual)
    if (isEqual) assert.equal(one.fingerprint(a), one.fingerprint(b))
  },
  "L23 a patch has own keys of the schema only": ([a, b]) => {
    const patch = one.diff(a, b)
    assert.equal(Object.getPrototypeOf(patch), null)
    for (const name of Object.keys(patch)) assert.ok(Object.hasOwn(Thing.fields, name), name)
  },
  "patches that follow on each other combine": ([a, b, c]) => {
    const combined = one.combine(one.diff(a, b), one.diff(b, c))
    assert.deepEqual(Object.keys(combined).toSorted(), Object.keys(one.diff(a, c)).toSorted())
  }
})

const sorted = (value: Schema.Json): string =>
  typeof value !== "object" || value === null
    ? JSON.stringify(value)
    : Array.isArray(value)
      ? `[${value.map(sorted).join()}]`
      : `{${Object.keys(value)
          .toSorted()
          .map((key) => `${key}:${sorted((value as Record<string, Schema.Json>)[key]!)}`)
          .join()}}`

describe("FieldDiffer", () => {
  for (const [name, law] of Object.entries(lawsOf(differ))) it(name, () => check(things, law))

  it("differs that are wrong are caught by one law at least", () => {
    const wrong: Readonly<Record<string, FieldDiffer.FieldDiffer<Thing>>> = {
      blind: { ...differ, diff: () => FieldPatch.empty },
      jumpy: { ...differ, diff: (a, b) => ({ ...differ.diff(a, b), text: { before: a.text, after: b.text } }) },
      careless: { ...differ, patch: (old) => old },
      curious: FieldDiffer.fromSchema(Thing),
      hasty: { ...differ, combine: (_, second) => second },
      random: { ...differ, fingerprint: (record) => String(record.local) + differ.fingerprint(record) }
    }
    for (const [name, one] of Object.entries(wrong)) {
      const isCaught = Object.values(lawsOf(one)).some(
        (law) => fc.check(fc.property(things, law), { numRuns: 2_000, ...seed }).failed
      )
      assert.ok(isCaught, name)
    }
  })
})

// -----------------------------------------------------------------------------
// horizon, brake, cursor, pagination, events
// -----------------------------------------------------------------------------

describe("Windowing", () => {
  const walk = fc.record({
    startedAt: fc.integer({ min: 0, max: 20 }),
    settle: fc.integer({ min: 0, max: 9 }),
    positions: fc.array(fc.integer({ min: 0, max: 20 }))
  })
  it("L04 no position above the horizon leaves, none goes back, and what leaves is at or before the observation", () =>
    check(walk, ({ positions, settle, startedAt }) => {
      const window = Windowing.make({ startedAt, settle })
      let last: number | undefined
      for (const position of positions.toSorted((a, b) => a - b)) {
        const capped = Windowing.cap(window, (at: number) => at, last, position)
        assert.ok(capped === undefined || (capped <= window.horizon && capped <= position))
        assert.ok(last === undefined || (capped !== undefined && capped >= last))
        last = capped
      }
    }))
})

describe("Brake", () => {
  const refusals = fc
    .array(fc.boolean(), { maxLength: 40 })
    .chain((pattern) =>
      fc.integer({ min: 1, max: 40 }).map((times) => Array.from({ length: times }, () => pattern).flat())
    )
  it("L16 counting in pieces equals counting at once", () =>
    check(fc.tuple(refusals, fc.integer({ min: 1, max: 30 })), ([all, size]) => {
      let state = { brake: Brake.released, isTripped: false }
      for (let start = 0; start < all.length && !state.isTripped; start += size)
        state = Brake.count(state.brake, all.slice(start, start + size))
      assert.deepEqual(state, Brake.count(Brake.released, all))
    }))
  it("L16 W77 it trips by the lane's last 1,000 observations, never by the share of a batch", () => {
    const trips = (all: ReadonlyArray<boolean>) => Brake.count(Brake.released, all).isTripped
    const share = (of: number, count: number) => Array.from({ length: count }, (_, index) => index % of === of - 1)
    assert.equal(trips([true]), false)
    assert.equal(trips(Array.from({ length: 49 }, () => true)), false)
    assert.equal(trips(Array.from({ length: 50 }, () => true)), true)
    assert.equal(trips(share(5, 5_000)), false)
    assert.equal(trips(share(4, 5_000)), true)
    assert.ok(Brake.count(Brake.released, share(6, 5_000)).brake.refused.length <= 1_000)
    // A brake at a share of the batch would stop at a batch of one poison record.
    assert.equal(trips([...share(1, 1), ...share(1_000, 999)]), false)
  })
})

describe("CursorRule", () => {
  const rule = CursorRule.make({
    codec: Schema.Struct({ at: Schema.String, id: Schema.NullOr(Schema.String) }),
    positions: "Unique",
    resume: "Exclusive"
  })
  it("L08 a stored position decodes to itself; another codec version or shape is an error", () =>
    check(fc.record({ at: fc.string(), id: fc.option(fc.string()) }, { noNullPrototype: true }), (position) => {
      const stored = Result.getOrThrow(CursorRule.encode(rule, position))
      const through = JSON.parse(JSON.stringify(stored)) as CursorRule.Stored
      assert.deepEqual(Result.getOrThrow(CursorRule.decode(rule, through)), position)
      assert.ok(Result.isFailure(CursorRule.decode(rule, { ...through, codecVersion: 2 })))
      assert.ok(Result.isFailure(CursorRule.decode(rule, { ...through, value: null })))
    }))
})

describe("Pagination", () => {
  const read = (next: (token: string | undefined) => string | undefined, pagesMax?: number) =>
    Effect.runPromise(
      Effect.result(
        Stream.runCollect(
          Pagination.stream({
            source: "test",
            ask: (token) => Effect.succeed({ page: token ?? "first", next: next(token) }),
            ...(pagesMax === undefined ? {} : { pagesMax })
          })
        )
      )
    )
  it("L06 a token that comes again, or no end, ends the read as NotAdvancing; an empty token is a token", async () => {
    const fails = async (result: ReturnType<typeof read>) => {
      const one = await result
      assert.ok(Result.isFailure(one) && one.failure.reason === "NotAdvancing")
    }
    await fails(read(() => "same"))
    await fails(read((token) => (token === "a" ? "b" : "a")))
    await fails(read((token) => String(Number(token ?? 0) + 1), 50))
    const whole = await read((token) => (token === undefined ? "" : token === "" ? "b" : undefined))
    assert.deepEqual(Result.getOrThrow(whole), ["first", "", "b"])
  })
})

describe("Event", () => {
  const part = fc.constantFrom("a", "b", "a/b", "%2F", "/", "%")
  it("W70 an id is made from the revision, and no two facts share one", () =>
    check(
      fc.tuple(part, part, part, fc.integer({ min: 1, max: 2 }), part, part, part, fc.integer({ min: 1, max: 2 })),
      ([t1, a1, x1, r1, t2, a2, x2, r2]) => {
        const of = (tenant: string, account: string, external: string, revision: number) =>
          Event.id(
            Subscription.make({ id: "s", tenant, entity: "e", connection: { provider: "p", account } }),
            Observation.ExternalId.make(external),
            revision,
            "e_edited"
          )
        const isSame = t1 === t2 && a1 === a2 && x1 === x2 && r1 === r2
        assert.equal(of(t1, a1, x1, r1) === of(t2, a2, x2, r2), isSame)
      }
    ))
})
