/**
 * Why a connection failed, as the system says it.
 *
 * Errors of a client hold the request, and with it secrets: a code holds none.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"

/**
 * The code of a failure, such as `ECONNREFUSED`. Clients wrap the system's error:
 * its code may sit a few causes down. Empty when there is none.
 *
 * @category conversions
 * @since 0.1.0
 */
export const of = (cause: unknown, depth = 3): string => {
  if (Predicate.hasProperty(cause, "code") && typeof cause.code === "string") return cause.code.slice(0, 60)
  return depth > 0 && Predicate.hasProperty(cause, "cause") ? of(cause.cause, depth - 1) : ""
}
