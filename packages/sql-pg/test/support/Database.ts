/**
 * A database of its own for each test that asks for one, in the cluster of the
 * run. It is dropped when the scope closes, whoever is still connected to it.
 *
 * Two roles reach it. The owner is the superuser of the cluster. `tidemark_app`
 * is what an application should be: it may log in and nothing else, owns nothing,
 * and row-level security holds for it. It starts without any right to a table:
 * grants are part of what is tested, or come from `grantTables`.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { PgPipeline } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import "./globalSetup.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

export interface Database {
  readonly name: string
  /** As the superuser, who owns the database. */
  readonly ownerUrl: string
  /** As `tidemark_app`. */
  readonly appUrl: string
}

/** The role of `appUrl`; one for the cluster. */
export const appRole = "tidemark_app"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** An empty database. Costs about 10 ms. */
export const freshDatabase: Effect.Effect<Database, SqlError, Scope.Scope> = Effect.gen(function* () {
  const clusterUrl = inject("databaseUrl")
  const name = `tidemark_${process.pid}_${run}_${(count += 1)}`
  yield* Effect.acquireRelease(
    withClient(clusterUrl, (sql) => Effect.andThen(createAppRole(sql), create(sql, name))),
    () => Effect.orDie(withClient(clusterUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`))
  )
  return { name, ownerUrl: addressOf(clusterUrl, name), appUrl: addressOf(clusterUrl, name, appRole) }
})

/** A client of one connection, for the length of the scope. */
export const client = (
  url: string,
  options: Omit<PgClient.PgClientConfig, "url"> = {}
): Effect.Effect<PgClient.PgClient, SqlError, Scope.Scope> =>
  Effect.provide(PgClient.makeClient({ ...options, url: Redacted.make(url) }), Reactivity.layer, { local: true })

/** A client of a pool, for the length of the scope. */
export const pool = (
  url: string,
  options: Omit<PgClient.PgPoolConfig, "url"> = {}
): Effect.Effect<PgClient.PgClient, SqlError, Scope.Scope> =>
  Effect.provide(PgClient.make({ ...options, url: Redacted.make(url) }), Reactivity.layer, { local: true })

/** A client of a pool whose transactions are pipelined, for the length of the scope. */
export const pipeline = (
  url: string,
  options: Omit<PgPipeline.Config, "url"> = {}
): Effect.Effect<SqlClient, SqlError, Scope.Scope> =>
  Effect.provide(PgPipeline.make({ ...options, url: Redacted.make(url) }), Reactivity.layer, { local: true })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** Lets `tidemark_app` read and write all tables that the schema holds now. */
export const grantTables = (sql: PgClient.PgClient, schema = "public"): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const role = sql(appRole)
    yield* sql`grant usage on schema ${sql(schema)} to ${role}`
    yield* sql`grant select, insert, update, delete on all tables in schema ${sql(schema)} to ${role}`
    yield* sql`grant usage, select on all sequences in schema ${sql(schema)} to ${role}`
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Tells the databases of this process from what an earlier one with its id may have left. */
const run = randomBytes(3).toString("hex")
let count = 0

const withClient = <A>(url: string, use: (sql: PgClient.PgClient) => Effect.Effect<A, SqlError>) =>
  Effect.scoped(Effect.flatMap(client(url), use))

const create = (sql: PgClient.PgClient, name: string) =>
  sql`create database ${sql(name)} template template0 strategy file_copy`

/** Other processes create the role at the same time, and whoever is second finds it there. */
const createAppRole = (sql: PgClient.PgClient) =>
  sql`do ${sql.literal(`$$
    begin
      create role ${appRole} login password '${appRole}' nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    exception when duplicate_object or unique_violation then null;
    end
  $$`)}`

const addressOf = (clusterUrl: string, name: string, role?: string): string => {
  const url = new URL(clusterUrl)
  url.pathname = `/${name}`
  if (role !== undefined) {
    url.username = role
    url.password = role
  }
  return url.href
}
