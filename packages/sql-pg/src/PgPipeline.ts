/**
 * A client whose transactions send statements without waiting for the answers of
 * those before them.
 *
 * The client of `@effect/sql-pg` pins the connection of a transaction, and sends
 * one statement of a pinned connection at a time. Here a transaction has a
 * connection of its own too, but not a pinned one: statements that are begun at
 * the same time travel together, and the server runs them in that order.
 *
 * **Guarantees**
 *
 * - statements take effect in the order in which they were begun, whatever the
 *   order in which their answers are awaited;
 * - behind a statement that fails none takes effect, and the transaction can only
 *   be rolled back.
 *
 * An interrupted statement is not cancelled on the server: the rollback waits for
 * it, as long as `statement_timeout` lets it run.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as PgConnection from "@effect/sql-pg/PgConnection"
import * as PgPool from "@effect/sql-pg/PgPool"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"

/** Settings of the pool. Whether it is pipelined is not one of them. @category models @since 0.1.0 */
export type Config = Omit<PgClient.PgPoolConfig, "multiplex" | "multiplexConcurrency">

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  config: Config
): Effect.fn.Return<SqlClient.SqlClient, SqlError, Scope.Scope | Reactivity.Reactivity> {
  // One user at a time, so that what is sent behind a statement belongs to the same transaction.
  const pool = yield* PgPool.make({ ...config, multiplex: true, multiplexConcurrency: 1 })
  const acquirer = Effect.map(pool.get, connectionOf)
  const client = yield* SqlClient.make({
    acquirer,
    borrower: (use) => pool.use((connection) => use(connectionOf(connection))),
    transactionAcquirer: acquirer,
    compiler: PgClient.makeCompiler(),
    driver: "pg",
    prepareTransactionControls: true,
    commit,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
    spanAttributes: [["db.system.name", "postgresql"]]
  })
  pipelined.add(client)
  return client
})

/** @category layers @since 0.1.0 */
export const layer = (config: Config): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.provide(Layer.effect(SqlClient.SqlClient, make(config)), Reactivity.layer)

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/** Whether a client was made here. @category guards @since 0.1.0 */
export const isPipelined = (client: SqlClient.SqlClient): boolean => pipelined.has(client)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const pipelined = new WeakSet<SqlClient.SqlClient>()

type Rows = <A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>

const connectionOf = (connection: PgConnection.PgConnection): Connection => {
  const execute = (isPrepared: boolean) => (sql: string, params: ReadonlyArray<unknown>, transform: Rows | undefined) =>
    Effect.map(connection.query(sql, params, isPrepared), ({ rows }) =>
      transform === undefined ? rows : transform(rows)
    )
  return {
    execute: execute(true),
    executeUnprepared: execute(false),
    executeRaw: (sql, params) => connection.query(sql, params),
    executeValues: (sql, params) => connection.queryValues(sql, params),
    executeValuesUnprepared: (sql, params) => connection.queryValues(sql, params, false),
    executeStream: (sql, params, transform) => {
      const rows = connection.stream(sql, params)
      return transform === undefined ? rows : Stream.mapArray(rows, (some) => transform(some) as typeof some)
    }
  }
}

/** The server answers the commit of a transaction that failed with `ROLLBACK`, and with no error. */
const commit = (connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.flatMap(connection.executeRaw("COMMIT", []), (result) =>
    (result as PgConnection.Result).command === "ROLLBACK"
      ? Effect.fail(
          new SqlError({
            reason: new UnknownError({
              cause: new Error("COMMIT rolled back an aborted transaction"),
              message: "COMMIT rolled back an aborted transaction",
              operation: "commit"
            })
          })
        )
      : Effect.void
  )
