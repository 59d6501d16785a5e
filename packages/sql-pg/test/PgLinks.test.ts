// Goal: of sessions that put one link at once each leaves it once, no order of theirs is a deadlock, and each way to find
// links reads what it answers.
// Method: two sessions stepped by an open transaction and the server's own lock waits; the server's counts of what a
// transaction read, with plans made on empty tables. Guarantees: W44, L36.
import { it } from "@effect/vitest"
import * as Links from "@tidemark/core/ports/Links"
import * as Deferred from "effect/Deferred"
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

const { tenant } = Stage.subscription
const here = (id: string): Links.Place => ({ system: "here", entity: "note", id })
const there = (id: string): Links.Place => ({ system: "crm", entity: "note", id })
const link = (id: string, metadata: Links.Link["metadata"] = {}): Links.Link => ({
  source: here(id),
  target: there(id),
  type: "identity",
  metadata
})

const put = (...links: readonly [Links.Link, ...ReadonlyArray<Links.Link>]) =>
  Effect.flatMap(Links.Links, (service) => service.put(tenant, links))
const remove = (...links: readonly [Links.Link, ...ReadonlyArray<Links.Link>]) =>
  Effect.flatMap(Links.Links, (service) => service.remove(tenant, links))
const find = (options: Links.FindOptions = {}, of = tenant) =>
  Effect.flatMap(Links.Links, (service) => service.find(of, options))

describe("links", () => {
  live("W44 who puts what another is putting waits, and there is one link, whatever became of the other", (stage) =>
    Effect.gen(function* () {
      for (const isTakenBack of [false, true]) {
        const id = String(isTakenBack)
        const begun = yield* Deferred.make<void>()
        const ending = yield* Deferred.make<void, string>()
        const held = put(link(id, { by: "first" })).pipe(
          Effect.andThen(Deferred.succeed(begun, undefined)),
          Effect.andThen(Deferred.await(ending))
        )
        const first = yield* Effect.forkChild(Effect.exit(stage.one(Stage.transact(held))), { startImmediately: true })
        yield* Deferred.await(begun)
        const second = yield* Effect.forkChild(stage.other(Stage.transact(put(link(id, { by: "second" })))), {
          startImmediately: true
        })
        yield* Stage.waiting(stage.owner)
        yield* isTakenBack ? Deferred.fail(ending, "taken back") : Deferred.succeed(ending, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        const found = yield* stage.one(find({ source: here(id) }))
        assert.deepEqual(
          found.map(({ metadata }) => metadata),
          [{ by: "second" }]
        )
      }
    })
  )

  live("W44 links that two sessions put in opposite orders are no deadlock", ({ one, other }) =>
    Effect.gen(function* () {
      const all = Array.from({ length: 300 }, (_, place) => link(`r${place}`))
      const [a, b] = [all, all.toReversed()] as unknown as readonly [[Links.Link], [Links.Link]]
      for (let round = 0; round < 5; round++) {
        yield* Effect.all([one(Stage.transact(put(...a))), other(Stage.transact(put(...b)))], {
          concurrency: "unbounded"
        })
        yield* Effect.all([one(Stage.transact(remove(...a))), other(Stage.transact(remove(...b)))], {
          concurrency: "unbounded"
        })
      }
      assert.deepEqual(yield* one(find()), [])
    })
  )

  live("the same link twice in one call is there once, as it was given last", ({ one }) =>
    one(
      Effect.gen(function* () {
        yield* Stage.transact(put(link("a", { number: 1 }), link("b"), link("a", { number: 2 })))
        const found = yield* find()
        assert.deepEqual(found.map(({ metadata, source }) => [source.id, metadata]).toSorted(), [
          ["a", { number: 2 }],
          ["b", {}]
        ])
        assert.ok(found.every(({ linkedAt }) => linkedAt > 1_600_000_000_000))
        yield* Stage.transact(put(link("a", { number: 3 })))
        assert.deepEqual(
          (yield* find()).map(({ linkedAt, position }) => [linkedAt, position]),
          found.map(({ linkedAt, position }) => [linkedAt, position])
        )
        assert.deepEqual(yield* find({}, Owed.tenantId("other")), [])
      })
    )
  )
})

describe("plans", () => {
  live("made on empty tables that nobody analyzed look up when they are full", ({ appUrl, owner }) =>
    Effect.gen(function* () {
      yield* owner`alter table tidemark.link set (autovacuum_enabled = off)`
      const single = yield* Database.client(appUrl)
      yield* single`set plan_cache_mode = force_generic_plan`
      const counted = Effect.map(
        single<{ scans: number; rows: number }>`select seq_scan::int as scans, idx_tup_fetch::int as rows
          from pg_stat_xact_user_tables where relname = 'link'`,
        ([row]) => row!
      )
      const limit = 20
      const hub = here("hub")
      const finds: ReadonlyArray<readonly [most: number, options: Links.FindOptions]> = [
        [3 * limit, {}],
        [limit, { type: "identity" }],
        [3 * limit, { source: hub }],
        [limit, { source: hub, type: "identity" }],
        [limit, { source: hub, type: "identity", after: 9_000 }],
        [3 * limit, { target: there("hub") }],
        [limit, { target: there("hub"), type: "reference", after: 15_000 }],
        [3, { source: hub, target: there("r7") }],
        [1, { source: hub, target: there("r7"), type: "identity" }]
      ]
      const many = Array.from({ length: 200 }, (_, place) => link(`n${place}`)) as unknown as readonly [Links.Link]
      yield* Stage.ports(single)(
        Effect.gen(function* () {
          for (const [, options] of finds) yield* find({ ...options, limit })
          yield* Stage.transact(Effect.andThen(put(link("a")), remove(link("a"))))
          yield* owner`insert into tidemark.link (tenant, source_id, source_entity, source_system, target_id,
              target_entity, target_system, type, metadata)
            select t.tenant, case when n % 2 = 0 then 'hub' else 's' || n end, 'note', 'here',
              case when n % 3 = 0 then 'hub' else 'r' || n end, 'note', 'crm',
              case when n % 5 = 0 then 'reference' else 'identity' end, '{}'
            from generate_series(1, 20000) as n cross join (values (${tenant}), ('other')) as t(tenant)
            on conflict do nothing`
          yield* owner`insert into tidemark.link (tenant, source_id, source_entity, source_system, target_id,
            target_entity, target_system, type, metadata) values
            (${tenant}, 'hub', 'note', 'here', 'r7', 'note', 'crm', 'identity', '{}')`
          for (const [most, options] of finds) {
            const read = yield* Stage.transact(
              Effect.gen(function* () {
                const before = yield* counted
                const found = yield* find({ ...options, limit })
                const after = yield* counted
                return { scans: after.scans - before.scans, rows: after.rows - before.rows, found: found.length }
              })
            )
            const told = `${JSON.stringify(options)}: ${JSON.stringify(read)}`
            assert.equal(read.scans, 0, told)
            assert.ok(read.found > 0 && read.rows >= read.found && read.rows <= most, told)
          }
          yield* Stage.transact(
            Effect.gen(function* () {
              const before = yield* counted
              yield* put(...many)
              yield* put(...many)
              yield* remove(...many)
              const after = yield* counted
              assert.equal(after.scans - before.scans, 0)
              assert.ok(after.rows - before.rows <= 4 * many.length, `${after.rows - before.rows} rows were read`)
            })
          )
        })
      )
    }).pipe(Effect.scoped)
  )
})
