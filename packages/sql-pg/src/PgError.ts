/**
 * What PostgreSQL's error codes mean to the engine.
 *
 * Classes 22 and 23 are the fault of a value; a deadlock, a serialization failure
 * and a lock timeout are nobody's; anything else is a store that does not work.
 * Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
 *
 * @since 0.1.0
 */
import { SinkError } from "@tidemark/core/ports/ChangeSink"
import * as StoreError from "@tidemark/core/ports/StoreError"
import * as Predicate from "effect/Predicate"
import type { SqlError } from "effect/sql/SqlError"

/** The code the server gave; `undefined` when the failure is not the server's. @category getters @since 0.1.0 */
export const sqlState = (error: SqlError): string | undefined => {
  const { cause } = error.reason
  return Predicate.hasProperty(cause, "code") && typeof cause.code === "string" && /^[0-9A-Z]{5}$/.test(cause.code)
    ? cause.code
    : undefined
}

/** The server's words. @category getters @since 0.1.0 */
export const message = (error: SqlError): string => {
  const { cause } = error.reason
  return Predicate.hasProperty(cause, "message") && typeof cause.message === "string" ? cause.message : error.message
}

const conflicts: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"])

/** @category getters @since 0.1.0 */
export const reason = (error: SqlError): StoreError.Reason => {
  const code = sqlState(error)
  if (code === undefined) return "Unavailable"
  if (code.startsWith("22") || code.startsWith("23")) return "Refused"
  return conflicts.has(code) ? "Conflict" : "Unavailable"
}

const details = (error: SqlError) => {
  const code = sqlState(error)
  return { reason: reason(error), message: message(error), ...(code === undefined ? {} : { code }), cause: error }
}

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
