// Goal: what has no column of its own lives in the extras, and what the application has beside them is left alone.
// Method: a sync of made observations into a table that an application altered. Guarantees: L23, S15, S28, S37.
import { it } from "@effect/vitest"
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Extras from "@tidemark/core/model/Extras"
import type * as Write from "@tidemark/core/model/Write"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import { PgSink } from "@tidemark/sql-pg"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const Deal = Schema.Struct({
  title: Schema.String,
  amount: Schema.NullOr(Schema.BigDecimal),
  seats: Schema.optionalKey(Schema.Int),
  extras: Extras.Extras
})
type Deal = typeof Deal.Type

const table = PgSink.make({ table: "deal", schema: Deal, columns: { amount: "extras", seats: "extras" } })
const subscription = Harness.subscriptionOf("acme")
const id = Observation.ExternalId.make("r")

const put = (record: Deal, revision: number): Write.Put<Deal> => ({
  _tag: "Put",
  externalId: id,
  localId: "l1",
  revision,
  idempotencyKey: String(revision),
  record
})

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Harness.stage
  yield* Effect.provideService(table.create, SqlClient, owner)
  yield* owner`alter table deal add column mine text not null default 'ours'`
  yield* Database.grantTables(owner)
  const process = Harness.processOf(yield* Database.pool(appUrl))
  const write = (record: Deal, revision: number) =>
    process(
      Effect.gen(function* () {
        const sink = yield* table.sink
        const uow = yield* UnitOfWork.UnitOfWork
        return yield* uow.transact(subscription.tenant, sink.write(subscription, [put(record, revision)]))
      })
    )
  const find = process(Effect.flatMap(table.sink, (sink) => sink.find(subscription, [id])))
  return { owner, process, write, find }
})

describe("extras", () => {
  it.live("a field without a column is an own key of the extras, exact, and absent is not null", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, owner, write } = yield* stage
        const amount = BigDecimal.make(12_345_678_901_234_567_890_123n, 5)
        const extras = JSON.parse('{"__proto__": {"a": 1}, "Region__c": null, "share": 0.1}') as Extras.Extras
        yield* write({ title: "t", amount, extras }, 1)
        const [row] = yield* owner<{ text: string; columns: number }>`select extras::text as text,
          (select count(*)::int from information_schema.columns where table_name = 'deal'
            and column_name in ('amount', 'seats')) as columns from deal`
        assert.deepEqual(Object.entries(JSON.parse(row!.text) as object).toSorted(), [
          ["Region__c", null],
          ["__proto__", { a: 1 }],
          ["amount", "123456789012345678.90123"],
          ["share", 0.1]
        ])
        assert.equal(row!.columns, 0)
        const found = (yield* find).get(id)!.record
        assert.ok(found.amount !== null && BigDecimal.equals(found.amount, amount))
        assert.deepEqual(Object.entries(found.extras).toSorted(), Object.entries(extras).toSorted())
        assert.ok(!("seats" in found))
      })
    )
  )

  it.live("columns of the application are left alone, and a row from before the extras has none", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { find, owner, write } = yield* stage
        yield* write({ title: "t", amount: null, extras: { a: 1 } }, 1)
        yield* owner`update deal set mine = 'edited'`
        yield* write({ title: "u", amount: null, extras: { a: 2 } }, 2)
        assert.deepEqual(yield* owner`select mine, title from deal`, [{ mine: "edited", title: "u" }])
        yield* owner`update deal set extras = '{"amount": null}'`
        assert.deepEqual((yield* find).get(id)?.record, { title: "u", amount: null, extras: {} })
        const plain = PgSink.make({
          table: "deal",
          schema: Schema.Struct({ title: Schema.String, extras: Extras.Extras })
        })
        yield* owner`update deal set extras = null`
        const sql = Effect.provideService(SqlClient, owner)
        const sink = yield* plain.sink.pipe(sql)
        assert.deepEqual((yield* sink.find(subscription, [id])).get(id)?.record, { title: "u", extras: {} })
      })
    )
  )

  it.live("S28 a run keeps and counts what its schema does not know, and reading it again changes nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner, process } = yield* stage
        const read = (observedAt: number, record: object) =>
          process(
            Effect.gen(function* () {
              const version = Version.make({ domain: "place", value: "1", observedAt })
              // A source that passes on what it was told: more than the schema says, and no extras.
              const told = { title: "t", amount: null, ...record } as unknown as Deal
              const source = ChangeSource.plain<Deal, number>({
                label: "crm/deal",
                domain: "place",
                account: Effect.succeed("a1"),
                rule: CursorRule.make({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
                read: () =>
                  Stream.succeed(Page.make([Observation.upsert({ id: "r", position: 1, record: told, version })]))
              })
              const sink = yield* table.sink
              return yield* Sync.run(Sync.make({ subscription, schema: Deal, source, sink }))
            })
          )
        yield* read(1, { Region__c: "north", ["__proto__"]: "own" })
        yield* read(2, { Size__c: null })
        yield* read(3, { Size__c: null, Region__c: "north" })
        const [row] = yield* owner<{ extras: object }>`select extras from deal`
        assert.deepEqual(Object.entries(row!.extras).toSorted(), [
          ["Region__c", "north"],
          ["Size__c", null],
          ["__proto__", "own"],
          ["amount", null]
        ])
        assert.deepEqual(
          yield* owner`select created::int, updated::int, unchanged::int, unknown_fields::int as unknown from tidemark.run
            order by seq`,
          [
            { created: 1, updated: 0, unchanged: 0, unknown: 2 },
            { created: 0, updated: 1, unchanged: 0, unknown: 1 },
            { created: 0, updated: 0, unchanged: 1, unknown: 2 }
          ]
        )
      })
    )
  )

  it.live("the column is part of the migration, and its absence is told", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner } = yield* stage
        const asOwner = Effect.provideService(SqlClient, owner)
        assert.equal(yield* table.verify.pipe(asOwner), "Present")
        yield* owner`alter table deal drop column extras`
        const error = yield* Effect.flip(table.verify.pipe(asOwner))
        assert.match(String(error.message), /column extras is missing: add it as jsonb/)
        const columns = { title: "extras" } as const
        assert.throws(
          () => PgSink.make({ table: "t", schema: Schema.Struct({ title: Schema.String }), columns }),
          /title cannot be kept among the extras/
        )
      })
    )
  )
})
