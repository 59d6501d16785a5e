// Goal: what a consumer is given is complete although what is old is removed while it registers, while events are
// claimed and settled, and while they are appended; a removal reads what it removes.
// Method: two sessions stepped by an open transaction and the server's own lock waits; the server's counts of what a
// transaction read, with plans made on empty tables. Guarantees: L31, L50, O20.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Retention from "@tidemark/core/engine/Retention"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Expiry from "@tidemark/core/ports/Expiry"
import { Migrations } from "@tidemark/sql-pg"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const stage = yield* Owed.staged
  yield* Effect.provideService(Migrations.run({ retentionRole: Database.appRole }), SqlClient, stage.owner)
  return stage
})

const live = (name: string, body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const remove = (part: Expiry.Part, options: Partial<Expiry.Options> = {}) =>
  Effect.flatMap(Expiry.Expiry, (expiry) =>
    expiry.remove({ part, age: Duration.days(7), limit: 1_000, from: 0, ...options })
  )

const makeOld = (owner: PgClient.PgClient) =>
  owner`update tidemark.event set appended_at = appended_at - interval '30 days'`

const register = (name: string) =>
  Effect.flatMap(Consumers.Consumers, (consumers) => consumers.register({ name, types: ["made"], start: "Beginning" }))

const activate = (name: string) =>
  Effect.flatMap(Consumers.Consumers, (consumers) =>
    Effect.repeat(consumers.activate(name, 2), { until: (isDone) => isDone })
  )

const settleAll = Effect.flatMap(Owed.claim(), (claimed) => Owed.settle(claimed))

const kept = (owner: PgClient.PgClient) =>
  Effect.map(owner<{ id: string }>`select id from tidemark.event order by seq`, (rows) => rows.map(({ id }) => id))

/** The events that a consumer has a delivery of. */
const owedTo = (owner: PgClient.PgClient, name: string) =>
  Effect.map(
    owner<{ id: string | null }>`select e.id from tidemark.consumer c join tidemark.delivery d on d.consumer = c.id
      left join tidemark.event e on e.seq = d.seq where c.name = ${name} order by d.seq`,
    (rows) => rows.map(({ id }) => id)
  )

describe("a removal and a registration", () => {
  live("L50 who registers during a removal waits for it, and is given every event that is left", (stage) =>
    Effect.gen(function* () {
      const { one, other, owner, session } = stage
      yield* one(Owed.append(...Owed.keyed("a", 1, 4), ...Owed.keyed("b", 1, 4)))
      for (let round = 0; round < 4; round++) yield* one(settleAll)
      yield* makeOld(owner)
      yield* session`begin`
      const [piece] = yield* session<{ first: number; second: number }>`
        select first, second from tidemark.expire_events(${String(Duration.toMillis("7 days"))}::float8, 0, 6)`
      assert.deepEqual(piece, { first: 3, second: 3 })
      const registering = yield* Effect.forkChild(other(register("search")), { startImmediately: true })
      yield* Stage.waiting(owner)
      yield* session`commit`
      yield* Fiber.join(registering)
      assert.deepEqual((yield* one(remove("events"))).removed, Expiry.noCounts)
      const left = yield* kept(owner)
      assert.equal(left.length, 5)
      yield* other(activate("search"))
      assert.deepEqual(yield* owedTo(owner, "search"), left)
    })
  )

  live("L50 a removal that comes while a consumer registers waits, and leaves what that one will be given", (stage) =>
    Effect.gen(function* () {
      const { one, other, owner, session } = stage
      yield* one(Owed.append(...Owed.keyed("a", 1, 3)))
      for (let round = 0; round < 3; round++) yield* one(settleAll)
      yield* makeOld(owner)
      yield* session`begin`
      yield* session`select set_config('tidemark.scope', 'relay', true)`
      yield* session`select pg_advisory_xact_lock(7461, 2)`
      yield* session`insert into tidemark.consumer (name, types, missed, start, after, given, upto)
        select 'search', array['made'], array['made'], 'Beginning', 0, 0, max(seq) from tidemark.event`
      const removing = yield* Effect.forkChild(other(remove("events")), { startImmediately: true })
      yield* Stage.waiting(owner)
      yield* session`commit`
      assert.deepEqual((yield* Fiber.join(removing)).removed, Expiry.noCounts)
      yield* one(activate("search"))
      assert.equal((yield* owedTo(owner, "search")).length, 3)
    })
  )
})

describe("a removal and deliveries", () => {
  live(
    "O20 what is claimed, given up, redriven or being settled stays until it is settled",
    ({ one, owner, session }) =>
      Effect.gen(function* () {
        const letters = yield* one(DeadLetters.DeadLetters)
        yield* one(Owed.append(...Owed.keyed("a", 1, 1), ...Owed.keyed("b", 1, 1)))
        yield* makeOld(owner)
        const none = Effect.map(one(remove("events")), ({ removed }) => assert.deepEqual(removed, Expiry.noCounts))
        yield* none
        const claimed = yield* one(Owed.claim())
        assert.equal(claimed.length, 2)
        yield* none
        yield* one(Owed.settle(claimed, { _tag: "DeadLetter", error: "no" }))
        yield* none
        assert.equal(yield* letters.redrive({ _tag: "All" }, "ann", 10), 2)
        yield* none
        const [first, second] = yield* one(Owed.claim())
        yield* one(Owed.settle([first!]))
        // The other one is being settled: until that is committed, it is not.
        yield* session`begin`
        yield* session`select tidemark.delivery_settle('relay', ${[second!.tenant]}::text[], ${[second!.consumer]}::text[],
        array['Ack'], array[null]::text[], array[${String(second!.position)}]::float8[],
        array[${String(second!.epoch)}]::float8[], array[null]::float8[])`
        assert.deepEqual((yield* one(remove("events"))).removed, { ...Expiry.noCounts, events: 1, receipts: 1 })
        yield* session`commit`
        assert.deepEqual((yield* one(remove("events"))).removed, { ...Expiry.noCounts, events: 1, receipts: 1 })
        assert.deepEqual(yield* owner`select * from tidemark.receipt`, [])
      })
  )

  live("W45 with every consumer paused, what is appended is an event and a delivery, and neither is removed", (stage) =>
    Effect.gen(function* () {
      const { one, owner } = stage
      const { change } = yield* one(Consumers.Consumers)
      yield* one(Owed.consumer("search"))
      for (const name of ["billing", "search"]) yield* change(name, { _tag: "Pause" }, "ann")
      yield* one(Owed.append(...Owed.keyed("a", 1, 5)))
      yield* makeOld(owner)
      assert.deepEqual(yield* one(Retention.run()), Expiry.noCounts)
      assert.deepEqual(yield* one(Owed.claim({ hosted: [Owed.hosted("billing"), Owed.hosted("search")] })), [])
      const shares = yield* Owed.shares(owner)
      assert.deepEqual(
        shares.map(({ deliveries, letters, receipts }) => [deliveries, receipts, letters]),
        Array.from({ length: 10 }, () => [1, 0, 0])
      )
      yield* change("billing", { _tag: "Resume" }, "ann")
      assert.deepEqual(Owed.names(yield* one(Owed.claim())), ["a1"])
    })
  )

  live("L31 several at once, with relay and appends at work, lose nothing and remove all that may go", (stage) =>
    Effect.gen(function* () {
      const { one, other, owner } = stage
      for (let batch = 0; batch < 5; batch++) {
        yield* one(Owed.append(...Owed.keyed(`k${batch}`, 1, 20)))
      }
      for (let had = 1; had > 0;) {
        const claimed = yield* one(Owed.claim())
        if (claimed.length > 0) yield* one(Owed.settle(claimed))
        had = claimed.length
      }
      yield* makeOld(owner)
      const removing = (by: typeof one) => by(Retention.run({ limit: 10 }))
      const appending = Effect.forEach(
        Array.from({ length: 20 }, (_, place) => place),
        (place) => Effect.andThen(other(Owed.append(...Owed.keyed(`n${place}`, 1, 2))), Effect.ignore(other(settleAll)))
      )
      const [a, b] = yield* Effect.all([removing(one), removing(other), appending], { concurrency: "unbounded" })
      assert.equal(a.events + b.events, 100)
      assert.equal(a.receipts + b.receipts, 100)
      assert.equal((yield* kept(owner)).length, 40)
      for (const { deliveries, id, letters, receipts } of yield* Owed.shares(owner)) {
        assert.equal(deliveries + letters + receipts, 1, id)
      }
    })
  )
})

describe("plans", () => {
  live("made on empty tables that nobody analyzed remove without reading the rest", ({ appUrl, owner }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const tables = ["event", "delivery", "receipt", "dead_letter", "inbox", "run", "item", "quarantine"]
        for (const table of tables) {
          yield* owner`alter table ${owner.literal(`tidemark.${table}`)} set (autovacuum_enabled = off)`
        }
        const session = yield* Database.client(appUrl)
        const one = Stage.ports(session)
        const limit = 100
        const parts = ["events", "messages", "runs", "refusals"] as const
        for (let round = 0; round < 7; round++) {
          for (const part of parts) yield* one(remove(part, { limit }))
        }
        yield* fill(owner)
        const counted = owner<{ name: string; scans: number; rows: number }>`select relname as name,
          seq_scan::int as scans, idx_tup_fetch::int as rows from pg_stat_user_tables
          where schemaname = 'tidemark' and relname = any(${tables}::text[]) order by 1`
        const flushed = Effect.andThen(session`select pg_stat_force_next_flush()`, counted)
        for (const part of parts) {
          const before = yield* flushed
          const { removed } = yield* one(remove(part, { limit }))
          const after = yield* flushed
          assert.ok(removed[part] > 0 || removed.items > 0, part)
          for (const [place, { name, rows, scans }] of after.entries()) {
            const read = { rows: rows - before[place]!.rows, scans: scans - before[place]!.scans }
            assert.equal(read.scans, 0, `${part} scans ${name}`)
            // Receipts are found by ranges of 16 pages, about 2,200 rows each.
            const most = name === "receipt" ? 3 * 16 * 140 : 6 * limit
            assert.ok(read.rows <= most, `${part} reads ${read.rows} rows of ${name}`)
          }
        }
      })
    )
  )
})

/** 20,000 old rows of each table, by the superuser; of receipts the index is told. */
const fill = (owner: PgClient.PgClient) =>
  Effect.gen(function* () {
    const many = owner.literal("generate_series(1, 20000) as n")
    yield* owner`insert into tidemark.event (tenant, id, type, entity, key, revision, payload, appended_at)
      select 'acme', 'e' || n, 'made', 'note', 'k' || n, 1, '{}', now() - interval '30 days' from ${many}`
    yield* owner`insert into tidemark.receipt (tenant, consumer, seq, attempts) select tenant, 1, seq, 1 from tidemark.event`
    yield* owner`select brin_summarize_new_values('tidemark.receipt_age')`
    yield* owner`insert into tidemark.inbox (tenant, consumer, id, epoch, attempts, lease_until, received_at, finished_at)
      select 'acme', 'billing', 'm' || n, 1, 1, now(), now() - interval '30 days', now() - interval '30 days' from ${many}`
    yield* owner`insert into tidemark.run (tenant, subscription, lane, partition, epoch, trigger, status, closed_at,
        item_from, item_to)
      select 'acme', 's' || n % 10, 'live', '', n, 'Manual', 'Succeeded', now() - interval '30 days', n - 1, n
      from ${many}`
    yield* owner`insert into tidemark.item (tenant, provider, account, entity, external_id, run, sequence, operation,
        outcome, origin)
      select 'acme', 'p', 'a', 'e', 'x', id, 0, 'NoOp', 'Skipped', 'Poll' from tidemark.run order by seq`
    yield* owner`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain, value,
        mapping_epoch, observed_at, fingerprint, code, message, observation, status, closed_at)
      select 'acme', 'p', 'a', 'e', 'x' || n, gen_random_uuid(), '', '', 0, 0, '', '', '', '{}', 'Superseded',
        now() - interval '30 days' from ${many}`
  })
