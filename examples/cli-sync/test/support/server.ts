/**
 * A PostgreSQL server for a file of tests, and databases on it, looked into as a
 * superuser.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"

export interface Database {
  /** As a role that may do no more than an application. */
  readonly url: string
  readonly run: (statement: string) => Promise<ReadonlyArray<Record<string, unknown>>>
  /** All that is not PostgreSQL's own, with the schema. */
  readonly tables: () => Promise<ReadonlyArray<string>>
  readonly count: (table: string) => Promise<number>
}

export interface Server {
  readonly database: () => Promise<Database>
  readonly close: () => Promise<void>
}

export const start = async (): Promise<Server> => {
  const scope = Scope.makeUnsafe()
  const { url } = await Effect.runPromise(Scope.provide(EmbeddedPostgres.make(), scope))
  let made = 0
  await run(url, "create role application login")
  return {
    close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
    database: async () => {
      const name = `test_${(made += 1)}`
      await run(url, `create database ${name}`)
      const own = url.replace(/\/postgres$/, `/${name}`)
      await run(own, `grant create on database ${name} to application`)
      await run(own, "grant create, usage on schema public to application")
      return {
        url: own.replace("postgres@", "application@"),
        run: (statement) => run(own, statement),
        tables: async () => (await run(own, tables)).map((row) => String(row["name"])),
        count: async (table) => Number((await run(own, `select count(*) from ${table}`))[0]?.["count"])
      }
    }
  }
}

const tables = `select table_schema || '.' || table_name as name from information_schema.tables
  where table_schema not in ('pg_catalog', 'information_schema') order by 1`

const run = (url: string, statement: string) =>
  Effect.runPromise(
    Effect.flatMap(SqlClient, (sql) => sql.unsafe<Record<string, unknown>>(statement)).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
    )
  )
