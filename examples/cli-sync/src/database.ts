/**
 * The database to write to: one that is named, or an embedded one kept in a
 * folder.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Migrations, PgStore } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { Problem, reasonOf } from "./problem.ts"

/** The role that owns the tables of an embedded database: no superuser, so that row-level security binds it. */
const role = "tidemark"

/**
 * The engine's ports and the client, once the database answers. Nothing is written
 * before `prepare` is run.
 */
export const layer = (options: { readonly url: string | undefined; readonly dataDir: string }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = options.url ?? (yield* embedded(options.dataDir))
      const client = PgClient.layer({ url: Redacted.make(yield* requireUrl(url)), maxConnections: 4 })
      return PgStore.layer().pipe(Layer.provideMerge(client))
    })
  )

/** Fails when the database does not answer. */
export const requireAnswer = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`select 1`
}).pipe(
  Effect.mapError(
    (error) =>
      new Problem({
        message: `The database cannot be reached: ${reasonOf(error)}. Check --database-url, and that the server runs.`,
        isMendable: true
      })
  )
)

/** Brings the engine's own tables up to date. */
export const prepare = Migrations.run()

const requireUrl = (url: string): Effect.Effect<string, Problem> =>
  /^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)
    ? Effect.succeed(url)
    : Effect.fail(
        new Problem({
          message:
            "--database-url is no PostgreSQL address; one looks like postgres://user:password@host:5432/database",
          isMendable: true
        })
      )

/** An embedded server for as long as the command runs, with a role that is bound by its policies. */
const embedded = Effect.fnUntraced(function* (dataDir: string) {
  const { url } = yield* EmbeddedPostgres.make({ dataDir })
  yield* Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const [found] = yield* sql`select 1 from pg_roles where rolname = ${role}`
      if (found === undefined) yield* sql.unsafe(`create role ${role} login`)
      yield* sql.unsafe(`grant create on database postgres to ${role}`)
      yield* sql.unsafe(`grant create on schema public to ${role}`)
    }).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })))
  )
  return url.replace("postgres@", `${role}@`)
})
