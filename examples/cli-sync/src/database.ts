/**
 * The database to write to: one that is named, or an embedded one kept in a
 * folder.
 */
import { Problem } from "@tidemark/cli"
import { Memory } from "@tidemark/memory"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Migrations, PgPipeline, PgStore } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

/** The role that owns the tables of an embedded database: no superuser, so that row-level security binds it. */
const role = "tidemark"

/** The client of the database. Nothing is written. */
export const layer = (options: { readonly url: string | undefined; readonly dataDir: string }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const url = options.url ?? (yield* embedded(options.dataDir))
      return PgPipeline.layer({ url: Redacted.make(yield* requireUrl(url)), maxConnections: 4 })
    })
  )

/** Fails when the database does not answer. */
export const requireAnswer = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`select 1`
}).pipe(
  Effect.mapError((error) =>
    Problem.mendable(
      `The database cannot be reached: ${Problem.reasonOf(error)}. Check --database-url, and that the server runs.`
    )
  )
)

const inWords = (error: SqlError): Problem.Problem => Problem.from(error, { hasCommitted: false })

/** The ports, once the engine's own tables are up to date. */
export const writing = Layer.unwrap(
  Migrations.run().pipe(
    Effect.map(() => PgStore.layer()),
    Effect.mapError(inWords)
  )
)

/** What both stores have. */
type Ports = Extract<PgStore.Services, Memory.Services>

/** The ports to read from. Where the engine has no tables yet, nothing is there. */
export const reading = Layer.unwrap(
  Effect.gen(function* (): Effect.fn.Return<Layer.Layer<Ports, never, SqlClient>, SqlError, SqlClient> {
    const sql = yield* SqlClient
    const [row] = yield* sql<{ is_there: boolean }>`select to_regclass('tidemark.migration') is not null as is_there`
    return row?.is_there === true ? PgStore.layer() : Memory.layer()
  }).pipe(Effect.mapError(inWords))
)

const requireUrl = (url: string): Effect.Effect<string, Problem.Problem> =>
  /^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)
    ? Effect.succeed(url)
    : Effect.fail(
        Problem.mendable(
          "--database-url is no PostgreSQL address; one looks like postgres://user:password@host:5432/database"
        )
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
