// Goal: no statement of a batch scans a table, or sends more than it must, however the server came to its plan.
// Method: plans made while the tables are empty and never analyzed, then used on many rows; the server's own counts of
// what a transaction read; round trips counted by a proxy on the wire.
import { it } from "@effect/vitest"
import type * as Entry from "@tidemark/core/model/Entry"
import type * as Write from "@tidemark/core/model/Write"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type { Transaction } from "@tidemark/core/ports/UnitOfWork"
import { PgSink, type PgStore } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as CommitProxy from "./support/CommitProxy.ts"
import * as Database from "./support/Database.ts"
import * as Stage from "./support/Stage.ts"

const Note = Schema.Struct({ title: Schema.String, size: Schema.NullOr(Schema.Int) })
type Note = typeof Note.Type
const { externalId, subscription } = Stage
const ids = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => externalId(`r${String(from + index).padStart(6, "0")}`)) as [never]

const aRun = "00000000-0000-4000-8000-000000000007"

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  const table = PgSink.make({ table: "note", schema: Note })
  yield* Effect.provideService(table.create, SqlClient, owner)
  yield* Database.grantTables(owner)
  return { appUrl, owner, table }
})

const look = (sink: Effect.Success<PgSink.PgSink<Note>["sink"]>, from: number, count: number) =>
  Effect.gen(function* () {
    yield* (yield* Ledger.Ledger).find(subscription, ids(from, count))
    yield* (yield* Quarantine.Quarantine).find(subscription, ids(from, count))
    yield* (yield* Intents.Intents).find(subscription, ids(from, count))
    yield* sink.find(subscription, ids(from, count))
  })

const change = (sink: Effect.Success<PgSink.PgSink<Note>["sink"]>, from: number, count: number, expected: number) =>
  Stage.transact(
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      const advances = ids(from, count).map((id): Entry.Advance => Stage.advanceOf(id, expected)) as never
      const won = yield* ledger.advance(subscription, advances)
      assert.equal(won.size, count)
      const writes = ids(from, count).map((id: never, index): Write.Write<Note> => {
        const common = { externalId: id, localId: won.get(id)!.localId, revision: expected + 1, idempotencyKey: "k" }
        return index % 5 === 4 && expected > 0
          ? { _tag: "Remove", ...common }
          : { _tag: "Put", ...common, record: { title: `title ${index}`, size: index } }
      })
      yield* sink.write(subscription, writes as never)
    })
  )

describe("plans", () => {
  it.live("a plan made on empty tables that nobody analyzed does not scan them when they are full", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner, table } = yield* stage
        for (const name of ["tidemark.ledger", "tidemark.quarantine", "tidemark.intent", "note"]) {
          yield* owner`alter table ${owner.literal(name)} set (autovacuum_enabled = off)`
        }
        const single = yield* Database.client(appUrl)
        const one = Stage.ports(single)
        yield* one(
          Effect.gen(function* () {
            yield* single`set plan_cache_mode = force_generic_plan`
            const sink = yield* table.sink
            yield* look(sink, 0, 2)
            yield* change(sink, 0, 2, 0)
            yield* change(sink, 0, 2, 1)
            for (let from = 1000; from < 31_000; from += 3000) yield* change(sink, from, 3000, 0)
            yield* owner`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain,
                value, mapping_epoch, observed_at, fingerprint, code, message, observation, status)
              select tenant, provider, account, entity, external_id, gen_random_uuid(), '', '', 0, 0, '', '', '', '{}',
                'Open' from tidemark.ledger`
            const counts = yield* Stage.transact(
              Effect.gen(function* () {
                yield* look(sink, 5000, 500)
                yield* change(sink, 5000, 500, 1)
                return yield* single<{ name: string; scans: number; rows: number }>`
                  select relname as name, seq_scan::int as scans, idx_tup_fetch::int as rows
                  from pg_stat_xact_user_tables where schemaname in ('tidemark', 'public') order by relname`
              })
            )
            for (const { name, rows, scans } of counts) {
              assert.equal(scans, 0, `${name} was scanned`)
              assert.ok(rows <= 5 * 500, `${rows} rows of ${name} were read`)
            }
            assert.ok(counts.find(({ name }) => name === "ledger")!.rows >= 500)
          })
        )
      })
    )
  )

  it.live("a list reads what it answers, with a plan made on empty tables too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* stage
        const single = yield* Database.client(appUrl)
        const one = Stage.ports(single)
        yield* one(
          Effect.gen(function* () {
            yield* single`set plan_cache_mode = force_generic_plan`
            const counted = Effect.map(
              single<{
                scans: number
                rows: number
              }>`select sum(seq_scan)::int as scans, sum(idx_tup_fetch)::int as rows
                from pg_stat_xact_user_tables where relname in ('quarantine', 'run', 'item')`,
              ([row]) => row!
            )
            const { list } = yield* Quarantine.Quarantine
            const recorder = yield* RunRecorder.RunRecorder
            const { tenant } = subscription
            const runs = recorder.list(tenant, { limit: 20 })
            const own = recorder.list(tenant, { limit: 20, subscription: subscription.id, before: 9_000 })
            const items = recorder.items(tenant, aRun, { limit: 20 })
            const later = recorder.items(tenant, aRun, { limit: 20, after: 11_700 })
            const lists = [
              list(tenant, { limit: 20 }),
              list(tenant, { limit: 20, before: 15_000 }),
              list(tenant, { limit: 20, isWithClosed: true }),
              list(tenant, { limit: 20, isWithClosed: true, before: 15_000 }),
              list(tenant, { limit: 20, isWithClosed: true, externalId: externalId("r7") }),
              list(tenant, { limit: 20, code: "ParentMissing" }),
              runs,
              own,
              items,
              later
            ]
            for (const each of lists) assert.equal((yield* each).length, 0)
            yield* owner`alter table tidemark.quarantine set (autovacuum_enabled = off)`
            yield* owner`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain,
                value, mapping_epoch, observed_at, fingerprint, code, message, observation, status)
              select t.tenant, 'crm', 'a1', ${subscription.entity}, 'r' || n % 500, gen_random_uuid(), '', '', 0, 0, '',
                case when n % 5000 = 0 then 'ParentMissing' else '' end, '', '{}', case when n % 100 = 0 then 'Open' else 'Superseded' end
              from generate_series(1, 10000) as n
              cross join (select ${tenant}::text as tenant union select 'other') as t order by t.tenant desc, n`
            // Two runs, one after the other, of 1,000 items each, among those of other tenants and runs.
            yield* owner`insert into tidemark.run (id, tenant, subscription, lane, partition, epoch, trigger, status,
                item_from, item_to)
              select case when n = 7 then ${aRun}::uuid else gen_random_uuid() end, ${tenant},
                case when n % 2 = 0 then ${subscription.id} else 'other' end, 'live', '', n, 'Manual', 'Succeeded',
                1000 * n + 4000, 1000 * n + 5000
              from generate_series(1, 10000) as n`
            yield* owner`insert into tidemark.item (tenant, run, sequence, provider, account, entity, external_id,
                operation, outcome, origin)
              select ${tenant}, case when n > 11000 and n <= 12000 then ${aRun}::uuid else gen_random_uuid() end, n,
                'crm', 'a1', 'note', 'r', 'NoOp', 'Skipped', 'Poll' from generate_series(1, 20000) as n`
            for (const [place, each] of lists.entries()) {
              const read = yield* Stage.transact(
                Effect.gen(function* () {
                  const before = yield* counted
                  yield* each
                  const after = yield* counted
                  return { scans: after.scans - before.scans, rows: after.rows - before.rows }
                })
              )
              assert.equal(read.scans, 0, `list ${place} scans`)
              assert.ok(read.rows > 0 && read.rows <= 21, `list ${place} reads ${read.rows} rows`)
            }
          })
        )
      })
    )
  )

  it.live(
    "what is not there is not looked up: rows and events that are to be new, a refusal where nothing is refused",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { appUrl, owner } = yield* stage
          const single = yield* Database.client(appUrl)
          const one = Stage.ports(single)
          const refuse = (id: string) => owner`insert into tidemark.quarantine (tenant, provider, account, entity,
            external_id, run, domain, value, mapping_epoch, observed_at, fingerprint, code, message, observation, status)
          values (${subscription.tenant}, 'crm', 'a1', ${subscription.entity}, ${id}, gen_random_uuid(), '', '', 0, 0,
            '', '', '', '{}', 'Open')`
          const counted = Effect.map(
            single<{ looks: number }>`select sum(idx_scan)::int as looks from pg_stat_xact_user_tables
            where relname in ('ledger', 'quarantine', 'event')`,
            ([row]) => row!.looks
          )
          const looks = (effect: Effect.Effect<unknown, unknown, PgStore.Services | Transaction>) =>
            one(
              Stage.transact(
                Effect.gen(function* () {
                  const before = yield* counted
                  yield* effect
                  return (yield* counted) - before
                })
              )
            )
          const advances = ids(0, 400).map((id): Entry.Advance => Stage.advanceOf(id, 0)) as never
          assert.equal(yield* looks(Effect.flatMap(Ledger.Ledger, (it) => it.advance(subscription, advances))), 0)
          const events = ids(0, 400).map((id) => ({
            id: `${id}/1`,
            tenant: subscription.tenant,
            type: "note_made",
            entity: "note",
            key: id,
            revision: 1,
            version: 1,
            direction: "change",
            payload: {}
          })) as never
          assert.equal(yield* looks(Effect.flatMap(Outbox.Outbox, (it) => it.append(subscription.tenant, events))), 0)
          const held = Effect.flatMap(Quarantine.Quarantine, (it) => it.find(subscription, ids(0, 400)))
          assert.equal(yield* looks(held), 1)
          yield* refuse("r000007")
          assert.deepEqual(Array.from((yield* one(held)).keys()), ["r000007"])
          assert.ok((yield* looks(held)) <= 1 + 400)
        })
      )
  )

  it.live("a batch sends one statement per table, and looking up is one round trip each", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, table } = yield* stage
        const proxy = yield* CommitProxy.make({ target: appUrl })
        const one = Stage.ports(yield* Database.client(proxy.url))
        const trips = (effect: Effect.Effect<unknown, unknown, never>) =>
          Effect.gen(function* () {
            const before = yield* proxy.roundTrips
            yield* Effect.orDie(effect)
            return (yield* proxy.roundTrips) - before
          })
        const sink = yield* one(table.sink)
        yield* one(Effect.andThen(look(sink, 0, 1), Effect.andThen(change(sink, 0, 10, 0), change(sink, 0, 10, 1))))
        assert.equal(yield* trips(one(look(sink, 0, 400))), 4)
        assert.equal(yield* trips(one(change(sink, 100, 400, 0))), 5)
        assert.equal(yield* trips(one(change(sink, 100, 400, 1))), 6)
      })
    )
  )
})
