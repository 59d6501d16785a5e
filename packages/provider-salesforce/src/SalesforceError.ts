/**
 * What a failed answer of Salesforce means, and what to do about it.
 *
 * Bodies come in four shapes: REST answers a list `[{ message, errorCode }]`, the
 * OAuth endpoint `{ error, error_description }`, gateways a web page, and some
 * failures nothing at all. All become a `SourceError` with a reason to act on and
 * a message for a person. The classification is total: a code nobody knows falls
 * back on the HTTP status.
 *
 * Messages never hold secrets: what looks like a session id is taken out, and so
 * is every secret the caller names. Unknown text is cut short.
 *
 * @since 0.1.0
 */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * The refusal itself, for code that acts on it: the `cause` of the `SourceError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refusal extends Schema.TaggedError<Refusal>()("SalesforceRefusal", {
  /** HTTP status. */
  status: Schema.Int,
  /** `errorCode` of REST or `error` of OAuth; `""` when the body names none. */
  code: Schema.String
}) {}

/** The connection failed or an answer did not come in time. @category errors @since 0.1.0 */
export class Disconnection extends Schema.TaggedError<Disconnection>()("SalesforceDisconnection", {
  /** Code of the system or of the HTTP client, such as `ECONNREFUSED`; `""` when there is none. */
  code: Schema.String
}) {}

type Reason = typeof ChangeSource.Reason.Type

/** Most characters of a message that come from the server. @category constants @since 0.1.0 */
export const excerptMax = 240

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * From an answer that is not a success. Total: any status, any body.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAnswer = (options: {
  readonly source: string
  readonly status: number
  readonly body: string
  /** Least time to wait before asking again, in ms, when the server said so. */
  readonly retryAfter?: number | undefined
  readonly secrets?: ReadonlyArray<string>
}): ChangeSource.SourceError => {
  const { code, message } = parse(options.body, options.secrets ?? [])
  const reason = codes.get(code) ?? byStatus(options.status)
  const said = excerpt(message, options.secrets)
  const name = code === "" ? `HTTP ${options.status}` : `${code} (HTTP ${options.status})`
  const wait = options.retryAfter
  return new ChangeSource.SourceError({
    reason,
    source: options.source,
    message: `Salesforce answered ${name}${said === "" ? "" : `: ${said}`}. ${remedies.get(code) ?? remedyByReason[reason]}`,
    ...(wait === undefined ? {} : { retryAfter: wait }),
    cause: new Refusal({ status: options.status, code })
  })
}

/**
 * From a success whose body is not what it should be: a web page, half a JSON
 * text, an object of another shape. Never read as an empty page.
 *
 * @category constructors
 * @since 0.1.0
 */
export const malformed = (source: string, what: string, body?: string): ChangeSource.SourceError => {
  const said = body === undefined ? "" : `; it begins: ${excerpt(body) || "(nothing)"}`
  return new ChangeSource.SourceError({
    reason: "Malformed",
    source,
    message: `${what}${said}. Nothing was taken from this answer. Check that the address is the My Domain address of the org, https://NAME.my.salesforce.com, and that no proxy answers in its place.`
  })
}

/** A fault of the call, before or without an answer. @category constructors @since 0.1.0 */
export const invalid = (source: string, message: string): ChangeSource.SourceError =>
  new ChangeSource.SourceError({ reason: "Invalid", source, message })

/** No answer came. @category constructors @since 0.1.0 */
export const disconnected = (source: string, code: string, host: string): ChangeSource.SourceError =>
  new ChangeSource.SourceError({
    reason: "Unavailable",
    source,
    message: `No answer from ${host}${code === "" ? "" : ` (${code})`}. ${disconnections.get(code) ?? "Check the network, then run again: nothing was lost."}`,
    cause: new Disconnection({ code })
  })

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/** The provider's code of an error; `""` when it has none. @category getters @since 0.1.0 */
export const code = (error: ChangeSource.SourceError): string =>
  error.cause instanceof Refusal ? error.cause.code : ""

/** The query's server-side result is gone: ask again from the last position. @category guards @since 0.1.0 */
export const isLocatorExpired = (error: ChangeSource.SourceError): boolean => code(error) === "INVALID_QUERY_LOCATOR"

/** The access token is no longer accepted: renew it. @category guards @since 0.1.0 */
export const isSessionEnded = (error: ChangeSource.SourceError): boolean => code(error) === "INVALID_SESSION_ID"

/**
 * Whether the same read may succeed in a moment: the statuses 408, 420, 429, 500,
 * 502, 503, 504, and lost connections. A daily limit is none of these.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTransient = (error: ChangeSource.SourceError): boolean =>
  error.cause instanceof Disconnection ||
  (error.cause instanceof Refusal &&
    (error.reason === "Unavailable" || error.reason === "RateLimited") &&
    transientStatuses.has(error.cause.status))

/** Server text made safe to show: one line, no secrets, cut short. @category formatting @since 0.1.0 */
export const excerpt = (text: string, secrets: ReadonlyArray<string> = []): string => {
  // Cut before the patterns run, so that a huge body costs nothing; a secret on the cut is cut with it.
  let safe = text.slice(0, excerptMax * 8)
  for (const secret of secrets) if (secret.length >= 4) safe = safe.replaceAll(secret, "(secret)")
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  safe = safe.replace(sessionId, "(secret)").replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]+/g, " ")
  return safe.trim().slice(0, excerptMax).toWellFormed()
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// An access token is the org Id, an exclamation mark, and the session.
const sessionId = /00D[A-Za-z0-9]{12,15}(?:!|%21)[A-Za-z0-9._-]+/g

const transientStatuses: ReadonlySet<number> = new Set([408, 420, 429, 500, 502, 503, 504])

const RestBody = Schema.fromJsonString(
  Schema.NonEmptyArray(
    Schema.Struct({
      errorCode: Schema.optionalKey(Schema.String),
      message: Schema.optionalKey(Schema.NullOr(Schema.String))
    })
  )
)
const OAuthBody = Schema.fromJsonString(
  Schema.Struct({ error: Schema.String, error_description: Schema.optionalKey(Schema.NullOr(Schema.String)) })
)

const parse = (body: string, secrets: ReadonlyArray<string>): { readonly code: string; readonly message: string } => {
  const rest = Schema.decodeUnknownResult(RestBody)(body)
  if (Result.isSuccess(rest)) {
    const [{ errorCode, message }] = rest.success
    return { code: codeOf(errorCode ?? "", secrets), message: message ?? "" }
  }
  const oauth = Schema.decodeUnknownResult(OAuthBody)(body)
  return Result.isSuccess(oauth)
    ? { code: codeOf(oauth.success.error, secrets), message: oauth.success.error_description ?? "" }
    : { code: "", message: body }
}

// What does not look like a code may be anything, so it is none.
const codeOf = (text: string, secrets: ReadonlyArray<string>): string =>
  /^[A-Za-z][A-Za-z0-9_]{1,79}$/.test(text) && !secrets.includes(text) ? text : ""

const byStatus = (status: number): Reason => {
  if (status === 401) return "Unauthorized"
  if (status === 403) return "Forbidden"
  if (status === 429 || status === 420) return "RateLimited"
  if (status === 406 || status === 408 || status >= 500) return "Unavailable"
  return status >= 300 ? "Invalid" : "Malformed"
}

const group = (reason: Reason, names: string): ReadonlyArray<readonly [string, Reason]> =>
  names.split(/\s+/).map((name) => [name, reason])

// Codes whose meaning differs from that of their status. Sources: ExceptionCode and
// StatusCode of the partner WSDL; OAuth 2.0 (RFC 6749, 5.2) and Salesforce's additions to it.
const codes: ReadonlyMap<string, Reason> = new Map([
  ...group(
    "Unauthorized",
    `INVALID_SESSION_ID INVALID_AUTH_HEADER INVALID_LOGIN INVALID_ACCESS_TOKEN INVALID_REFRESH_TOKEN NO_ACCESS_TOKEN
     NO_REFRESH_TOKEN INVALID_OPERATION_WITH_EXPIRED_PASSWORD PASSWORD_LOCKOUT LOGIN_CHALLENGE_ISSUED
     LOGIN_CHALLENGE_PENDING LOGIN_DURING_RESTRICTED_DOMAIN LOGIN_DURING_RESTRICTED_TIME LOGIN_MUST_USE_SECURITY_TOKEN
     MUTUAL_AUTHENTICATION_FAILED TXN_SECURITY_END_A_SESSION TXN_SECURITY_TWO_FA_REQUIRED
     invalid_grant invalid_client invalid_client_id invalid_client_credentials unauthorized_client inactive_user
     inactive_org invalid_app_access access_denied unsupported_grant_type invalid_scope OAUTH_APP_ACCESS_DENIED`
  ),
  ...group(
    "Forbidden",
    `API_DISABLED_FOR_ORG INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY FUNCTIONALITY_NOT_ENABLED ORG_LOCKED
     ORG_IS_DOT_ORG TRIAL_EXPIRED CLIENT_NOT_ACCESSIBLE_FOR_USER TXN_SECURITY_NO_ACCESS TXN_SECURITY_FAIL_CLOSE
     APEX_DATA_ACCESS_RESTRICTION COMMUNITY_NOT_ACCESSIBLE PORTAL_NO_ACCESS`
  ),
  ...group("QuotaExhausted", "REQUEST_LIMIT_EXCEEDED EXCEEDED_QUOTA LIMIT_EXCEEDED"),
  ...group("PositionLost", "INVALID_REPLICATION_DATE"),
  ...group(
    "Unavailable",
    `SERVER_UNAVAILABLE QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG UNABLE_TO_LOCK_ROW INVALID_QUERY_LOCATOR
     UNKNOWN_EXCEPTION INTERNAL_ERROR API_CURRENTLY_DISABLED ORG_IN_MAINTENANCE FUNCTIONALITY_TEMPORARILY_UNAVAILABLE
     INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE TOO_MANY_APEX_REQUESTS TXN_SECURITY_METERING_ERROR
     REALTIME_PROCESSING_TIME_EXCEEDED_LIMIT SSO_SERVICE_DOWN server_error temporarily_unavailable`
  )
])

const newCredentials =
  "Log in again and give the new credentials. Since Spring '26 apps are External Client Apps; an app that is not installed in the org is blocked."

const remedies: ReadonlyMap<string, string> = new Map([
  ["INVALID_SESSION_ID", "The session is over: give a new access token, or a refresh token so that it renews itself."],
  [
    "invalid_grant",
    `The refresh token is no longer accepted (revoked, expired, or rotated elsewhere). ${newCredentials}`
  ],
  ["invalid_client", `The app is unknown or not installed in this org. ${newCredentials}`],
  ["invalid_client_id", `The app is unknown or not installed in this org. ${newCredentials}`],
  ["API_DISABLED_FOR_ORG", "Give the user the permission API Enabled, in an edition that has the API."],
  ["INVALID_TYPE", "Check the object's name, and that the user may read it."],
  ["INVALID_FIELD", "Check the field's name, and that field-level security shows it to the user."],
  ["NOT_FOUND", "Check the address, the API version, and the object's name."],
  ["INVALID_QUERY_LOCATOR", "Ask again from the last position."],
  ["INVALID_REPLICATION_DATE", "Deletions may have been missed: compare all records once, then start the lane anew."],
  ["QUERY_TIMEOUT", "The query ran for two minutes: read fewer fields, or ask Salesforce for an index."],
  ["EXCEEDED_ID_LIMIT", "More than 600,000 ids in one window: use shorter windows."]
])

const remedyByReason: { readonly [R in Reason]: string } = {
  Unauthorized: newCredentials,
  Forbidden: "Give the integration user the missing permission, then resume.",
  RateLimited: "Wait, then run again: the position is kept.",
  QuotaExhausted: "The org's limit, shared with all its integrations, is used up: run again when it has recovered.",
  Unavailable: "Run again later: the position is kept.",
  Malformed: "Check the address and what stands between.",
  PositionLost: "Read everything again.",
  NotAdvancing: "Run again from the last position.",
  OutOfOrder: "Run again from the last position.",
  AccountMismatch: "Use the credentials of the account this subscription belongs to.",
  Invalid: "Check the address (https://NAME.my.salesforce.com), the API version, and the names in the call."
}

const disconnections: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "Nothing listens there: check host and port of the address."],
  ["ENOTFOUND", "The host does not exist: check the address for a typing error."],
  ["EAI_AGAIN", "The name could not be resolved: check DNS and network."],
  ["ETIMEDOUT", "The host cannot be reached: check firewall and proxy."],
  ["CERT_HAS_EXPIRED", "Its certificate has expired: check the address and the machine's clock."],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "Its certificate is self-signed: check whether a proxy stands between."]
])
