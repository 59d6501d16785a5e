/**
 * Whether the database can be written to, and whether it keeps what it says it
 * has committed. Nothing is written; an embedded one that is not there is not made.
 */
import { type Connection, Problem } from "@tidemark/cli"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { SqlClient } from "effect/sql/SqlClient"
import type * as Config from "./config.ts"
import * as Database from "./database.ts"

type Step = Connection.Step
type Tell = (step: Step) => Effect.Effect<void>

const step = "database"

export const run = Effect.fnUntraced(function* (database: Config.Database, tell: Tell) {
  const files = yield* FileSystem.FileSystem
  const isThere = yield* Effect.orElseSucceed(files.exists(database.dataDir), () => true)
  if (database.url === undefined && !isThere) {
    return yield* tell({
      step,
      status: "ok",
      message: `There is none in ${database.dataDir} yet; the first sync makes it`
    })
  }
  const steps = yield* settings.pipe(
    Effect.map(stepsOf),
    Effect.provide(Database.layer(database)),
    Effect.catch((error) => Effect.succeed<ReadonlyArray<Step>>([{ step, status: "fail", message: reasonOf(error) }]))
  )
  yield* Effect.forEach(steps, tell, { discard: true })
})

const reasonOf = (error: { readonly _tag: string; readonly message: string }): string =>
  error._tag === "Problem"
    ? error.message
    : `The database cannot be reached: ${Problem.reasonOf(error)}. Check database.url or --database-url, and that the server runs.`

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Settings {
  readonly version: number
  readonly fsync: string
  readonly synchronous_commit: string
  readonly full_page_writes: string
  readonly is_superuser: boolean
  readonly bypasses: boolean
  readonly role: string
  readonly can_create: boolean
  readonly is_there: boolean
}

const settings = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [row] = yield* sql<Settings>`select current_setting('server_version_num')::int as version,
      current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
      current_setting('full_page_writes') as full_page_writes, current_user as role,
      rolsuper as is_superuser, rolbypassrls as bypasses,
      has_database_privilege(current_database(), 'create') as can_create,
      to_regnamespace('tidemark') is not null as is_there
    from pg_roles where rolname = current_user`
  return row ?? (yield* Problem.mendable("The database does not tell who the session belongs to."))
})

const versionMin = 14

const stepsOf = (found: Settings): ReadonlyArray<Step> => {
  const version = Math.floor(found.version / 10_000)
  const warnings = [
    ...(found.fsync === "off"
      ? ["fsync is off: a crash of the machine may lose or spoil what was committed. Set fsync = on."]
      : []),
    ...(found.full_page_writes === "off"
      ? ["full_page_writes is off: a crash of the machine may spoil tables. Set full_page_writes = on."]
      : []),
    ...(found.synchronous_commit === "off"
      ? [
          "synchronous_commit is off: a crash of the server may lose the last commits, with their cursor; they are read again, and whoever has seen their events sees them twice. Set synchronous_commit = on."
        ]
      : []),
    ...(found.is_superuser || found.bypasses
      ? [
          `The role ${found.role} is not bound by row-level security, so nothing keeps tenants apart. Use a role that is neither superuser nor BYPASSRLS.`
        ]
      : [])
  ]
  const ability: ReadonlyArray<Step> =
    found.is_there || found.can_create
      ? []
      : [
          {
            step,
            status: "fail",
            message: `The role ${found.role} may not make the schema tidemark. Run: grant create on database DATABASE to ${found.role}`
          }
        ]
  return [
    version < versionMin
      ? { step, status: "fail", message: `The server is PostgreSQL ${version}; ${versionMin} or newer is needed.` }
      : { step, status: "ok", message: `PostgreSQL ${version} answers, to the role ${found.role}` },
    ...ability,
    ...warnings.map((message): Step => ({ step, status: "warn", message }))
  ]
}
