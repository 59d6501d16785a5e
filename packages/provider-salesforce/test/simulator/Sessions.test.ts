/** Tokens over HTTP: who is let in, and how a session is renewed. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as http from "node:http"
import { describe, it } from "vitest"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const token = ({ call }: Caller.Caller, form: Record<string, string>) =>
  call("/services/oauth2/token", {
    method: "POST",
    body: new URLSearchParams(form).toString(),
    headers: { authorization: "" }
  })

const limits = ({ call }: Caller.Caller, authorization: string) =>
  call(`${base}/limits`, { headers: { authorization } })

describe("Sessions", () => {
  it("a good token is let in, another one is told so", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const { token } = caller.simulator
        assert.match(token, new RegExp(`^${caller.simulator.orgId.slice(0, 15)}!`))
        assert.equal((yield* limits(caller, `Bearer ${token}`)).status, 200)
        assert.equal((yield* limits(caller, `OAuth ${token}`)).status, 200)
        const bad = yield* limits(caller, `Bearer ${token}x`)
        assert.equal(bad.status, 401)
        assert.deepEqual(bad.json, [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }])
        assert.equal((yield* limits(caller, "")).json[0]?.errorCode, "INVALID_AUTH_HEADER")
      })
    ))

  it("an expired token is refused until it is renewed", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const { control, refreshToken, token: first, url, orgId } = caller.simulator
        yield* control.mutate({ expireToken: true })
        assert.equal((yield* limits(caller, `Bearer ${first}`)).status, 401)
        const form = { grant_type: "refresh_token", client_id: "c", refresh_token: refreshToken }
        const { json, status } = yield* token(caller, form)
        assert.equal(status, 200)
        assert.notEqual(json.access_token, first)
        assert.deepEqual(
          [json.instance_url, json.token_type, json.refresh_token, json.expires_in, json.issued_at],
          [url, "Bearer", undefined, undefined, String(Date.UTC(2026, 4, 1, 8))]
        )
        assert.ok(json.id.startsWith(`${url}/id/${orgId}/005`))
        assert.equal((yield* limits(caller, `Bearer ${json.access_token}`)).status, 200)
        assert.equal((yield* token(caller, form)).status, 200)
      })
    ))

  it("with rotation a refresh token is good for one use", () =>
    run({ rotation: true }, (caller) =>
      Effect.gen(function* () {
        const form = { grant_type: "refresh_token", client_id: "c", refresh_token: caller.simulator.refreshToken }
        const { json } = yield* token(caller, form)
        const again = yield* token(caller, form)
        assert.deepEqual([again.status, again.json.error], [400, "invalid_grant"])
        assert.equal((yield* token(caller, { ...form, refresh_token: json.refresh_token })).status, 200)
      })
    ))

  it.each([
    [{ grant_type: "client_credentials", client_id: "c", client_secret: "s" }, 200, undefined],
    [{ grant_type: "client_credentials", client_id: "c" }, 400, "invalid_client"],
    [{ grant_type: "refresh_token", client_id: "c", refresh_token: "wrong" }, 400, "invalid_grant"],
    [{ grant_type: "refresh_token" }, 400, "invalid_client"],
    [{ grant_type: "guess" }, 400, "unsupported_grant_type"],
    [{}, 400, "unsupported_grant_type"]
  ] as const)("%j is answered with %i %s", (form, status, error) =>
    run({}, (caller) =>
      Effect.map(token(caller, form), (answer) => {
        assert.equal(answer.status, status)
        assert.equal(answer.json.error, error)
      })
    )
  )

  it("a revoked token is good no more, and older clients log in by SOAP", () =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const body = `token=${encodeURIComponent(caller.simulator.token)}`
        assert.equal((yield* caller.call("/services/oauth2/revoke", { method: "POST", body })).status, 200)
        assert.equal((yield* limits(caller, `Bearer ${caller.simulator.token}`)).status, 401)
        const login = yield* caller.call("/services/Soap/u/66.0", {
          method: "POST",
          body: '<soap:Envelope><soap:Body><login xmlns="urn:partner.soap.sforce.com"><username>a</username></login></soap:Body></soap:Envelope>'
        })
        const session = /<sessionId>([^<]+)<\/sessionId>/.exec(login.text)?.[1]
        assert.equal((yield* limits(caller, `Bearer ${session}`)).status, 200)
      })
    ))

  it("sessions end when their life is over, by the simulated clock", () =>
    run({ sessionMs: 7_200_000 }, (caller) =>
      Effect.gen(function* () {
        const { control, refreshToken, token: first } = caller.simulator
        yield* control.advance(7_199_999)
        assert.equal((yield* limits(caller, `Bearer ${first}`)).status, 200)
        const form = { grant_type: "refresh_token", client_id: "c", refresh_token: refreshToken }
        const { json } = yield* token(caller, form)
        yield* control.advance(1)
        const ended = yield* limits(caller, `Bearer ${first}`)
        assert.deepEqual([ended.status, ended.json[0]?.errorCode], [401, "INVALID_SESSION_ID"])
        assert.equal((yield* limits(caller, `Bearer ${json.access_token}`)).status, 200)
        yield* control.advance(7_200_000)
        assert.equal((yield* limits(caller, `Bearer ${json.access_token}`)).status, 401)
      })
    ))

  it.each(["command", "revocation"])("a refresh token that died by %s renews nothing", (how) =>
    run({}, (caller) =>
      Effect.gen(function* () {
        const { refreshToken } = caller.simulator
        if (how === "command") yield* caller.simulator.control.mutate({ expireRefreshToken: true })
        else yield* caller.call("/services/oauth2/revoke", { method: "POST", body: `token=${refreshToken}` })
        for (const refresh_token of [refreshToken, "", "undefined"]) {
          const { json, status } = yield* token(caller, { grant_type: "refresh_token", client_id: "c", refresh_token })
          assert.deepEqual(
            [status, json],
            [400, { error: "invalid_grant", error_description: "expired access/refresh token" }]
          )
        }
      })
    )
  )

  it("client credentials are for the org's own host", () =>
    run({}, ({ simulator }) =>
      Effect.promise(async () => {
        const ask = (host: string) =>
          new Promise<readonly [number | undefined, string]>((resolve, reject) => {
            const options = { method: "POST", headers: host === "" ? {} : { host } }
            const request = http.request(`${simulator.url}/services/oauth2/token`, options, (response) => {
              let text = ""
              response.on("data", (data) => (text += data))
              response.on("end", () => resolve([response.statusCode, text]))
            })
            request.on("error", reject)
            request.end("grant_type=client_credentials&client_id=c&client_secret=s")
          })
        const [status, text] = await ask("")
        assert.equal(status, 200)
        assert.equal(JSON.parse(text).instance_url, simulator.url)
        const refused = [400, '{"error":"invalid_grant","error_description":"request not supported on this domain"}']
        for (const host of ["login.salesforce.com", "test.salesforce.com:443"]) {
          assert.deepEqual(await ask(host), refused)
        }
      })
    ))
})
