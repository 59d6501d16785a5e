/**
 * What went wrong, in words for a person, and what the exit code says of it.
 */
import { PgError } from "@tidemark/sql-pg"
import * as Data from "effect/Data"
import * as SqlError from "effect/sql/SqlError"

/** A failure that has words: `message` names cause and remedy. */
export class Problem extends Data.TaggedError("Problem")<{
  readonly message: string
  /** Nothing was written, and the call can be mended. */
  readonly isMendable: boolean
}> {}

/** All was done, and some records wait in quarantine. */
export class Quarantined extends Data.TaggedError("Quarantined")<{}> {}

interface Failure {
  readonly _tag: string
  readonly message: string
  readonly reason?: unknown
  readonly cause?: unknown
}

/** The problem behind a failure. */
export const from = (failure: Failure, options: { readonly hasCommitted: boolean }): Problem =>
  failure instanceof Problem
    ? failure
    : new Problem({ message: text(failure), isMendable: !options.hasCommitted && isMendable(failure) })

/** 1: failed after a commit, or for a reason nobody here can mend. 2: nothing was written. 3: records in quarantine. */
export const exitCode = (error: { readonly _tag: string }): number => {
  if (error instanceof Problem) return error.isMendable ? 2 : 1
  if (error instanceof Quarantined) return 3
  return error._tag === "ShowHelp" || error._tag.startsWith("Cli") ? 2 : 1
}

/** The words of a failure, with the server's code where it gave one. */
export const reasonOf = (cause: unknown): string => {
  if (!SqlError.isSqlError(cause)) return cause instanceof Error ? cause.message : String(cause)
  const code = PgError.sqlState(cause)
  return code === undefined ? PgError.message(cause) : `${PgError.message(cause)} (${code})`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Reasons of a source that a person can remove before trying again. */
const mendable: ReadonlySet<unknown> = new Set([
  "Unauthorized",
  "Forbidden",
  "AccountMismatch",
  "Invalid",
  "Unavailable",
  "PositionLost"
])

const isMendable = ({ _tag, reason }: Failure): boolean =>
  _tag === "SourceError" ? mendable.has(reason) : _tag !== "Fenced" && _tag !== "TransactionError"

const text = (failure: Failure): string => {
  if (SqlError.isSqlError(failure)) return `The database refused a statement: ${reasonOf(failure)}.`
  switch (failure._tag) {
    case "AccountMismatch": {
      const { actual, lane, stored } = failure as Failure & Record<"actual" | "lane" | "stored", string>
      return `The cursor of ${lane} was made with the account ${stored}, and this token belongs to ${actual}. Use a token of ${stored}, or another database for ${actual}.`
    }
    case "Fenced":
      return "Another run took the lane over. Nothing of the last batch was written; the other run goes on from the same cursor."
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
