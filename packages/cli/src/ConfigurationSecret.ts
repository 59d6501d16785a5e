/**
 * Secrets of a configuration: where each is, and its value.
 *
 * A secret is `{ env: NAME }`, `{ file: PATH }`, or written out. Files that hold
 * one must be readable by their owner alone. Values are `Redacted`, and no problem
 * shows any part of them.
 *
 * @since 0.1.0
 */
import type * as Wrong from "@tidemark/core/model/Problem"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ConfigurationFile from "./ConfigurationFile.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The longest secret, in bytes: a private key with its certificates fits. @category constants @since 0.1.0 */
export const sizeMax = 64 * 1024

const Variable = Schema.String.check(
  Schema.makeFilter((text) => (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text) ? undefined : "no name"), {
    expected: "the name of an environment variable"
  })
).annotate({ description: "Name of the environment variable that holds the secret." })

const File = Schema.NonEmptyString.annotate({
  description:
    "Path of the file that holds the secret, absolute or from where the configuration is; readable by its owner alone."
})

/** @category schemas @since 0.1.0 */
export const Secret = Schema.Union([
  Schema.NonEmptyString.annotate({
    description: "The secret itself: only where the configuration is readable by its owner alone."
  }),
  Schema.Struct({ env: Variable }),
  Schema.Struct({ file: File })
]).annotate({ expected: "a secret: { env: NAME }, { file: PATH }, or a text" })
/** @category models @since 0.1.0 */
export type Secret = typeof Secret.Type

/** What a secret is written in. @category models @since 0.1.0 */
export interface Place {
  /** Where relative paths begin. */
  readonly directory: string
  readonly file: string
  /** Permission bits of the file. */
  readonly mode: number
}

// -----------------------------------------------------------------------------
// getters
// -----------------------------------------------------------------------------

type Read<A> = Effect.Effect<A, Wrong.Problem, FileSystem.FileSystem | Path.Path>

/** The value, or why there is none: `path` is where the secret stands in the file. @category getters @since 0.1.0 */
export const reveal = (secret: Secret, path: Wrong.Path, place: Place): Read<Redacted.Redacted> => {
  if (typeof secret === "string") return written(secret, path, place)
  return "env" in secret ? ofVariable(secret.env, path) : ofFile(secret.file, path, place)
}

/** The path of a secret that is in a file. @category getters @since 0.1.0 */
export const fileOf = (secret: Secret, { directory }: Place): Effect.Effect<string | undefined, never, Path.Path> =>
  Effect.map(Path.Path, ({ resolve }) =>
    typeof secret === "object" && "file" in secret ? resolve(directory, secret.file) : undefined
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const written = (secret: string, path: Wrong.Path, { file, mode }: Place): Read<Redacted.Redacted> =>
  ConfigurationFile.isPrivate(mode)
    ? Effect.succeed(Redacted.make(secret))
    : Effect.fail({
        path,
        message:
          `is written out in a file that others may read (mode ${ConfigurationFile.formatMode(mode)}). ` +
          `Run \`${ConfigurationFile.chmod("600", file)}\`, or name an environment variable instead: { env: NAME }`
      })

const ofVariable = Effect.fnUntraced(function* (name: string, path: Wrong.Path) {
  const provider = yield* ConfigProvider.ConfigProvider
  const node = yield* Effect.mapError(provider.load([name]), () => ({
    path,
    message: `names the environment variable ${name}, which cannot be read`
  }))
  const value = node?.value
  if (value === undefined || value === "") {
    return yield* Effect.fail({ path, message: `names the environment variable ${name}, which is not set` })
  }
  return Redacted.make(value)
})

const ofFile = Effect.fnUntraced(function* (file: string, path: Wrong.Path, place: Place) {
  const { resolve } = yield* Path.Path
  const target = resolve(place.directory, file)
  const { mode, text } = yield* Effect.mapError(ConfigurationFile.read(target, sizeMax), ({ message }) => ({
    path,
    message: `names the file ${target}, which ${message}`
  }))
  if (!ConfigurationFile.isPrivate(mode)) {
    const call = ConfigurationFile.chmod("600", target)
    return yield* Effect.fail({
      path,
      message: `names the file ${target}, which others may read (mode ${ConfigurationFile.formatMode(mode)}). Run \`${call}\``
    })
  }
  const value = text.replace(/\r?\n$/, "")
  if (value === "") return yield* Effect.fail({ path, message: `names the file ${target}, which is empty` })
  return Redacted.make(value)
})

/** Values of all secrets, or every problem that keeps one from being read. @category getters @since 0.1.0 */
export const revealAll = (
  secrets: ReadonlyArray<readonly [path: Wrong.Path, secret: Secret]>,
  place: Place
): Effect.Effect<
  ReadonlyMap<Secret, Redacted.Redacted>,
  ReadonlyArray<Wrong.Problem>,
  FileSystem.FileSystem | Path.Path
> =>
  Effect.flatMap(
    Effect.forEach(secrets, ([path, secret]) =>
      Effect.map(Effect.result(reveal(secret, path, place)), (result) => [secret, result] as const)
    ),
    (results) => {
      const problems = results.flatMap(([, result]) => (Result.isFailure(result) ? [result.failure] : []))
      return problems.length > 0
        ? Effect.fail(problems)
        : Effect.succeed(
            new Map(results.flatMap(([secret, result]) => (Result.isSuccess(result) ? [[secret, result.success]] : [])))
          )
    }
  )
