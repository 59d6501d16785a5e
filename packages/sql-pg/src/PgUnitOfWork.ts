/**
 * Units of work as transactions, with the tenant set in each.
 *
 * Row-level security reads the tenant from a setting that lasts as long as the
 * transaction, so a connection that goes back to the pool carries nothing over.
 * A holder that stops does not block others for ever: the server bounds its
 * waits, its statements, and its idle transactions.
 *
 * **Guarantees**
 *
 * - nothing is tried again here, and a commit that failed never looks like success;
 * - a commit whose answer was lost is `Unknown`, every other failure took nothing
 *   into effect;
 * - the failure of a body is what its caller sees, whatever the rollback did.
 *
 * @since 0.1.0
 */
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as PgError from "./PgError.ts"
import * as PgPipeline from "./PgPipeline.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Bounds that the server keeps in every transaction. @category models @since 0.1.0 */
export interface Timeouts {
  /** Of one statement. Default: 60 seconds. */
  readonly statement?: Duration.Input | undefined
  /** Of one wait for a lock. Default: 10 seconds. */
  readonly lock?: Duration.Input | undefined
  /** Between two statements of a transaction. Default: 30 seconds. */
  readonly idle?: Duration.Input | undefined
}

/** A client whose statements belong to a tenant. @category models @since 0.1.0 */
export interface Session {
  readonly sql: SqlClient
  /** Statements of a transaction may be begun before those before them have answered. */
  readonly isPipelined: boolean
  /**
   * Runs one statement in the open transaction, or by itself: it has to set the
   * tenant, see `Param.tenant`. Dies when the open transaction is of another tenant.
   */
  readonly read: <A>(tenant: Subscription.TenantId, statement: Effect.Effect<A, SqlError>) => Effect.Effect<A, SqlError>
  /** Runs in the open transaction; dies when it is closed, another store's, or another tenant's. */
  readonly write: <A>(
    tenant: Subscription.TenantId,
    effect: Effect.Effect<A, SqlError>
  ) => Effect.Effect<A, SqlError, UnitOfWork.Transaction>
  /** Runs in a transaction of its own, which `effect` takes back by failing. Dies inside another. */
  readonly alone: <A, E, R>(
    tenant: Subscription.TenantId,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | SqlError, R>
  /** The same for all tenants together, in the scope of the relay, see `DeliveryTables`. */
  readonly relay: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>
  /** One statement that is committed before it answers. Dies inside a transaction. */
  readonly apart: <A>(statement: Effect.Effect<A, SqlError>) => Effect.Effect<A, SqlError>
  /** As `alone`, telling the transaction's failures from those of `effect`; a savepoint where `isNested`. */
  readonly transact: <A, E, R>(
    options: { readonly tenant: Subscription.TenantId | typeof everybody; readonly isNested: boolean },
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Aborted, R>
}

/** The transaction around a body failed, not the body. @category errors @since 0.1.0 */
export class Aborted extends Data.TaggedError("Aborted")<{
  readonly error: SqlError
  /** The body had succeeded, and what was left was to commit. */
  readonly isCommitting: boolean
}> {}

/** In the place of a tenant: the scope of the relay. @category constants @since 0.1.0 */
export const everybody = Symbol.for("@tidemark/sql-pg/PgUnitOfWork/everybody")

/** Name of this store in transactions. @category constants @since 0.1.0 */
export const store = "postgres"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const session = (sql: SqlClient, timeouts: Timeouts = {}): Session => {
  const begin = beginning(sql, timeouts)
  const isPipelined = PgPipeline.isPipelined(sql)
  const opening = isPipelined ? ahead : before
  const hasConnection = Effect.map(Effect.serviceOption(sql.transactionService), Option.isSome)
  const transact: Session["transact"] = ({ isNested, tenant }, effect) =>
    Effect.flatMap(hasConnection, (isInside) =>
      isInside === isNested
        ? bracket(sql, isNested ? Effect.onExit : opening(begin(tenant)), effect)
        : Effect.die(
            new Error(
              isInside
                ? "a unit of work cannot begin inside a transaction that is none"
                : "the open unit of work belongs to another client"
            )
          )
    )
  return {
    sql,
    isPipelined,
    transact,
    read: (tenant, statement) =>
      Effect.flatMap(Effect.serviceOption(UnitOfWork.Transaction), (open) =>
        Option.isSome(open) && open.value.store === store
          ? Effect.provideService(joining(hasConnection, tenant, statement), UnitOfWork.Transaction, open.value)
          : statement
      ),
    write: (tenant, effect) => joining(hasConnection, tenant, effect),
    alone: (tenant, effect) => flatten(transact({ tenant, isNested: false }, effect)),
    relay: (effect) => flatten(transact({ tenant: everybody, isNested: false }, effect)),
    apart: (statement) =>
      Effect.flatMap(hasConnection, (isInside) =>
        isInside ? Effect.die(new Error("this cannot be done inside a transaction: it is committed first")) : statement
      )
  }
}

/** @category constructors @since 0.1.0 */
export const make = ({ isPipelined, transact }: Session): UnitOfWork.UnitOfWork["Service"] =>
  UnitOfWork.make({
    store,
    isPipelined,
    bracket: (options, effect) =>
      Effect.mapError(transact(options, effect), (failure) => {
        if (!(failure instanceof Aborted)) return failure
        const { error, isCommitting } = failure
        const isUnsure = isCommitting && !options.isNested
        return new UnitOfWork.TransactionError({
          reason: isUnsure ? PgError.commitReason(error) : PgError.abortReason(error),
          cause: error
        })
      })
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** The first statement of a transaction. */
const beginning = (sql: SqlClient, timeouts: Timeouts) => {
  // 0 would mean no bound at all.
  const millis = (input: Duration.Input | undefined, otherwise: Duration.Input) =>
    String(Math.max(1, Math.ceil(Duration.toMillis(Duration.fromInputUnsafe(input ?? otherwise)))))
  const statement = millis(timeouts.statement, "60 seconds")
  const lock = millis(timeouts.lock, "10 seconds")
  const idle = millis(timeouts.idle, "30 seconds")
  // Among the rows of all tenants each statement looks up what it needs, in its order, whenever its plan was made.
  const scope = (tenant: Subscription.TenantId | typeof everybody) =>
    tenant === everybody
      ? sql`set_config('tidemark.scope', 'relay', true), set_config('enable_seqscan', 'off', true),
          set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)`
      : sql`set_config('tidemark.tenant', ${tenant}, true)`
  return (tenant: Subscription.TenantId | typeof everybody) => sql`
    select ${scope(tenant)}, set_config('statement_timeout', ${statement}, true),
      set_config('lock_timeout', ${lock}, true), set_config('idle_in_transaction_session_timeout', ${idle}, true)`
}

const flatten = <A, E, R>(effect: Effect.Effect<A, E | Aborted, R>) =>
  Effect.mapError(effect, (error) => (error instanceof Aborted ? error.error : (error as Exclude<E, Aborted>)))

/** Runs a body, and tells its exit: not when the transaction was not opened. */
type Opening = <A, E, R>(
  body: Effect.Effect<A, E, R>,
  tell: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
) => Effect.Effect<A, E | SqlError, R>

const before =
  (begin: Effect.Effect<unknown, SqlError>): Opening =>
  (body, tell) =>
    Effect.andThen(begin, Effect.onExit(body, tell))

/** The first statement of the body travels with `begin`. */
const ahead =
  (begin: Effect.Effect<unknown, SqlError>): Opening =>
  (body, tell) =>
    Effect.gen(function* () {
      const opening = yield* Effect.forkChild(begin, { startImmediately: true })
      const exit = yield* Effect.exit(body)
      yield* Fiber.join(opening)
      yield* tell(exit)
      return yield* exit
    })

/**
 * A transaction, or a savepoint of the open one. The client dies of a rollback
 * that fails and forgets why it rolled back; here the body's exit is kept.
 */
const bracket = <A, E, R>(
  sql: SqlClient,
  open: Opening,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Aborted, R> =>
  Effect.suspend(() => {
    let exit: Exit.Exit<A, E> | undefined
    const body = open(effect, (it) =>
      Effect.sync(() => {
        exit = it
      })
    )
    return Effect.catchCause(sql.withTransaction(body), (cause): Effect.Effect<A, E | Aborted> => {
      if (exit !== undefined && Exit.isFailure(exit)) return exit
      const error = sqlErrorOf(cause)
      return error === undefined
        ? Effect.failCause(cause as Cause.Cause<never>) // the body did not fail, so nothing of type E is in it
        : Effect.fail(new Aborted({ error, isCommitting: exit !== undefined }))
    })
  })

const sqlErrorOf = (cause: Cause.Cause<unknown>): SqlError | undefined => {
  for (const reason of cause.reasons) {
    const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
    if (isSqlError(error)) return error
  }
  return undefined
}

const joining = <A>(
  hasConnection: Effect.Effect<boolean>,
  tenant: Subscription.TenantId,
  effect: Effect.Effect<A, SqlError>
): Effect.Effect<A, SqlError, UnitOfWork.Transaction> =>
  Effect.flatMap(Effect.andThen(UnitOfWork.current(store, tenant), hasConnection), (isInside) =>
    isInside ? effect : Effect.die(new Error("the open unit of work belongs to another client"))
  )
