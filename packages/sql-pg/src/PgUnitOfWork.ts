/**
 * Units of work as transactions, with the tenant set in each.
 *
 * Row-level security reads the tenant from a setting that lasts as long as the
 * transaction, so a connection that goes back to the pool carries nothing over.
 * A holder that stops does not block others for ever: waits, statements, and idle
 * transactions are bounded by the server.
 *
 * @since 0.1.0
 */
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import * as PgError from "./PgError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Timeouts {
  /** Of one statement. Default: 60 seconds. */
  readonly statement?: Duration.Input | undefined
  /** Of one wait for a lock. Default: 10 seconds. */
  readonly lock?: Duration.Input | undefined
  /** Between two statements of a transaction. Default: 30 seconds. */
  readonly idle?: Duration.Input | undefined
}

/** A client whose transactions belong to a tenant. @category models @since 0.1.0 */
export interface Session {
  readonly sql: SqlClient
  /** Runs in the open transaction, or in one of its own. */
  readonly read: <A, R>(
    tenant: Subscription.TenantId,
    effect: Effect.Effect<A, SqlError, R>
  ) => Effect.Effect<A, SqlError, R>
  /** Runs in a transaction of its own, which `effect` takes back by failing. Dies inside another. */
  readonly alone: <A, E, R>(
    tenant: Subscription.TenantId,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | SqlError, R>
}

/** Name of this store in transactions. @category constants @since 0.1.0 */
export const store = "postgres"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const session = (sql: SqlClient, timeouts: Timeouts = {}): Session => {
  const millis = (input: Duration.Input | undefined, otherwise: string) =>
    String(Duration.toMillis(Duration.fromInputUnsafe(input ?? (otherwise as Duration.Input))))
  const statement = millis(timeouts.statement, "60 seconds")
  const lock = millis(timeouts.lock, "10 seconds")
  const idle = millis(timeouts.idle, "30 seconds")
  const begin = (tenant: Subscription.TenantId) => sql`
    select set_config('tidemark.tenant', ${tenant}, true), set_config('statement_timeout', ${statement}, true),
      set_config('lock_timeout', ${lock}, true), set_config('idle_in_transaction_session_timeout', ${idle}, true)`
  const own = <A, E, R>(tenant: Subscription.TenantId, effect: Effect.Effect<A, E, R>) =>
    Effect.catchCause(sql.withTransaction(Effect.andThen(begin(tenant), effect)), recover)
  const isInside = Effect.map(Effect.serviceOption(sql.transactionService), Option.isSome)
  return {
    sql,
    read: (tenant, effect) => Effect.flatMap(isInside, (inside) => (inside ? effect : own(tenant, effect))),
    alone: (tenant, effect) =>
      Effect.flatMap(isInside, (inside) =>
        inside
          ? Effect.die(new Error("this needs a transaction of its own and was called inside one"))
          : own(tenant, effect)
      )
  }
}

/** @category constructors @since 0.1.0 */
export const make = ({ alone, sql }: Session): UnitOfWork.UnitOfWork["Service"] =>
  UnitOfWork.make({
    store,
    bracket: ({ isNested, tenant }, effect) =>
      Effect.suspend(() => {
        let isDone = false
        const body = effect.pipe(
          Effect.mapError((error) => new Failed({ error })),
          Effect.tap(() => Effect.sync(() => (isDone = true)))
        )
        return (isNested ? sql.withTransaction(body) : alone(tenant, body)).pipe(
          Effect.mapError((error) =>
            error instanceof Failed ? error.error : toTransactionError(error, !isNested && isDone)
          )
        )
      })
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** A connection that is lost in a transaction ends it as a defect, because the rollback cannot be sent: it is a failure. */
const recover = <E>(cause: Cause.Cause<E>): Effect.Effect<never, E | SqlError> => {
  const lost = cause.reasons.find((reason) => reason._tag === "Die" && reason.defect instanceof SqlError)
  return lost?._tag === "Die" && lost.defect instanceof SqlError ? Effect.fail(lost.defect) : Effect.failCause(cause)
}

/** The body's own failure, told apart from those of the transaction around it. */
class Failed<E> extends Data.TaggedError("Failed")<{ readonly error: E }> {}

/** A commit that failed without a word from the server, or with its last one, may have happened. */
const toTransactionError = (error: SqlError, isCommitting: boolean): UnitOfWork.TransactionError => {
  const code = PgError.sqlState(error)
  const isUnknown = isCommitting && (code === undefined || /^(?:08|57P)/.test(code))
  const isConflict = PgError.reason(error) === "Conflict"
  return new UnitOfWork.TransactionError({
    reason: isUnknown ? "Unknown" : isConflict ? "Conflict" : "Unavailable",
    cause: error
  })
}
