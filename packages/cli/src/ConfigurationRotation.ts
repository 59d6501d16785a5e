/**
 * A secret that is replaced while it is used, such as a refresh token: its newest
 * value, and where the next one is kept.
 *
 * A secret that came from a file is replaced in that file. One that came from an
 * environment variable, or is written out, is kept in a file beside the
 * configuration, together with a digest of the value it took the place of: when
 * that is given another value, the newer authorisation counts, and the file is
 * passed over.
 *
 * **Law**: after any number of replacements, and a crash between any two of them,
 * the next start has the value that was kept last.
 *
 * @since 0.1.0
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ConfigurationFile from "./ConfigurationFile.ts"
import * as ConfigurationSecret from "./ConfigurationSecret.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Rotation {
  /** The newest value. */
  readonly value: Redacted.Redacted
  /** Where the next value is kept. */
  readonly file: string
  /** Keeps the next value: it is on the disk when this succeeds. */
  readonly keep: (next: Redacted.Redacted) => Effect.Effect<void, Problem.Problem>
}

const Kept = Schema.fromJsonString(
  Schema.Struct({
    /** SHA-256 of the configured value, in hex. */
    replaces: Schema.String,
    value: Schema.NonEmptyString
  })
)

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Where a value is kept that came from no file. @category getters @since 0.1.0 */
export const besideOf = (configuration: string): string => `${configuration}.rotated`

/** `value` is the one that the configuration leads to. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  secret: ConfigurationSecret.Secret,
  value: Redacted.Redacted,
  place: ConfigurationSecret.Place
): Effect.fn.Return<Rotation, Problem.Problem, FileSystem.FileSystem | Path.Path> {
  const context = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const keeping = (file: string, text: string) =>
    ConfigurationFile.replace(file, text).pipe(
      Effect.mapError((error) => Problem.mendable(unkept(file, error.reason._tag))),
      Effect.provideContext(context)
    )
  const own = yield* ConfigurationSecret.fileOf(secret, place)
  if (own !== undefined) {
    return { value, file: own, keep: (next) => keeping(own, `${Redacted.value(next)}\n`) }
  }
  const file = besideOf(place.file)
  const replaces = yield* digestOf(Redacted.value(value))
  const kept = yield* keptIn(file)
  return {
    value: kept?.replaces === replaces ? Redacted.make(kept.value) : value,
    file,
    keep: (next) => keeping(file, `${Schema.encodeSync(Kept)({ replaces, value: Redacted.value(next) })}\n`)
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const unkept = (file: string, why: string): string =>
  `A new token was given, and it cannot be written to ${Text.safe(file)} (${why}). The one before it may not be good ` +
  "any more. Make the directory writable; if the next run is refused, authorise the app again."

const digestOf = (text: string) =>
  Effect.flatMap(Digest.Digest, (digest) => digest.digestHex(Digest.sha256, new TextEncoder().encode(text))).pipe(
    Effect.provide(Digest.layerWebCrypto)
  )

const keptIn = Effect.fnUntraced(function* (file: string) {
  const contents = yield* Effect.result(ConfigurationFile.read(file, ConfigurationSecret.sizeMax * 2))
  if (Result.isFailure(contents)) {
    if (contents.failure.isMissing) return undefined
    return yield* Problem.mendable(`The token kept in ${Text.safe(file)} ${contents.failure.message}.`)
  }
  const { mode, text } = contents.success
  if (!ConfigurationFile.isPrivate(mode)) {
    return yield* Problem.mendable(
      `Others may read the token in ${Text.safe(file)} (mode ${ConfigurationFile.formatMode(mode)}). ` +
        `Run \`${ConfigurationFile.chmod("600", file)}\`.`
    )
  }
  const kept = Schema.decodeUnknownResult(Kept)(text)
  if (Result.isSuccess(kept)) return kept.success
  return yield* Problem.mendable(
    `${Text.safe(file)} holds no token that was kept. Remove it, and authorise the app again if the next run is refused.`
  )
})
