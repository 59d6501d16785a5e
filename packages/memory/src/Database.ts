/**
 * A database several processes may share: the committed state, the locks held,
 * and its sequences; and a process's connection to it.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as State from "./State.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Holds locks, and waits for at most one of another's. @category models @since 0.1.0 */
export interface Holder {
  waitsFor: Lock | undefined
}

/** An exclusive lock on one address: a row, whether it exists or not, or a value of a unique key. @category models @since 0.1.0 */
export interface Lock {
  readonly address: string
  readonly holder: Holder
  readonly released: Deferred.Deferred<void>
}

/** @category models @since 0.1.0 */
export interface Database {
  /** The committed state. */
  state: State.State
  /** By address. */
  readonly locks: Map<string, Lock>
  /** Last number of each sequence. Numbers taken by a transaction that was taken back are not given again. */
  readonly sequences: Map<string, number>
  /** Called after a commit that left something to be claimed. */
  readonly listeners: Set<() => void>
}

/**
 * Is called at every named point a process reaches in the database; may wait,
 * fail, die, or interrupt there, which then happens to the process.
 *
 * - `"Ledger.advance"`, `"Sink.find"`, ... : before a statement;
 * - `"Ledger.advance:wait"`, ... : a statement is about to wait for a lock;
 * - `"Lanes.claim:after"`, ... : a port's own transaction is committed, and its
 *   caller does not know yet;
 * - `"UnitOfWork.begin"`, `"UnitOfWork.savepoint"`, `"UnitOfWork.release"`;
 * - `"UnitOfWork.commit:before"`: what fails here was taken back;
 * - `"UnitOfWork.commit:after"`: what fails here is committed, and the answer lost.
 *
 * A statement fails with the `StoreError`, a unit of work with the
 * `TransactionError`; one given in place of the other is translated.
 *
 * @category models
 * @since 0.1.0
 */
export type Hook = (point: string) => Effect.Effect<void, StoreError | UnitOfWork.TransactionError>

/** @category models @since 0.1.0 */
export interface Connection {
  readonly database: Database
  readonly hook: Hook
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** An empty database. @category constructors @since 0.1.0 */
export const make: Effect.Effect<Database> = Effect.sync(() => ({
  state: State.empty,
  locks: new Map(),
  sequences: new Map(),
  listeners: new Set()
}))

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** The next number of a sequence. Starts at 1. @category combinators @since 0.1.0 */
export const next = (database: Database, sequence: string): number => {
  const number = (database.sequences.get(sequence) ?? 0) + 1
  database.sequences.set(sequence, number)
  return number
}

/** @category locks @since 0.1.0 */
export const acquire = (database: Database, holder: Holder, address: string): Lock => {
  const lock = { address, holder, released: Deferred.makeUnsafe<void>() }
  database.locks.set(address, lock)
  return lock
}

/** Wakes who waits for the lock; the first to run takes it. @category locks @since 0.1.0 */
export const release = (database: Database, lock: Lock): void => {
  database.locks.delete(lock.address)
  Deferred.doneUnsafe(lock.released, Effect.void)
}

/** Whether waiting for the lock would close a circle of waits. @category locks @since 0.1.0 */
export const isDeadlock = (holder: Holder, lock: Lock): boolean => {
  let wait: Lock | undefined = lock
  while (wait !== undefined && !Deferred.isDoneUnsafe(wait.released)) {
    if (wait.holder === holder) return true
    wait = wait.holder.waitsFor
  }
  return false
}

/** Reaches a point of a statement, letting others run first. @category points @since 0.1.0 */
export const reach = (connection: Connection, point: string): Effect.Effect<void, StoreError> =>
  Effect.andThen(Effect.yieldNow, connection.hook(point)).pipe(
    Effect.catchTag("TransactionError", ({ cause, reason }) =>
      Effect.fail(
        new StoreError({
          reason: reason === "Conflict" ? "Conflict" : "Unavailable",
          operation: point,
          message: "the connection was lost",
          cause
        })
      )
    )
  )

/** Reaches a point of a unit of work, letting others run first. @category points @since 0.1.0 */
export const reachBoundary = (
  connection: Connection,
  point: string
): Effect.Effect<void, UnitOfWork.TransactionError> =>
  Effect.andThen(Effect.yieldNow, connection.hook(point)).pipe(
    Effect.catchTag("StoreError", (cause) =>
      Effect.fail(
        new UnitOfWork.TransactionError({ reason: cause.reason === "Conflict" ? "Conflict" : "Unavailable", cause })
      )
    )
  )
