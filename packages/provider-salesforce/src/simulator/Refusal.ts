/**
 * A request Salesforce does not fulfil: a value, because saying no is part of its
 * business. On the wire it is an array of one (REST API guide, "Status Codes and
 * Error Responses").
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Refusal {
  /** Of the HTTP answer. */
  readonly status: number
  /** Salesforce's own, such as `INVALID_FIELD`. */
  readonly errorCode: string
  readonly message: string
  /** The fields at fault; absent where Salesforce names none. */
  readonly fields?: ReadonlyArray<string>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (status: number, errorCode: string, message: string, fields?: ReadonlyArray<string>): Refusal => ({
  status,
  errorCode,
  message,
  ...(fields === undefined ? {} : { fields })
})

/** @category constructors @since 0.1.0 */
export const fail = (...refusal: Parameters<typeof make>): Result.Result<never, Refusal> =>
  Result.fail(make(...refusal))

/** What the body of the answer is. @category combinators @since 0.1.0 */
export const body = ({ errorCode, fields, message }: Refusal): ReadonlyArray<object> => [
  { message, errorCode, ...(fields === undefined ? {} : { fields }) }
]

/** A place in a query's text, in the way Salesforce points at it. @category combinators @since 0.1.0 */
export const point = (text: string, at: number, message: string): string => {
  const from = Math.max(0, at - 40)
  const line = text.slice(from, at + 40).replace(/\s/g, " ")
  return `\n${line}\n${" ".repeat(at - from)}^\nERROR at Row:1:Column:${at + 1}\n${message}`
}

// -----------------------------------------------------------------------------
// common refusals
// -----------------------------------------------------------------------------

/** @category common refusals @since 0.1.0 */
export const notFound = make(404, "NOT_FOUND", "The requested resource does not exist")
/** @category common refusals @since 0.1.0 */
export const sessionInvalid = make(401, "INVALID_SESSION_ID", "Session expired or invalid")
/** @category common refusals @since 0.1.0 */
export const callsUsedUp = make(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
/** @category common refusals @since 0.1.0 */
export const locatorInvalid = make(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
/** @category common refusals @since 0.1.0 */
export const isDeleted = make(404, "ENTITY_IS_DELETED", "entity is deleted")
