/**
 * From a request to what is sent back, faults included.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Control from "./Control.ts"
import * as Faults from "./Faults.ts"
import * as Fate from "./Fate.ts"
import * as Identity from "./Identity.ts"
import * as Instant from "./Instant.ts"
import * as Message from "./Message.ts"
import * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Rest from "./Rest.ts"
import * as Usage from "./Usage.ts"

/** Longest address, and address with headers, in bytes (REST API guide, "Status Codes"). @category constants @since 0.1.0 */
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
export const answer = (org: Org.Org, request: Message.Request): Fate.Delivery => {
  Org.tick(org)
  const isControl = request.path[0]?.startsWith("__") === true
  const fault = isControl ? undefined : Faults.meet(org.faults, request.address)
  const usual = () => routed(org, request)
  const delivery = fault === undefined ? Fate.whole(usual()) : Fate.answer(org, request, fault, usual)
  if (!isControl) Org.log(org, request, delivery.reply.status, fault?.plan.kind)
  const limit = `api-usage=${Usage.used(org.usage, org.world.now)}/${org.usage.limit}`
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

const routed = (org: Org.Org, request: Message.Request): Message.Reply => {
  const answered = Result.try(() => route(org, request))
  return Result.isSuccess(answered)
    ? Message.from(answered.success)
    : Message.refused(Refusal.make(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."))
}

const route = (org: Org.Org, request: Message.Request): Message.Answered => {
  const [root = "", second, third, ...rest] = request.path
  if (root.startsWith("__")) return Control.handle(org, request)
  const length = request.address.length
  if (length > headMax) return Result.succeed(refusedUnread(414, "URI Too Long"))
  if (length + headLength(request) > headMax) {
    return Result.succeed(refusedUnread(431, "Request Header Fields Too Large"))
  }
  if (root === "id") return Identity.identity(org, request, request.path.slice(1))
  if (root !== "services") return Result.fail(Refusal.notFound)
  if (second === "oauth2" && rest.length === 0) return Identity.oauth(org, request, third)
  if (second === "Soap" && third === "u" && rest.length > 0) return Identity.soap(org, request, rest[0] ?? "")
  if (second !== "data") return Result.fail(Refusal.notFound)
  if (third === undefined) {
    return request.method === "GET" ? Message.ok(Rest.versionList()) : Message.notAllowed(request.method, "GET,HEAD")
  }
  return Result.flatMap(Identity.check(org, request), () => {
    if (Usage.isUsedUp(org.usage, org.world.now)) return Result.fail(Refusal.callsUsedUp)
    Usage.add(org.usage, org.world.now, 1)
    return Rest.isVersion(third)
      ? Rest.handle(org, request, `/services/data/${third}`, rest)
      : Result.fail(Refusal.notFound)
  })
}

// What the web server before the API says, which has not asked who calls.
const refusedUnread = (status: number, reason: string): Message.Reply =>
  Message.text(status, "text/html", `<h1>Bad Message ${status}</h1><pre>reason: ${reason}</pre>`)

const headLength = ({ headers }: Message.Request): number =>
  Object.entries(headers).reduce((length, [name, value]) => length + name.length + (value?.length ?? 0) + 4, 0)
