/**
 * Requests and answers, apart from how they travel.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Refusal from "./Refusal.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Request {
  readonly method: string
  /** As sent: path and query. */
  readonly address: string
  /** The parts between the slashes, decoded. */
  readonly path: ReadonlyArray<string>
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined }
  readonly body: string
  /** The key of the app signed its assertion. */
  readonly isSigned?: boolean
}

/** @category models @since 0.1.0 */
export interface Reply {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** What a handler answers. @category models @since 0.1.0 */
export type Answered = Result.Result<Reply, Refusal.Refusal>

// -----------------------------------------------------------------------------
// requests
// -----------------------------------------------------------------------------

/** `undefined` when the address cannot be decoded. @category constructors @since 0.1.0 */
export const request = (
  method: string,
  address: string,
  headers: Request["headers"],
  body: string
): Request | undefined => {
  const [path = "", ...rest] = address.split("?")
  const parts = path.split("/").filter((part) => part !== "")
  const decoded = Result.try(() => parts.map((part) => decodeURIComponent(part)))
  return Result.isFailure(decoded)
    ? undefined
    : { method, address, path: decoded.success, query: new URLSearchParams(rest.join("?")), headers, body }
}

// -----------------------------------------------------------------------------
// replies
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const json = (status: number, value: unknown, headers: Reply["headers"] = {}): Reply => ({
  status,
  headers: { "Content-Type": "application/json;charset=UTF-8", ...headers },
  body: JSON.stringify(value)
})

/** @category constructors @since 0.1.0 */
export const ok = (value: unknown): Answered => Result.succeed(json(200, value))

/** Status 204, without a body. @category constructors @since 0.1.0 */
export const empty: Reply = { status: 204, headers: {}, body: "" }

/** @category constructors @since 0.1.0 */
export const text = (status: number, type: string, body: string): Reply => ({
  status,
  headers: { "Content-Type": `${type};charset=UTF-8` },
  body
})

/** @category constructors @since 0.1.0 */
export const refused = (refusal: Refusal.Refusal): Reply =>
  json(refusal.status, Refusal.body(refusal), refusal.status === 401 ? { "WWW-Authenticate": "Token" } : {})

/** @category constructors @since 0.1.0 */
export const from = (answered: Answered): Reply => Result.getOrElse(answered, refused)

/** @category constructors @since 0.1.0 */
export const notAllowed = (method: string, allowed: string) =>
  Refusal.fail(405, "METHOD_NOT_ALLOWED", `HTTP Method '${method}' not allowed. Allowed are ${allowed}`)
