// Goal: no call looks at more deliveries than it has to, however the server came to its plan; a key that fails costs the
// others nothing.
// Method: plans made while the tables are empty, never analyzed or analyzed as empty, then used on many rows; the
// server's own counts of what a transaction read. Guarantees: L29.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const tables = ["delivery", "event", "receipt", "dead_letter"]

const staged = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  for (const table of tables)
    yield* owner`alter table ${owner.literal(`tidemark.${table}`)} set (autovacuum_enabled = off)`
  const one = yield* Stage.process(appUrl)
  yield* one(Owed.consumer("billing"))
  return { owner, one, session: yield* Database.client(appUrl) }
})

const hosted = `[{"consumer": "billing", "versions": {"made": 1}}]`

/** The calls of the port, by the functions they are: a transaction's counts end with it. */
const calls = (sql: PgClient.PgClient, limit: number) => {
  const held = sql`(select array_agg(d.tenant) as tenants, array_agg('billing'::text) as consumers,
      array_agg(d.seq::float8) as seqs, array_agg(d.epoch::float8) as epochs, array_agg('Ack'::text) as acks,
      array_agg(case when d.seq % 2 = 0 then 'DeadLetter' else 'Retry' end) as others, array_agg('no'::text) as errors,
      array_agg(5::float8) as afters
    from (select * from public.claimed order by seq limit ${String(limit / 2)}::int) d) h`
  return {
    claim: sql`insert into public.claimed select c.tenant, c.place, c.epoch
      from tidemark.delivery_claim(${hosted}, 'change', ${String(limit)}::int, 3600000, '') c`,
    renew: sql`select tidemark.delivery_renew(h.tenants, h.consumers, h.seqs, h.epochs, 3600000) from ${held}`,
    acknowledge: sql`select tidemark.delivery_settle('relay', h.tenants, h.consumers, h.acks, h.errors, h.seqs, h.epochs,
      h.afters) from ${held}`,
    forget: sql`delete from public.claimed where seq in (select seq from public.claimed order by seq
      limit ${String(limit / 2)}::int)`,
    giveBack: sql`select tidemark.delivery_settle('relay', h.tenants, h.consumers, h.others, h.errors, h.seqs, h.epochs,
      h.afters) from ${held}`,
    skip: sql`select set_config('tidemark.scope', 'relay', true),
      (select tidemark.delivery_skip('billing', min(d.seq), 'w', 'ann') from public.claimed d)`,
    sweep: sql`select repaired from tidemark.delivery_sweep(0, '', 0, ${String(limit)}::int)`
  }
}

/** What a statement read of each table. */
const read = (sql: PgClient.PgClient, statement: Effect.Effect<unknown, unknown>) =>
  sql.withTransaction(
    Effect.gen(function* () {
      const counted = sql<{ name: string; scans: number; rows: number }>`
        select relname as name, seq_scan::int as scans, idx_tup_fetch::int as rows from pg_stat_xact_user_tables
        where schemaname = 'tidemark' and relname = any(${tables}::text[]) order by 1`
      const before = yield* counted
      yield* statement
      return (yield* counted).map(({ name, rows, scans }, place) => ({
        name,
        scans: scans - before[place]!.scans,
        rows: rows - before[place]!.rows
      }))
    })
  )

const many = (count: number, of: (place: number) => Owed.Fact) =>
  Array.from({ length: count }, (_, place) => of(place)) as unknown as readonly [Owed.Fact]

describe("plans", () => {
  for (const isAnalyzed of [false, true]) {
    it.live(`made on empty tables${isAnalyzed ? " that were analyzed" : ""} look up when they are full`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one, owner, session } = yield* staged
          yield* owner`create table public.claimed (tenant text, seq bigint, epoch int)`
          yield* Database.grantTables(owner)
          // A little of everything while there is next to nothing, so that each statement of each call is planned.
          yield* one(Owed.append(...Owed.keyed("a", 1, 3), ...Owed.keyed("b", 1, 3)))
          if (isAnalyzed) yield* owner`analyze`
          for (let round = 0; round < 7; round++) {
            for (const call of Object.values(calls(session, 2))) yield* read(session, call)
          }
          yield* owner`truncate public.claimed`
          for (let batch = 0; batch < 6; batch++) {
            yield* one(Owed.append(...many(2_000, (place) => ({ key: `k${batch}-${place % 1_000}`, revision: place }))))
          }
          const limit = 400
          for (const [name, call] of Object.entries(calls(session, limit))) {
            for (const { name: table, rows, scans } of yield* read(session, call)) {
              assert.equal(scans, 0, `${name} scans ${table}`)
              assert.ok(rows <= 7 * limit, `${name} reads ${rows} rows of ${table}`)
            }
          }
          const [sums] = yield* owner`select (select count(*)::int from public.claimed) as claimed,
            (select count(*)::int from tidemark.receipt) >= ${limit / 2} as settled`
          assert.deepEqual(sums, { claimed: limit / 2, settled: true })
        })
      )
    )
  }
})

describe("lists and activation", () => {
  it.live("read what they answer, with plans made on empty tables too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner, session } = yield* staged
        const one = Stage.ports(session)
        const letters = yield* one(DeadLetters.DeadLetters)
        const consumers = yield* one(Consumers.Consumers)
        yield* session`set plan_cache_mode = force_generic_plan`
        const made: Consumers.Declaration = { name: "search", types: ["made"], start: "Beginning" }
        const calls: { readonly [name: string]: Effect.Effect<unknown, unknown> } = {
          list: letters.list({ limit: 20 }),
          before: letters.list({ limit: 20, before: 9_000 }),
          ofConsumer: letters.list({ limit: 20, consumer: "billing" }),
          ofType: letters.list({ limit: 20, type: "made" }),
          ofId: letters.list({ id: "00000000-0000-4000-8000-000000000000" }),
          failing: letters.failing({ limit: 20 }),
          failingAfter: letters.failing({ limit: 20, after: "early/1" }),
          failingOfConsumer: letters.failing({ limit: 20, consumer: "early" }),
          redrive: letters.redrive({ _tag: "All" }, "ann", 20),
          backlog: (yield* one(Deliveries.Deliveries)).backlog,
          redriveType: letters.redrive({ _tag: "Type", type: "made" }, "ann", 20),
          skip: letters.skip("00000000-0000-4000-8000-000000000000", "why", "ann"),
          register: consumers.register(made),
          activate: consumers.activate("search", 20)
        }
        for (const call of Object.values(calls)) yield* one(call)
        yield* one(consumers.change("search", { _tag: "Rename", to: "early" }, "ann"))
        for (let batch = 0; batch < 5; batch++) {
          yield* one(Owed.append(...many(2_000, (place) => ({ key: `k${batch}-${place}`, revision: 1 }))))
        }
        yield* owner`with gone as (delete from tidemark.delivery d using tidemark.consumer c
            where c.id = d.consumer and c.name = 'billing' returning d.*)
          insert into tidemark.dead_letter (tenant, consumer, seq, key_id, epoch, attempts, type, direction, version, error)
          select tenant, consumer, seq, key_id, 1, 1, type, direction, version, 'no' from gone order by seq`
        yield* owner`update tidemark.delivery set error = 'no' where seq % 200 = 0`
        assert.equal((yield* one(letters.failing({ limit: 20 }))).length, 20)
        const counted = Effect.andThen(
          session`select pg_stat_force_next_flush()`,
          owner<{ name: string; scans: number; rows: number }>`select relname as name, seq_scan::int as scans,
            idx_tup_fetch::int as rows from pg_stat_user_tables where relname = any(${tables}::text[]) order by 1`
        )
        // What an activation passes over is read. A count reads what is due, and for each direction what has no date and
        // what is dead; of what fails no more than there is: 50.
        const bounds: { readonly [name: string]: number } = { activate: 11_000, backlog: 40_000 + 200 }
        for (const [name, call] of Object.entries(calls)) {
          const before = yield* counted
          yield* one(call)
          for (const [place, { name: table, rows, scans }] of (yield* counted).entries()) {
            assert.equal(scans, before[place]!.scans, `${name} scans ${table}`)
            const more = rows - before[place]!.rows
            assert.ok(more <= (bounds[name] ?? 100), `${name} reads ${more} rows of ${table}`)
          }
        }
      })
    )
  )
})

describe("a key that fails", () => {
  it.live("L29 with 10,000 behind it costs a claim of others nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner, session } = yield* staged
        for (let from = 1; from <= 10_000; from += 2_000)
          yield* one(Owed.append(...Owed.keyed("bad", from, from + 1_999)))
        const claim = (limit: number) => session<{ key: string }>`select key from tidemark.delivery_claim(
          ${hosted}, 'change', ${String(limit)}::int, 3600000, '')`
        const failing = yield* one(Owed.claim({ limit: 1 }))
        yield* one(Owed.settle(failing, Owed.retry(Owed.hour)))
        // The first claims put them off; a claim that found the others among them would do it in as many calls.
        while ((yield* owner`select 1 from tidemark.delivery where due_at < now() limit 1`).length > 0)
          yield* claim(500)
        yield* one(Owed.append(...many(20, (place) => ({ key: `good${place}`, revision: 1 }))))
        let keys: ReadonlyArray<{ key: string }> = []
        const counts = yield* read(
          session,
          Effect.map(claim(500), (rows) => {
            keys = rows
          })
        )
        assert.equal(keys.length, 20)
        const { rows } = counts.find(({ name }) => name === "delivery")!
        assert.ok(rows <= 4 * 20 + 10, `${rows} rows were read`)
      })
    )
  )
})
