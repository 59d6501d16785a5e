/**
 * Sessions of credentials: a token, and how to get the next one.
 *
 * Sessions end without notice (the OAuth answer names no lifetime), so a token
 * is renewed when the server refuses it. All requests that find their session
 * ended share one renewal. Where rotation is on, the old refresh token dies the
 * moment a new one is given: the new one is persisted before anything else is
 * done, and a renewal outlives the request that began it.
 *
 * **Guarantees**
 *
 * - however many requests meet one ended session, the token endpoint is asked once,
 *   whichever of them are interrupted;
 * - no request is sent with a session whose refresh token is not persisted;
 * - a refresh token that could not be persisted is kept, and persisted first next time;
 * - a wrong clock on this machine costs one more request, and does not shut it out.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import type * as Credentials from "./Credentials.ts"
import * as Grant from "./Grant.ts"
import type * as Transport from "./Transport.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

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

/** @category models @since 0.1.0 */
export interface Options {
  readonly source: string
  /** Where the org lives until a renewal says otherwise: scheme, host and port. */
  readonly origin: string
  readonly credentials: Credentials.Credentials
  /** Hosts that a token may be taken to besides Salesforce's own and those configured. */
  readonly trustedHosts: ReadonlyArray<string>
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Transport.Answer, ChangeSource.SourceError>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Nothing is sent until the first session is asked for. @category constructors @since 0.1.0 */
export const make = (options: Options): Sessions => {
  const { credentials } = options
  if (credentials._tag === "Bearer") {
    const session: Session = { origin: options.origin, token: credentials.token }
    return { current: Effect.succeed(session), renew: undefined }
  }
  let session: Session | undefined
  let renewal: Deferred.Deferred<Session, ChangeSource.SourceError> | undefined
  const next = granting(options, credentials)

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
    return Effect.andThen(Effect.forkDetach(Effect.onExit(next, finish)), restore(Deferred.await(deferred)))
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

/** The next session each time it is run; never run twice at once. */
const granting = (
  options: Options,
  credentials: Credentials.Renewable
): Effect.Effect<Session, ChangeSource.SourceError> => {
  let refreshToken = credentials._tag === "Refresh" ? credentials.refreshToken : undefined
  let unsaved: Session | undefined
  const asking = asked(options, credentials)
  return Effect.gen(function* () {
    if (unsaved === undefined) {
      const grant = yield* asking(refreshToken)
      const next: Session = { origin: grant.origin, token: grant.token }
      if (grant.rotated === undefined) return next
      refreshToken = grant.rotated
      unsaved = next
    }
    const saved = unsaved
    if (credentials._tag === "Refresh" && refreshToken !== undefined) yield* credentials.persist(refreshToken)
    unsaved = undefined
    return saved
  })
}

/** Clocks that differ by less need no second try, in ms: an assertion is valid for longer. */
const tolerance = 30_000

// A signed assertion is judged by the server's clock, which is known once it has answered.
const asked = (options: Options, credentials: Credentials.Renewable) => {
  /** How far the server's clock is ahead of this machine's, in ms. */
  let ahead = 0
  const exchange = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.tap(options.exchange(request), ({ serverTime }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (serverTime !== undefined) ahead = serverTime - now
      })
    )
  const once = (refreshToken: Redacted.Redacted | undefined) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Grant.ask({ ...options, credentials, exchange }, refreshToken, now + ahead)
    )
  return (refreshToken: Redacted.Redacted | undefined) =>
    Effect.suspend(() => {
      const before = ahead
      return Effect.catchIf(
        once(refreshToken),
        ({ reason }) => credentials._tag === "Jwt" && reason === "Unauthorized" && Math.abs(ahead - before) > tolerance,
        () => once(refreshToken)
      )
    })
}
