// Goal: a table gives back what was put into it, and says what does not fit before anything is written.
// Method: records from the schema's own arbitrary, written and found as the application's role. Guarantees: L22.
import { it } from "@effect/vitest"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Write from "@tidemark/core/model/Write"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import { PgSink } from "@tidemark/sql-pg"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const Everything = Schema.Struct({
  text: Schema.String,
  maybe: Schema.NullOr(Schema.String),
  optional: Schema.optionalKey(Schema.String),
  kind: Schema.Literals(["a", "b"]),
  whole: Schema.Int,
  number: Schema.NullOr(Schema.Finite),
  exact: Schema.BigDecimal,
  yes: Schema.Boolean,
  day: Schema.NullOr(Schema.String.annotate({ format: "date" })),
  instant: Schema.DateTimeUtc,
  stamp: Schema.NullOr(Schema.String.annotate({ format: "date-time" })),
  list: Schema.Array(Schema.String),
  inner: Schema.Struct({ deep: Schema.NullOr(Schema.Finite) }),
  anything: Schema.Json
})
type Everything = typeof Everything.Type

const storable = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .filter((text) => text.isWellFormed() && !text.includes("\0"))
const millis = fc.integer({ min: -60_000_000_000_000, max: 250_000_000_000_000 })
const iso = millis.map((at) => DateTime.formatIso(DateTime.makeUnsafe(at)))
const jsonValue = fc.letrec<{ value: Schema.Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    storable,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(storable, tie("value"), { maxKeys: 3, noNullPrototype: true })
  )
})).value

const everything: fc.Arbitrary<Everything> = fc.record(
  {
    text: storable,
    maybe: fc.option(storable),
    optional: storable,
    kind: fc.constantFrom("a" as const, "b" as const),
    whole: fc.maxSafeInteger(),
    number: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    exact: fc
      .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: 0, max: 12 }))
      .map(([value, scale]) => BigDecimal.make(value, scale)),
    yes: fc.boolean(),
    day: fc.option(iso.map((text) => text.slice(0, 10))),
    instant: millis.map((at) => DateTime.makeUnsafe(at)),
    stamp: fc.option(iso),
    list: fc.array(storable, { maxLength: 3 }),
    inner: fc.record({ deep: fc.option(fc.integer()) }, { noNullPrototype: true }),
    anything: jsonValue.filter((value) => value !== null)
  },
  {
    requiredKeys: [
      "text",
      "maybe",
      "kind",
      "whole",
      "number",
      "exact",
      "yes",
      "day",
      "instant",
      "stamp",
      "list",
      "inner",
      "anything"
    ],
    noNullPrototype: true
  }
)

const numRuns = Number(process.env.RUNS ?? 60)
const subscription = Harness.subscriptionOf("acme")
const id = Observation.ExternalId.make("r")
const put = (record: Everything, revision: number): Write.Put<Everything> => ({
  _tag: "Put",
  externalId: id,
  localId: "l1",
  revision,
  idempotencyKey: String(revision),
  record
})

describe.each([
  ["a pool", Database.pool],
  ["a pipelined pool", Database.pipeline]
])("PgSink over %s", (_, pool) => {
  it.live("L22 what is found is what was put, for every kind of column", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Harness.stage
        const table = PgSink.make({ table: "everything", schema: Everything })
        yield* Effect.provideService(table.create, SqlClient.SqlClient, owner)
        yield* Database.grantTables(owner)
        const process = Harness.processOf(yield* pool(appUrl))
        const differ = FieldDiffer.fromSchema(Everything)
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(everything, everything, (first, second) =>
              Effect.runPromise(
                process(
                  Effect.gen(function* () {
                    const sink = yield* table.sink
                    const uow = yield* UnitOfWork.UnitOfWork
                    for (const [index, record] of [first, second].entries()) {
                      assert.equal(sink.check?.(record), undefined)
                      yield* uow.transact(subscription.tenant, sink.write(subscription, [put(record, index + 1)]))
                      const found = (yield* sink.find(subscription, [id])).get(id)!
                      assert.deepEqual(Object.keys(differ.diff(found.record, record)), [])
                      assert.equal(differ.fingerprint(found.record), differ.fingerprint(record))
                    }
                    const remove = { ...put(second, 3), _tag: "Remove" as const }
                    yield* uow.transact(subscription.tenant, sink.write(subscription, [remove]))
                    assert.equal((yield* sink.find(subscription, [id])).size, 0)
                    yield* uow.transact(subscription.tenant, sink.write(subscription, [remove]))
                  })
                )
              )
            ),
            { numRuns }
          )
        )
      })
    )
  )

  it.live("L13 a record that was never here and is there all the same is put, under the id its row has", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Harness.stage
        const process = Harness.processOf(yield* pool(appUrl))
        const sink = yield* process(Harness.table.sink)
        const write = (puts: Write.Writes<Harness.Note>) =>
          process(
            Effect.flatMap(UnitOfWork.UnitOfWork, (uow) =>
              uow.transact(subscription.tenant, sink.write(subscription, puts))
            )
          )
        const note = (name: string, localId: string, size: number): Write.Put<Harness.Note> => ({
          _tag: "Put",
          externalId: name as typeof id,
          localId,
          revision: 1,
          idempotencyKey: name,
          record: { title: name, size }
        })
        yield* write([note("b", "l1", 1)])
        const answers = yield* write([note("a", "l2", 2), note("b", "l3", 2), note("c", "l4", 2)])
        assert.deepEqual(
          answers.map((answer) => Result.getOrThrow(answer).localId),
          ["l2", "l1", "l4"]
        )
        const rows = yield* owner`select external_id, id, size::int as size from note order by external_id`
        assert.deepEqual(rows, [
          { external_id: "a", id: "l2", size: 2 },
          { external_id: "b", id: "l1", size: 2 },
          { external_id: "c", id: "l4", size: 2 }
        ])
      })
    )
  )

  it.live("a text that the database cannot hold is refused before it is sent, with the field's name", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* Harness.stage
        const process = Harness.processOf(yield* Database.pool(appUrl))
        const sink = yield* process(Harness.table.sink)
        for (const title of ["a\0b", "\ud800", "x\udc00y"]) {
          assert.match(sink.check?.({ title, size: 1 })?.message ?? "", /title/)
        }
        assert.equal(sink.check?.({ title: "\u{1F600} \u00e9", size: 1 }), undefined)
      })
    )
  )

  it.live("a live table that does not fit is named column by column, and left as it is", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner } = yield* Harness.stage
        const asOwner = Effect.provideService(SqlClient.SqlClient, owner)
        assert.equal(yield* Harness.table.verify.pipe(asOwner), "Present")
        yield* owner`alter table note alter column size type text`
        yield* owner`alter table note drop column title`
        yield* owner`alter table note add column mine int not null`
        const error = yield* Effect.flip(Harness.table.verify.pipe(asOwner))
        assert.ok(error._tag === "PgSinkMismatch")
        assert.deepEqual(
          error.problems.map((problem) => /column (\w+)/.exec(problem)?.[1]),
          ["title", "size", "mine"]
        )
        const missing = PgSink.make({ table: "nothing_here", schema: Harness.Note })
        assert.equal(yield* missing.verify.pipe(asOwner), "Missing")
      })
    )
  )
})
