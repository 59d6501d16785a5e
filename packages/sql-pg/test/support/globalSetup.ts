/**
 * One PostgreSQL cluster for a whole run of vitest: the server of `DATABASE_URL`
 * where that is set, else an embedded one, which ends with the run. Tests read
 * the address with `inject("databaseUrl")`, or better take a database of their
 * own from `Database.freshDatabase`.
 *
 * The address is that of a superuser, for tests create databases and roles.
 */
import { EmbeddedPostgres } from "@tidemark/sql-pg/embedded"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** `postgres://` address of a superuser. */
    databaseUrl: string
  }
}

/** Starts the cluster; answers what stops it. */
const setup = (project: TestProject): Promise<() => Promise<void>> => {
  const scope = Scope.makeUnsafe()
  const given = process.env["DATABASE_URL"]
  const url = given
    ? Effect.succeed(given)
    : Effect.map(Scope.provide(EmbeddedPostgres.make({ settings: { max_connections: "200" } }), scope), (it) => it.url)
  return Effect.runPromise(
    Effect.map(url, (databaseUrl) => {
      project.provide("databaseUrl", databaseUrl)
      return () => Effect.runPromise(Scope.close(scope, Exit.void))
    })
  )
}

export default setup
