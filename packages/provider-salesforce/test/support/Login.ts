/** A token endpoint on this machine for all kinds of credentials, strict as Salesforce is. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import assert from "node:assert/strict"
import * as crypto from "node:crypto"
import * as Credentials from "../../src/Credentials.ts"
import type { Answered, Asked } from "./Script.ts"

const pair = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })

export const privateKey = Redacted.make(pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string)
export const privateKeyOld = Redacted.make(pair.privateKey.export({ type: "pkcs1", format: "pem" }) as string)

export const audience = "https://login.salesforce.com"

export const kinds = ["Refresh", "Jwt", "ClientCredentials"] as const
export type Kind = (typeof kinds)[number]

export const credentials = (kind: Kind, url: string): Credentials.Credentials => {
  const secret = Redacted.make("app-secret")
  if (kind === "Jwt")
    return Credentials.jwt({ loginUrl: url, clientId: "app", username: "sync@acme.example", privateKey })
  if (kind === "ClientCredentials") return Credentials.clientCredentials({ url, clientId: "app", clientSecret: secret })
  return Credentials.refresh({
    loginUrl: url,
    clientId: "app",
    clientSecret: secret,
    refreshToken: Redacted.make("refresh-0"),
    persist: () => Effect.void
  })
}

/** The claims of an assertion whose signature is right. */
export const claimsOf = (assertion: string): { readonly [name: string]: unknown } => {
  const [header = "", payload = "", signature = ""] = assertion.split(".")
  const isSigned = crypto.verify(
    "RSA-SHA256",
    Buffer.from(`${header}.${payload}`),
    pair.publicKey,
    Buffer.from(signature, "base64url")
  )
  assert.ok(isSigned, "the signature is wrong")
  assert.deepEqual(JSON.parse(Buffer.from(header, "base64url").toString()), { alg: "RS256", typ: "JWT" })
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as { readonly [name: string]: unknown }
}

const refused = (error: string, why: string): Answered => ({ status: 400, body: { error, error_description: why } })

/** Why the credentials sent are refused at `now` (ms, the server's clock); `undefined` when they are right. */
const refusal = (form: URLSearchParams, refresh: number, now: number): Answered | undefined => {
  switch (form.get("grant_type")) {
    case "refresh_token":
      return form.get("refresh_token") === `refresh-${refresh}` ? undefined : refused("invalid_grant", "expired token")
    case "client_credentials": {
      const isApp = form.get("client_id") === "app" && form.get("client_secret") === "app-secret"
      return isApp ? undefined : refused("invalid_client", "invalid client credentials")
    }
    case "urn:ietf:params:oauth:grant-type:jwt-bearer": {
      const claims = claimsOf(form.get("assertion") ?? "")
      assert.deepEqual({ ...claims, exp: 0 }, { iss: "app", sub: "sync@acme.example", aud: audience, exp: 0 })
      const left = Number(claims["exp"]) * 1000 - now
      return left > 0 && left <= 180_000 ? undefined : refused("invalid_grant", "token validity expired")
    }
    default:
      return refused("unsupported_grant_type", "grant type not supported")
  }
}

/** An org that accepts only the newest session, which `end` ends. The refresh token is rotated each time. */
export const org = (now: number) => {
  let [session, refresh, sessions] = [0, 0, 0]
  const end = () => void (session = -1)
  const answer = (asked: Asked): Answered => {
    if (asked.url !== "/services/oauth2/token") {
      return asked.token === `session-${session}`
        ? { body: { done: true, records: [] } }
        : { status: 401, body: [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }] }
    }
    const date = new Date(now).toUTCString()
    const form = new URLSearchParams(asked.body)
    const refusedWith = refusal(form, refresh, now)
    if (refusedWith !== undefined) return { ...refusedWith, headers: { date } }
    session = ++sessions
    const isRotated = form.get("grant_type") === "refresh_token"
    if (isRotated) refresh++
    return {
      headers: { date },
      body: {
        access_token: `session-${session}`,
        instance_url: `http://${asked.headers.host}`,
        ...(isRotated ? { refresh_token: `refresh-${refresh}` } : {})
      }
    }
  }
  return { answer, end }
}
