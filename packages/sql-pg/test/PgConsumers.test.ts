// Goal: of every event of its types from its start on a consumer is owed exactly one delivery, whichever transaction was
// open while it registered.
// Method: stepped transactions, with a gate that holds a registration before its commit; every start; chunks of every
// size. Guarantees: L50, W75.
import type * as PgClient from "@effect/sql-pg/PgClient"
import { it } from "@effect/vitest"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  return { appUrl, owner, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

const live = (name: string, body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const consumers = Consumers.Consumers
const register = (declaration: Partial<Consumers.Declaration> = {}) =>
  Effect.flatMap(consumers, (it) =>
    it.register({ name: "billing", types: ["made"], start: "Beginning", ...declaration })
  )
const activate = (name = "billing", limit = 1_000) => Effect.flatMap(consumers, (it) => it.activate(name, limit))
const change = (change: Consumers.Change, name = "billing") =>
  Effect.flatMap(consumers, (it) => it.change(name, change, "ann"))

/** Ids of what the consumer is owed, in the order of the outbox. */
const owed = (owner: PgClient.PgClient, name = "billing") =>
  Effect.map(
    owner<{ id: string }>`select e.key || e.revision as id from tidemark.delivery d
      join tidemark.event e on e.seq = d.seq join tidemark.consumer c on c.id = d.consumer
      where c.name = ${name} order by d.seq`,
    (rows) => rows.map(({ id }) => id)
  )

/** Holds every registration after it wrote its row, for as long as the session of `keeper` has the lock. */
const gate = (owner: PgClient.PgClient, keeper: PgClient.PgClient) =>
  Effect.gen(function* () {
    yield* owner`create function public.gate() returns trigger language plpgsql as ${owner.literal(`$$
      begin
        perform set_config('lock_timeout', '60s', true), pg_advisory_xact_lock_shared(99);
        return null;
      end $$`)}`
    yield* owner`create trigger gate after insert on tidemark.consumer for each row execute function public.gate()`
    yield* keeper`select pg_advisory_lock(99)`
    return keeper`select pg_advisory_unlock(99)`
  })

describe("registration", () => {
  live("L50 waits for appends under way, and gives what they appended", ({ one, other, owner, appUrl }) =>
    Effect.gen(function* () {
      const session = yield* Database.client(appUrl)
      yield* session`begin`
      yield* session`select set_config('tidemark.tenant', 'acme', true)`
      yield* session`select tidemark.event_insert('acme', array['1'], array['made'], array['note'], array['a'],
        array['{}'], array['change'], array[1::float8], array[1::float8])`
      const registering = yield* Effect.forkChild(one(register()), { startImmediately: true })
      yield* Stage.waiting(owner)
      yield* session`commit`
      assert.equal((yield* Fiber.join(registering)).status, "Registering")
      assert.deepEqual(yield* owed(owner), [])
      assert.equal(yield* other(activate()), true)
      assert.deepEqual(yield* owed(owner), ["a1"])
    }).pipe(Effect.scoped)
  )

  live(
    "W75 an append begun before it commits, with a younger transaction id, makes its own delivery",
    ({ one, other, owner, appUrl }) =>
      Effect.gen(function* () {
        yield* Owed.noteTransactions(owner)
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        const open = yield* gate(owner, yield* Database.client(appUrl))
        const registering = yield* Effect.forkChild(one(register()), { startImmediately: true })
        yield* Stage.waiting(owner)
        const appending = yield* Effect.forkChild(other(Owed.append(...Owed.keyed("a", 2, 2))), {
          startImmediately: true
        })
        // Two wait: the registration for the gate, the append for the registration.
        yield* owner`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.pipe(
          Effect.filterOrFail((rows) => rows.length === 2),
          Effect.retry({ times: 10_000 })
        )
        yield* open
        yield* Fiber.join(registering)
        yield* Fiber.join(appending)
        assert.deepEqual(yield* owed(owner), ["a2"])
        const [ids] =
          yield* owner`select e.xid > c.xmin::text::xid8 as is_younger from tidemark.event e, tidemark.consumer c
        where e.revision = 2`
        assert.deepEqual(ids, { is_younger: true })
        assert.equal(yield* one(activate()), true)
        assert.deepEqual(yield* owed(owner), ["a1", "a2"])
        assert.deepEqual(
          (yield* Owed.shares(owner)).map(({ deliveries }) => deliveries),
          [1, 1]
        )
      }).pipe(Effect.scoped)
  )

  live("is a conflict when an append stays open, and appends go on", ({ one, other, appUrl }) =>
    Effect.gen(function* () {
      const session = yield* Database.client(appUrl)
      yield* session`begin`
      yield* session`select pg_advisory_xact_lock_shared(7461, 2)`
      const error = yield* Effect.flip(one(register()))
      assert.equal(error._tag === "StoreError" ? error.reason : error._tag, "Conflict")
      yield* other(Owed.append(...Owed.keyed("a", 1, 1)))
      yield* session`commit`
      assert.deepEqual(yield* one(Effect.flatMap(consumers, (it) => it.list)), [])
      assert.equal((yield* one(register())).name, "billing")
    }).pipe(Effect.scoped)
  )

  live("by several processes at once makes one consumer", ({ one, other, owner }) =>
    Effect.gen(function* () {
      const both = yield* Effect.all([one(register()), other(register()), one(register()), other(register())], {
        concurrency: "unbounded"
      })
      assert.equal(new Set(both.map(({ registeredAt }) => registeredAt)).size, 1)
      assert.deepEqual(yield* owner`select name from tidemark.consumer`, [{ name: "billing" }])
    })
  )

  live(
    "begins where it says: at the beginning, now, behind a position, and where that is still to come",
    ({ one, owner }) =>
      one(
        Effect.gen(function* () {
          yield* Owed.append(...Owed.keyed("a", 1, 4))
          const [second] = yield* owner<{ seq: number }>`select seq::int as seq from tidemark.event where revision = 2`
          yield* register({ name: "all" })
          yield* register({ name: "now", start: "Now" })
          yield* register({ name: "behind", start: { after: second!.seq } })
          yield* register({ name: "ahead", start: { after: second!.seq + 3 } })
          yield* Owed.append(...Owed.keyed("a", 5, 6))
          for (const name of ["all", "now", "behind", "ahead"]) while (!(yield* activate(name, 3)));
          assert.deepEqual(yield* owed(owner, "all"), ["a1", "a2", "a3", "a4", "a5", "a6"])
          assert.deepEqual(yield* owed(owner, "now"), ["a5", "a6"])
          assert.deepEqual(yield* owed(owner, "behind"), ["a3", "a4", "a5", "a6"])
          assert.deepEqual(yield* owed(owner, "ahead"), ["a6"])
          const list = yield* Effect.flatMap(consumers, (it) => it.list)
          assert.deepEqual(
            list.map(({ name, start, status, waiting }) => [name, start, status, waiting]),
            [
              ["ahead", { after: second!.seq + 3 }, "Active", 1],
              ["all", "Beginning", "Active", 6],
              ["behind", { after: second!.seq }, "Active", 4],
              ["now", "Now", "Active", 2]
            ]
          )
        })
      )
  )

  live("gives what was missed in pieces, and hands out nothing before the last", ({ one, owner }) =>
    one(
      Effect.gen(function* () {
        for (const type of ["made", "kept"]) {
          yield* Owed.append(
            ...(Owed.keyed(type, 1, 7).map((fact) => ({ ...fact, type })) as unknown as readonly [Owed.Fact])
          )
        }
        yield* register()
        yield* Owed.append({ key: "made", revision: 8 })
        for (const expected of [4, 7, 8]) {
          assert.deepEqual(yield* Owed.claim(), [])
          const isDone = yield* activate("billing", 3)
          assert.equal(isDone, expected === 8)
          assert.equal((yield* owed(owner)).length, expected)
        }
        assert.equal(yield* activate(), true)
        assert.deepEqual(Owed.names(yield* Owed.claim()), ["made1"])
      })
    )
  )

  live("again with other types: what comes is of those; the same changes nothing", ({ one, owner }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        yield* register({ types: ["kept"] })
        yield* register({ types: ["kept"] })
        yield* Owed.append({ key: "a", revision: 1 }, { key: "b", revision: 1, type: "kept" })
        assert.deepEqual(yield* owed(owner), ["b1"])
        const error = yield* Effect.flip(register({ name: "Not a name" }))
        assert.equal(error._tag === "StoreError" ? error.reason : error._tag, "Refused")
      })
    )
  )

  live("L50 with another type before it was given what it missed: that one counts from then on", ({ one, owner }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.append({ key: "a", revision: 1 }, { key: "b", revision: 1, type: "kept" })
        yield* register({ types: ["made"] })
        yield* Owed.append({ key: "c", revision: 1 }, { key: "d", revision: 1, type: "kept" })
        yield* register({ types: ["made", "kept"] })
        yield* Owed.append({ key: "e", revision: 1 }, { key: "f", revision: 1, type: "kept" })
        assert.equal(yield* activate(), true)
        assert.deepEqual((yield* owed(owner)).toSorted(), ["a1", "c1", "e1", "f1"])
      })
    )
  )
})

describe("changes", () => {
  live(
    "pause keeps what is owed, resume hands it out; paused while it registers it is still given what it missed",
    ({ one }) =>
      one(
        Effect.gen(function* () {
          yield* Owed.append(...Owed.keyed("a", 1, 1))
          yield* register()
          const paused = yield* change({ _tag: "Pause" })
          assert.deepEqual([paused.status, paused.changed!.by], ["Paused", "ann"])
          assert.equal((yield* change({ _tag: "Resume" })).status, "Registering")
          yield* change({ _tag: "Pause" })
          assert.equal(yield* activate(), true)
          yield* Owed.append(...Owed.keyed("b", 1, 1))
          assert.deepEqual(yield* Owed.claim(), [])
          assert.equal((yield* change({ _tag: "Resume" })).status, "Active")
          assert.deepEqual(Owed.names(yield* Owed.claim()), ["a1", "b1"])
        })
      )
  )

  live("rename keeps everything; names of others are taken", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Owed.consumer("billing")
        yield* Owed.consumer("search")
        yield* Owed.append(...Owed.keyed("a", 1, 1))
        const reasonOf = <A, R>(effect: Effect.Effect<A, { readonly reason: string }, R>) =>
          Effect.map(Effect.flip(effect), ({ reason }) => reason)
        assert.equal(yield* reasonOf(change({ _tag: "Rename", to: "search" })), "Taken")
        assert.equal(yield* reasonOf(change({ _tag: "Pause" }, "nobody")), "Unknown")
        assert.equal(yield* reasonOf(activate("nobody")), "Unknown")
        assert.equal((yield* change({ _tag: "Rename", to: "invoices" })).name, "invoices")
        assert.deepEqual(Owed.names(yield* Owed.claim({ hosted: [Owed.hosted("invoices")] })), ["a1"])
        assert.deepEqual(yield* Owed.claim(), [])
      })
    )
  )

  live(
    "who retires is owed nothing, by appends under way either, and its name is not given again",
    ({ one, other, owner, appUrl }) =>
      Effect.gen(function* () {
        yield* one(Owed.consumer("billing"))
        yield* one(Owed.append(...Owed.keyed("a", 1, 3)))
        const session = yield* Database.client(appUrl)
        yield* session`begin`
        yield* session`select set_config('tidemark.tenant', 'acme', true)`
        yield* session`select tidemark.event_insert('acme', array['9'], array['made'], array['note'], array['z'],
        array['{}'], array['change'], array[1::float8], array[1::float8])`
        const retiring = yield* Effect.forkChild(one(change({ _tag: "Retire" })), { startImmediately: true })
        yield* Stage.waiting(owner)
        yield* session`commit`
        assert.equal((yield* Fiber.join(retiring)).status, "Retired")
        yield* other(Owed.append(...Owed.keyed("b", 1, 1)))
        assert.deepEqual(yield* owed(owner), [])
        assert.deepEqual(yield* one(Owed.claim()), [])
        assert.equal((yield* one(change({ _tag: "Retire" }))).waiting, 0)
        for (const refused of [register(), change({ _tag: "Resume" }), activate()]) {
          const error = yield* Effect.flip(
            one(refused as Effect.Effect<unknown, Consumers.ConsumerError, Consumers.Consumers>)
          )
          assert.equal(error._tag, "ConsumerError")
        }
      }).pipe(Effect.scoped)
  )

  live(
    "who is to retire only once nothing waits stays as it is, for an append under way too",
    ({ one, owner, appUrl }) =>
      Effect.gen(function* () {
        yield* one(Owed.consumer("billing"))
        const session = yield* Database.client(appUrl)
        yield* session`begin`
        yield* session`select set_config('tidemark.tenant', 'acme', true)`
        yield* session`select tidemark.event_insert('acme', array['9'], array['made'], array['note'], array['z'],
        array['{}'], array['change'], array[1::float8], array[1::float8])`
        const retire = change({ _tag: "Retire", ifDone: true })
        const retiring = yield* Effect.forkChild(Effect.flip(one(retire)), { startImmediately: true })
        yield* Stage.waiting(owner)
        yield* session`commit`
        const error = yield* Fiber.join(retiring)
        assert.deepEqual(error._tag === "ConsumerError" && [error.reason, error.consumer], ["Owed", "billing"])
        const held = yield* one(Owed.claim())
        assert.equal(held.length, 1)
        yield* one(Owed.settle(held))
        assert.equal((yield* one(retire)).status, "Retired")
      }).pipe(Effect.scoped)
  )
})
