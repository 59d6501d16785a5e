/**
 * From a request to what is sent back, faults included.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Control from "./Control.ts"
import * as Faults from "./Faults.ts"
import * as Identity from "./Identity.ts"
import * as Instant from "./Instant.ts"
import * as Message from "./Message.ts"
import * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Rest from "./Rest.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How much of a reply is sent, and what becomes of the connection. @category models @since 0.1.0 */
export interface Delivery {
  readonly reply: Message.Reply
  readonly ending: "whole" | "reset" | "cut" | "stall"
}

/** Longest address with headers, in bytes (REST API guide, "Status Codes"). @category constants @since 0.1.0 */
export const headMax = 16_384

// -----------------------------------------------------------------------------
// routing
// -----------------------------------------------------------------------------

/**
 * Answers anything: what cannot be understood is refused, and so is what breaks
 * the simulator itself (`UNKNOWN_EXCEPTION`).
 *
 * @category routing
 * @since 0.1.0
 */
export const answer = (org: Org.Org, request: Message.Request): Delivery => {
  Org.tick(org)
  const isControl = request.path[0]?.startsWith("__") === true
  const plan = isControl ? undefined : Faults.meet(org.faults, request.address)
  const delivery = plan === undefined ? whole(routed(org, request)) : faulty(org, request, plan)
  if (!isControl) Org.log(org, request, delivery.reply.status, plan?.kind)
  const limit = `api-usage=${org.apiCalls}/${Org.callsMax}`
  const headers = {
    ...delivery.reply.headers,
    Date: Instant.toHttp(org.world.now),
    ...(isControl ? {} : { "Sforce-Limit-Info": limit, "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store" })
  }
  return { ...delivery, reply: { ...delivery.reply, headers } }
}

// -----------------------------------------------------------------------------
// internal: routes
// -----------------------------------------------------------------------------

const whole = (reply: Message.Reply): Delivery => ({ reply, ending: "whole" })

const routed = (org: Org.Org, request: Message.Request): Message.Reply => {
  const answered = Result.try(() => route(org, request))
  return Result.isSuccess(answered)
    ? Message.from(answered.success)
    : Message.refused(Refusal.make(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."))
}

const route = (org: Org.Org, request: Message.Request): Message.Answered => {
  const [root = "", second, third, ...rest] = request.path
  if (root.startsWith("__")) return Control.handle(org, request)
  if (root === "id") return Identity.identity(org, request, request.path.slice(1))
  if (root !== "services") return Result.fail(Refusal.notFound)
  if (second === "oauth2" && rest.length === 0) return Identity.oauth(org, request, third)
  if (second === "Soap" && third === "u" && rest.length > 0) return Identity.soap(org, request, rest[0] ?? "")
  if (second !== "data") return Result.fail(Refusal.notFound)
  if (third === undefined) {
    return request.method === "GET" ? Message.ok(Rest.versionList()) : Message.notAllowed(request.method, "GET,HEAD")
  }
  return Result.flatMap(Identity.check(org, request), () => {
    org.apiCalls++
    if (tooLong(request)) return Refusal.fail(414, "URI_TOO_LONG", "The URI and headers are longer than 16384 bytes")
    return Rest.isVersion(third)
      ? Rest.handle(org, request, `/services/data/${third}`, rest)
      : Result.fail(Refusal.notFound)
  })
}

const tooLong = ({ address, headers }: Message.Request): boolean => {
  let length = address.length
  for (const [name, value] of Object.entries(headers)) length += name.length + (value?.length ?? 0) + 4
  return length > headMax
}

// -----------------------------------------------------------------------------
// internal: faults
// -----------------------------------------------------------------------------

const faulty = (org: Org.Org, request: Message.Request, plan: Faults.Plan): Delivery => {
  const retry = { "Retry-After": String(plan.retryAfter ?? 1) }
  switch (plan.kind) {
    case "html200":
      return whole(Message.text(200, "text/html", "<html><body><h1>Down for maintenance</h1></body></html>"))
    case "malformed":
      return whole(Message.json(200, { error: "rate_limited" }))
    case "401":
      return whole(Message.refused(Refusal.sessionInvalid))
    case "403":
      return whole(failed(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    case "429":
      return whole(failed(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests.", retry))
    case "500":
      return whole(failed(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."))
    case "503":
      return whole(failed(503, "SERVER_UNAVAILABLE", "Server too busy.", retry))
    case "reset":
      return { reply: Message.empty, ending: "reset" }
    case "cut":
    case "stall":
      return { reply: routed(org, request), ending: plan.kind }
    case "truncated": {
      const reply = routed(org, request)
      return whole({ ...reply, body: reply.body.slice(0, Math.floor(reply.body.length / 2)) })
    }
    case "repeatLocator":
      return whole(redirected(routed(org, request), () => request.address))
    case "otherHost":
      return whole(redirected(routed(org, request), (next) => `https://elsewhere.example.com${next}`))
  }
}

const failed = (status: number, errorCode: string, message: string, headers: Message.Reply["headers"] = {}) => {
  const reply = Message.refused(Refusal.make(status, errorCode, message))
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

// A page whose next page is another one than it was, even if it was the last.
const redirected = (reply: Message.Reply, to: (next: string) => string): Message.Reply => {
  const page: unknown = reply.body === "" ? null : JSON.parse(reply.body)
  if (typeof page !== "object" || page === null || !("records" in page)) return reply
  const next =
    "nextRecordsUrl" in page ? String(page.nextRecordsUrl) : "/services/data/v66.0/query/0r8xx0000000000QAZ-1"
  return { ...reply, body: JSON.stringify({ ...page, done: false, nextRecordsUrl: to(next) }) }
}
