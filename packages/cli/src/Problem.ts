/**
 * What went wrong, in words for a person, and what the exit code says of it.
 *
 * @since 0.1.0
 */
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Output from "./Output.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A failure that has words: `message` names cause and remedy. @category errors @since 0.1.0 */
export class Problem extends Data.TaggedError("Problem")<{
  readonly message: string
  /** Nothing was written, and the call can be mended. */
  readonly isMendable: boolean
}> {}

/** All was done, and something waits for a person: records in quarantine, or a lane that is stopped. @category errors @since 0.1.0 */
export class Quarantined extends Data.TaggedError("Quarantined")<{}> {}

interface Failure {
  readonly _tag: string
  readonly message: string
  readonly reason?: unknown
  readonly cause?: unknown
}

/** What the exit codes of all commands mean. @category constants @since 0.1.0 */
export const exitCodes: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [0, "done"],
  [1, "failed after something was committed, or for a reason nobody here can mend"],
  [2, "nothing was written, and the call can be mended"],
  [3, "done, and something waits for a person: records in quarantine, or a stopped lane"],
  [130, "interrupted; what was committed stays, and the next run goes on from there"]
]

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A wrong call. @category constructors @since 0.1.0 */
export const mendable = (message: string): Problem => new Problem({ message, isMendable: true })

/** The problem behind a failure. @category constructors @since 0.1.0 */
export const from = (failure: Failure, options: { readonly hasCommitted: boolean }): Problem =>
  failure instanceof Problem
    ? failure
    : new Problem({ message: Text.safe(text(failure)), isMendable: !options.hasCommitted && isMendable(failure) })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** The failures of a command that only looks, as problems: it wrote nothing. @category combinators @since 0.1.0 */
export const looking = <A, E extends Failure, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Problem | Extract<E, Output.Lost | Quarantined>, R> =>
  Effect.mapError(effect, (error) =>
    error instanceof Output.Lost || error instanceof Quarantined
      ? (error as Extract<E, Output.Lost | Quarantined>) // narrowed by the line above
      : from(error, { hasCommitted: false })
  )

// -----------------------------------------------------------------------------
// getters
// -----------------------------------------------------------------------------

/**
 * What a program is told of how a command ended; see `exitCodes`.
 *
 * @category getters
 * @since 0.1.0
 */
export const exitCode = (error: { readonly _tag: string }): number => {
  if (error instanceof Problem) return error.isMendable ? 2 : 1
  if (error instanceof Quarantined) return 3
  // Who reads no further has what was wanted.
  if (error instanceof Output.Lost) return error.isUnread ? 0 : 1
  return error._tag === "ShowHelp" || error._tag.startsWith("Cli") ? 2 : 1
}

/** Whether a person is to read its message; the command line tells of wrong flags itself. @category getters @since 0.1.0 */
export const isTold = (error: { readonly _tag: string }): error is Problem | Output.Lost =>
  error instanceof Problem || (error instanceof Output.Lost && !error.isUnread)

/**
 * The words of a failure that wraps others, such as a driver's: those of the
 * innermost one, with the code it gives.
 *
 * @category getters
 * @since 0.1.0
 */
export const reasonOf = (failure: unknown): string => {
  let words = Predicate.isObjectKeyword(failure) ? "" : String(failure)
  let inner = failure
  for (let depth = 0; depth < depthMax && Predicate.isObjectKeyword(inner); depth++) {
    const { cause, code, message, reason } = inner as Readonly<Record<string, unknown>>
    if (typeof message === "string" && message !== "") {
      words = typeof code === "string" && !message.includes(code) ? `${message} (${code})` : message
    }
    inner = cause ?? reason
  }
  return Text.clip(words, wordsMax)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Failures that wrap one another. */
const depthMax = 6

/** Characters of a failure that are shown. */
const wordsMax = 500

/** Reasons of a source that a person can remove before trying again. */
const removable: ReadonlySet<unknown> = new Set([
  "Unauthorized",
  "Forbidden",
  "AccountMismatch",
  "Invalid",
  "Unavailable",
  "PositionLost"
])

const isMendable = ({ _tag, reason }: Failure): boolean =>
  _tag === "SourceError" ? removable.has(reason) : _tag !== "Fenced" && _tag !== "TransactionError"

const text = (failure: Failure): string => {
  if (failure instanceof Lanes.AccountMismatch) {
    const { actual, lane, stored } = failure
    return `The cursor of ${lane} was made with the account ${stored}, and this token belongs to ${actual}. Use a token of ${stored}, or another database for ${actual}.`
  }
  switch (failure._tag) {
    case "Fenced":
      return "Another run took the lane over. Nothing of the last batch was written; the other run goes on from the same cursor."
    case "SqlError":
      return `The database refused a statement: ${reasonOf(failure)}.`
    case "Stopped":
      return `The lane is stopped: ${failure.message}. Look at the quarantined records, mend their cause, and run again with --release.`
    case "TransactionError":
      return `${transactions[String(failure.reason)]}: ${reasonOf(failure.cause)}. Run again: the next run goes on from the last commit.`
    default:
      return failure.message === "" ? failure._tag : failure.message
  }
}

const transactions: Readonly<Record<string, string>> = {
  Conflict: "Other transactions got in the way of this one again and again",
  Unavailable: "A transaction was taken back",
  Unknown: "The database was lost while it committed"
}
