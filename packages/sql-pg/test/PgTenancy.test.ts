// Goal: no statement meets another tenant's rows, whatever it forgets to ask for; the application's role can do what the
// ports need and no more.
// Method: every table by hand, as the application's role, without any predicate. Guarantees: L36, T01, K16.
import type * as PgClient from "@effect/sql-pg/PgClient"
import { it } from "@effect/vitest"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Ledger from "@tidemark/core/ports/Ledger"
import { Migrations, PgLaneList } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Stage from "./support/Stage.ts"

const tables = ["lane", "ledger", "run", "item", "event", "quarantine", "intent", "link"]
const inward = ["delivery", "dead_letter", "inbox", "counter"]
/** The relay has a policy of its own there. */
const shared = ["event", "delivery", "receipt", "dead_letter"]
/** Who removes what is old has one there too. */
const expiring = [...shared, "inbox", "run", "item", "quarantine"]
/** Of no tenant. */
const common = ["migration", "consumer"]
const { advanceOf, externalId, subscriptionOf } = Stage

/** One row per table and tenant, by the superuser. */
const fill = (owner: PgClient.PgClient) =>
  Effect.forEach(["acme", "other"], (tenant) =>
    Effect.gen(function* () {
      const key = owner`${tenant}, 'p', 'a', 'e', 'x'`
      yield* owner`insert into tidemark.lane values (${tenant}, 's', 'live', '', 1, 0, null, null, 0, 'a', now(), '{}', null)`
      yield* owner`insert into tidemark.ledger (tenant, provider, account, entity, external_id, local_id, token,
        revision, domain, value, mapping_epoch, observed_at, existence) values (${key}, 'l', 1, 1, 'd', '', 0, 0, 'Present')`
      yield* owner`insert into tidemark.run (tenant, subscription, lane, partition, epoch, trigger, status)
        values (${tenant}, 's', 'live', '', 1, 'Manual', 'Running')`
      yield* owner`insert into tidemark.item (tenant, provider, account, entity, external_id, run, sequence, operation,
        outcome, origin) values (${key}, gen_random_uuid(), 0, 'NoOp', 'Skipped', 'Poll')`
      yield* owner`insert into tidemark.event (tenant, id, type, entity, key, revision, payload)
        values (${tenant}, 'e', 't', 'e', 'k', 1, '{}')`
      yield* owner`insert into tidemark.quarantine (tenant, provider, account, entity, external_id, run, domain, value,
        mapping_epoch, observed_at, fingerprint, code, message, observation, status)
        values (${key}, gen_random_uuid(), '', '', 0, 0, '', '', '', '{}', 'Open')`
      yield* owner`insert into tidemark.intent values (${key}, 's', 'live', '', 1, '{}')`
      yield* owner`insert into tidemark.link (tenant, source_id, source_entity, source_system, target_id, target_entity,
        target_system, type, metadata) values (${tenant}, 'a', 'e', 's', 'b', 'e', 's', 'identity', '{}')`
      yield* owner`insert into tidemark.delivery (tenant, consumer, key_id, seq, type, direction, version)
        select tenant, 1, 1, seq, 't', 'change', 1 from tidemark.event where tenant = ${tenant}`
      yield* owner`insert into tidemark.receipt (tenant, consumer, seq, attempts) values (${tenant}, 1, 1, 1)`
      yield* owner`insert into tidemark.dead_letter (tenant, consumer, seq, key_id, epoch, attempts, type, direction,
        version, error) values (${tenant}, 1, 1, 1, 1, 1, 't', 'change', 1, 'e')`
      yield* owner`insert into tidemark.inbox (tenant, consumer, id, epoch, attempts, lease_until)
        values (${tenant}, 'c', 'i', 1, 1, now())`
      yield* owner`insert into tidemark.counter values (${tenant}, 'e', 'k', 1)`
    })
  )

const stateOf = <E extends { readonly reason: { readonly cause?: unknown } }>(error: E): unknown =>
  (error.reason.cause as { readonly code?: string }).code

describe("tenancy", () => {
  it.live("every table of the schema is under a forced policy, the list of migrations apart", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner } = yield* Stage.make
        const live = yield* owner<{ name: string; is_forced: boolean; policies: number }>`
          select relname as name, relrowsecurity and relforcerowsecurity as is_forced,
            (select count(*)::int from pg_policy where polrelid = c.oid) as policies
          from pg_class c where relnamespace = 'tidemark'::regnamespace and relkind = 'r' order by 1`
        assert.deepEqual(
          live.map(({ is_forced, name, policies }) => [name, is_forced, policies]),
          [...tables, ...inward, "receipt", ...common]
            .toSorted()
            .map((name) => [
              name,
              !common.includes(name),
              [!common.includes(name), shared.includes(name), expiring.includes(name)].filter(Boolean).length
            ])
        )
      })
    )
  )

  it.live("without a tenant every statement is refused, and the refusal names the cause", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        yield* fill(owner)
        const sql = yield* Database.client(appUrl)
        const statements = [
          ...[...tables, "delivery", "inbox", "counter"].map((table) => `select * from tidemark.${table}`),
          ...["lane", "ledger", "run", "quarantine", "delivery", "inbox", "counter"].map(
            (table) => `update tidemark.${table} set tenant = tenant`
          ),
          "delete from tidemark.intent",
          "delete from tidemark.delivery",
          "insert into tidemark.receipt (tenant, consumer, seq, attempts) values ('acme', 1, 1, 1)",
          "insert into tidemark.event (tenant, id, type, entity, key, revision, payload) values ('acme', 'n', 't', 'e', 'k', 1, '{}')"
        ]
        for (const setting of [undefined, "", "reset"]) {
          if (setting === "") yield* sql`select set_config('tidemark.tenant', '', false)`
          if (setting === "reset") yield* sql.withTransaction(sql`select set_config('tidemark.tenant', 'acme', true)`)
          for (const statement of statements) {
            const error = yield* Effect.flip(sql.unsafe(statement))
            assert.equal(stateOf(error), "42501", statement)
            assert.match(String((error.reason.cause as Error).message), /no tenant is set/)
          }
        }
      })
    )
  )

  it.live("with a tenant, statements without a predicate read, change and delete its rows only", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        yield* fill(owner)
        const sql = yield* Database.client(appUrl)
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`select set_config('tidemark.tenant', 'acme', true)`
            for (const table of [...tables, "delivery", "inbox", "counter"]) {
              const rows = yield* sql.unsafe<{ tenant: string }>(`select tenant from tidemark.${table}`)
              assert.deepEqual(rows, [{ tenant: "acme" }], table)
            }
            yield* sql`update tidemark.ledger set token = 99`
            yield* sql`update tidemark.lane set epoch = 99`
            yield* sql`delete from tidemark.intent`
            yield* sql`update tidemark.delivery set epoch = 99`
          })
        )
        for (const statement of [
          "update tidemark.ledger set tenant = 'other', external_id = 'y'",
          "insert into tidemark.intent values ('other', 'p', 'a', 'e', 'y', 's', 'live', '', 1, '{}')",
          "insert into tidemark.receipt (tenant, consumer, seq, attempts) values ('other', 1, 1, 1)",
          "update tidemark.delivery set tenant = 'other'"
        ]) {
          const stolen = sql.withTransaction(
            Effect.andThen(sql`select set_config('tidemark.tenant', 'acme', true)`, sql.unsafe(statement))
          )
          assert.equal(stateOf(yield* Effect.flip(stolen)), "42501", statement)
        }
        assert.deepEqual(
          yield* owner`select tenant, token::int, (select epoch::int from tidemark.lane l where l.tenant = r.tenant),
            (select count(*)::int from tidemark.intent i where i.tenant = r.tenant) as intents,
            (select epoch from tidemark.delivery d where d.tenant = r.tenant) as delivered
            from tidemark.ledger r order by tenant`,
          [
            { tenant: "acme", token: 99, epoch: 99, intents: 0, delivered: 99 },
            { tenant: "other", token: 1, epoch: 1, intents: 1, delivered: 0 }
          ]
        )
      })
    )
  )

  it.live("the relay reads events and settles deliveries of all tenants, and meets nothing else", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        yield* fill(owner)
        const sql = yield* Database.client(appUrl)
        const asRelay = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          sql.withTransaction(Effect.andThen(sql`select set_config('tidemark.scope', 'relay', true)`, effect))
        for (const table of ["event", "delivery", "dead_letter"]) {
          const rows = yield* asRelay(sql.unsafe<{ tenant: string }>(`select tenant from tidemark.${table}`))
          assert.deepEqual(rows.map(({ tenant }) => tenant).toSorted(), ["acme", "other"], table)
        }
        for (const statement of [
          ...tables.filter((table) => table !== "event").map((table) => `select * from tidemark.${table}`),
          "select * from tidemark.inbox",
          "select * from tidemark.counter",
          "insert into tidemark.event (tenant, id, type, entity, key, revision, payload) values ('acme', 'n', 't', 'e', 'k', 1, '{}')"
        ]) {
          assert.equal(stateOf(yield* Effect.flip(asRelay(sql.unsafe(statement)))), "42501", statement)
        }
        // The scope ends with the transaction.
        assert.equal(stateOf(yield* Effect.flip(sql`select * from tidemark.delivery`)), "42501")
      })
    )
  )

  it.live("once a role was named for the relay, the application's role is refused what is the relay's", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, name, ownerUrl } = yield* Database.freshDatabase
        const owner = yield* Database.client(ownerUrl)
        const relayRole = `relay_${name}`
        yield* Effect.acquireRelease(owner`create role ${owner(relayRole)} nologin`, () =>
          Effect.orDie(Effect.andThen(owner`drop owned by ${owner(relayRole)}`, owner`drop role ${owner(relayRole)}`))
        )
        const migrate = (options: Migrations.Options) =>
          Effect.provideService(Migrations.run(options), SqlClient, owner)
        yield* migrate({ appRole: Database.appRole, relayRole })
        yield* migrate({ appRole: Database.appRole, relayRole })
        yield* fill(owner)
        const app = yield* Database.client(appUrl)
        const claim = "select * from tidemark.delivery_claim('[]', 'change', 1, 1, '')"
        for (const statement of [claim, "insert into tidemark.consumer (name) values ('mine')"]) {
          assert.equal(stateOf(yield* Effect.flip(app.unsafe(statement))), "42501", statement)
        }
        yield* app.withTransaction(
          Effect.gen(function* () {
            yield* app`select set_config('tidemark.scope', 'relay', true)`
            assert.deepEqual(yield* app`select * from tidemark.delivery`, [])
          })
        )
        yield* owner.withTransaction(
          Effect.gen(function* () {
            yield* owner`set local role ${owner(relayRole)}`
            assert.deepEqual(yield* owner.unsafe(claim), [])
            assert.equal((yield* owner`select * from tidemark.delivery`).length, 2)
          })
        )
      })
    )
  )

  it.live("who removes what is old sees what may go, of all tenants, and no other role does once one was named", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, name, ownerUrl } = yield* Database.freshDatabase
        const owner = yield* Database.client(ownerUrl)
        const retentionRole = `retention_${name}`
        yield* Effect.acquireRelease(owner`create role ${owner(retentionRole)} nologin`, () =>
          Effect.orDie(
            Effect.andThen(owner`drop owned by ${owner(retentionRole)}`, owner`drop role ${owner(retentionRole)}`)
          )
        )
        yield* Effect.provideService(Migrations.run({ appRole: Database.appRole, retentionRole }), SqlClient, owner)
        yield* fill(owner)
        const asRetention = <A, E, R>(sql: PgClient.PgClient, role: string, effect: Effect.Effect<A, E, R>) =>
          sql.withTransaction(
            sql`select set_config('tidemark.scope', 'retention', true)`.pipe(
              Effect.andThen(sql`set local role ${sql(role)}`),
              Effect.andThen(effect)
            )
          )
        const own = (statement: string) => asRetention(owner, retentionRole, owner.unsafe(statement))
        for (const table of expiring)
          assert.equal((yield* own(`select tenant from tidemark.${table}`)).length, 2, table)
        for (const statement of [
          "select * from tidemark.ledger",
          "select * from tidemark.intent",
          "select * from tidemark.link",
          "delete from tidemark.delivery",
          "delete from tidemark.dead_letter",
          "update tidemark.item set patch = null",
          "update tidemark.event set payload = '{}'",
          "insert into tidemark.receipt (tenant, consumer, seq, attempts) values ('acme', 1, 1, 1)"
        ]) {
          assert.equal(stateOf(yield* Effect.flip(own(statement))), "42501", statement)
        }
        const app = yield* Database.client(appUrl)
        for (const statement of ["delete from tidemark.item", "select tidemark.expire_events(0, 0, 1)"]) {
          const stolen = asRetention(app, Database.appRole, app.unsafe(statement))
          assert.equal(stateOf(yield* Effect.flip(stolen)), "42501", statement)
        }
        assert.deepEqual(yield* asRetention(app, Database.appRole, app`select * from tidemark.item`), [])
        // Another tenant's, by the tenant's own right, are none of its business.
        const mine = app.withTransaction(
          Effect.andThen(app`select set_config('tidemark.tenant', 'acme', true)`, app`delete from tidemark.item`)
        )
        assert.equal(stateOf(yield* Effect.flip(mine)), "42501")
      })
    )
  )

  it.live("the ports of one tenant find nothing of another, on one connection in turn", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* Stage.make
        const one = Stage.ports(yield* Database.client(appUrl))
        const find = (tenant: string, id: string) =>
          Effect.flatMap(Ledger.Ledger, (ledger) => ledger.find(subscriptionOf(tenant), [externalId(id)]))
        for (const tenant of ["acme", "other"]) {
          const subscription = subscriptionOf(tenant)
          const advance = Effect.flatMap(Ledger.Ledger, (ledger) =>
            ledger.advance(subscription, [advanceOf("both", 0, { localId: tenant }), advanceOf(tenant, 0)])
          )
          assert.equal((yield* one(Stage.transact(advance, subscription.tenant))).size, 2)
        }
        for (let round = 0; round < 8; round++) {
          for (const [tenant, stranger] of [
            ["acme", "other"],
            ["other", "acme"]
          ] as const) {
            assert.equal((yield* one(find(tenant, "both"))).get(externalId("both"))?.localId, tenant)
            assert.equal((yield* one(find(tenant, stranger))).size, 0)
          }
        }
      })
    )
  )

  it.live("the application's role changes no history, deletes no record, and migrates nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* Stage.make
        const sql = yield* Database.client(appUrl)
        for (const statement of [
          "update tidemark.item set patch = null",
          "update tidemark.event set payload = '{}'",
          ...["item", "event", "lane", "ledger", "run", "quarantine", "receipt", "inbox", "counter", "consumer"].map(
            (table) => `delete from tidemark.${table}`
          ),
          "update tidemark.receipt set attempts = 0",
          "update tidemark.dead_letter set error = ''",
          ...tables.map((table) => `truncate tidemark.${table}`),
          "insert into tidemark.migration (id, name) values (99, 'mine')",
          "create table tidemark.mine (a int)",
          "alter table tidemark.ledger no force row level security",
          "drop policy tenant on tidemark.ledger"
        ]) {
          assert.equal(stateOf(yield* Effect.flip(sql.unsafe(statement))), "42501", statement)
        }
      })
    )
  )
})

describe("lanes", () => {
  it.live("are listed to their tenant only, in order, with the account of their cursor", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        const app = yield* Database.client(appUrl)
        const list = (tenant: string) =>
          Effect.provideService(PgLaneList.list(Subscription.TenantId.make(tenant)), SqlClient, app)
        assert.deepEqual(yield* list("acme"), [])
        yield* fill(owner)
        yield* owner`insert into tidemark.lane values ('acme', 's', 'deletes', '', 1, 0, null, null, 0, 'b', now(), '{}', null)`
        assert.deepEqual(yield* list("acme"), [
          { subscription: "s", name: "deletes", partition: "", account: "b" },
          { subscription: "s", name: "live", partition: "", account: "a" }
        ])
        assert.equal((yield* list("other")).length, 1)
        assert.deepEqual(yield* list("nobody"), [])
      })
    )
  )
})

describe("migrations", () => {
  const asOwner = (sql: SqlClient, options?: Migrations.Options) =>
    Effect.provideService(Migrations.run(options), SqlClient, sql)

  it.live("one that fails leaves nothing, and the next starts over", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { ownerUrl } = yield* Database.freshDatabase
        const owner = yield* Database.client(ownerUrl)
        assert.equal(stateOf(yield* Effect.flip(asOwner(owner, { appRole: "no such role" }))), "42704")
        assert.deepEqual(yield* owner`select 1 from pg_namespace where nspname = 'tidemark'`, [])
        yield* asOwner(owner, { appRole: Database.appRole })
        yield* asOwner(owner)
        assert.deepEqual(yield* owner`select id, name from tidemark.migration`, [{ id: 1, name: "first tables" }])
      })
    )
  )

  it.live("what is pending is told before it is run, and nothing is written to tell it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { ownerUrl } = yield* Database.freshDatabase
        const owner = yield* Database.client(ownerUrl)
        const standing = Effect.provideService(Migrations.standing, SqlClient, owner)
        const before = yield* standing
        assert.deepEqual(before, Migrations.nothingYet)
        assert.deepEqual([before.version, before.pending.length], [0, before.latest])
        assert.deepEqual(yield* owner`select 1 from pg_namespace where nspname = 'tidemark'`, [])
        yield* asOwner(owner)
        const { latest } = before
        assert.deepEqual(yield* standing, { version: latest, latest, pending: [] })
        yield* owner`insert into tidemark.migration (id, name) values (${latest + 3}, 'of a newer build')`
        assert.deepEqual(yield* standing, { version: latest + 3, latest, pending: [] })
        yield* owner`delete from tidemark.migration where id = ${latest}`
        assert.deepEqual(
          (yield* standing).pending.map(({ id }) => id),
          [latest]
        )
      })
    )
  )

  it.live("an owner that is no superuser migrates, and its own statements need a tenant too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, name, ownerUrl } = yield* Database.freshDatabase
        const owner = yield* Database.client(ownerUrl)
        yield* owner`grant create on database ${owner(name)} to ${owner(Database.appRole)}`
        const app = yield* Database.client(appUrl)
        yield* asOwner(app)
        assert.equal(stateOf(yield* Effect.flip(app`select * from tidemark.ledger`)), "42501")
      })
    )
  )
})
