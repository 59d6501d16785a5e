// Goal: a message that comes any number of times has its effect once.
// Method: eight sessions at once, effects that are counted rows, leases of no length. Guarantees: L26, L32, I01, I02, I04,
// I06, I07, I09.
import { it } from "@effect/vitest"
import * as Inbox from "@tidemark/core/ports/Inbox"
import { SqlClient } from "effect/sql/SqlClient"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

const staged = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  yield* owner`create table effect (id text)`
  yield* Database.grantTables(owner)
  return { appUrl, owner, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

const live = (name: string, body: (stage: Effect.Success<typeof staged>) => Effect.Effect<void, unknown>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(staged, body)))

const message = (id: string, digest?: string): Inbox.Message => ({
  tenant: Owed.tenantId("acme"),
  consumer: "billing",
  id,
  digest
})

const effect = (id: string) => Effect.flatMap(SqlClient, (sql) => sql`insert into effect values (${id})`)
const handle = (id: string, digest?: string) => Inbox.once(message(id, digest), effect(id))
const claim = (id: string, lease = Owed.hour, digest?: string) =>
  Effect.flatMap(Inbox.Inbox, (inbox) => inbox.claim(message(id, digest), lease))
const finish = (claimed: Inbox.Claim) => Effect.flatMap(Inbox.Inbox, (inbox) => inbox.finish(claimed))

describe("once", () => {
  live("L26 of eight sessions with the same messages one has each effect", ({ appUrl, owner }) =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 40 }, (_, place) => `m${place}`)
      const answers = yield* Effect.forEach(
        [1, 2, 3, 4, 5, 6, 7, 8],
        () =>
          Effect.flatMap(Database.client(appUrl), (sql) =>
            Stage.ports(sql)(Effect.forEach(ids, (id) => Effect.map(handle(id), (done) => done !== undefined)))
          ),
        { concurrency: "unbounded" }
      )
      assert.equal(answers.flat().filter(Boolean).length, 40)
      assert.deepEqual(yield* owner`select count(*)::int as all, count(distinct id)::int as each from effect`, [
        { all: 40, each: 40 }
      ])
    }).pipe(Effect.scoped)
  )

  live("who comes while another is at it waits, and is first if that one is taken back", ({ one, other, owner }) =>
    Effect.gen(function* () {
      for (const isTakenBack of [true, false]) {
        const begun = yield* Deferred.make<void>()
        const ending = yield* Deferred.make<void, string>()
        const id = `m${String(isTakenBack)}`
        const body = Effect.andThen(
          effect(id),
          Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(ending))
        )
        const first = yield* Effect.forkChild(Effect.exit(one(Inbox.once(message(id), body))), {
          startImmediately: true
        })
        yield* Deferred.await(begun)
        const second = yield* Effect.forkChild(other(handle(id)), { startImmediately: true })
        yield* Stage.waiting(owner)
        yield* isTakenBack ? Deferred.fail(ending, "taken back") : Deferred.succeed(ending, undefined)
        yield* Fiber.join(first)
        assert.equal((yield* Fiber.join(second)) !== undefined, isTakenBack)
        assert.equal((yield* owner`select 1 from effect where id = ${id}`).length, 1)
      }
    })
  )

  live("another content under the same id is a conflict; none is told apart from none", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* handle("a", "x")
        assert.equal(yield* handle("a", "x"), undefined)
        assert.equal(yield* handle("a"), undefined)
        assert.equal((yield* Effect.flip(handle("a", "y")))._tag, "InboxConflict")
        assert.equal((yield* Effect.flip(claim("a", Owed.hour, "y")))._tag, "InboxConflict")
      })
    )
  )
})

describe("claims", () => {
  live("one has it, the other is told for how long; finished it is never handed out again", ({ one, other }) =>
    Effect.gen(function* () {
      const first = yield* one(claim("a"))
      assert.equal(first._tag, "Claimed")
      const busy = yield* other(claim("a"))
      assert.ok(busy._tag === "Busy" && busy.remaining > 3_000_000 && busy.remaining <= 3_600_000)
      const held = yield* Effect.flip(other(handle("a")))
      assert.equal(held._tag === "StoreError" ? held.reason : held._tag, "Conflict")
      if (first._tag !== "Claimed") return
      assert.equal(yield* one(finish(first.claim)), true)
      assert.equal(yield* one(finish(first.claim)), true)
      assert.equal((yield* other(claim("a")))._tag, "Finished")
      assert.equal(yield* other(handle("a")), undefined)
    })
  )

  live("taken over, by another claim or by a unit of work, they cannot be finished", ({ one, other }) =>
    Effect.gen(function* () {
      const old = yield* one(claim("a", Duration.zero))
      const taken = yield* other(claim("a", Duration.zero))
      assert.ok(old._tag === "Claimed" && taken._tag === "Claimed")
      assert.deepEqual([old.claim.attempt, taken.claim.attempt, taken.claim.epoch], [1, 2, 2])
      assert.equal(yield* one(finish(old.claim)), false)
      assert.ok((yield* one(handle("a"))) !== undefined)
      assert.equal(yield* other(finish(taken.claim)), false)
      assert.equal((yield* other(claim("a")))._tag, "Finished")
    })
  )

  live("by eight sessions at once are given to one", ({ appUrl }) =>
    Effect.gen(function* () {
      const answers = yield* Effect.forEach(
        [1, 2, 3, 4, 5, 6, 7, 8],
        () => Effect.flatMap(Database.client(appUrl), (sql) => Stage.ports(sql)(claim("a"))),
        { concurrency: "unbounded" }
      )
      assert.equal(answers.filter(({ _tag }) => _tag === "Claimed").length, 1)
      assert.equal(answers.filter(({ _tag }) => _tag === "Busy").length, 7)
    }).pipe(Effect.scoped)
  )
})
