// Goal: the tests of this package stand on databases that do not know each other, and on a role that has no privileges.
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { inject } from "vitest"
import * as Database from "./support/Database.ts"

const names = Effect.gen(function* () {
  const sql = yield* Database.client(inject("databaseUrl"))
  const rows = yield* sql<{ readonly name: string }>`select datname as name from pg_database`
  return new Set(rows.map((row) => row.name))
})

it.live("each test has an empty database of its own", () =>
  Effect.gen(function* () {
    const [first, second] = yield* Effect.all([Database.freshDatabase, Database.freshDatabase], { concurrency: 2 })
    const inFirst = yield* Database.client(first.ownerUrl)
    const inSecond = yield* Database.client(second.ownerUrl)
    yield* inFirst`create table only_here (id int)`
    const tables = yield* inSecond`select 1 from pg_tables where schemaname = 'public'`
    assert.notEqual(first.name, second.name)
    assert.deepEqual(tables, [])
  })
)

it.live("a database goes with its scope although somebody is connected to it", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const database = yield* Scope.provide(Database.freshDatabase, scope)
    const sql = yield* Database.client(database.ownerUrl)
    yield* sql`select 1`
    assert.ok((yield* names).has(database.name))
    yield* Scope.close(scope, Exit.void)
    assert.ok(!(yield* names).has(database.name))
  })
)

it.live("the application's role owns nothing and passes no row-level security", () =>
  Effect.gen(function* () {
    const database = yield* Database.freshDatabase
    const sql = yield* Database.client(database.appUrl)
    const rows = yield* sql`
      select rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin,
        exists (select 1 from pg_class where relowner = r.oid) as "ownsTables",
        exists (select 1 from pg_database where datdba = r.oid) as "ownsDatabases"
      from pg_roles r where rolname = current_user`
    assert.deepEqual(rows, [
      {
        rolname: Database.appRole,
        rolsuper: false,
        rolbypassrls: false,
        rolcreatedb: false,
        rolcreaterole: false,
        rolcanlogin: true,
        ownsTables: false,
        ownsDatabases: false
      }
    ])
  })
)

it.live("the application's role sees a table only once it is granted, and of it only its rows", () =>
  Effect.gen(function* () {
    const database = yield* Database.freshDatabase
    const owner = yield* Database.client(database.ownerUrl)
    const app = yield* Database.client(database.appUrl)
    yield* owner`create table note (tenant text, body text)`
    yield* owner`insert into note values ('a', 'of a'), ('b', 'of b')`
    yield* owner`alter table note enable row level security`
    yield* owner`create policy own on note using (tenant = 'a')`
    const refused = yield* Effect.flip(app`select body from note`)
    assert.equal(refused.reason._tag, "AuthorizationError")
    yield* Database.grantTables(owner)
    assert.deepEqual(yield* app`select body from note`, [{ body: "of a" }])
    assert.equal((yield* owner`select body from note`).length, 2)
  })
)
