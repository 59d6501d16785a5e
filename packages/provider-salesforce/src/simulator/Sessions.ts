/**
 * Tokens: who may ask, and how to get a new one (Salesforce: "OAuth 2.0 Refresh
 * Token Flow", "Client Credentials Flow").
 *
 * Tokens follow from the seed and from how many were given out before. An
 * answer to a token request has no `expires_in`, as with Salesforce. A session
 * lives for as long as its org says, counted from when it was given: use does not
 * prolong it, which is harder on clients than Salesforce is.
 *
 * @since 0.1.0
 */
import * as Random from "./Random.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Sessions {
  readonly seed: number
  readonly orgId: string
  /** A refresh token is good for one use, and its answer brings the next. */
  readonly rotation: boolean
  /** How long a session lives, in ms; absent, until it is made to end. */
  readonly lifeMs: number | undefined
  /** Access tokens that were not made to end, and when they were given, in ms. */
  readonly tokens: Map<string, number>
  /** The refresh token that is good now, if there is one. */
  refreshToken: string | undefined
  count: number
}

/** Why no token was given; on the wire `{error, error_description}`. @category models @since 0.1.0 */
export interface Denied {
  readonly error: string
  readonly error_description: string
}

/** How long sessions live where nobody set it, in ms; told, not enforced. @category constants @since 0.1.0 */
export const usualMs = 7_200_000

/** Access tokens that are good at the same time; the oldest gives way. @category constants @since 0.1.0 */
export const tokensMax = 1000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (options: Pick<Sessions, "seed" | "orgId" | "rotation" | "lifeMs">, now: number): Sessions => {
  const sessions: Sessions = { ...options, tokens: new Map(), refreshToken: undefined, count: 0 }
  sessions.refreshToken = refreshToken(sessions)
  issue(sessions, now)
  return sessions
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** A new access token, given now (ms). Those given before stay good. @category combinators @since 0.1.0 */
export const issue = (sessions: Sessions, now: number): string => {
  const token = `${sessions.orgId.slice(0, 15)}!AQ${text(sessions, "access", 90)}`
  sessions.count++
  sessions.tokens.set(token, now)
  for (const oldest of sessions.tokens.keys()) {
    if (sessions.tokens.size <= tokensMax) break
    sessions.tokens.delete(oldest)
  }
  return token
}

/** No access token given so far is good any more. @category combinators @since 0.1.0 */
export const expire = (sessions: Sessions): void => sessions.tokens.clear()

/** The refresh token given last is good no more. @category combinators @since 0.1.0 */
export const revoke = (sessions: Sessions): void => {
  sessions.refreshToken = undefined
}

/** Whether an access token is good now, in ms. @category guards @since 0.1.0 */
export const isGood = ({ lifeMs, tokens }: Sessions, token: string, now: number): boolean => {
  const givenAt = tokens.get(token)
  return givenAt !== undefined && (lifeMs === undefined || now < givenAt + lifeMs)
}

/** The newest access token that was not made to end, if there is one. @category getters @since 0.1.0 */
export const current = (sessions: Sessions): string | undefined => [...sessions.tokens.keys()].at(-1)

/**
 * Answers a token request, whose form this is, now (ms). `isGeneric` says that it
 * came to a host that all orgs share; `denied`, why its assertion is refused.
 *
 * @category combinators
 * @since 0.1.0
 */
export const grant = (
  sessions: Sessions,
  form: URLSearchParams,
  facts: { readonly now: number; readonly isGeneric: boolean; readonly denied: Denied | undefined }
): { readonly token: string; readonly refreshToken?: string } | Denied => {
  const { denied, isGeneric, now } = facts
  const has = (name: string) => (form.get(name) ?? "") !== ""
  switch (form.get("grant_type")) {
    case "client_credentials":
      if (isGeneric) return invalidGrant("request not supported on this domain")
      return has("client_id") && has("client_secret") ? { token: issue(sessions, now) } : invalidClient
    case "password":
      return has("client_id") && has("username") && has("password") ? { token: issue(sessions, now) } : invalidClient
    case "urn:ietf:params:oauth:grant-type:jwt-bearer":
      return denied ?? { token: issue(sessions, now) }
    case "refresh_token": {
      if (!has("client_id")) return invalidClient
      if (form.get("refresh_token") !== sessions.refreshToken) {
        return invalidGrant("expired access/refresh token")
      }
      const token = issue(sessions, now)
      if (!sessions.rotation) return { token }
      sessions.refreshToken = refreshToken(sessions)
      return { token, refreshToken: sessions.refreshToken }
    }
    default:
      return { error: "unsupported_grant_type", error_description: "grant type not supported" }
  }
}

/** What an answer is signed with: opaque, 44 characters. @category getters @since 0.1.0 */
export const signature = (sessions: Sessions): string => `${text(sessions, "signature", 43)}=`

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const invalidClient: Denied = { error: "invalid_client", error_description: "invalid client credentials" }

const invalidGrant = (description: string): Denied => ({ error: "invalid_grant", error_description: description })

const refreshToken = (sessions: Sessions): string => `5Aep861${text(sessions, "refresh", 80)}`

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const text = ({ count, seed }: Sessions, name: string, length: number): string => {
  const random = Random.make(seed, `${name}/${count}`)
  return Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join("")
}
