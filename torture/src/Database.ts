/**
 * A database for workers to write to, and a way in from outside: workers connect
 * as a role that is bound by its policies, the watcher as a superuser.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"

export interface Database {
  /** As a superuser. */
  readonly sql: SqlClient
  /** What a worker connects to. The name tells its connections apart from those of others. */
  readonly urlOf: (worker: string) => string
}

/** What workers connect as. */
export const role = "tidemark"

/**
 * A server that keeps commit times, syncs each commit to the disk, and has the
 * memory that one in production is given; PostgreSQL's own default is 128 MB.
 */
export const server = EmbeddedPostgres.make({
  durable: true,
  settings: { track_commit_timestamp: "on", shared_buffers: "512MB", max_wal_size: "4GB" }
})

/** A new database on the server. */
export const make = Effect.fnUntraced(function* (server: EmbeddedPostgres.EmbeddedPostgres["Service"], name: string) {
  const root = yield* connect(server.url)
  const [found] = yield* root`select 1 from pg_roles where rolname = ${role}`
  if (found === undefined) yield* root.unsafe(`create role ${role} login`)
  yield* root.unsafe(`create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const sql = yield* connect(url.href)
  yield* sql.unsafe(`grant create on database ${name} to ${role}`)
  yield* sql.unsafe(`grant create on schema public to ${role}`)
  url.username = role
  const database: Database = { sql, urlOf: (worker) => `${url.href}?application_name=${encodeURIComponent(worker)}` }
  return database
})

const connect = (url: string) =>
  Effect.map(
    Layer.build(
      PgClient.layer({ url: Redacted.make(url), maxConnections: 2, applicationName: "watcher", prepare: false })
    ),
    Context.get(SqlClient)
  )
