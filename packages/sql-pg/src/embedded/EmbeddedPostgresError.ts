/**
 * Why an embedded server did not start, in words a person can act on.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * - `NoBinaries`: no PostgreSQL binaries for this platform, or they do not run.
 * - `NoAccount`: running as root, and no account to run the server as.
 * - `InUse`: another server, or another start, holds the data directory.
 * - `OtherVersion`: the data directory was made by another major version.
 * - `NotADataDirectory`: the directory holds files of something else.
 * - `NotWritable`: the directory cannot be created, reached or written.
 * - `PortTaken`: something else listens on the port that was asked for.
 * - `Failed`: anything else; the message ends with what the server said.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Literals([
  "NoBinaries",
  "NoAccount",
  "InUse",
  "OtherVersion",
  "NotADataDirectory",
  "NotWritable",
  "PortTaken",
  "Failed"
])
/** @category models @since 0.1.0 */
export type Reason = typeof Reason.Type

/** @category errors @since 0.1.0 */
export class EmbeddedPostgresError extends Schema.TaggedError<EmbeddedPostgresError>()("EmbeddedPostgresError", {
  reason: Reason,
  /** What happened, then the remedy. */
  message: Schema.String,
  /** What to do about it; one sentence. */
  remedy: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** @category constructors @since 0.1.0 */
export const make = (options: {
  readonly reason: Reason
  /** What happened; one sentence. */
  readonly problem: string
  readonly remedy: string
  readonly cause?: unknown
}): EmbeddedPostgresError =>
  new EmbeddedPostgresError({
    reason: options.reason,
    message: `${options.problem} ${options.remedy}`,
    remedy: options.remedy,
    ...(options.cause === undefined ? {} : { cause: options.cause })
  })

/** @category constructors @since 0.1.0 */
export const inUse = (dataDir: string, holder: string): EmbeddedPostgresError =>
  make({
    reason: "InUse",
    problem: `The data directory ${dataDir} is in use by ${holder}.`,
    remedy: "Stop that process, or give this one a directory of its own."
  })

/** @category constructors @since 0.1.0 */
export const notWritable = (directory: string, account: string, cause?: unknown): EmbeddedPostgresError =>
  make({
    reason: "NotWritable",
    problem: `The directory ${directory} cannot be used by ${account}.`,
    remedy: "Choose a directory that this account owns and can reach, or correct the owner and the permissions.",
    cause
  })

/**
 * From what `initdb` or `postgres` said before it ended. Total: text nobody
 * knows becomes `Failed` and is kept.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromOutput = (options: {
  /** The program, for example `"initdb"`. */
  readonly program: string
  /** Standard error in the C locale. */
  readonly output: string
  readonly dataDir: string
  readonly account: string
  readonly port: number
}): EmbeddedPostgresError => {
  const { output, port } = options
  const cause = new Error(output.trim())
  if (/lock file "postmaster\.pid"|pre-existing shared memory block/.test(output)) {
    return inUse(options.dataDir, "another server")
  }
  if (/could not (bind|create any TCP\/IP)/.test(output)) {
    return make({
      reason: "PortTaken",
      problem: `Something else listens on 127.0.0.1:${port}.`,
      remedy: "Choose another port, or 0 for any free one.",
      cause
    })
  }
  if (/Permission denied|Read-only file system|has wrong ownership|Operation not permitted/.test(output)) {
    return notWritable(options.dataDir, options.account, cause)
  }
  return make({
    reason: "Failed",
    problem: `${options.program} ended before the server was ready.`,
    remedy: `It said: ${output.trim() || "(nothing)"}`,
    cause
  })
}
