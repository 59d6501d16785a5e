/**
 * Who speaks to Salesforce: a token, and how to get the next one.
 *
 * Sessions end without notice (the OAuth answer names no lifetime), so a token
 * is renewed when the server refuses it. All requests that find their session
 * ended share one renewal. Where rotation is on, the old refresh token dies the
 * moment a new one is given: the new one is persisted before anything else is
 * done, and a renewal outlives the request that began it.
 *
 * **Guarantees**
 *
 * - however many requests meet one ended session, the token endpoint is asked once;
 * - no request is sent with a session whose refresh token is not persisted;
 * - a refresh token that could not be persisted is kept, and persisted first next time.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SalesforceError from "./SalesforceError.ts"
import type * as Transport from "./Transport.ts"

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

/** @category models @since 0.1.0 */
export type Credentials = Bearer | Refresh

/** @category constructors @since 0.1.0 */
export const bearer = (token: Redacted.Redacted): Bearer => ({ _tag: "Bearer", token })

/** @category constructors @since 0.1.0 */
export const refresh = (options: Omit<Refresh, "_tag">): Refresh => ({ _tag: "Refresh", ...options })

/** What requests are sent with. @category models @since 0.1.0 */
export interface Session {
  /** Where the org lives now: scheme, host and port. Read again at every renewal, because orgs move. */
  readonly origin: string
  readonly token: Redacted.Redacted
}

/** @category models @since 0.1.0 */
export interface Sessions {
  readonly current: Effect.Effect<Session, ChangeSource.SourceError>
  /** The session after `ended`; `undefined` when nothing renews these credentials. */
  readonly renew: ((ended: Session) => Effect.Effect<Session, ChangeSource.SourceError>) | undefined
}

// -----------------------------------------------------------------------------
// addresses
// -----------------------------------------------------------------------------

/**
 * Scheme, host and port of an address that may receive a token: https, or plain
 * http on this machine. `Invalid` otherwise.
 *
 * @category conversions
 * @since 0.1.0
 */
export const origin = (source: string, address: string): Result.Result<string, ChangeSource.SourceError> => {
  const refuse = (why: string) =>
    Result.fail(
      SalesforceError.invalid(
        source,
        `${SalesforceError.excerpt(address) || "(nothing)"} ${why}. Give the org's My Domain address, such as https://NAME.my.salesforce.com.`
      )
    )
  if (!URL.canParse(address)) return refuse("is not an address")
  const url = new URL(address)
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname)
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)) {
    return refuse("does not begin with https:// and would send the token in the clear")
  }
  if (url.username !== "" || url.password !== "") return Result.fail(SalesforceError.invalid(source, userInfo))
  if (url.pathname !== "/" || url.search !== "") return refuse("has a path, and only the host is wanted")
  return Result.succeed(url.origin)
}

const userInfo = "The address holds a user name or a password: give the address alone, and the token as credentials."

// -----------------------------------------------------------------------------
// sessions
// -----------------------------------------------------------------------------

/**
 * Sessions of these credentials. Nothing is sent until the first one is asked for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sessions = (options: {
  readonly source: string
  /** Where the org lives until a renewal says otherwise: scheme, host and port. */
  readonly origin: string
  readonly credentials: Credentials
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Transport.Answer, ChangeSource.SourceError>
}): Sessions => {
  const { credentials } = options
  if (credentials._tag === "Bearer") {
    const session: Session = { origin: options.origin, token: credentials.token }
    return { current: Effect.succeed(session), renew: undefined }
  }
  let session: Session | undefined
  let refreshToken = credentials.refreshToken
  let unsaved: Session | undefined
  let renewal: Deferred.Deferred<Session, ChangeSource.SourceError> | undefined

  const exchange = Effect.gen(function* () {
    if (unsaved === undefined) {
      const grant = yield* ask({ ...options, credentials, refreshToken })
      const next: Session = { origin: grant.origin, token: grant.token }
      if (grant.rotated === undefined) return next
      refreshToken = grant.rotated
      unsaved = next
    }
    const saved = unsaved
    yield* credentials.persist(refreshToken)
    unsaved = undefined
    return saved
  })

  // Detached, so that interrupting one request cannot lose a rotated token (the
  // exchange is bounded in time); masked, so that a renewal announced is begun.
  const shared = Effect.uninterruptibleMask((restore) => {
    if (renewal !== undefined) return restore(Deferred.await(renewal))
    const deferred = Deferred.makeUnsafe<Session, ChangeSource.SourceError>()
    renewal = deferred
    const finish = (exit: Exit.Exit<Session, ChangeSource.SourceError>) => {
      renewal = undefined
      if (Exit.isSuccess(exit)) session = exit.value
      return Deferred.done(deferred, exit)
    }
    return Effect.andThen(Effect.forkDetach(Effect.onExit(exchange, finish)), restore(Deferred.await(deferred)))
  })

  return {
    current: Effect.suspend(() => (session === undefined ? shared : Effect.succeed(session))),
    renew: (ended) =>
      Effect.suspend(() => (session === undefined || session === ended ? shared : Effect.succeed(session)))
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const Grant = Schema.fromJsonString(
  Schema.Struct({
    access_token: Schema.NonEmptyString,
    instance_url: Schema.NonEmptyString,
    refresh_token: Schema.optionalKey(Schema.NonEmptyString)
  })
)

const ask = Effect.fnUntraced(function* (options: {
  readonly source: string
  readonly credentials: Refresh
  readonly refreshToken: Redacted.Redacted
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Transport.Answer, ChangeSource.SourceError>
}): Effect.fn.Return<
  { readonly origin: string; readonly token: Redacted.Redacted; readonly rotated: Redacted.Redacted | undefined },
  ChangeSource.SourceError
> {
  const { credentials, source } = options
  const login = yield* Effect.fromResult(origin(source, credentials.loginUrl))
  const secret = credentials.clientSecret === undefined ? undefined : Redacted.value(credentials.clientSecret)
  const before = Redacted.value(options.refreshToken)
  const answer = yield* options.exchange(
    HttpClientRequest.post(`${login}/services/oauth2/token`).pipe(
      HttpClientRequest.acceptJson,
      HttpClientRequest.bodyUrlParams({
        grant_type: "refresh_token",
        client_id: credentials.clientId,
        ...(secret === undefined ? {} : { client_secret: secret }),
        refresh_token: before
      })
    )
  )
  if (answer.status !== 200) {
    const secrets = secret === undefined ? [before] : [before, secret]
    return yield* SalesforceError.fromAnswer({ source, ...answer, secrets })
  }
  const grant = Schema.decodeUnknownResult(Grant)(answer.body)
  // The body holds tokens, so no part of it is shown.
  if (Result.isFailure(grant)) {
    return yield* SalesforceError.malformed(source, "The token endpoint answered 200 without a token and an address")
  }
  const { access_token, instance_url, refresh_token } = grant.success
  return {
    origin: yield* Effect.fromResult(origin(source, instance_url)),
    token: Redacted.make(access_token),
    rotated: refresh_token === undefined || refresh_token === before ? undefined : Redacted.make(refresh_token)
  }
})
