/**
 * One statement, as READ COMMITTED sees and locks it.
 *
 * A statement sees the state committed when it began, and its transaction's own
 * writes. A write of a row that another transaction has written waits until that
 * one ends, and then looks at the row as it is by then, not as it was seen.
 * Waiting in a circle fails the one that would close it.
 *
 * Statements of one transaction run one after another.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Subscription from "@tidemark/core/model/Subscription"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Database from "./Database.ts"
import * as Session from "./Session.ts"
import * as State from "./State.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A statement under way. As a view, it is the snapshot it sees. @category models @since 0.1.0 */
export interface Statement extends State.View {
  readonly connection: Database.Connection
  readonly session: Session.Session
  /** The operation, for example `"Ledger.advance"`. */
  readonly point: string
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Reads: in the open transaction when there is one, else what is committed. Dies
 * for another tenant than the transaction's.
 *
 * @category running
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function* <A>(
  connection: Database.Connection,
  point: string,
  tenant: Subscription.TenantId,
  select: (view: State.View) => A
): Effect.fn.Return<A, StoreError> {
  const { database } = connection
  const session = yield* Session.Current
  if (session === undefined || session.database !== database || session.status === "Ended") {
    yield* Database.reach(connection, point)
    return yield* Effect.sync(() => select({ tables: database.state.tables, writes: State.noWrites() }))
  }
  if (session.tenant !== tenant) {
    return yield* Effect.die(new Error(`${point} of tenant ${tenant} in a transaction of ${session.tenant}`))
  }
  return yield* run(connection, session, point, (statement) => Effect.sync(() => select(statement)))
})

/**
 * Writes in the open unit of work. Dies when it is closed, or of another store or
 * tenant.
 *
 * @category running
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function* <A>(
  connection: Database.Connection,
  point: string,
  tenant: Subscription.TenantId,
  body: (statement: Statement) => Effect.Effect<A, StoreError>
): Effect.fn.Return<A, StoreError, UnitOfWork.Transaction> {
  yield* UnitOfWork.current("memory", tenant)
  return yield* run(connection, yield* Session.current(connection.database), point, body)
})

/**
 * Writes in a transaction of its own; whatever `body` fails with takes it back.
 * Dies inside a unit of work, where it could wait for its own caller.
 *
 * @category running
 * @since 0.1.0
 */
export const writeAlone = Effect.fnUntraced(function* <A, E>(
  connection: Database.Connection,
  point: string,
  tenant: Subscription.TenantId,
  body: (statement: Statement) => Effect.Effect<A, E>
): Effect.fn.Return<A, E | StoreError> {
  const outer = yield* Session.Current
  if (outer !== undefined && outer.database === connection.database && outer.status !== "Ended") {
    return yield* Effect.die(new Error(`${point} needs a transaction of its own and was called inside another`))
  }
  return yield* Session.bracket(connection.database, tenant, (session) => run(connection, session, point, body), {
    before: () => Effect.void,
    after: Database.reach(connection, `${point}:after`)
  })
})

// -----------------------------------------------------------------------------
// rows
// -----------------------------------------------------------------------------

/**
 * Inserts a row unless its key is taken. Waits for a transaction that is about to
 * take or to free the key. Answers the row; `undefined` when the key is taken.
 *
 * @category rows
 * @since 0.1.0
 */
export const insert = <T extends State.Name>(
  statement: Statement,
  table: T,
  key: string,
  row: () => State.Tables[T]
): Effect.Effect<State.Tables[T] | undefined, StoreError> =>
  whenFree(statement, address(table, key), () =>
    newest(statement, table, key) === undefined ? put(statement, table, key, row()) : undefined
  )

/**
 * Changes a row that the statement sees, where `change` answers one. After a wait
 * `change` is asked again, with the row as it is by then. Answers the row as
 * written; `undefined` when nothing was.
 *
 * @category rows
 * @since 0.1.0
 */
export const update = <T extends State.Name>(
  statement: Statement,
  table: T,
  key: string,
  change: (row: State.Tables[T]) => State.Tables[T] | undefined
): Effect.Effect<State.Tables[T] | undefined, StoreError> =>
  Effect.suspend(() => {
    const seen = State.get(statement, table, key)
    if (seen === undefined || change(seen) === undefined) return Effect.succeed(undefined)
    return whenFree(statement, address(table, key), () => {
      const row = newest(statement, table, key)
      const changed = row === undefined ? undefined : change(row)
      return changed === undefined ? undefined : put(statement, table, key, changed)
    })
  })

/**
 * Removes a row that the statement sees, if it matches then and after a wait.
 *
 * @category rows
 * @since 0.1.0
 */
export const remove = <T extends State.Name>(
  statement: Statement,
  table: T,
  key: string,
  isMatching: (row: State.Tables[T]) => boolean
): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const seen = State.get(statement, table, key)
    if (seen === undefined || !isMatching(seen)) return Effect.void
    return whenFree(statement, address(table, key), () => {
      const row = newest(statement, table, key)
      if (row !== undefined && isMatching(row)) put(statement, table, key, undefined)
    })
  })

/**
 * Locks a row for the rest of the transaction, whether it exists or not. Answers
 * the row as it is once the lock is had.
 *
 * @category rows
 * @since 0.1.0
 */
export const lock = <T extends State.Name>(
  statement: Statement,
  table: T,
  key: string
): Effect.Effect<State.Tables[T] | undefined, StoreError> =>
  whenFree(statement, address(table, key), () => {
    hold(statement.session, address(table, key))
    return newest(statement, table, key)
  })

/** Writes a row that no other transaction has locked; `undefined` removes it. Answers the row. @category rows @since 0.1.0 */
export const put = <T extends State.Name, R extends State.Tables[T] | undefined>(
  { session }: Statement,
  table: T,
  key: string,
  row: R
): R => {
  hold(session, address(table, key))
  session.writes[table].set(key, row)
  return row
}

/** A row as it is now: own writes, else what is committed by now. @category rows @since 0.1.0 */
export const newest = <T extends State.Name>(
  { session }: Statement,
  table: T,
  key: string
): State.Tables[T] | undefined =>
  State.get({ tables: session.database.state.tables, writes: session.writes }, table, key)

/** @category rows @since 0.1.0 */
export const address = (table: State.Name, key: string): string => `${table} ${key}`

/** Takes a lock that no other transaction holds. @category rows @since 0.1.0 */
export const hold = (session: Session.Session, address: string): void => {
  if (session.database.locks.get(address)?.holder === session) return
  session.locks.push(Database.acquire(session.database, session, address))
}

/**
 * Does something as soon as no other transaction holds the lock of an address, and
 * before one can take it. Fails with `Conflict` instead of waiting in a circle.
 *
 * @category rows
 * @since 0.1.0
 */
export const whenFree = <A>(statement: Statement, address: string, act: () => A): Effect.Effect<A, StoreError> =>
  Effect.suspend(() => {
    const { connection, point, session } = statement
    const held = session.database.locks.get(address)
    if (held === undefined || held.holder === session) return Effect.succeed(act())
    if (Database.isDeadlock(session, held)) return Effect.fail(deadlock(point))
    session.waitsFor = held
    return Database.reach(connection, `${point}:wait`).pipe(
      Effect.andThen(Deferred.await(held.released)),
      Effect.ensuring(Effect.sync(() => (session.waitsFor = undefined))),
      Effect.andThen(whenFree(statement, address, act))
    )
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** A statement that does not succeed aborts its transaction, whatever ended it. */
const run = Effect.fnUntraced(function* <A, E>(
  connection: Database.Connection,
  session: Session.Session,
  point: string,
  body: (statement: Statement) => Effect.Effect<A, E>
): Effect.fn.Return<A, E | StoreError> {
  if (session.status !== "Open") return yield* aborted(point)
  return yield* Database.reach(connection, point).pipe(
    Effect.andThen(
      Effect.suspend(() =>
        body({ connection, session, point, tables: session.database.state.tables, writes: session.writes })
      )
    ),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit) && session.status === "Open") session.status = "Aborted"
      })
    )
  )
})

const deadlock = (operation: string): StoreError =>
  new StoreError({ reason: "Conflict", operation, code: "40P01", message: "deadlock detected" })

const aborted = (operation: string): StoreError =>
  new StoreError({
    reason: "Unavailable",
    operation,
    code: "25P02",
    message: "the transaction is aborted, statements are refused until it is taken back"
  })
