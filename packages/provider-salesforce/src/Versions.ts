/**
 * Versions of the REST API: which an org has, and which one is asked.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SalesforceError from "./SalesforceError.ts"
import type * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A version that an org has. @category models @since 0.1.0 */
export interface Version {
  /** As in `Spring '26`. */
  readonly label: string
  /** As in `66.0`. */
  readonly version: string
}

/** @category models @since 0.1.0 */
export interface Versions {
  /** `/services/data/v66.0`. */
  readonly base: Effect.Effect<string, ChangeSource.SourceError>
  /** Fails again, and says so if it is because the org does not know the version. */
  readonly explain: (error: ChangeSource.SourceError) => Effect.Effect<never, ChangeSource.SourceError>
}

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

const source = "salesforce"

/** What may be asked for: a version in the form `66.0`, or `latest`. @category constants @since 0.1.0 */
export const pattern = /^(?:\d{2,3}\.0|latest)$/

const listed = /^\d{1,3}\.\d$/

/** A version in the form `66.0`, or `latest`. `Invalid` otherwise. @category conversions @since 0.1.0 */
export const parse = (text: string): Result.Result<string, ChangeSource.SourceError> =>
  pattern.test(text)
    ? Result.succeed(text)
    : Result.fail(
        SalesforceError.invalid(
          source,
          `"${SalesforceError.excerpt(text)}" is no API version: 66.0 is one, and "latest" is the newest the org has.`
        )
      )

const Body = Schema.fromJsonString(
  Schema.NonEmptyArray(Schema.Struct({ label: Schema.String, version: Schema.String.check(Schema.isPattern(listed)) }))
)

/** From the list an org answers, the oldest first. @category conversions @since 0.1.0 */
export const decode = ({ body }: Transport.Answer): Effect.Effect<ReadonlyArray<Version>, ChangeSource.SourceError> => {
  const list = Schema.decodeUnknownResult(Body)(body)
  return Result.isSuccess(list)
    ? Effect.succeed(list.success.toSorted((a, b) => Number(a.version) - Number(b.version)))
    : Effect.fail(SalesforceError.malformed(source, "The answer is not a list of API versions", body))
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * `ask` reads the org's list; it is read when it is first wanted, and kept once it
 * was read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  version: string,
  ask: Effect.Effect<ReadonlyArray<Version>, ChangeSource.SourceError>
): Versions => {
  let known: ReadonlyArray<Version> | undefined
  const list = Effect.suspend(() =>
    known === undefined ? Effect.tap(ask, (answered) => Effect.sync(() => (known = answered))) : Effect.succeed(known)
  )
  const newest = Effect.map(list, (versions) => versions.at(-1)?.version ?? "")
  const chosen = version === "latest" ? newest : Effect.succeed(version)
  return {
    base: Effect.map(chosen, (version) => `/services/data/v${version}`),
    explain: (error) =>
      version !== "latest" && SalesforceError.isUnknownPath(error)
        ? Effect.matchEffect(list, {
            // Why the list cannot be read is another matter.
            onFailure: () => Effect.fail(error),
            onSuccess: (versions) => Effect.fail(isIn(version, versions) ? error : unknown(version, versions))
          })
        : Effect.fail(error)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const isIn = (version: string, versions: ReadonlyArray<Version>) => versions.some((one) => one.version === version)

const unknown = (version: string, versions: ReadonlyArray<Version>) =>
  SalesforceError.invalid(
    source,
    `The org has no API version ${version}: it has ${versions[0]?.version} to ${versions.at(-1)?.version}. ` +
      `Set apiVersion to "${versions.at(-1)?.version}" or "latest".`
  )
