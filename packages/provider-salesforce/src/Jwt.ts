/**
 * The assertion of the JWT bearer flow: who asks, for whom, signed with RS256.
 *
 * Salesforce takes an `exp` in seconds, at most three minutes ahead of its own
 * clock (Salesforce Help, "OAuth 2.0 JWT Bearer Flow").
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Digest from "effect/crypto/Digest"
import * as KeyFormat from "effect/crypto/KeyFormat"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Signature from "effect/crypto/Signature"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SalesforceError from "./SalesforceError.ts"

/** @category models @since 0.1.0 */
export interface Claims {
  /** The app's client id. */
  readonly iss: string
  /** The user's name. */
  readonly sub: string
  /** Where users of the org log in. */
  readonly aud: string
  /** When it ends, in seconds since the epoch. */
  readonly exp: number
}

/** The longest an assertion may be valid. @category constants @since 0.1.0 */
export const lifetimeMax = "3 minutes"

/**
 * Where the users of an org log in, by the host of its login: sandboxes (`--` in
 * their My Domain) and scratch orgs at `test`, all others at `login`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const audience = (hostname: string): string =>
  hostname === "test.salesforce.com" || hostname.includes("--") || /\.(?:sandbox|scratch)\./.test(hostname)
    ? "https://test.salesforce.com"
    : "https://login.salesforce.com"

/**
 * The assertion as text. Fails with `Invalid` when the key is not a private RSA key
 * in PEM; the failure shows nothing of the key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sign = (
  source: string,
  claims: Claims,
  privateKey: Redacted.Redacted
): Effect.Effect<Redacted.Redacted, ChangeSource.SourceError> =>
  Effect.gen(function* () {
    const pem = Redacted.value(privateKey).trim()
    const format = pem.startsWith("-----BEGIN RSA PRIVATE KEY-----") ? KeyFormat.pkcs1 : KeyFormat.pkcs8
    const key = yield* KeyFormat.decodePrivate(KeyFormat.pem(format), algorithm, pem)
    const content = `${encode({ alg: "RS256", typ: "JWT" })}.${encode(claims)}`
    const signature = yield* Signature.Signature
    const signed = yield* signature.sign(key, new TextEncoder().encode(content))
    return Redacted.make(`${content}.${Base64Url.encode(signed)}`)
  }).pipe(
    Effect.catchTag("CryptoError", () => Effect.fail(SalesforceError.invalid(source, unreadable))),
    Effect.provide(Layer.provide(Signature.layerWebCrypto, SecureRandom.layerWebCrypto))
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// The length is of keys that are made here, and none is.
const algorithm = Signature.rsaPkcs1v15({ hash: Digest.sha256, modulusLength: 2048 })

const encode = (part: object): string => Base64Url.encode(JSON.stringify(part))

const unreadable =
  "The private key cannot be read: give the RSA key in PEM, PKCS#8, unencrypted, beginning with -----BEGIN PRIVATE KEY-----, whose certificate the app has."
