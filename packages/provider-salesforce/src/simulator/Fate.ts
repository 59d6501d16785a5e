/**
 * What a request that meets a fault is answered, in the bodies of Salesforce and
 * of the gateways before it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Faults from "./Faults.ts"
import * as Instant from "./Instant.ts"
import * as Locators from "./Locators.ts"
import * as Message from "./Message.ts"
import type * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Sessions from "./Sessions.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How much of a reply is sent, and what becomes of the connection. @category models @since 0.1.0 */
export interface Delivery {
  readonly reply: Message.Reply
  readonly ending: "whole" | "reset" | "cut" | "stall"
}

/** All of a reply. @category constructors @since 0.1.0 */
export const whole = (reply: Message.Reply): Delivery => ({ reply, ending: "whole" })

// -----------------------------------------------------------------------------
// answers
// -----------------------------------------------------------------------------

/**
 * The answer of a request that met this fault. `usual` makes the one it would have
 * had, and what it changes is changed.
 *
 * @category answers
 * @since 0.1.0
 */
export const answer = (
  org: Org.Org,
  request: Message.Request,
  fault: Readonly<Faults.Fault>,
  usual: () => Message.Reply
): Delivery => {
  const { kind } = fault.plan
  switch (kind) {
    case "reset":
      return { reply: Message.empty, ending: "reset" }
    case "cut":
    case "stall":
      return { reply: usual(), ending: kind }
    case "truncated": {
      const reply = usual()
      return whole({ ...reply, body: reply.body.slice(0, Math.floor(reply.body.length / 2)) })
    }
    case "repeatLocator":
      return whole(redirected(usual(), () => request.address))
    case "otherHost":
      return whole(redirected(usual(), (next) => `https://elsewhere.example.com${next}`))
    case "expireLocators":
      Locators.expire(org.locators)
      return whole(usual())
    case "expireToken":
      Sessions.expire(org.sessions)
      return whole(usual())
    default:
      return whole(said(org, fault, kind))
  }
}

/** A gateway's page, which tells the status alone. @category answers @since 0.1.0 */
export const gateway = (status: number, title: string): Message.Reply =>
  Message.text(
    status,
    "text/html",
    `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n</body>\r\n</html>\r\n`
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Said = Exclude<
  Faults.Kind,
  "reset" | "cut" | "stall" | "truncated" | "repeatLocator" | "otherHost" | "expireLocators" | "expireToken"
>

const said = (org: Org.Org, fault: Readonly<Faults.Fault>, kind: Said): Message.Reply => {
  switch (kind) {
    case "html200":
      return Message.text(200, "text/html", "<html><body><h1>Down for maintenance</h1></body></html>")
    case "empty200":
      return Message.text(200, "application/json", "")
    case "malformed":
      return Message.json(200, { error: "rate_limited" })
    case "401":
      return Message.refused(Refusal.sessionInvalid)
    case "invalidClient":
      return Message.json(400, { error: "invalid_client", error_description: "app must be installed into org" })
    case "403":
      return Message.refused(Refusal.callsUsedUp)
    case "apiDisabled":
      return failed(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
    case "userDisabled":
      return failed(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")
    case "noAccess":
      return failed(
        403,
        "INSUFFICIENT_ACCESS",
        "You do not have the level of access necessary to perform the operation you requested."
      )
    case "406":
      return gateway(406, "Not Acceptable")
    case "420":
      return gateway(420, "Enhance Your Calm")
    case "429":
    case "429Date":
    case "429Absent":
    case "429Absurd":
      return failed(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests.", retryAfter(org, fault))
    case "500":
      return failed(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")
    case "502":
      return gateway(502, "Bad Gateway")
    case "503":
      return failed(503, "SERVER_UNAVAILABLE", "Server too busy.", retryAfter(org, fault))
    case "504":
      return gateway(504, "Gateway Time-out")
  }
}

const failed = (status: number, errorCode: string, message: string, headers: Message.Reply["headers"] = {}) => {
  const reply = Message.refused(Refusal.make(status, errorCode, message))
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

const retryAfter = ({ world }: Org.Org, { fired, plan }: Readonly<Faults.Fault>): Message.Reply["headers"] => {
  const { kind, retryAfter = 1 } = plan
  if (kind === "429Absent") return {}
  if (kind === "429Absurd") return { "Retry-After": fired % 2 === 1 ? "soon" : "31536000000" }
  return {
    "Retry-After":
      kind === "429Date" && typeof retryAfter === "number"
        ? Instant.toHttp(world.now + retryAfter * Instant.second)
        : String(retryAfter)
  }
}

// A page whose next page is another one than it was, even if it was the last.
const redirected = (reply: Message.Reply, to: (next: string) => string): Message.Reply => {
  const page: unknown = Result.getOrUndefined(Result.try((): unknown => JSON.parse(reply.body)))
  if (typeof page !== "object" || page === null || !("records" in page)) return reply
  const next =
    "nextRecordsUrl" in page ? String(page.nextRecordsUrl) : "/services/data/v66.0/query/0r8xx0000000000QAZ-1"
  return { ...reply, body: JSON.stringify({ ...page, done: false, nextRecordsUrl: to(next) }) }
}
