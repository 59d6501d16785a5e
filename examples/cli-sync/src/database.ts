/**
 * The database to write to: one that is named, or an embedded one kept in a
 * folder.
 */
import { Problem, type Store } from "@tidemark/cli"
import { Lane, Subscription } from "@tidemark/core"
import { Memory } from "@tidemark/memory"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Migrations, PgLaneList, PgPipeline, PgStore } from "@tidemark/sql-pg"
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as fs from "node:fs"
import * as path from "node:path"
import type * as Config from "./config.ts"

/** This program has one. */
const tenant = Subscription.TenantId.make("default")

/** The agreement to bring an object of an account in. */
export const subscriptionOf = (provider: string, object: string, account: string): Subscription.Subscription =>
  Subscription.make({
    id: `${provider}/${object}`,
    tenant,
    connection: { provider, account },
    entity: object.toLowerCase()
  })

/** The role that owns the tables of an embedded database: no superuser, so that row-level security binds it. */
const role = "tidemark"

/** The client of the database. Nothing is written. */
export const layer = ({ dataDir, url }: Config.Database) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const named = url === undefined ? Redacted.make(yield* embedded(dataDir)) : yield* requireUrl(url)
      return PgPipeline.layer({ url: named, maxConnections: 4 })
    })
  )

/** Fails when the database does not answer. */
export const requireAnswer = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`select 1`
}).pipe(Effect.mapError((error) => unreachable(error)))

/** The same, of whatever kept the client from being made. */
export const unreachable = (error: Layer.Error<ReturnType<typeof layer>>): Problem.Problem =>
  error._tag === "SqlError"
    ? Problem.mendable(
        `The database cannot be reached: ${Problem.reasonOf(error)}. Check --database-url or database.url, and that the server runs.`
      )
    : Problem.from(error, { hasCommitted: false })

const inWords = (error: SqlError): Problem.Problem => Problem.from(error, { hasCommitted: false })

/** Whether there is a database to look at. One that is named is taken to be there. */
export const isThere = ({ dataDir, url }: Config.Database): boolean =>
  url !== undefined || fs.existsSync(path.join(dataDir, "PG_VERSION"))

/** How far the engine's own tables are made. Nothing is written. */
export const standing = Effect.andThen(requireAnswer, Effect.mapError(Migrations.standing, inWords))

/** Makes the engine's own tables or brings them up to date. */
export const migrate = Effect.andThen(requireAnswer, Effect.mapError(Migrations.run(), inWords))

/** What is known without a source: every lane that was ever claimed, and the ports to look with. */
export const store = Effect.gen(function* () {
  const sql = yield* SqlClient
  const lanes = PgLaneList.list(tenant).pipe(
    Effect.provideService(SqlClient, sql),
    Effect.mapError((error) => Problem.from(error, { hasCommitted: false })),
    Effect.map((known) => known.map(toKnown))
  )
  const ports = yield* Layer.build(PgStore.layer())
  return { tenant, lanes, ports } satisfies Store.Store
})

/** Of subscriptions as this program names them: provider, object. */
const toKnown = ({ account, name, partition, subscription }: PgLaneList.Known): Store.KnownLane => {
  const [provider = "", ...object] = subscription.split("/")
  const known = subscriptionOf(provider, object.join("/") || provider, account)
  return { name: object.join("/") || subscription, lane: Lane.make({ ...known, id: subscription }, name, partition) }
}

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

const requireUrl = (url: Redacted.Redacted): Effect.Effect<Redacted.Redacted, Problem.Problem> =>
  /^postgres(?:ql)?:\/\//.test(Redacted.value(url)) && URL.canParse(Redacted.value(url))
    ? Effect.succeed(url)
    : Effect.fail(
        Problem.mendable(
          "--database-url, or database.url, is no PostgreSQL address; one looks like postgres://user:password@host:5432/database"
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
