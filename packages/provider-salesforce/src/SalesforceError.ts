/**
 * What a failed answer of Salesforce means, and what to do about it.
 *
 * Bodies come in four shapes: REST answers a list `[{ message, errorCode }]`, the
 * OAuth endpoint `{ error, error_description }`, gateways a web page, and some
 * failures nothing at all. All become a `SourceError` with a reason to act on and
 * a message for a person. The classification is total, see `ErrorCode`.
 *
 * Messages never hold secrets: what looks like a session id is taken out, and so
 * is every secret the caller names. Unknown text is cut short.
 *
 * @since 0.1.0
 */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ErrorCode from "./ErrorCode.ts"

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
  const reason = ErrorCode.ofRequest(options.status, code)
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

/** What the server shows does not hold still for long enough. @category constructors @since 0.1.0 */
export const unavailable = (source: string, message: string): ChangeSource.SourceError =>
  new ChangeSource.SourceError({ reason: "Unavailable", source, message })

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

/** What the failure causes. @category getters @since 0.1.0 */
export const action = (error: ChangeSource.SourceError): ErrorCode.Action => ErrorCode.actions[error.reason]

/** The provider's code of an error; `""` when it has none. @category getters @since 0.1.0 */
export const code = (error: ChangeSource.SourceError): string =>
  error.cause instanceof Refusal ? error.cause.code : ""

/** The query's server-side result is gone: ask again from the last position. @category guards @since 0.1.0 */
export const isLocatorExpired = (error: ChangeSource.SourceError): boolean => code(error) === "INVALID_QUERY_LOCATOR"

/**
 * The access token is no longer accepted: renew it. A 401 that names no code, as a
 * gateway answers it, is taken for this; one that names another code is not.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSessionEnded = ({ cause }: ChangeSource.SourceError): boolean =>
  cause instanceof Refusal && (cause.code === "INVALID_SESSION_ID" || (cause.status === 401 && cause.code === ""))

/** Nothing lies at the path that was asked for: the object or the API version is unknown. @category guards @since 0.1.0 */
export const isUnknownPath = ({ cause }: ChangeSource.SourceError): boolean =>
  cause instanceof Refusal && ([404, 410].includes(cause.status) || cause.code === "UNSUPPORTED_API_VERSION")

/**
 * Whether the same read may succeed in a moment: the statuses 406, 408, 420, 429,
 * 500, 502, 503, 504, and lost connections. A daily limit is none of these.
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

const transientStatuses: ReadonlySet<number> = new Set([406, 408, 420, 429, 500, 502, 503, 504])

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

// Bodies of errors are short: what is longer is not one, and is not worth reading whole.
const errorBodyMax = 256 * 1024

const parse = (body: string, secrets: ReadonlyArray<string>): { readonly code: string; readonly message: string } => {
  if (body.length > errorBodyMax) return { code: "", message: body }
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
  [
    "API_CURRENTLY_DISABLED",
    "Give the user the permission API Enabled. A user who has it meets a fault of Salesforce: then run again later, the position is kept."
  ],
  ["API_DISABLED_FOR_ORG", "Give the user the permission API Enabled, in an edition that has the API."],
  ["INVALID_TYPE", "Check the object's name, and that the user may read it."],
  ["INVALID_FIELD", "Check the field's name, and that field-level security shows it to the user."],
  ["NOT_FOUND", "Check the address, the API version, and the object's name."],
  ["INVALID_QUERY_LOCATOR", "Ask again from the last position."],
  [
    "INVALID_REPLICATION_DATE",
    "The list of deletions does not reach back that far. Run again: records that were read before it begins are looked for; an org that is younger than two weeks has to wait until it is not."
  ],
  ["QUERY_TIMEOUT", "The query ran for two minutes: read fewer fields, or ask Salesforce for an index."],
  ["EXCEEDED_ID_LIMIT", "More than 600,000 ids in one window: use shorter windows."]
])

const remedyByReason: { readonly [R in ErrorCode.Reason]: string } = {
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
