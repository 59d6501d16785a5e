/**
 * A migrated database, and clients of it that meet each other in a chosen order.
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import type * as Entry from "@tidemark/core/model/Entry"
import * as Observation from "@tidemark/core/model/Observation"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import { Migrations, PgStore } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Database from "./Database.ts"

/** A migrated database. `owner` is the superuser, whom no policy binds. */
export const make = Effect.gen(function* () {
  const database = yield* Database.freshDatabase
  const owner = yield* Database.client(database.ownerUrl)
  yield* Effect.provideService(Migrations.run({ appRole: Database.appRole }), SqlClient, owner)
  return { ...database, owner }
})

/** Runs with the ports over `sql`, as one process would. */
export const ports = (sql: SqlClient) => {
  const layer = PgStore.layer().pipe(Layer.provideMerge(Layer.succeed(SqlClient, sql)))
  return <A, E>(effect: Effect.Effect<A, E, PgStore.Services | SqlClient>): Effect.Effect<A, E> =>
    Effect.provide(effect, layer, { local: true })
}

/** A process of the application's role, with a pool of its own. */
export const process = (appUrl: string) => Effect.map(Database.pool(appUrl, { maxConnections: 3 }), ports)

/** Completes once a statement of this database waits for a lock. */
export const waiting = (owner: PgClient.PgClient) =>
  owner`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.pipe(
    Effect.filterOrFail((rows) => rows.length > 0),
    Effect.retry({ times: 10_000 })
  )

export const subscriptionOf = (tenant: string): Subscription.Subscription =>
  Subscription.make({ id: "notes", tenant, entity: "note", connection: { provider: "crm", account: "a1" } })

export const subscription = subscriptionOf("acme")

export const externalId = (text: string): Observation.ExternalId => Observation.ExternalId.make(text)

/** In a unit of work of the tenant. */
export const transact = <A, E, R>(effect: Effect.Effect<A, E, R>, tenant = subscription.tenant) =>
  Effect.flatMap(UnitOfWork.UnitOfWork, (uow) => uow.transact(tenant, effect))

/** An advance that applies one more change than `expected` did. */
export const advanceOf = (id: string, expected: number, change: Partial<Entry.Advance> = {}): Entry.Advance => ({
  externalId: externalId(id),
  expected,
  localId: `local-${id}`,
  revision: expected + 1,
  version: Version.make({ domain: "crm/stamp", value: String(expected), observedAt: expected }),
  existence: "Present",
  fingerprint: undefined,
  ...change
})
