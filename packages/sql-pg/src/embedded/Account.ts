/**
 * The account a server runs as. PostgreSQL refuses to run as root, so root
 * lends the server another account; everybody else runs it as themselves.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Another account than our own. @category models @since 0.1.0 */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** Whom root lends, first one that exists. `nobody` exists nearly everywhere. @category constants @since 0.1.0 */
export const candidates: ReadonlyArray<string> = ["postgres", "_postgres", "nobody"]

/** @category guards @since 0.1.0 */
export const isRoot = (): boolean => process.getuid?.() === 0

/** A name for messages. @category combinators @since 0.1.0 */
export const nameOf = (account: Account | undefined): string => account?.name ?? os.userInfo().username

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The account for a server over this directory, which exists. `undefined` means
 * ourselves. Root takes the owner of the directory where that is somebody else,
 * so that a directory keeps its owner whoever starts the server; for its own
 * directories it takes the first of the candidates and gives it the directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forDirectory = Effect.fnUntraced(function* (
  directory: string,
  names: ReadonlyArray<string> = candidates
): Effect.fn.Return<Account | undefined, EmbeddedPostgresError.EmbeddedPostgresError> {
  if (!isRoot()) return undefined
  const accounts = yield* known
  const owner = yield* Effect.tryPromise({
    try: () => fs.stat(directory),
    catch: (cause) => EmbeddedPostgresError.notWritable(directory, "root", cause)
  })
  const keeper = owner.uid === 0 ? undefined : accounts.find((account) => account.uid === owner.uid)
  if (keeper !== undefined) return { ...keeper, gid: owner.gid }
  const lent = yield* lend(accounts, names)
  yield* Effect.tryPromise({
    try: () => fs.chown(directory, lent.uid, lent.gid),
    catch: (cause) => EmbeddedPostgresError.notWritable(directory, lent.name, cause)
  })
  return lent
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const lend = (accounts: ReadonlyArray<Account>, names: ReadonlyArray<string>) => {
  for (const name of names) {
    const account = accounts.find((each) => each.name === name)
    if (account !== undefined) return Effect.succeed(account)
  }
  return Effect.fail(
    EmbeddedPostgresError.make({
      reason: "NoAccount",
      problem: `PostgreSQL does not run as root, and there is none of the accounts ${names.join(", ")}.`,
      remedy: "Run as an ordinary user, or add an account named postgres."
    })
  )
}

/** `initdb` looks its account up by number, so only listed accounts will do. */
const known: Effect.Effect<ReadonlyArray<Account>, EmbeddedPostgresError.EmbeddedPostgresError> = Effect.tryPromise({
  try: () => fs.readFile("/etc/passwd", "utf8"),
  catch: (cause) =>
    EmbeddedPostgresError.make({
      reason: "NoAccount",
      problem: "PostgreSQL does not run as root, and the list of accounts cannot be read.",
      remedy: "Run as an ordinary user.",
      cause
    })
}).pipe(
  Effect.map((text) =>
    text.split("\n").flatMap((line) => {
      const [name, , uid, gid] = line.split(":")
      return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : []
    })
  )
)
