// Goal: a child that comes before its parent is in its table once the parent is, whichever of the two knows of the other.
// Method: two tables, one referring to the other and one to itself, by a declared reference, by a foreign key, and by
// both; children and parents from feeds of their own. Guarantees: K21, L15, L16.
import { it } from "@effect/vitest"
import * as Redrive from "@tidemark/core/engine/Redrive"
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import type * as Write from "@tidemark/core/model/Write"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import { PgSink } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const Row = Schema.Struct({ name: Schema.String, parent: Schema.NullOr(Schema.String) })
type Row = typeof Row.Type

/** By a declared reference, by a foreign key of the application's, or by both. */
type Way = "Declared" | "Constraint" | "Both"
const ways: ReadonlyArray<Way> = ["Declared", "Constraint", "Both"]

const tenant = "acme"
const tableOf = (way: Way, table: string, parents: string) =>
  PgSink.make({
    table,
    schema: Row,
    ...(way === "Constraint" ? {} : { references: { parent: { table: parents } } })
  })

type Change = readonly [id: string, parent: string | null] | readonly [id: string]

/** What a feed of its own tells, in this order; a change without a parent is a deletion. */
const syncOf = (table: PgSink.PgSink<Row>, entity: string, told: ReadonlyArray<Change>, batchSize: number) =>
  Effect.map(table.sink, (sink) =>
    Sync.make({
      subscription: Subscription.make({
        id: entity,
        tenant,
        entity,
        connection: { provider: "crm", account: "a1" }
      }),
      schema: Row,
      sink,
      batchSize,
      events: true,
      source: ChangeSource.plain({
        label: `crm/${entity}`,
        domain: "crm/place",
        account: Effect.succeed("a1"),
        rule: CursorRule.make({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
        read: ({ from = -1 }) => Stream.succeed(Page.make(told.map(observe).filter(({ position }) => position! > from)))
      })
    })
  )

const observe = ([id, parent]: Change, place: number): Observation.Definite<Row, number> => {
  const version = Version.make({ domain: "crm/place", value: String(place).padStart(6, "0"), observedAt: place })
  const common = { externalId: Observation.ExternalId.make(id), position: place, origin: "Poll" as const }
  return parent === undefined
    ? { _tag: "Delete", ...common, evidence: { _tag: "Tombstone" }, version, observedAt: place }
    : { _tag: "Upsert", ...common, record: { name: id, parent }, version }
}

/** Accounts refer to accounts, contacts to accounts. */
const stage = Effect.fnUntraced(function* (way: Way) {
  const { appUrl, owner } = yield* Harness.stage
  const accounts = tableOf(way, "account", "account")
  const contacts = tableOf(way, "contact", "account")
  const asOwner = Effect.provideService(SqlClient, owner)
  for (const table of [accounts, contacts]) yield* asOwner(table.create)
  if (way !== "Declared")
    for (const table of ["account", "contact"])
      yield* owner`alter table ${owner(table)} add foreign key (tenant, parent, provider, account)
        references account (tenant, external_id, provider, account)`
  yield* Database.grantTables(owner)
  const process = Harness.processOf(yield* Database.pool(appUrl))
  const run = (table: PgSink.PgSink<Row>, entity: string, told: ReadonlyArray<Change>, batchSize = 10) =>
    process(
      Effect.gen(function* () {
        const summary = yield* Sync.run(yield* syncOf(table, entity, told, batchSize))
        return summary instanceof Lanes.Busy ? assert.fail("busy") : summary.counts
      })
    )
  return {
    owner,
    process,
    accounts: (told: ReadonlyArray<Change>, batchSize?: number) => run(accounts, "account", told, batchSize),
    contacts: (told: ReadonlyArray<Change>, batchSize?: number) => run(contacts, "contact", told, batchSize),
    contactSync: syncOf(contacts, "contact", [], 10),
    rows: (table: string) =>
      Effect.map(
        owner<{ external_id: string }>`select external_id from ${owner(table)} where deleted_at is null order by 1`,
        (rows) => rows.map((row) => row.external_id).join(" ")
      ),
    waiting: Effect.map(
      process(
        Effect.gen(function* () {
          return yield* (yield* Quarantine.Quarantine).list(Subscription.TenantId.make(tenant))
        })
      ),
      (all) => all.map(({ externalId, rejection }) => `${externalId} ${rejection.code}`).toSorted()
    ),
    events: Effect.map(
      owner<{ text: string }>`select key || ' ' || type as text from tidemark.event order by key, seq`,
      (rows) => rows.map(({ text }) => text.replace("crm/a1/", ""))
    )
  }
})

const over = <A, E>(way: Way, body: (scene: Effect.Success<ReturnType<typeof stage>>) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(stage(way), body))

describe("references", () => {
  for (const way of ways) {
    it.live(`K21 ${way}: a child of another feed waits until the run after its parent came`, () =>
      over(way, ({ accounts, contacts, events, rows, waiting }) =>
        Effect.gen(function* () {
          const told: ReadonlyArray<Change> = [
            ["c1", "a1"],
            ["c2", null],
            ["c3", "a2"]
          ]
          const first = yield* contacts(told)
          assert.deepEqual([first.created, first.parked, first.quarantined], [1, 2, 0])
          assert.deepEqual(yield* waiting, ["c1 ParentMissing", "c3 ParentMissing"])
          yield* accounts([["a1", null]])
          yield* contacts(told)
          assert.equal(yield* rows("contact"), "c1 c2")
          assert.deepEqual(yield* waiting, ["c3 ParentMissing"])
          assert.deepEqual(
            (yield* events).filter((text) => text.includes("contact")),
            ["c1 contact_created", "c2 contact_created"]
          )
        })
      )
    )

    it.live(`K21 ${way}: children before parents, chains and circles of one table, in batches of any size`, () =>
      over(way, ({ accounts, rows, waiting }) =>
        Effect.gen(function* () {
          const chain: ReadonlyArray<Change> = [
            ["d", "c"],
            ["c", "b"],
            ["b", "a"],
            ["a", null]
          ]
          yield* accounts(chain, 1)
          assert.equal(yield* rows("account"), "a b c d")
          assert.deepEqual(yield* waiting, [])
          const circles: ReadonlyArray<Change> = [...chain, ["x", "y"], ["y", "x"], ["me", "me"]]
          yield* accounts(circles, 1)
          assert.deepEqual(yield* waiting, ["x ParentMissing", "y ParentMissing"])
          yield* accounts(circles, 10)
          assert.deepEqual(yield* waiting, [])
          assert.equal(yield* rows("account"), "a b c d me x y")
        })
      )
    )

    it.live(`K21 ${way}: what refers to a parked record of its batch is parked with it`, () =>
      over(way, ({ accounts, rows, waiting }) =>
        Effect.gen(function* () {
          const told: ReadonlyArray<Change> = [
            ["c", "b"],
            ["b", "a"],
            ["d", null],
            ["a", null]
          ]
          yield* accounts(told.slice(0, 3))
          assert.equal(yield* rows("account"), "d")
          assert.deepEqual(yield* waiting, ["b ParentMissing", "c ParentMissing"])
          yield* accounts(told)
          assert.equal(yield* rows("account"), "a b c d")
        })
      )
    )

    it.live(`K21 ${way}: a parent that was deleted is there, and goes while its children stay`, () =>
      over(way, ({ accounts, contacts, rows, waiting }) =>
        Effect.gen(function* () {
          const told: ReadonlyArray<Change> = [["a1", null], ["a1"]]
          yield* accounts(told.slice(0, 1))
          yield* contacts([["c1", "a1"]])
          yield* accounts(told)
          assert.equal(yield* rows("account"), "")
          yield* contacts([
            ["c1", "a1"],
            ["c2", "a1"]
          ])
          assert.equal(yield* rows("contact"), "c1 c2")
          assert.deepEqual(yield* waiting, [])
        })
      )
    )

    it.live(`L16 ${way}: however many wait, no brake stops the lane, and all are there in the end`, () =>
      over(way, ({ accounts, contacts, owner, waiting }) =>
        Effect.gen(function* () {
          const told = Array.from({ length: 120 }, (_, n): Change => [`c${n}`, n % 3 === 0 ? "a2" : "a1"])
          const first = yield* contacts(told, 50)
          assert.deepEqual([first.read, first.parked], [120, 120])
          yield* accounts([["a1", null]])
          yield* contacts(told, 50)
          const [row] = yield* owner<{ count: number }>`select count(*)::int as count from contact`
          assert.equal(row?.count, 80)
          assert.equal((yield* waiting).length, 40)
        })
      )
    )
  }

  it.live("the answers name each record without a parent, and those that refer to it", () =>
    over("Declared", ({ process, rows }) =>
      Effect.gen(function* () {
        const writes = (["a", "b", "c", "d"] as const).map((id, index): Write.Put<Row> => ({
          _tag: "Put",
          externalId: Observation.ExternalId.make(id),
          localId: id,
          revision: 1,
          idempotencyKey: id,
          record: { name: id, parent: ["b", "nobody", null, "c"][index]! }
        }))
        const answers = yield* process(
          Effect.gen(function* () {
            const { sink, subscription } = yield* syncOf(tableOf("Declared", "account", "account"), "account", [], 10)
            assert.ok(sink._tag === "Transactional")
            const [first, ...rest] = writes
            return yield* (yield* UnitOfWork.UnitOfWork).transact(
              subscription.tenant,
              sink.write(subscription, [first!, ...rest])
            )
          })
        )
        assert.deepEqual(answers.map(Result.isSuccess), [false, false, true, true])
        assert.equal(yield* rows("account"), "c d")
      })
    )
  )

  it.live("somebody who refers to the record is no parent that is missing", () =>
    over("Declared", ({ accounts, owner, waiting }) =>
      Effect.gen(function* () {
        yield* accounts([["a1", null]])
        yield* owner`alter table account add unique (name)`
        yield* owner`create table mine (name text references account (name))`
        yield* owner`insert into mine values ('a1')`
        yield* owner`create function rename() returns trigger language plpgsql as ${owner.literal(`$$
          begin new.name := new.name || '!'; return new; end $$`)}`
        yield* owner`create trigger rename before update on account for each row execute function rename()`
        yield* accounts([
          ["a1", null],
          ["a1", "a1"]
        ])
        assert.deepEqual(yield* waiting, ["a1 23503"])
      })
    )
  )

  it.live("a redrive tries what is parked as anything else, and says so", () =>
    over("Declared", ({ accounts, contactSync, contacts, process, rows }) =>
      Effect.gen(function* () {
        yield* contacts([["c1", "a1"]])
        yield* accounts([["a1", null]])
        const summary = yield* process(Effect.flatMap(contactSync, (sync) => Redrive.run(sync)))
        assert.ok(!(summary instanceof Lanes.Busy))
        assert.deepEqual([summary.tried, summary.applied, summary.refused], [1, 1, 0])
        assert.equal(yield* rows("contact"), "c1")
      })
    )
  )

  it.live("a reference by what is no field, or to what is no name, is refused at once", () =>
    Effect.sync(() => {
      const references = { nothing: { table: "account" } }
      assert.throws(() => PgSink.make({ table: "t", schema: Row, references } as never), /no field nothing/)
      const wrong = { parent: { table: "account; drop" } }
      assert.throws(() => PgSink.make({ table: "t", schema: Row, references: wrong }), /no plain SQL name/)
    })
  )
})
