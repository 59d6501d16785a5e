/**
 * The app that clients log in as, and the keys it proves itself with (Salesforce:
 * "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
 *
 * Signatures are verified for real. With no public key given, a pair is made when
 * somebody asks for it: it is another one each time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Instant from "./Instant.ts"
import type * as Message from "./Message.ts"
import type * as Sessions from "./Sessions.ts"
import * as SimulatorError from "./SimulatorError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface App {
  /** The claim `iss` of assertions. */
  readonly clientId: string
  /** The user all requests run as, and the claim `sub` of assertions. */
  readonly username: string
  /** Absent until it is given or made. */
  publicKey: CryptoKey | undefined
  /** PKCS #8 in PEM; absent for a key that was given, and until one is made. */
  privateKey: string | undefined
}

/** What a client needs to log in. @category models @since 0.1.0 */
export interface Credentials {
  readonly clientId: string
  readonly username: string
  /** What the claim `aud` may be, beside the org's own address. */
  readonly audiences: ReadonlyArray<string>
  /** PKCS #8 in PEM; `null` when the public key was given. */
  readonly privateKey: string | null
  /** The refresh token that is good now; `null` when none is. */
  readonly refreshToken: string | null
}

/** @category constants @since 0.1.0 */
export const audiences: ReadonlyArray<string> = ["https://login.salesforce.com", "https://test.salesforce.com"]

/** How far ahead an assertion may expire, in ms. @category constants @since 0.1.0 */
export const aheadMs = 5 * Instant.minute

/** @category constants @since 0.1.0 */
export const clientId = "3MVG9simulatedClientId"

/** @category constants @since 0.1.0 */
export const username = "simulated.user@example.com"

const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * With a public key (SPKI in PEM) only what its private key signed is let in.
 * Fails with `Options` when the text is no such key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Partial<Pick<App, "clientId" | "username">> & { readonly publicKey?: string }
): Effect.Effect<App, SimulatorError.SimulatorError> => {
  const app: App = {
    clientId: options.clientId ?? clientId,
    username: options.username ?? username,
    publicKey: undefined,
    privateKey: undefined
  }
  if (options.publicKey === undefined) return Effect.succeed(app)
  const body = options.publicKey.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, "")
  return Effect.fromResult(Base64.decode(body)).pipe(
    Effect.flatMap((der) =>
      Effect.tryPromise(() => crypto.subtle.importKey("spki", Uint8Array.from(der), algorithm, false, ["verify"]))
    ),
    Effect.mapError(
      (cause) =>
        new SimulatorError.SimulatorError({
          reason: "Options",
          message:
            "The option publicKey is no RSA key: give the text between and with -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----.",
          cause
        })
    ),
    Effect.map((publicKey) => ({ ...app, publicKey }))
  )
}

// -----------------------------------------------------------------------------
// keys
// -----------------------------------------------------------------------------

/** Makes a pair of keys unless there is one. @category combinators @since 0.1.0 */
export const prepare = (app: App): Promise<App> =>
  app.publicKey !== undefined
    ? Promise.resolve(app)
    : crypto.subtle
        .generateKey({ ...algorithm, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, [
          "sign",
          "verify"
        ])
        .then(({ privateKey, publicKey }) =>
          crypto.subtle.exportKey("pkcs8", privateKey).then((der) => {
            // Two that made one at the same time keep the first.
            app.privateKey ??= pem(der)
            if (app.privateKey === pem(der)) app.publicKey = publicKey
            return app
          })
        )

/** @category getters @since 0.1.0 */
export const credentials = (
  { clientId, privateKey, username }: App,
  { refreshToken }: Sessions.Sessions
): Credentials => ({
  clientId,
  username,
  audiences,
  privateKey: privateKey ?? null,
  refreshToken: refreshToken ?? null
})

/** The assertion of a token request; `undefined` when it has none. @category getters @since 0.1.0 */
export const assertion = ({ body, method, path }: Message.Request): string | undefined =>
  method === "POST" && path.join("/") === "services/oauth2/token"
    ? (new URLSearchParams(body).get("assertion") ?? undefined)
    : undefined

/** Whether the app's own key signed it, with RS256. @category guards @since 0.1.0 */
export const isSigned = (app: App, assertion: string): Promise<boolean> => {
  const [head = "", claims = "", signature = ""] = assertion.split(".")
  const bytes = Base64Url.decode(signature)
  if (Result.isFailure(bytes) || Result.isFailure(decodeHead(text(head)))) return Promise.resolve(false)
  const signed = new TextEncoder().encode(`${head}.${claims}`)
  return prepare(app).then(({ publicKey }) =>
    publicKey === undefined
      ? false
      : crypto.subtle.verify(algorithm.name, publicKey, Uint8Array.from(bytes.success), signed)
  )
}

// -----------------------------------------------------------------------------
// claims
// -----------------------------------------------------------------------------

/**
 * Why an assertion is refused at this time (ms), `undefined` when it is not.
 * `exp` is in seconds, as a number or its text: in ms it lies too far ahead.
 *
 * @category decisions
 * @since 0.1.0
 */
export const denial = (
  app: App,
  assertion: string,
  facts: { readonly isSigned: boolean; readonly now: number; readonly url: string }
): Sessions.Denied | undefined => {
  const decoded = decodeClaims(text(assertion.split(".")[1] ?? ""))
  if (Result.isFailure(decoded)) return invalid("invalid assertion")
  const { aud, exp, iss, sub } = decoded.success
  if (iss !== app.clientId) return { error: "invalid_client_id", error_description: "client identifier invalid" }
  if (!facts.isSigned) return invalid("invalid assertion")
  if (![...audiences, facts.url].includes(aud.replace(/\/$/, ""))) return invalid("audience is invalid")
  const expiresAt = Number(exp) * Instant.second
  if (!(expiresAt > facts.now)) return invalid("expired authorization code")
  if (expiresAt > facts.now + aheadMs) return invalid("invalid assertion")
  return sub === app.username ? undefined : invalid("user hasn't approved this consumer")
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const decodeHead = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ alg: Schema.Literal("RS256") })))

const decodeClaims = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Struct({
      iss: Schema.String,
      sub: Schema.String,
      aud: Schema.String,
      exp: Schema.Union([Schema.Finite, Schema.String])
    })
  )
)

const invalid = (description: string): Sessions.Denied => ({ error: "invalid_grant", error_description: description })

const text = (part: string): string => Result.getOrElse(Base64Url.decodeString(part), () => "")

const pem = (der: ArrayBuffer): string => {
  const lines = Base64.encode(new Uint8Array(der)).match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`
}
