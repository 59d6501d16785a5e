/**
 * Files that hold settings and secrets: read with their mode, bounded, and
 * replaced as a whole or not at all.
 *
 * The mode is that of the file that was opened, read from the open file: what a
 * link leads to counts, and nothing can be exchanged between the look and the
 * read. Bits are compared, whoever runs the program: root may read everything,
 * and the others may still read what is open to them.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Contents {
  readonly text: string
  /** Permission bits of the file. */
  readonly mode: number
}

/** Why a file cannot be used: `isMissing` when there is none. @category models @since 0.1.0 */
export interface Unreadable {
  readonly isMissing: boolean
  /** Continues "the file ...". */
  readonly message: string
}

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/** Whether the owner alone may read and write it. @category guards @since 0.1.0 */
export const isPrivate = (mode: number): boolean => (mode & 0o077) === 0

/** Whether anybody may write to it, and so say where tokens are taken to. @category guards @since 0.1.0 */
export const isOpenToAll = (mode: number): boolean => (mode & 0o002) !== 0

/** The mode as `chmod` takes it, such as `0644`. @category formatting @since 0.1.0 */
export const formatMode = (mode: number): string => (mode & 0o777).toString(8).padStart(4, "0")

/** The call that takes rights away, to be copied to a shell. @category formatting @since 0.1.0 */
export const chmod = (rights: string, path: string): string =>
  /^[\w@%+=:,./-]+$/.test(path) && !path.startsWith("-")
    ? `chmod ${rights} ${path}`
    : `chmod ${rights} -- '${Text.safe(path).replaceAll("'", "'\\''")}'`

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/** The whole file, of at most `most` bytes of UTF-8. @category reading @since 0.1.0 */
export const read = (path: string, most: number): Effect.Effect<Contents, Unreadable, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    // Opening a pipe would wait for somebody to write to it.
    const before = yield* files.stat(path)
    if (before.type !== "File") return yield* Effect.fail(unfit("is no regular file"))
    const file = yield* files.open(path)
    const { mode, size, type } = yield* file.stat
    if (type !== "File") return yield* Effect.fail(unfit("is no regular file"))
    if (ByteSize.toBigInt(size) > BigInt(most)) return yield* Effect.fail(tooLong(most))
    const bytes = yield* bytesOf(file, most)
    const text = Result.try({
      try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      catch: () => unfit("is not UTF-8 text")
    })
    return { text: yield* Effect.fromResult(text), mode: mode & 0o777 }
  }).pipe(
    Effect.scoped,
    Effect.catchTag("PlatformError", (error) => Effect.fail(fromPlatform(error)))
  )

const unfit = (message: string): Unreadable => ({ isMissing: false, message })

const tooLong = (most: number) => unfit(`is longer than ${most} bytes, the most that are read`)

const fromPlatform = (error: PlatformError.PlatformError): Unreadable => {
  const isMissing = error.reason._tag === "NotFound"
  return { isMissing, message: isMissing ? "does not exist" : `cannot be read (${error.reason._tag})` }
}

// A file may have grown since it was looked at.
const bytesOf = Effect.fnUntraced(function* (file: FileSystem.File, most: number) {
  const buffer = new Uint8Array(most + 1)
  let length = 0
  while (length <= most) {
    const piece = yield* file.readAlloc(most + 1 - length)
    if (Option.isNone(piece)) return buffer.subarray(0, length)
    buffer.set(piece.value, length)
    length += piece.value.length
  }
  return yield* Effect.fail(tooLong(most))
})

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/**
 * Puts a text in place of a file, readable by its owner alone. The new text is on
 * the disk before it takes the old one's place, and after a crash the file is the
 * old one or the new one. A link stays; what it leads to is replaced.
 *
 * @category writing
 * @since 0.1.0
 */
export const replace = (
  path: string,
  text: string
): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.scoped(
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const target = yield* targetOf(path)
      const beside = yield* makeBeside(target)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* files.open(beside, { flag: "wx", mode: 0o600 })
          yield* file.writeAll(new TextEncoder().encode(text))
          yield* file.sync
        })
      )
      yield* files.rename(beside, target)
      const { dirname } = yield* Path.Path
      yield* (yield* files.open(dirname(target))).sync
    })
  )

/** Whether `replace` would be able to: makes a file beside it and takes it away. @category writing @since 0.1.0 */
export const canReplace = (path: string): Effect.Effect<boolean, never, FileSystem.FileSystem | Path.Path> =>
  Effect.scoped(
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const beside = yield* makeBeside(yield* targetOf(path))
      yield* files.open(beside, { flag: "wx", mode: 0o600 })
    })
  ).pipe(Effect.isSuccess)

const targetOf = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  return yield* Effect.catchIf(
    files.realPath(path),
    (error) => error.reason._tag === "NotFound",
    () => Effect.succeed(path)
  )
})

/** A name beside the file, of which nothing is left when the scope ends. */
const makeBeside = Effect.fnUntraced(function* (target: string) {
  const files = yield* FileSystem.FileSystem
  const { basename, dirname, join } = yield* Path.Path
  const number = yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)
  const beside = join(dirname(target), `.${basename(target)}.${number.toString(36)}`)
  yield* Effect.addFinalizer(() => Effect.ignore(files.remove(beside, { force: true })))
  return beside
})
