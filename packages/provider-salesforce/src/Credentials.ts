/**
 * Who speaks to Salesforce, and how a session is got. What is done with them is in
 * `Sessions`; secrets are `Redacted` and are never shown.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** An access token that nothing renews. @category models @since 0.1.0 */
export interface Bearer {
  readonly _tag: "Bearer"
  readonly token: Redacted.Redacted
}

/** A refresh token (OAuth 2.0, "refresh_token" grant). @category models @since 0.1.0 */
export interface Refresh {
  readonly _tag: "Refresh"
  /** `https://login.salesforce.com`, `https://test.salesforce.com`, or the My Domain address. */
  readonly loginUrl: string
  readonly clientId: string
  readonly clientSecret?: Redacted.Redacted | undefined
  readonly refreshToken: Redacted.Redacted
  /** Stores a rotated refresh token durably. Called before the new session is used. */
  readonly persist: (refreshToken: Redacted.Redacted) => Effect.Effect<void, ChangeSource.SourceError>
}

/**
 * A private key (OAuth 2.0, "jwt-bearer" grant). There is no refresh token: a new
 * assertion is signed whenever a session has ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Jwt {
  readonly _tag: "Jwt"
  /** `https://login.salesforce.com`, `https://test.salesforce.com`, or the My Domain address. */
  readonly loginUrl: string
  readonly clientId: string
  /** Whom to act as. An administrator must have approved the app for this user. */
  readonly username: string
  /** RSA, in PEM (PKCS#8), unencrypted. The app holds its certificate. */
  readonly privateKey: Redacted.Redacted
  /** Where users log in. Defaults to `https://test.salesforce.com` for sandboxes and scratch orgs, else `https://login.salesforce.com`. */
  readonly audience?: string | undefined
  /** How long an assertion is valid, at most 3 minutes. Defaults to 2 minutes. */
  readonly lifetime?: Duration.Input | undefined
}

/** The app itself (OAuth 2.0, "client_credentials" grant): acts as the user the app is set up with. @category models @since 0.1.0 */
export interface ClientCredentials {
  readonly _tag: "ClientCredentials"
  /** The My Domain address, `https://NAME.my.salesforce.com`; the shared login hosts give no such tokens. */
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
}

/** Credentials that give a new session when one has ended. @category models @since 0.1.0 */
export type Renewable = Refresh | Jwt | ClientCredentials

/** @category models @since 0.1.0 */
export type Credentials = Bearer | Renewable

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const bearer = (token: Redacted.Redacted): Bearer => ({ _tag: "Bearer", token })

/** @category constructors @since 0.1.0 */
export const refresh = (options: Omit<Refresh, "_tag">): Refresh => ({ _tag: "Refresh", ...options })

/** @category constructors @since 0.1.0 */
export const jwt = (options: Omit<Jwt, "_tag">): Jwt => ({ _tag: "Jwt", ...options })

/** @category constructors @since 0.1.0 */
export const clientCredentials = (options: Omit<ClientCredentials, "_tag">): ClientCredentials => ({
  _tag: "ClientCredentials",
  ...options
})
