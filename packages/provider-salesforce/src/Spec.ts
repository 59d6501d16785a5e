/**
 * What a connection to an org needs, as a schema: for files of settings, for
 * editors, for forms.
 *
 * How a secret is written is the caller's: the schema is made with the schema of
 * a secret, and credentials are made with what reveals it.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Credentials from "./Credentials.ts"
import * as Versions from "./Versions.ts"

// -----------------------------------------------------------------------------
// parts
// -----------------------------------------------------------------------------

const addressForm = "an address such as https://NAME.my.salesforce.com, without a path"

/** An address without anything but scheme, host and port, so that a secret cannot be part of it. */
const Address = Schema.String.check(
  Schema.isPattern(/^https?:\/\/[A-Za-z0-9.:[\]-]+\/?$/, { expected: addressForm }),
  Schema.makeFilter((text) => (URL.canParse(text) ? undefined : "no address"), { expected: addressForm })
)

const versionForm = 'an API version such as "66.0", or latest'

// Without quotes YAML reads 66.0 as the number 66.
const ApiVersion = Schema.Union([
  Schema.String.check(Schema.isPattern(Versions.pattern, { expected: versionForm })),
  Schema.Int.check(Schema.isBetween({ minimum: 10, maximum: 999 }, { expected: versionForm }))
]).annotate({
  expected: versionForm,
  description: 'API version, such as "66.0", the usual one, or latest: the newest the org has.'
})

const clientId = Schema.NonEmptyString.annotate({ description: "The app's consumer key." })

const loginUrl = Schema.optionalKey(
  Address.annotate({
    description:
      "Where tokens are given: https://login.salesforce.com, https://test.salesforce.com, or the My Domain address, which it is when not given."
  })
)

const ApiBudget = Schema.Struct({
  share: Schema.optionalKey(
    Schema.Finite.check(
      Schema.makeFilter((share) => (share > 0 && share <= 1 ? undefined : "no share"), {
        expected: "a share: above 0, and at most 1"
      })
    ).annotate({
      description:
        "Share of the org's daily calls at which reading stops, counting those of all integrations. 0.8 when not given."
    })
  ),
  calls: Schema.optionalKey(
    Schema.Int.check(
      Schema.isBetween({ minimum: 1, maximum: 1e9 }, { expected: "a whole number from 1 to 1000000000" })
    ).annotate({ description: "Calls of the org within 24 hours at which reading stops." })
  )
})

// -----------------------------------------------------------------------------
// schemas
// -----------------------------------------------------------------------------

/** The ways to get a session. @category schemas @since 0.1.0 */
export const auth = <S, E>(secret: Schema.Codec<S, E>) =>
  Schema.Union([
    Schema.Struct({
      type: Schema.Literal("bearer").annotate({ description: "An access token that nothing renews." }),
      token: secret
    }),
    Schema.Struct({
      type: Schema.Literal("refresh").annotate({ description: "A refresh token (OAuth 2.0)." }),
      clientId,
      clientSecret: Schema.optionalKey(secret),
      refreshToken: secret,
      loginUrl
    }),
    Schema.Struct({
      type: Schema.Literal("jwt").annotate({ description: "A private key (OAuth 2.0, JWT bearer)." }),
      clientId,
      username: Schema.NonEmptyString.annotate({ description: "Whom to act as." }),
      privateKey: secret,
      audience: Schema.optionalKey(
        Address.annotate({ description: "Where users log in; found by the login address when not given." })
      ),
      loginUrl
    }),
    Schema.Struct({
      type: Schema.Literal("clientCredentials").annotate({ description: "The app itself (OAuth 2.0)." }),
      clientId,
      clientSecret: secret
    })
  ])

/** @category models @since 0.1.0 */
export type Auth<S> = ReturnType<typeof auth<S, unknown>>["Type"]

/** All settings; what flags may give may be missing. @category schemas @since 0.1.0 */
export const settings = <S, E>(secret: Schema.Codec<S, E>) =>
  Schema.Struct({
    provider: Schema.Literal("salesforce"),
    url: Schema.optionalKey(
      Address.annotate({ description: "The org's My Domain address, https://NAME.my.salesforce.com." })
    ),
    apiVersion: Schema.optionalKey(ApiVersion),
    auth: Schema.optionalKey(auth(secret)),
    apiBudget: Schema.optionalKey(ApiBudget),
    trustedHosts: Schema.optionalKey(
      Schema.Array(Schema.NonEmptyString).check(Schema.isMaxLength(100)).annotate({
        description:
          "Host names that a token may be taken to when the login server names them, besides Salesforce's own."
      })
    )
  })

/** @category models @since 0.1.0 */
export type Settings<S> = ReturnType<typeof settings<S, unknown>>["Type"]

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

/** `66` as `66.0`. @category conversions @since 0.1.0 */
export const apiVersion = (version: string | number): string => (typeof version === "number" ? `${version}.0` : version)

/** Every secret, with the name of its setting. @category getters @since 0.1.0 */
export const secrets = <S>(auth: Auth<S>): ReadonlyArray<readonly [name: string, secret: S]> => {
  switch (auth.type) {
    case "bearer":
      return [["token", auth.token]]
    case "refresh":
      return [
        ...(auth.clientSecret === undefined ? [] : [["clientSecret", auth.clientSecret] as const]),
        ["refreshToken", auth.refreshToken]
      ]
    case "jwt":
      return [["privateKey", auth.privateKey]]
    case "clientCredentials":
      return [["clientSecret", auth.clientSecret]]
  }
}

/** @category conversions @since 0.1.0 */
export const credentials = <S>(
  auth: Auth<S>,
  options: {
    /** The org's address: where tokens are given, unless the settings say otherwise. */
    readonly url: string
    readonly reveal: (secret: S) => Redacted.Redacted
    /** Keeps a rotated refresh token, see `Credentials.Refresh`. */
    readonly persist: (refreshToken: Redacted.Redacted) => Effect.Effect<void, ChangeSource.SourceError>
  }
): Credentials.Credentials => {
  const { persist, reveal, url } = options
  switch (auth.type) {
    case "bearer":
      return Credentials.bearer(reveal(auth.token))
    case "refresh":
      return Credentials.refresh({
        loginUrl: auth.loginUrl ?? url,
        clientId: auth.clientId,
        clientSecret: auth.clientSecret === undefined ? undefined : reveal(auth.clientSecret),
        refreshToken: reveal(auth.refreshToken),
        persist
      })
    case "jwt":
      return Credentials.jwt({
        loginUrl: auth.loginUrl ?? url,
        clientId: auth.clientId,
        username: auth.username,
        privateKey: reveal(auth.privateKey),
        audience: auth.audience
      })
    case "clientCredentials":
      return Credentials.clientCredentials({
        url,
        clientId: auth.clientId,
        clientSecret: reveal(auth.clientSecret)
      })
  }
}
