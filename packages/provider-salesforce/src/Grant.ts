/**
 * One exchange with the token endpoint: credentials for a session.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Address from "./Address.ts"
import type * as Credentials from "./Credentials.ts"
import * as Jwt from "./Jwt.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Setting from "./Setting.ts"
import type * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What the token endpoint gave. @category models @since 0.1.0 */
export interface Grant {
  /** Where the org lives now: scheme, host and port. */
  readonly origin: string
  readonly token: Redacted.Redacted
  /** The refresh token that replaces the one sent; `undefined` when that one stays. */
  readonly rotated: Redacted.Redacted | undefined
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly source: string
  /** Where the org lives according to who configured it. */
  readonly origin: string
  readonly credentials: Credentials.Renewable
  /** Hosts that a token may be taken to besides Salesforce's own and those configured. */
  readonly trustedHosts: ReadonlyArray<string>
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Transport.Answer, ChangeSource.SourceError>
}

// -----------------------------------------------------------------------------
// exchange
// -----------------------------------------------------------------------------

/**
 * Asks the token endpoint once. `refreshToken` is the newest one, `now` the time of
 * the server as well as it is known, in ms.
 *
 * @category exchange
 * @since 0.1.0
 */
export const ask = Effect.fnUntraced(function* (
  options: Options,
  refreshToken: Redacted.Redacted | undefined,
  now: number
): Effect.fn.Return<Grant, ChangeSource.SourceError> {
  const { source } = options
  const login = yield* loginOf(options)
  const form = yield* formOf(options, login, refreshToken, now)
  const answer = yield* options.exchange(
    HttpClientRequest.post(`${login}/services/oauth2/token`).pipe(
      HttpClientRequest.acceptJson,
      HttpClientRequest.bodyUrlParams(form)
    )
  )
  if (answer.status !== 200) {
    const secrets = secret.flatMap((name) => (form[name] === undefined ? [] : [form[name]]))
    return yield* SalesforceError.fromAnswer({ source, ...answer, secrets })
  }
  const body = Schema.decodeUnknownResult(Body)(answer.body)
  // The body holds tokens, so no part of it is shown.
  if (Result.isFailure(body)) {
    return yield* SalesforceError.malformed(source, "The token endpoint answered 200 without a token and an address")
  }
  const { access_token, instance_url, refresh_token } = body.success
  const isRotated = refresh_token !== undefined && refresh_token !== form["refresh_token"]
  return {
    origin: yield* Effect.fromResult(
      Address.instance({
        source,
        address: instance_url,
        configured: [options.origin, login],
        trusted: options.trustedHosts
      })
    ),
    token: Redacted.make(access_token),
    rotated: isRotated && options.credentials._tag === "Refresh" ? Redacted.make(refresh_token) : undefined
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const Body = Schema.fromJsonString(
  Schema.Struct({
    access_token: Schema.NonEmptyString,
    instance_url: Schema.NonEmptyString,
    refresh_token: Schema.optionalKey(Schema.NonEmptyString)
  })
)

type Form = { readonly [name: string]: string }

/** Names of what is not to be shown. */
const secret = ["client_secret", "refresh_token", "assertion"]

const sharedLogins = ["login.salesforce.com", "test.salesforce.com"]

const loginOf = Effect.fnUntraced(function* ({
  credentials,
  source
}: Options): Effect.fn.Return<string, ChangeSource.SourceError> {
  if (credentials._tag !== "ClientCredentials") {
    return yield* Effect.fromResult(Address.origin(source, credentials.loginUrl))
  }
  const login = yield* Effect.fromResult(Address.origin(source, credentials.url))
  if (sharedLogins.includes(new URL(login).hostname)) {
    return yield* SalesforceError.invalid(
      source,
      `${login} gives no tokens for client credentials: give the org's My Domain address, https://NAME.my.salesforce.com.`
    )
  }
  return login
})

const formOf = Effect.fnUntraced(function* (
  { credentials, source }: Options,
  login: string,
  refreshToken: Redacted.Redacted | undefined,
  now: number
): Effect.fn.Return<Form, ChangeSource.SourceError> {
  switch (credentials._tag) {
    case "Refresh":
      return {
        grant_type: "refresh_token",
        client_id: credentials.clientId,
        ...(credentials.clientSecret === undefined ? {} : { client_secret: Redacted.value(credentials.clientSecret) }),
        refresh_token: Redacted.value(refreshToken ?? credentials.refreshToken)
      }
    case "ClientCredentials":
      return {
        grant_type: "client_credentials",
        client_id: credentials.clientId,
        client_secret: Redacted.value(credentials.clientSecret)
      }
    case "Jwt": {
      const { clientId, privateKey, username } = credentials
      const asked = credentials.lifetime ?? Duration.minutes(2)
      const lifetime = yield* Setting.time("credentials.lifetime", asked, "10 seconds", Jwt.lifetimeMax)
      const exp = Math.floor((now + lifetime) / 1000)
      const claims = {
        iss: clientId,
        sub: username,
        aud: credentials.audience ?? Jwt.audience(new URL(login).hostname),
        exp
      }
      const assertion = yield* Jwt.sign(source, claims, privateKey)
      return { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: Redacted.value(assertion) }
    }
  }
})
