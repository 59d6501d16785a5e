/**
 * The directory a server keeps its data in: made, checked, and free of others.
 *
 * **Guarantees**
 *
 * - A directory is initialised as a whole or not at all: `PG_VERSION` appears
 *   last, and what an interrupted initialisation left is cleared by the next one.
 * - Only an empty directory, or such a leftover, is ever initialised; files of
 *   something else are refused, not removed.
 * - Two processes never initialise one directory at once: both announce
 *   themselves before they look, and who sees another steps back.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import * as Account from "./Account.ts"
import type { Binaries } from "./Binaries.ts"
import * as Command from "./Command.ts"
import * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"
import * as Holder from "./Holder.ts"

type Failure = EmbeddedPostgresError.EmbeddedPostgresError

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A directory that is removed when the scope closes. @category constructors @since 0.1.0 */
export const temporary: Effect.Effect<string, Failure, Scope.Scope> = Effect.acquireRelease(
  Effect.suspend(() => {
    const parent = os.tmpdir()
    return touch(parent, undefined, () => fs.mkdtemp(path.join(parent, "tidemark-pg-")))
  }),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true, force: true, maxRetries: 3 }))
)

/** A directory that stays; made with its parents if it is not there. @category constructors @since 0.1.0 */
export const kept = (directory: string): Effect.Effect<string, Failure> =>
  Effect.suspend(() => {
    const absolute = path.resolve(directory)
    return Effect.as(
      touch(absolute, undefined, () => fs.mkdir(absolute, { recursive: true })),
      absolute
    )
  })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Leaves an initialised directory of mode 0700 with nobody working in it. Fails
 * with `InUse`, `OtherVersion`, `NotADataDirectory` or `NotWritable`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const prepare = Effect.fnUntraced(function* (options: {
  readonly directory: string
  readonly binaries: Binaries
  readonly account: Account.Account | undefined
  /** Whether the initialisation is forced to disk. */
  readonly durable: boolean
}): Effect.fn.Return<void, Failure> {
  const { account, binaries, directory } = options
  const version = yield* versionOf(directory, account)
  if (version === undefined) yield* initialise(options)
  else if (version !== binaries.major) {
    return yield* EmbeddedPostgresError.make({
      reason: "OtherVersion",
      problem: `${directory} was made by PostgreSQL ${version}; this is PostgreSQL ${binaries.version}.`,
      remedy: `Dump it with a server of version ${version}, or choose another directory.`
    })
  }
  yield* touch(directory, account, () => fs.chmod(directory, 0o700))
  const holder = yield* Holder.of(directory)
  if (holder !== undefined) return yield* EmbeddedPostgresError.inUse(directory, `the server with process id ${holder}`)
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Major version, or `undefined` for a directory that is not initialised. */
const versionOf = (directory: string, account: Account.Account | undefined) =>
  touch(directory, account, () => fs.readdir(directory)).pipe(
    Effect.flatMap((names) =>
      names.includes("PG_VERSION")
        ? touch(directory, account, () => fs.readFile(path.join(directory, "PG_VERSION"), "utf8"))
        : Effect.succeed("")
    ),
    Effect.map((text) => (text.trim() === "" ? undefined : text.trim()))
  )

const announcement = /^\.initialising-(\d+)-([0-9a-f]+)$/

/** Tells this process from an earlier one with the same process id. */
const token = randomBytes(4).toString("hex")

const initialise = (options: Parameters<typeof prepare>[0]): Effect.Effect<void, Failure> => {
  const { account, binaries, directory } = options
  const at = (...names: ReadonlyArray<string>) => path.join(directory, ...names)
  const own = `.initialising-${process.pid}-${token}`
  const announce = touch(directory, account, () => fs.mkdir(at(own), { mode: 0o700 }))
  const withdraw = Effect.promise(() => fs.rm(at(own), { recursive: true, force: true }))
  const fill = Effect.gen(function* () {
    if (account !== undefined) yield* touch(directory, account, () => fs.chown(at(own), account.uid, account.gid))
    yield* clear(directory, account, own)
    const flags = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"]
    const made = yield* Command.run(
      binaries.initdb,
      ["-D", at(own), ...flags, ...(options.durable ? [] : ["--no-sync"])],
      account
    )
    if (made.status !== 0) {
      const said = { output: made.output, dataDir: directory, account: Account.nameOf(account), port: 0 }
      return yield* EmbeddedPostgresError.fromOutput({ program: "initdb", ...said })
    }
    const names = yield* touch(directory, account, () => fs.readdir(at(own)))
    const inOrder = [...names.filter((name) => name !== "PG_VERSION"), "PG_VERSION"]
    yield* Effect.uninterruptible(
      Effect.forEach(inOrder, (name) => touch(directory, account, () => fs.rename(at(own, name), at(name))), {
        discard: true
      })
    )
  })
  return Effect.acquireUseRelease(
    Effect.mapError(announce, (error) => (isPresence(error.cause) ? anotherStart(directory) : error)),
    () => fill,
    () => withdraw
  )
}

/** Empties a directory that an initialisation left half done; refuses any other that is not empty. */
const clear = Effect.fnUntraced(function* (directory: string, account: Account.Account | undefined, own: string) {
  const names = yield* touch(directory, account, () => fs.readdir(directory))
  const others = names.filter((name) => name !== own && name !== "lost+found")
  const announced = others.flatMap((name) => {
    const match = announcement.exec(name)
    return match === null ? [] : [{ pid: Number(match[1]), token: match[2] }]
  })
  for (const each of announced) {
    const isLive = each.pid === process.pid ? each.token === token : yield* Holder.isAlive(each.pid)
    if (isLive) return yield* anotherStart(directory)
  }
  if (announced.length === 0 && others.length > 0) {
    return yield* EmbeddedPostgresError.make({
      reason: "NotADataDirectory",
      problem: `${directory} holds files of something else, such as ${others[0]}.`,
      remedy: "Choose an empty directory, or one that does not exist yet."
    })
  }
  yield* Effect.forEach(others, (name) =>
    touch(directory, account, () => fs.rm(path.join(directory, name), { recursive: true, force: true }))
  )
})

const anotherStart = (directory: string) => EmbeddedPostgresError.inUse(directory, "another start")

const touch = <A>(directory: string, account: Account.Account | undefined, step: () => Promise<A>) =>
  Effect.tryPromise({
    try: step,
    catch: (cause) => EmbeddedPostgresError.notWritable(directory, Account.nameOf(account), cause)
  })

const isPresence = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "EEXIST"
