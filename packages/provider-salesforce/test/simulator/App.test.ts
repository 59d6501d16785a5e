/** Log-in by an assertion, over HTTP, with signatures made by another implementation than the one that verifies. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as crypto from "node:crypto"
import { describe, it } from "vitest"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const now = Date.UTC(2026, 4, 1, 8) / 1000
const pair = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
const privateKey = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString()
const publicKey = pair.publicKey.export({ type: "spki", format: "pem" }).toString()

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const sign = (claims: object, key: string, head: object = { alg: "RS256" }) => {
  const text = `${encode(head)}.${encode(claims)}`
  return `${text}.${crypto.sign("sha256", Buffer.from(text), key).toString("base64url")}`
}
const grant = ({ call }: Caller.Caller, assertion: string) =>
  call("/services/oauth2/token", {
    method: "POST",
    headers: { authorization: "" },
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion
    }).toString()
  })

const good = { iss: "app-1", sub: "user@example.com", aud: "https://login.salesforce.com", exp: now + 180 }
const options = { publicKey, clientId: good.iss, username: good.sub }

const claims: ReadonlyArray<readonly [change: object, answer: string]> = [
  [{}, "200"],
  [{ aud: "https://test.salesforce.com" }, "200"],
  [{ exp: now + 300 }, "200"],
  [{ exp: now + 1 }, "200"],
  [{ exp: String(now + 180) }, "200"],
  [{ exp: now + 301 }, "invalid_grant: invalid assertion"],
  [{ exp: (now + 180) * 1000 }, "invalid_grant: invalid assertion"],
  [{ exp: now }, "invalid_grant: expired authorization code"],
  [{ exp: "soon" }, "invalid_grant: expired authorization code"],
  [{ exp: undefined }, "invalid_grant: invalid assertion"],
  [{ aud: "https://elsewhere.example.com" }, "invalid_grant: audience is invalid"],
  [{ iss: "app-2" }, "invalid_client_id: client identifier invalid"],
  [{ sub: "other@example.com" }, "invalid_grant: user hasn't approved this consumer"]
]

const said = ({ json, status }: Caller.Answer) =>
  status === 200 ? "200" : `${json.error}: ${String(json["error_description"])}`

describe("App", () => {
  it.each(claims)("claims with %j are answered with %s", (change, answer) =>
    run(options, (caller) =>
      Effect.map(grant(caller, sign({ ...good, ...change }, privateKey)), (answered) => {
        assert.equal(said(answered), answer)
        assert.equal(answered.status, answer === "200" ? 200 : 400)
      })
    )
  )

  it("a session by assertion is good, has the org's address and no refresh token", () =>
    run(options, (caller) =>
      Effect.gen(function* () {
        const { json } = yield* grant(caller, sign({ ...good, aud: `${caller.simulator.url}/` }, privateKey))
        assert.deepEqual([json.instance_url, json.token_type], [caller.simulator.url, "Bearer"])
        assert.equal(json.refresh_token, undefined)
        const headers = { authorization: `Bearer ${json.access_token}` }
        assert.equal((yield* caller.call(`${base}/limits`, { headers })).status, 200)
        const user = yield* caller.call("/services/oauth2/userinfo", { headers })
        assert.equal(user.json["preferred_username"], good.sub)
      })
    ))

  it("what another key signed, nobody signed or somebody changed is let in by nobody", () =>
    run(options, (caller) =>
      Effect.gen(function* () {
        const other = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
        const forged = sign(good, other.export({ type: "pkcs8", format: "pem" }).toString())
        const [head = "", body = "", signature = ""] = sign(good, privateKey).split(".")
        for (const assertion of [
          forged,
          `${head}.${body}.`,
          `${head}.${body}`,
          `${head}.${encode({ ...good, exp: now + 60 })}.${signature}`,
          `${encode({ alg: "none" })}.${body}.`,
          sign(good, privateKey, { alg: "HS256" }),
          "a.b.c",
          "..",
          "nonsense"
        ]) {
          const answer = yield* grant(caller, assertion)
          assert.deepEqual([answer.status, said(answer)], [400, "invalid_grant: invalid assertion"], assertion)
        }
        assert.equal((yield* grant(caller, "")).status, 400)
      })
    ))

  it("with no key given, a pair is handed out, which lets in", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const early = yield* grant(caller, sign({ ...good, iss: "3MVG9simulatedClientId" }, privateKey))
        assert.equal(said(early), "invalid_grant: invalid assertion")
        const { json: app } = yield* caller.call("/__app")
        assert.deepEqual(yield* caller.simulator.control.app, app)
        const claims = { iss: app["clientId"], sub: app["username"], aud: caller.simulator.url, exp: now + 60 }
        const answer = yield* grant(caller, sign(claims, String(app["privateKey"])))
        assert.equal(answer.status, 200)
        yield* caller.simulator.control.advance(60_000)
        const late = yield* grant(caller, sign(claims, String(app["privateKey"])))
        assert.equal(said(late), "invalid_grant: expired authorization code")
      })
    ))

  it("of a key that was given no private one is told, and a text that is no key is refused", () =>
    run(options, ({ call }) =>
      Effect.gen(function* () {
        assert.equal((yield* call("/__app")).json["privateKey"], null)
        for (const publicKey of ["", "nonsense", privateKey]) {
          const error = yield* Effect.flip(Simulator.make({ seed: 1, accounts: 1, publicKey }))
          assert.equal(error.reason, "Options")
          assert.match(error.message, /option publicKey /)
        }
      })
    ))
})
