// Goal: what `check` lets through is stored and found unchanged; what it refuses is named.
// Method: records of the schemas' own arbitraries and of hostile values, as the application's role. Guarantees: L15, L22.
import { it } from "@effect/vitest"
import type * as Write from "@tidemark/core/model/Write"
import type * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import { PgSink } from "@tidemark/sql-pg"
import * as Arbitrary from "effect/Arbitrary"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Stage from "./support/Stage.ts"

const { externalId, subscription } = Stage
const runs = Number(process.env.RUNS ?? 60)

const text = Schema.NullOr(Schema.String)
/** One field of each kind, each way of having no value, and every type a kind fits beside its default. */
const Wide = Schema.Struct({
  text,
  optional: Schema.optional(Schema.String),
  either: Schema.optionalKey(text),
  literal: Schema.Literals(["a", "b"]),
  bytes: Schema.Uint8Array,
  date: Schema.NullOr(Schema.Date),
  instant: Schema.optionalKey(Schema.DateTimeUtc),
  instantText: Schema.Date,
  integer: Schema.Int,
  integerNumeric: Schema.NullOr(Schema.Int),
  integerFloat: Schema.Int,
  small: Schema.Int,
  number: Schema.Finite,
  numberNumeric: Schema.Finite,
  big: Schema.BigInt,
  bigWhole: Schema.BigInt,
  decimal: Schema.BigDecimal,
  decimalText: Schema.NullOr(Schema.BigDecimal),
  boolean: Schema.UndefinedOr(Schema.Boolean),
  any: Schema.Number,
  list: Schema.Array(Schema.NullOr(Schema.Finite)),
  struct: Schema.NullOr(Schema.Struct({ a: Schema.optionalKey(Schema.String), b: Schema.Date })),
  union: Schema.Union([Schema.String, Schema.Boolean, Schema.Int]),
  json: Schema.Json,
  optionalJson: Schema.optionalKey(Schema.Json),
  textJson: Schema.String,
  extras: Schema.Record(Schema.String, Schema.Json)
})
type Wide = typeof Wide.Type

const wide = PgSink.make({
  table: "wide",
  schema: Wide,
  extras: "extras",
  columns: {
    instantText: { type: "text" },
    integerNumeric: { type: "numeric", name: "Integer_Numeric" },
    integerFloat: { type: "float8" },
    small: { type: "integer" },
    numberNumeric: { type: "numeric" },
    bigWhole: { type: "bigint" },
    decimalText: { type: "text" },
    textJson: { type: "jsonb" }
  }
})

/** Values at the edges of what columns hold, on both sides. */
const edges: { readonly [Field in keyof Wide]?: ReadonlyArray<Wide[Field]> } = {
  text: ["", "a\0b", "\ud800", "x\udfff", "\u{1F600}'\"\\", "null", "\u2028", "e\u0301", " ", null],
  either: [null, undefined, "", "\0"] as ReadonlyArray<string | null>,
  optional: [undefined, "", "\0"],
  date: [
    "0001-01-01T00:00:00.000Z",
    "0000-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999Z",
    "+010000-01-01T00:00:00.000Z",
    "-004800-01-01T00:00:00.000Z",
    "1582-10-10T00:00:00.001Z",
    "2000-02-29T00:00:00.999Z"
  ].map((stamp) => DateTime.toDateUtc(DateTime.makeUnsafe(stamp))),
  integer: [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -0],
  integerFloat: [Number.MAX_SAFE_INTEGER, 1e15],
  small: [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1],
  number: [Number.MAX_VALUE, Number.MIN_VALUE, -0, 0.1, 1e21, 1e-7, 5e-324],
  numberNumeric: [Number.MAX_VALUE, Number.MIN_VALUE, 0.1 + 0.2, 1e21],
  big: [10n ** 131_071n, 10n ** 131_072n, -(10n ** 40n)],
  bigWhole: [2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n],
  decimal: ["1.50", "1e500", "1e-16383", "1e-16384", "1e131072", "0.000"].map((it) => BigDecimal.fromStringUnsafe(it)),
  any: [Number.NaN, Number.POSITIVE_INFINITY, 1.5],
  list: [[], [null, 1e300], Array.from({ length: 200 }, () => 1)],
  json: [null, [null], {}, { "": null }, { "a\0": 1 }, ["\ud800"], { ["__proto__"]: 1 }, nested(500), nested(501), "x"],
  optionalJson: [null, [], "", undefined as unknown as null],
  extras: [{}, { a: null }, { a: "\0" }]
}

function nested(depth: number): Schema.Json {
  let value: Schema.Json = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

const fromSchema = <A>(schema: Schema.Schema<A>): fc.Arbitrary<A> => {
  const arbitrary = Arbitrary.schema(schema)
  return fc
    .tuple(fc.nat(), fc.integer({ min: 1, max: 30 }))
    .map(([seed, size]) => Effect.runSync(Arbitrary.sampleEffect(arbitrary, { count: 1, seed, size }))[0]!)
}

const edged: fc.Arbitrary<Wide> = fc
  .tuple(
    fromSchema(Wide),
    fc.array(
      fc
        .constantFrom(...Object.entries(edges))
        .chain(([field, values]) =>
          fc.constantFrom(...(values as ReadonlyArray<unknown>)).map((value) => [field, value] as const)
        ),
      { maxLength: 2 }
    )
  )
  .map(([record, changes]) => changes.reduce((changed, [field, value]) => withField(changed, field, value), record))

/** `undefined` stands for an absent field. */
const withField = (record: Wide, field: string, value: unknown): Wide => {
  const { [field as keyof Wide]: _, ...rest } = record
  return (value === undefined ? rest : { ...rest, [field]: value }) as Wide
}

const put = <A>(id: string, record: A, revision = 1, localId = `local-${id}`): Write.Put<A> => ({
  _tag: "Put",
  externalId: externalId(id),
  localId,
  revision,
  idempotencyKey: id,
  record
})
const remove = (id: string, revision: number): Write.Remove => ({
  _tag: "Remove",
  externalId: externalId(id),
  localId: `local-${id}`,
  revision,
  idempotencyKey: id
})

const stage = <A>(table: PgSink.PgSink<A>) =>
  Effect.gen(function* () {
    const { appUrl, owner } = yield* Stage.make
    yield* Effect.provideService(table.create, SqlClient, owner)
    yield* Database.grantTables(owner)
    const run = yield* Stage.process(appUrl)
    const sink = yield* run(table.sink)
    const write = (...writes: readonly [Write.Write<A>, ...Array<Write.Write<A>>]) =>
      run(Stage.transact(sink.write(subscription, writes)))
    const find = (...ids: ReadonlyArray<string>) =>
      Effect.map(run(sink.find(subscription, ids.map(externalId) as [never])), (rows) => Object.fromEntries(rows))
    return { appUrl, owner, run, sink, write, find }
  })

const Note = Schema.Struct({ title: Schema.String, size: Schema.optionalKey(Schema.Int) })
const note = PgSink.make({ table: "note", schema: Note })

describe("values", () => {
  it.live("L22 what `check` lets through is stored and found as it was; what it refuses is told", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, sink, write } = yield* stage(wide)
        const differ = FieldDiffer.fromSchema(Wide)
        let stored = 0
        let refused = 0
        const property = (record: Wide) =>
          Effect.gen(function* () {
            const rejection = sink.check!(record)
            if (rejection !== undefined) {
              refused += 1
              return assert.deepEqual([rejection.code, /field \w+/.test(rejection.message)], ["Invalid", true])
            }
            stored += 1
            yield* write(put("r", record, stored))
            const { r } = yield* find("r")
            assert.deepEqual(Object.keys(differ.diff(r!.record, record)), [])
            assert.equal(differ.fingerprint(r!.record), differ.fingerprint(record))
          })
        const base = yield* Arbitrary.sampleEffect(Arbitrary.schema(Wide), { count: 1, seed: 1, size: 1 })
        for (const [field, values] of Object.entries(edges)) {
          for (const value of values) yield* property(withField(base[0]!, field, value))
        }
        assert.ok(stored > 30 && refused > 10, `${stored} stored, ${refused} refused`)
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(edged, (record) => Effect.runPromise(property(record))),
            { numRuns: runs }
          )
        )
      })
    )
  )

  it("a refusal names the field and the cause", () => {
    const Fields = Schema.Struct({
      name: Schema.String,
      day: Schema.optionalKey(Schema.String.annotate({ format: "date" })),
      stamp: Schema.optionalKey(Schema.String.annotate({ format: "date-time" })),
      key: Schema.optionalKey(Schema.String.annotate({ pgColumn: { type: "uuid" } })),
      more: Schema.optionalKey(Schema.Json)
    })
    const { check } = Effect.runSync(
      Effect.provideService(PgSink.make({ table: "t", schema: Fields }).sink, SqlClient, {} as SqlClient)
    )
    const refusals: ReadonlyArray<readonly [Partial<typeof Fields.Type>, RegExp | undefined]> = [
      [{}, undefined],
      [{ name: "a\0" }, /field name holds a NUL/],
      [{ day: "2026-02-28" }, undefined],
      [{ day: "2026-02-30" }, /field day is no day/],
      [{ day: "2026-2-3" }, /field day/],
      [{ day: "0000-01-01" }, /field day/],
      [{ stamp: "2026-05-01T07:25:37.123Z" }, undefined],
      [{ stamp: "2026-05-01T07:25:37Z" }, /field stamp is no UTC instant/],
      [{ stamp: "2026-05-01T07:25:37.123+02:00" }, /field stamp/],
      [{ key: "3f2504e0-4f89-41d3-9a0c-0305e82c3301" }, undefined],
      [{ key: "3F2504E0-4F89-41D3-9A0C-0305E82C3301" }, /field key is no UUID/],
      [{ more: { deep: ["\udc00"] } }, /field more holds a NUL/],
      [{ more: nested(501) }, /field more is nested deeper than 500/],
      [{ more: "x".repeat(4_000_001) }, /field more brings the record above/],
      [{ name: 5 as unknown as string }, /does not fit its schema/]
    ]
    for (const [change, expected] of refusals) {
      const message = check!({ name: "n", ...change })?.message
      if (expected === undefined) assert.equal(message, undefined)
      else assert.match(message ?? "", expected)
    }
  })

  it.live("a record that does not fit its schema is answered in its place, and the others are written", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, write } = yield* stage(note)
        const broken = { title: 7 } as unknown as typeof Note.Type
        const answers = yield* write(
          put("a", { title: "a" }),
          put("b", broken),
          remove("c", 1),
          put("d", { title: "d" })
        )
        assert.deepEqual(answers.map(Result.isSuccess), [true, false, true, true])
        assert.deepEqual(Object.keys(yield* find("a", "b", "c", "d")), ["a", "d"])
      })
    )
  )
})

describe("rows", () => {
  it.live("a removed record is not found, keeps its row, and comes back under its id", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, owner, write } = yield* stage(note)
        yield* write(put("a", { title: "one", size: 1 }), put("b", { title: "two" }))
        yield* write(remove("a", 2), put("b", { title: "two", size: 3 }, 2))
        yield* write(remove("a", 3), remove("never there", 1))
        assert.deepEqual(yield* find("a", "b"), { b: { localId: "local-b", record: { title: "two", size: 3 } } })
        const [row] = yield* owner`select id, title, revision::int, deleted_at is not null as gone from note
          where external_id = 'a'`
        assert.deepEqual(row, { id: "local-a", title: "one", revision: 2, gone: true })
        const [answer] = yield* write(put("a", { title: "back" }, 4, "another id"))
        assert.deepEqual(answer, Result.succeed({ localId: "local-a" }))
        assert.deepEqual(yield* find("a"), { a: { localId: "local-a", record: { title: "back" } } })
      })
    )
  )

  it.live("rows and columns of the application are adopted and left alone, also under a uuid id", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const table = PgSink.make({ table: "mine", schema: Note, id: "uuid" })
        const { find, owner, write } = yield* stage(table)
        const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
        yield* owner`alter table mine add column note text not null default 'n', add column n bigint generated always as identity`
        yield* owner`insert into mine (tenant, id, provider, account, external_id, revision, title, note)
          values ('acme', ${id}, 'crm', 'a1', 'a', 0, 'by hand', 'kept')`
        assert.deepEqual(yield* find("a"), { a: { localId: id, record: { title: "by hand" } } })
        yield* write(put("a", { title: "new" }, 1, id), put("b", { title: "b" }, 1, id.replace("3f", "4f")))
        yield* write(remove("b", 2))
        assert.deepEqual(yield* owner`select external_id as id, title, note from mine order by 1`, [
          { id: "a", title: "new", note: "kept" },
          { id: "b", title: "b", note: "n" }
        ])
      })
    )
  )

  it.live("the same external id in two tenants and two accounts is four records", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { run, sink } = yield* stage(note)
        const all = ["acme", "other"].flatMap((tenant) =>
          ["a1", "a2"].map((account) => ({
            ...Stage.subscriptionOf(tenant),
            connection: { provider: "crm", account }
          }))
        )
        for (const one of all) {
          const name = `${one.tenant} ${one.connection.account}`
          yield* run(Stage.transact(sink.write(one, [put("a", { title: name }, 1, name)]), one.tenant))
        }
        yield* run(Stage.transact(sink.write(all[0]!, [remove("a", 2)])))
        const titles = yield* Effect.forEach(all, (one) =>
          Effect.map(run(sink.find(one, [externalId("a")])), (rows) => rows.get(externalId("a"))?.record.title)
        )
        assert.deepEqual(titles, [undefined, "acme a2", "other a1", "other a2"])
      })
    )
  )

  it.live("a write that the table refuses is Refused, with the server's code", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner, run, sink } = yield* stage(note)
        yield* owner`alter table note add constraint short check (length(title) < 5)`
        const refused = yield* run(
          Effect.flip(Stage.transact(sink.write(subscription, [put("a", { title: "longer" })])))
        )
        assert.deepEqual(codeOf(refused), ["SinkError", "Refused", "23514"])
      })
    )
  )

  it.live("a put that was not checked before is checked then, and the others of its batch are written", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, run, sink } = yield* stage(note)
        const titles = ["a\0", "\ud800", 7 as unknown as string, "good"]
        const [first, ...rest] = titles.map((title, index) => put(`r${index}`, { title }))
        const answers = yield* run(Stage.transact(sink.write(subscription, [first!, ...rest])))
        assert.deepEqual(
          answers.map((answer) => (Result.isFailure(answer) ? answer.failure.code : "written")),
          ["Invalid", "Invalid", "Invalid", "written"]
        )
        assert.deepEqual(Object.keys(yield* find("r0", "r1", "r2", "r3")), ["r3"])
      })
    )
  )

  it.live("a row that somebody else spoiled is named, not passed over", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner, run, sink, write } = yield* stage(note)
        yield* write(put("a", { title: "a" }))
        yield* owner`update note set title = null`
        const error = yield* run(Effect.flip(sink.find(subscription, [externalId("a")])))
        assert.match(error.message, /the row of a in note does not fit its schema/)
      })
    )
  )
})

const codeOf = (error: { readonly _tag: string; readonly reason: string; readonly code?: string | undefined }) => [
  error._tag,
  error.reason,
  (error as ChangeSink.SinkError).code
]
