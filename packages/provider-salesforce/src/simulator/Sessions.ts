/**
 * Tokens: who may ask, and how to get a new one (Salesforce: "OAuth 2.0 Refresh
 * Token Flow", "Client Credentials Flow").
 *
 * Tokens follow from the seed and from how many were given out before. An
 * answer to a token request has no `expires_in`, as with Salesforce.
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
  /** Access tokens that are good now. */
  readonly tokens: Set<string>
  /** The refresh token that is good now. */
  refreshToken: string
  count: number
}

/** Why no token was given; on the wire `{error, error_description}`. @category models @since 0.1.0 */
export interface Denied {
  readonly error: string
  readonly error_description: string
}

/** Access tokens that are good at the same time; the oldest gives way. @category constants @since 0.1.0 */
export const tokensMax = 1000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (seed: number, orgId: string, rotation: boolean): Sessions => {
  const sessions: Sessions = { seed, orgId, rotation, tokens: new Set(), refreshToken: "", count: 0 }
  sessions.refreshToken = refreshToken(sessions)
  issue(sessions)
  return sessions
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** A new access token. Those given before stay good. @category combinators @since 0.1.0 */
export const issue = (sessions: Sessions): string => {
  const token = `${sessions.orgId.slice(0, 15)}!AQ${text(sessions, "access", 90)}`
  sessions.count++
  sessions.tokens.add(token)
  for (const oldest of sessions.tokens) {
    if (sessions.tokens.size <= tokensMax) break
    sessions.tokens.delete(oldest)
  }
  return token
}

/** No access token given so far is good any more. @category combinators @since 0.1.0 */
export const expire = (sessions: Sessions): void => sessions.tokens.clear()

/** The newest access token that is good, if there is one. @category getters @since 0.1.0 */
export const current = (sessions: Sessions): string | undefined => [...sessions.tokens].at(-1)

/**
 * Answers a token request, whose form this is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const grant = (
  sessions: Sessions,
  form: URLSearchParams
): { readonly token: string; readonly refreshToken?: string } | Denied => {
  const has = (name: string) => (form.get(name) ?? "") !== ""
  switch (form.get("grant_type")) {
    case "client_credentials":
      return has("client_id") && has("client_secret") ? { token: issue(sessions) } : invalidClient
    case "password":
      return has("client_id") && has("username") && has("password") ? { token: issue(sessions) } : invalidClient
    case "urn:ietf:params:oauth:grant-type:jwt-bearer":
      return has("assertion") ? { token: issue(sessions) } : invalidGrant("invalid assertion")
    case "refresh_token": {
      if (!has("client_id")) return invalidClient
      if (form.get("refresh_token") !== sessions.refreshToken) return invalidGrant("expired access/refresh token")
      const token = issue(sessions)
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
