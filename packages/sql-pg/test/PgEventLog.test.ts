// Goal: a reader with a position of its own passes no event that may still be committed, and meets a key's events in order.
// Method: transactions held open by sessions of their own, stepped past a reader, beside the two wrong readers that lose or
// turn around what ours does not; then the law, which catches both. Guarantees: L27, L28, O03, O04, O05.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import { verifyOutbox } from "@tidemark/laws/EventLaws"
import type * as EventStore from "@tidemark/laws/events/EventStore"
import * as Law from "@tidemark/laws/Law"
import * as EventLog from "@tidemark/core/ports/EventLog"
import { Migrations } from "@tidemark/sql-pg"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { afterAll, describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as LawStore from "./support/LawStore.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const { appUrl, name, owner } = yield* Stage.make
  yield* Owed.noteTransactions(owner)
  return { appUrl, name, owner, session: yield* Database.client(appUrl), one: yield* Stage.process(appUrl) }
})

const live = (
  name: string,
  body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown, Scope.Scope>
) => it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const read = (after: number, limit = 100) =>
  Effect.flatMap(EventLog.EventLog, (log) => log.read({ after, limit })).pipe(
    Effect.map(({ events, ...piece }) => ({ ...piece, events: events.map(({ event }) => event.key + event.revision) }))
  )

const begin = (session: PgClient.PgClient) =>
  Effect.andThen(session`begin`, session`select set_config('tidemark.tenant', 'acme', true)`)

/** In the open transaction. */
const appendOpen = (session: PgClient.PgClient, key: string, revision: number) =>
  session`select tidemark.event_insert('acme', ${[`acme/${key}/${revision}`]}::text[], array['made'], array['note'],
    ${[key]}::text[], array['{}'], array['change'], ${[String(revision)]}::float8[], array[1::float8])`

const pidOf = (session: PgClient.PgClient) =>
  Effect.map(session<{ pid: number }>`select pg_backend_pid() as pid`, ([row]) => `backend ${row!.pid}`)

/** Behind the last place that was seen. */
const byOffset = (owner: PgClient.PgClient, after: number) =>
  owner<{ place: number; id: string }>`select seq::float8 as place, key || revision as id from tidemark.event
    where seq > ${String(after)}::bigint order by seq`

/** The oldest transaction that is open in this database: of the snapshot's own bound other tests' transactions are a part. */
const oldest = (owner: PgClient.PgClient) =>
  Effect.map(
    owner<{ xid: string }>`select least(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
      min(a.backend_xid::text::bigint))::text as xid from pg_stat_activity a where a.datname = current_database()`,
    ([row]) => row!.xid
  )

/** By the id of the transaction, below the oldest one that is open. */
const byTransaction = (owner: PgClient.PgClient) =>
  Effect.flatMap(
    oldest(owner),
    (xid) => owner<{ id: string }>`select key || revision as id from tidemark.event
      where xid < ${xid}::text::xid8 order by xid, seq`
  )

describe("a log", () => {
  live(
    "L28 O03 keeps a reader before what is committed late, where one by offset loses it",
    ({ one, owner, session }) =>
      Effect.gen(function* () {
        yield* begin(session)
        yield* appendOpen(session, "a", 1)
        yield* one(Owed.append(...Owed.keyed("b", 1, 1)))
        const [offset] = yield* byOffset(owner, 0)
        assert.equal(offset?.id, "b1")
        const held = { events: [], position: 0, horizon: 0, lag: 2, holder: yield* pidOf(session) }
        assert.deepEqual(yield* one(read(0)), held)
        yield* session`commit`
        assert.deepEqual(yield* byOffset(owner, offset.place), [])
        const whole = { events: ["a1", "b1"], position: 2, horizon: 2, lag: 0, holder: undefined }
        assert.deepEqual(yield* one(read(0)), whole)
        assert.deepEqual(yield* one(read(0, 1)), { ...whole, events: ["a1"], position: 1 })
        assert.deepEqual(yield* one(read(2)), { ...whole, events: [] })
      })
  )

  live(
    "L27 gives a key's events in their order, where one by transaction ids turns them around",
    ({ one, owner, session }) =>
      Effect.gen(function* () {
        yield* begin(session)
        // The older transaction writes something, and appends to the key after the younger one did.
        yield* appendOpen(session, "b", 1)
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        yield* appendOpen(session, "a", 2)
        yield* session`commit`
        assert.deepEqual(
          (yield* byTransaction(owner)).map(({ id }) => id),
          ["b1", "a2", "a1"]
        )
        assert.deepEqual((yield* one(read(0))).events, ["b1", "a1", "a2"])
      })
  )

  live("L28 is marked before a place is taken, by whoever has to wait with it", ({ one, owner, session }) =>
    Effect.gen(function* () {
      // A row that was never marked keeps the append waiting, once it has its place.
      yield* owner`begin`
      yield* owner`insert into tidemark.event (tenant, id, type, entity, key, revision, payload)
        values ('acme', 'acme/a/1', 'made', 'note', 'a', 1, '{}')`
      yield* begin(session)
      const appending = yield* Effect.forkChild(appendOpen(session, "a", 1), { startImmediately: true })
      yield* owner`select 1 from pg_locks where not granted and locktype = 'transactionid'`.pipe(
        Effect.filterOrFail((rows) => rows.length > 0),
        Effect.retry({ times: 10_000 })
      )
      yield* one(Owed.append(...Owed.keyed("b", 1, 1)))
      assert.deepEqual((yield* one(read(0))).events, [])
      yield* owner`rollback`
      yield* Fiber.join(appending)
      yield* session`commit`
      assert.deepEqual((yield* one(read(0))).events, ["a1", "b1"])
    })
  )

  live("L28 counts whoever is about to take a place", ({ one, session }) =>
    Effect.gen(function* () {
      yield* begin(session)
      yield* session`select tidemark.event_mark()`
      yield* one(Owed.append(...Owed.keyed("b", 1, 1)))
      assert.deepEqual((yield* one(read(0))).events, [])
      yield* appendOpen(session, "a", 1)
      assert.deepEqual((yield* one(read(0))).events, [])
      yield* session`commit`
      assert.deepEqual((yield* one(read(0))).events, ["b1", "a1"])
    })
  )

  live(
    "O05 waits for those who appended only, until they commit, take it back, or are cut off",
    ({ appUrl, one, owner, session }) =>
      Effect.gen(function* () {
        const idle = yield* Database.client(appUrl)
        yield* idle`begin`
        yield* idle`select pg_current_xact_id()::text`
        yield* begin(session)
        yield* session`savepoint s`
        yield* appendOpen(session, "a", 1)
        yield* one(Owed.append(...Owed.keyed("b", 1, 1)))
        assert.deepEqual((yield* one(read(0))).events, [])
        yield* session`rollback to s`
        assert.deepEqual((yield* one(read(0))).events, ["b1"])
        yield* appendOpen(session, "a", 1)
        yield* one(Owed.append(...Owed.keyed("b", 2, 2)))
        const { events, holder } = yield* one(read(2))
        assert.deepEqual([events, holder], [[], yield* pidOf(session)])
        yield* owner`select pg_terminate_backend(${holder!.slice("backend ".length)}::int)`
        yield* one(read(2)).pipe(
          Effect.filterOrFail((piece) => piece.events.length > 0),
          Effect.retry({ times: 10_000 }),
          Effect.map((piece) => assert.deepEqual([piece.events, piece.lag], [["b2"], 0]))
        )
      })
  )

  live(
    "is refused in transactions that see one state all along, and dies in a unit of work",
    ({ appUrl, name, one, owner }) =>
      Effect.gen(function* () {
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        const exit = yield* Effect.exit(one(Stage.transact(read(0))))
        assert.ok(Exit.isFailure(exit) && exit.cause.reasons.every(({ _tag }) => _tag === "Die"))
        yield* owner`alter database ${owner(name)} set default_transaction_isolation = 'repeatable read'`
        const other = yield* Stage.process(appUrl)
        const error = yield* Effect.flip(other(read(0)))
        assert.equal(error.code, "25001")
      })
  )

  live("reads every tenant for the relay's role, and nothing for another", ({ one, owner }) =>
    Effect.gen(function* () {
      yield* one(Owed.append({ tenant: "acme", key: "a", revision: 1 }))
      yield* one(Owed.append({ tenant: "other", key: "b", revision: 1 }))
      assert.deepEqual((yield* one(read(0))).events, ["a1", "b1"])
      yield* owner`create role log_reader login`
      yield* Effect.provideService(
        Migrations.run({ appRole: Database.appRole, relayRole: "log_reader" }),
        SqlClient,
        owner
      )
      assert.deepEqual((yield* one(read(0))).events, [])
      yield* owner`set role log_reader`
      assert.deepEqual((yield* Stage.ports(owner)(read(0))).events, ["a1", "b1"])
      yield* owner`reset role`
      yield* owner`drop owned by log_reader`
      yield* owner`drop role log_reader`
    })
  )

  live("looks places up, in a table that nobody analyzed", ({ appUrl, one, owner }) =>
    Effect.gen(function* () {
      for (let batch = 0; batch < 5; batch++) {
        yield* one(Owed.append(...Owed.keyed("a", batch * 1_000 + 1, (batch + 1) * 1_000)))
      }
      yield* owner`select pg_stat_force_next_flush()`
      yield* owner`select pg_stat_reset()`
      const reading = Effect.gen(function* () {
        const reader = yield* Stage.process(appUrl)
        for (const after of [0, 2_000, 4_990]) assert.equal((yield* reader(read(after, 10))).events.length, 10)
      })
      yield* Effect.scoped(reading)
      // Sessions tell their counts when they end.
      const [counts] = yield* owner<{ sequential: number; looks: number; rows: number }>`
        select pg_stat_clear_snapshot(), seq_scan::int as sequential, idx_scan::int as looks, idx_tup_fetch::int as rows
        from pg_stat_user_tables where schemaname = 'tidemark' and relname = 'event'`.pipe(
        Effect.filterOrFail(([row]) => Number(row?.looks) >= 3),
        Effect.retry({ times: 10_000 })
      )
      assert.equal(counts?.sequential, 0)
      assert.ok(Number(counts?.rows) <= 60, `${counts?.rows} rows`)
    })
  )
})

// -----------------------------------------------------------------------------
// wrong readers
// -----------------------------------------------------------------------------

const scope = Scope.makeUnsafe()
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

type Read = EventLog.EventLog["Service"]["read"]

/** PostgreSQL with another way to read the log. */
const wrong = (make: (owner: PgClient.PgClient) => Read): EventStore.EventStore<LawStore.Services> => {
  const right = LawStore.make(scope)
  return {
    ...right,
    shares: () => Effect.succeed([]),
    layer: Layer.effectContext(
      Effect.gen(function* () {
        const all = yield* Layer.build(right.layer)
        const owner = Context.get(all, LawStore.Owner)
        yield* Owed.noteTransactions(owner)
        return Context.add(all, EventLog.EventLog, { read: make(owner) })
      })
    )
  }
}

interface Row {
  readonly place: number
  readonly newest: number
  readonly id: string | null
}

/** A position is whatever the reader counts by; one row is there when nothing else is. */
const toPiece = (after: number, rows: ReadonlyArray<Row>): EventLog.Piece => {
  const found = rows.filter(({ id }) => id !== null)
  const events = found.map((row) => ({ position: row.place, event: row as never }))
  return { events, position: found.at(-1)?.place ?? after, horizon: rows[0]!.newest, lag: 0, holder: undefined }
}

const wrongReads = {
  "by offset": (owner) => (options) =>
    Effect.orDie(
      Effect.map(
        owner<Row>`select e.*, n.newest from (select coalesce(max(seq), 0)::float8 as newest from tidemark.event) n
          left join lateral (select seq::float8 as place, id, key, revision::float8 as revision, tenant
            from tidemark.event where seq > ${String(options.after)}::bigint order by seq
            limit ${String(options.limit)}::int) e on true`,
        (rows) => toPiece(options.after, rows)
      )
    ),
  // Its position is the number of events that it read.
  "by transaction ids": (owner) => (options) =>
    Effect.orDie(
      Effect.map(
        Effect.flatMap(
          oldest(owner),
          (xid) => owner<Row>`with safe as materialized (
            select row_number() over (order by xid, seq)::float8 as place, id, key, revision::float8 as revision, tenant
            from tidemark.event where xid < ${xid}::text::xid8)
          select e.*, n.newest from (select count(*)::float8 as newest from safe) n
          left join lateral (select * from safe where place > ${String(options.after)}::float8 order by place
            limit ${String(options.limit)}::int) e on true`
        ),
        (rows) => toPiece(options.after, rows)
      )
    )
} satisfies Record<string, (owner: PgClient.PgClient) => Read>

describe("the law", () => {
  for (const [name, make] of Object.entries(wrongReads)) {
    it(`L28 catches a reader ${name}`, async () => {
      const [law] = verifyOutbox(wrong(make)).filter(({ id }) => id === "L28")
      const error = await law!.check({ ...LawStore.settings(100), isShrinking: false }).then(
        () => undefined,
        (error: unknown) => error
      )
      assert.ok(error instanceof Law.Broken, String(error))
      assert.equal((error.cause as { readonly _tag?: string })._tag, "Violation", String(error.cause))
      assert.match(String((error.cause as Error).message), name === "by offset" ? /what is read/ : /the order of/)
    })
  }
})
