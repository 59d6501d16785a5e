/**
 * What went wrong, in words for a person, and what the exit code says of it.
 *
 * @since 0.1.0
 */
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
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

/** All was done, and some records wait in quarantine. @category errors @since 0.1.0 */
export class Quarantined extends Data.TaggedError("Quarantined")<{}> {}

interface Failure {
  readonly _tag: string
  readonly message: string
  readonly reason?: unknown
  readonly cause?: unknown
}

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
// getters
// -----------------------------------------------------------------------------

/**
 * 1: failed after a commit, or for a reason nobody here can mend. 2: nothing was
 * written. 3: records in quarantine.
 *
 * @category getters
 * @since 0.1.0
 */
export const exitCode = (error: { readonly _tag: string }): number => {
  if (error instanceof Problem) return error.isMendable ? 2 : 1
  if (error instanceof Quarantined) return 3
  return error._tag === "ShowHelp" || error._tag.startsWith("Cli") ? 2 : 1
}

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
