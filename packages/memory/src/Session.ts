/**
 * An open transaction: what it wrote and the locks it holds.
 *
 * It begins with an empty write set and ends once, by commit or by rollback; a
 * commit applies the write set in one step. Locks are held to the end, those
 * taken after a savepoint at most until the rollback to it. A failed statement
 * aborts it: until the rollback, or the rollback to a savepoint made before,
 * every statement is refused, and it cannot be committed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Database from "./Database.ts"
import * as State from "./State.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Session extends Database.Holder {
  readonly database: Database.Database
  readonly tenant: Subscription.TenantId
  writes: State.Writes
  /** In the order they were taken. */
  readonly locks: Array<Database.Lock>
  status: "Open" | "Aborted" | "Ended"
}

/** The transaction the fiber runs in. @category references @since 0.1.0 */
export const Current = Context.Reference<Session | undefined>("@tidemark/memory/Session/Current", {
  defaultValue: () => undefined
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Runs `body` in a transaction of its own, and commits it when `body` and then
 * `before` succeeded. What ends it early, failure, defect, or interruption, takes
 * it back; `after` comes too late for that.
 *
 * @category combinators
 * @since 0.1.0
 */
export const bracket = <A, E, R, E1, E2>(
  database: Database.Database,
  tenant: Subscription.TenantId,
  body: (session: Session) => Effect.Effect<A, E, R>,
  around: { readonly before: (session: Session) => Effect.Effect<void, E1>; readonly after: Effect.Effect<void, E2> }
): Effect.Effect<A, E | E1 | E2, R> =>
  Effect.suspend(() => {
    const session: Session = {
      database,
      tenant,
      writes: State.noWrites(),
      locks: [],
      status: "Open",
      waitsFor: undefined
    }
    return body(session).pipe(
      Effect.tap(() => around.before(session)),
      Effect.tap(() => Effect.sync(() => commit(session))),
      Effect.onExit(() => Effect.sync(() => end(session))),
      Effect.tap(() => around.after)
    )
  })

/**
 * Runs a unit of work as a transaction.
 *
 * @category combinators
 * @since 0.1.0
 */
export const transact = <A, E, R>(
  connection: Database.Connection,
  tenant: Subscription.TenantId,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | UnitOfWork.TransactionError, R> =>
  Effect.andThen(
    Database.reachBoundary(connection, "UnitOfWork.begin"),
    bracket(connection.database, tenant, (session) => Effect.provideService(effect, Current, session), {
      before: (session) =>
        Effect.andThen(requireSound(session), Database.reachBoundary(connection, "UnitOfWork.commit:before")),
      after: Effect.mapError(
        Database.reachBoundary(connection, "UnitOfWork.commit:after"),
        (cause) => new UnitOfWork.TransactionError({ reason: "Unknown", cause })
      )
    })
  )

/**
 * Runs a unit of work as a savepoint of the open transaction.
 *
 * @category combinators
 * @since 0.1.0
 */
export const savepoint = Effect.fnUntraced(function* <A, E, R>(
  connection: Database.Connection,
  effect: Effect.Effect<A, E, R>
): Effect.fn.Return<A, E | UnitOfWork.TransactionError, R> {
  const session = yield* current(connection.database)
  yield* requireSound(session)
  yield* Database.reachBoundary(connection, "UnitOfWork.savepoint")
  return yield* Effect.suspend(() => {
    const writes = State.copyWrites(session.writes)
    const locks = session.locks.length
    return effect.pipe(
      Effect.tap(() => requireSound(session)),
      Effect.tap(() => Database.reachBoundary(connection, "UnitOfWork.release")),
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => restore(session, writes, locks))))
    )
  })
})

/**
 * The open transaction of the fiber in this database. Dies without one: then the
 * evidence the caller holds comes from another database of the same kind.
 *
 * @category guards
 * @since 0.1.0
 */
export const current = (database: Database.Database): Effect.Effect<Session> =>
  Effect.flatMap(Current, (session) =>
    session === undefined || session.database !== database || session.status === "Ended"
      ? Effect.die(new Error("the transaction belongs to another database"))
      : Effect.succeed(session)
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const requireSound = (session: Session): Effect.Effect<void, UnitOfWork.TransactionError> =>
  Effect.suspend(() =>
    session.status === "Open"
      ? Effect.void
      : Effect.fail(
          new UnitOfWork.TransactionError({
            reason: "Unavailable",
            cause: new Error("a statement of the transaction failed, and its failure was passed over")
          })
        )
  )

const commit = (session: Session): void => {
  const { database, tenant, writes } = session
  database.state = State.commit(database.state, tenant, writes)
  end(session)
  if ([...writes.deliveries.values()].some((row) => row !== undefined && !row.isHeld)) {
    for (const listener of database.listeners) listener()
  }
}

/** Gives the locks back. What was not committed by now never was. */
const end = (session: Session): void => {
  session.status = "Ended"
  for (const lock of session.locks.splice(0)) Database.release(session.database, lock)
}

const restore = (session: Session, writes: State.Writes, locks: number): void => {
  session.writes = writes
  session.status = "Open"
  for (const lock of session.locks.splice(locks)) Database.release(session.database, lock)
}
