// Goal: a delivery is never forgotten and never overtakes, whatever claim, settlement and append of one key do to each
// other.
// Method: two sessions and an observer, stepped by open transactions and the server's own lock waits; then many
// processes at once, judged by what each was handed out. Guarantees: L25, L27, L32, L50.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const live = (name: string, body: (stage: Effect.Success<typeof Owed.staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(Owed.staged, body)))

/** Opens a transaction of `sql` with one statement, and leaves it open. */
const hold = (sql: PgClient.PgClient, statement: Effect.Effect<unknown, SqlError>) =>
  Effect.andThen(sql`begin`, statement)

const claimOpen = (sql: SqlClient, limit = 500) =>
  sql<{ key: string; revision: number }>`select key, revision::int as revision from tidemark.delivery_claim(
    '[{"consumer": "billing", "versions": {"made": 1}}]', 'change', ${String(limit)}::int, 3600000, '')`

const settleOpen = (sql: SqlClient, { consumer, epoch, position, tenant }: Deliveries.Held) =>
  sql`select tidemark.delivery_settle('relay', ${[tenant]}::text[], ${[consumer]}::text[], array['Ack'], array[null]::text[],
    array[${String(position)}]::float8[], array[${String(epoch)}]::float8[], array[null]::float8[])`

/** Which have no date, by revision. */
const dateless = (owner: PgClient.PgClient) =>
  Effect.map(
    owner<{ revision: number }>`select e.revision::int as revision from tidemark.delivery d
      join tidemark.event e on e.seq = d.seq where d.due_at = 'infinity' order by 1`,
    (rows) => rows.map(({ revision }) => revision)
  )

/** Claims until something is handed out. */
const eventually = Owed.claim().pipe(
  Effect.filterOrFail((rows) => rows.length > 0),
  Effect.retry({ times: 10_000 })
)

describe("races of one key", () => {
  live(
    "an event appended while the one before it is being settled is not put off for good",
    ({ one, owner, session }) =>
      Effect.gen(function* () {
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        const [head] = yield* one(Owed.claim())
        yield* hold(session, settleOpen(session, head!))
        yield* one(Owed.append(...Owed.keyed("a", 2, 3)))
        assert.deepEqual(yield* one(Owed.claim()), [])
        assert.deepEqual(yield* dateless(owner), [3])
        yield* session`commit`
        assert.deepEqual(Owed.names(yield* one(eventually)), ["a2"])
      })
  )

  live(
    "a settlement waits for a claim that is putting off the next one, and then makes it due",
    ({ one, owner, session }) =>
      Effect.gen(function* () {
        yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
        const [head] = yield* one(Owed.claim())
        yield* one(Owed.append(...Owed.keyed("a", 2, 2)))
        yield* session`begin`
        assert.deepEqual(yield* claimOpen(session), [])
        const settling = yield* Effect.forkChild(one(Owed.settle([head!])), { startImmediately: true })
        yield* Stage.waiting(owner)
        yield* session`commit`
        assert.equal((yield* Fiber.join(settling)).length, 1)
        assert.deepEqual(yield* dateless(owner), [])
        assert.deepEqual(Owed.names(yield* one(Owed.claim())), ["a2"])
      })
  )

  live("a claim that is taken back leaves what it put off as it was", ({ one, owner, session }) =>
    Effect.gen(function* () {
      yield* one(Owed.append(...Owed.keyed("a", 1, 2)))
      yield* session`begin`
      assert.deepEqual(yield* claimOpen(session), [{ key: "a", revision: 1 }])
      yield* session`rollback`
      assert.deepEqual(yield* dateless(owner), [])
      assert.equal((yield* one(Owed.claim()))[0]!.attempt, 1)
    })
  )

  live("while one claim takes the first, another takes nothing of the key", ({ one, session }) =>
    Effect.gen(function* () {
      yield* one(Owed.append(...Owed.keyed("a", 1, 3)))
      yield* session`begin`
      assert.equal((yield* claimOpen(session, 1)).length, 1)
      assert.deepEqual(yield* one(Owed.claim()), [])
      yield* session`commit`
      assert.deepEqual(yield* one(Owed.claim()), [])
    })
  )

  live("the next one is handed out when the unit of work that acknowledged commits, not before", ({ one, other }) =>
    Effect.gen(function* () {
      yield* one(Owed.append(...Owed.keyed("a", 1, 2)))
      const [head] = yield* one(Owed.claim())
      const during = (ending: Effect.Effect<void, string>) =>
        one(
          Stage.transact(
            Effect.gen(function* () {
              assert.equal((yield* (yield* Deliveries.Deliveries).acknowledge([head!])).length, 1)
              assert.deepEqual(yield* other(Owed.claim()), [])
              yield* ending
            })
          )
        )
      yield* Effect.flip(during(Effect.fail("taken back")))
      assert.deepEqual(yield* other(Owed.claim()), [])
      yield* during(Effect.void)
      assert.deepEqual(Owed.names(yield* other(Owed.claim())), ["a2"])
    })
  )

  live("what an open unit of work acknowledges is not taken over, though its lease is over", ({ one, other }) =>
    Effect.gen(function* () {
      yield* one(Owed.append(...Owed.keyed("a", 1, 1)))
      const [held] = yield* one(Owed.claim({ lease: Duration.zero }))
      yield* one(
        Stage.transact(
          Effect.gen(function* () {
            assert.equal((yield* (yield* Deliveries.Deliveries).acknowledge([held!])).length, 1)
            assert.deepEqual(yield* other(Owed.claim()), [])
          })
        )
      )
      assert.deepEqual(yield* other(Owed.claim()), [])
    })
  )
})

describe("many processes", () => {
  const keys = 20
  const perKey = 100

  it.live("L27 eight claim, fail, lose leases and settle while two append: no event overtakes, each is handled", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, one, owner } = yield* Owed.staged
        // What a handler was done with, before it was settled: an answer may come after what it let happen.
        const handled = new Set<string>()
        let inversions = 0
        let left = keys * perKey
        const appending = (from: number) =>
          Effect.gen(function* () {
            for (let revision = 1; revision <= perKey; revision += 5) {
              for (let key = from; key < keys; key += 2) {
                yield* one(Owed.append(...Owed.keyed(`k${key}`, revision, revision + 4)))
              }
            }
          })
        const working = (number: number) =>
          Effect.gen(function* () {
            const process = Stage.ports(yield* Database.client(appUrl))
            for (let turn = number; left > 0; turn++) {
              const lease = turn % 7 === 0 ? Duration.zero : Owed.hour
              const held = yield* process(Owed.claim({ limit: 1 + (turn % 13), lease }))
              if (held.length === 0) continue
              const settlements = held.map((one, place): Deliveries.Settlement => {
                const { key, revision } = one.event
                if (revision > 1 && !handled.has(`${key} ${revision - 1}`)) inversions++
                return { held: one, verdict: (turn + place) % 5 === 0 ? Owed.retry(Duration.zero) : { _tag: "Ack" } }
              })
              const done = settlements.filter(({ verdict }) => verdict._tag === "Ack").map((one) => one.held)
              for (const one of held) if (done.includes(one)) handled.add(`${one.event.key} ${one.event.revision}`)
              const settled = yield* process(
                Effect.flatMap(Deliveries.Deliveries, (deliveries) => deliveries.settle(settlements as never))
              )
              left -= settled.filter((one) => done.includes(one)).length
            }
          })
        yield* Effect.all([appending(0), appending(1), ...Array.from({ length: 8 }, (_, n) => working(n))], {
          concurrency: "unbounded"
        })
        assert.equal(inversions, 0)
        assert.equal(handled.size, keys * perKey)
        const [rest] = yield* owner`select (select count(*)::int from tidemark.delivery) as deliveries,
          (select count(*)::int from tidemark.receipt) as receipts`
        assert.deepEqual(rest, { deliveries: 0, receipts: keys * perKey })
      })
    )
  )
})
