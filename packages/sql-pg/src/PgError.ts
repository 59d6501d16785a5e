/**
 * What PostgreSQL's error codes mean to the engine.
 *
 * Classes 22 and 23 are the fault of a value; a deadlock, a serialization failure
 * and a lock timeout are nobody's; anything else is a store that does not work.
 * Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
 *
 * @since 0.1.0
 */
import * as Write from "@tidemark/core/model/Write"
import { SinkError } from "@tidemark/core/ports/ChangeSink"
import * as StoreError from "@tidemark/core/ports/StoreError"
import type * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Predicate from "effect/Predicate"
import type { SqlError } from "effect/sql/SqlError"

// -----------------------------------------------------------------------------
// getters
// -----------------------------------------------------------------------------

/** The code the server gave; `undefined` when the failure is not the server's. @category getters @since 0.1.0 */
export const sqlState = (error: SqlError): string | undefined => {
  const code = textOf(error, "code")
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** The server's words, or the driver's when the server said nothing. @category getters @since 0.1.0 */
export const message = (error: SqlError): string => textOf(error, "message") ?? error.message

/** What a statement's failure asks for. @category getters @since 0.1.0 */
export const reason = (error: SqlError): StoreError.Reason => {
  const code = sqlState(error)
  if (code === undefined) return "Unavailable"
  if (code.startsWith("22") || code.startsWith("23")) return "Refused"
  return conflicts.has(code) ? "Conflict" : "Unavailable"
}

/**
 * What became of a transaction whose `COMMIT` failed.
 *
 * Only a server that goes on after its error, or that answers `ROLLBACK`, says
 * that nothing took effect. One that ends the connection, or says nothing, may
 * have committed before it did.
 * Source: PostgreSQL manual, "Error and Notice Message Fields", field V.
 *
 * @category getters
 * @since 0.1.0
 */
export const commitReason = (error: SqlError): UnitOfWork.TransactionError["reason"] => {
  const isRolledBack = error.reason._tag === "UnknownError" && error.reason.operation === "commit"
  if (isRolledBack || textOf(error, "severityUnlocalized") === "ERROR") return abortReason(error)
  return "Unknown"
}

/** What a transaction's failure before its `COMMIT` asks for: nothing took effect. @category getters @since 0.1.0 */
export const abortReason = (error: SqlError): "Conflict" | "Unavailable" =>
  reason(error) === "Conflict" ? "Conflict" : "Unavailable"

/**
 * Whether a row of the table refers to one that is not there. The same code, told
 * of another table, means that somebody there refers to a row of this one.
 * Source: PostgreSQL manual, "Error and Notice Message Fields", field t.
 *
 * @category guards
 * @since 0.1.0
 */
export const isParentMissing = (error: SqlError, table: string): boolean =>
  sqlState(error) === "23503" && textOf(error, "table") === table.split(".").at(-1)

/** Whether a row with the same key is there. @category guards @since 0.1.0 */
export const isTaken = (error: SqlError): boolean => sqlState(error) === "23505"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const toStoreError =
  (operation: string) =>
  (error: SqlError): StoreError.StoreError =>
    new StoreError.StoreError({ operation, ...details(error) })

/** @category constructors @since 0.1.0 */
export const toSinkError =
  (sink: string) =>
  (error: SqlError): SinkError =>
    new SinkError({ sink, ...details(error) })

/** @category constructors @since 0.1.0 */
export const toParentMissing = (sink: string, error: SqlError): SinkError =>
  new SinkError({ sink, ...details(error), code: Write.parentMissing })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/**
 * Of serialization, deadlock, a lock not available; and of a statement that was sent behind one
 * that failed, and was made good.
 */
const conflicts: ReadonlySet<string> = new Set(["40001", "40P01", "55P03", "25P02"])

/** A field of the server's error, which the driver keeps as the cause of its own. */
const textOf = ({ reason }: SqlError, field: string): string | undefined =>
  Predicate.hasProperty(reason.cause, field) && typeof reason.cause[field] === "string"
    ? reason.cause[field]
    : undefined

const details = (error: SqlError) => {
  const code = sqlState(error)
  return { reason: reason(error), message: message(error), ...(code === undefined ? {} : { code }), cause: error }
}
