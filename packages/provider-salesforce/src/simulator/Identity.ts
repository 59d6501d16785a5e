/**
 * Who asks: OAuth, the identity of the user, and the log-in by SOAP that older
 * clients use. All names and passwords will do; assertions must be signed.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as App from "./App.ts"
import * as Message from "./Message.ts"
import type * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Sessions from "./Sessions.ts"

// -----------------------------------------------------------------------------
// sessions
// -----------------------------------------------------------------------------

/**
 * Refuses a request without a token that is good. Identity addresses take it as
 * a parameter too.
 *
 * @category guards
 * @since 0.1.0
 */
export const check = (org: Org.Org, { headers, query }: Message.Request): Result.Result<void, Refusal.Refusal> => {
  const header = headers["authorization"]
  const token = header === undefined ? query.get("oauth_token") : /^(?:Bearer|OAuth)\s+(\S+)\s*$/i.exec(header)?.[1]
  if (token === undefined) return Refusal.fail(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
  return token !== null && Sessions.isGood(org.sessions, token, org.world.now)
    ? Result.void
    : Result.fail(Refusal.sessionInvalid)
}

// -----------------------------------------------------------------------------
// handling
// -----------------------------------------------------------------------------

/** `/services/oauth2/...`. @category handling @since 0.1.0 */
export const oauth = (org: Org.Org, request: Message.Request, resource: string | undefined): Message.Answered => {
  if (resource === "userinfo") return Result.flatMap(check(org, request), () => Message.ok(user(org)))
  if (resource !== "token" && resource !== "revoke") return Result.fail(Refusal.notFound)
  if (request.method !== "POST") return Message.notAllowed(request.method, "POST")
  const form = new URLSearchParams(request.body)
  if (resource === "token") return Result.succeed(token(org, request, form))
  const revoked = form.get("token") ?? ""
  org.sessions.tokens.delete(revoked)
  if (revoked === org.sessions.refreshToken) Sessions.revoke(org.sessions)
  return Result.succeed(Message.json(200, {}))
}

/** `/id/{org}/{user}`. @category handling @since 0.1.0 */
export const identity = (org: Org.Org, request: Message.Request, ids: ReadonlyArray<string>): Message.Answered => {
  const [orgId, userId, ...rest] = ids
  if (orgId !== org.world.orgId || userId !== org.world.userId || rest.length > 0) return Result.fail(Refusal.notFound)
  return Result.flatMap(check(org, request), () => Message.ok(user(org)))
}

/** `/services/Soap/u/XX.0`: log-in only. @category handling @since 0.1.0 */
export const soap = (org: Org.Org, request: Message.Request, version: string): Message.Answered => {
  if (request.method !== "POST") return Message.notAllowed(request.method, "POST")
  const { orgId, userId } = org.world
  const isLogin = /<(?:\w+:)?login\b/.test(request.body)
  const answer = isLogin
    ? `<loginResponse><result><metadataServerUrl>${org.url}/services/Soap/m/${version}/${orgId}</metadataServerUrl><passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>${org.url}/services/Soap/u/${version}/${orgId}</serverUrl><sessionId>${Sessions.issue(org.sessions, org.world.now)}</sessionId><userId>${userId}</userId><userInfo><organizationId>${orgId}</organizationId><sessionSecondsValid>${Math.floor((org.sessions.lifeMs ?? Sessions.usualMs) / 1000)}</sessionSecondsValid><userId>${userId}</userId></userInfo></result></loginResponse>`
    : "<soapenv:Fault><faultcode>sf:UNKNOWN_EXCEPTION</faultcode><faultstring>UNKNOWN_EXCEPTION: only login</faultstring></soapenv:Fault>"
  const envelope = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><soapenv:Body>${answer}</soapenv:Body></soapenv:Envelope>`
  return Result.succeed(Message.text(isLogin ? 200 : 500, "text/xml", envelope))
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Hosts that all orgs share; everything else is the org's own (My Domain).
const isGeneric = ({ headers }: Message.Request): boolean =>
  /^(?:login|test)\.salesforce\.com(?::\d+)?$/i.test(headers["host"] ?? "")

const token = (org: Org.Org, request: Message.Request, form: URLSearchParams): Message.Reply => {
  const { now } = org.world
  const facts = { isSigned: request.isSigned === true, now, url: org.url }
  const denied = App.denial(org.app, form.get("assertion") ?? "", facts)
  const granted = Sessions.grant(org.sessions, form, { now, isGeneric: isGeneric(request), denied })
  if ("error" in granted) return Message.json(400, granted)
  const { orgId, userId } = org.world
  return Message.json(200, {
    access_token: granted.token,
    ...(granted.refreshToken === undefined ? {} : { refresh_token: granted.refreshToken }),
    signature: Sessions.signature(org.sessions),
    scope: "refresh_token api",
    instance_url: org.url,
    id: `${org.url}/id/${orgId}/${userId}`,
    token_type: "Bearer",
    issued_at: String(org.world.now)
  })
}

const user = (org: Org.Org) => {
  const { orgId, userId } = org.world
  const id = `${org.url}/id/${orgId}/${userId}`
  const data = `${org.url}/services/data/v{version}/`
  return {
    sub: id,
    id,
    asserted_user: true,
    user_id: userId,
    organization_id: orgId,
    username: org.app.username,
    preferred_username: org.app.username,
    nick_name: "simulated",
    nickname: "simulated",
    display_name: "Simulated User",
    name: "Simulated User",
    email: "simulated.user@example.com",
    email_verified: true,
    user_type: "STANDARD",
    language: "en_US",
    locale: "en_US",
    utcOffset: 0,
    active: true,
    is_app_installed: true,
    urls: { rest: data, sobjects: `${data}sobjects/`, query: `${data}query/` }
  }
}
