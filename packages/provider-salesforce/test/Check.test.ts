// Goal: what a check and a discovery tell is what the org says of itself, for every way to get a session.
// Method: the whole way from settings over credentials to steps, against a simulated org over HTTP.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Check, Discover, SalesforceClient, Spec } from "@tidemark/provider-salesforce"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import assert from "node:assert/strict"
import { describe, it } from "vitest"

type Auth = Spec.Auth<string>

const schema = Spec.settings(Schema.NonEmptyString)

const withOrg = <A, E>(
  options: Partial<Simulator.Options>,
  use: (org: Simulator.Simulator) => Effect.Effect<A, E, Effect.Services<ReturnType<typeof SalesforceClient.versions>>>
) =>
  Effect.runPromise(
    Effect.flatMap(Simulator.make({ seed: 5, accounts: 3, oddObjects: true, ...options }), use).pipe(
      Effect.provide(NodeHttpClient.layerUndici),
      Effect.scoped
    )
  )

/** What is told, and the refresh tokens that were kept. */
const checked = Effect.fnUntraced(function* (org: Simulator.Simulator, auth: Auth, more: Partial<Check.Options> = {}) {
  const steps: Array<Check.Step> = []
  const kept: Array<string> = []
  const credentials = Spec.credentials(auth, {
    url: org.url,
    reveal: Redacted.make,
    persist: (token) => Effect.sync(() => void kept.push(Redacted.value(token)))
  })
  const options = { url: org.url, credentials, objects: [], ...more }
  yield* Check.run(options, (step) => Effect.sync(() => void steps.push(step)))
  return { steps, kept }
})

const bearer = (org: Simulator.Simulator): Auth => ({ type: "bearer", token: org.token })

const statusOf = (steps: ReadonlyArray<Check.Step>, step: Check.Step["step"], object?: string) =>
  steps.filter((one) => one.step === step && one.object === object).map(({ status }) => status)

describe("a check", () => {
  it.each(["bearer", "refresh", "jwt", "clientCredentials"] as const)("gets a session by %s", (type) =>
    withOrg({ rotation: true }, (org) =>
      Effect.gen(function* () {
        const { clientId, privateKey, username } = yield* org.control.app
        const auths: { readonly [T in Auth["type"]]: Extract<Auth, { readonly type: T }> } = {
          bearer: { type: "bearer", token: org.token },
          refresh: { type: "refresh", clientId, refreshToken: org.refreshToken },
          jwt: { type: "jwt", clientId, username, privateKey: privateKey ?? "" },
          clientCredentials: { type: "clientCredentials", clientId, clientSecret: "secret" }
        }
        const written = Schema.decodeUnknownSync(schema)({ provider: "salesforce", auth: auths[type] })
        const { kept, steps } = yield* checked(org, written.auth!)
        assert.deepEqual(statusOf(steps, "identity"), ["ok"])
        assert.match(steps.map(({ message }) => message).join("\n"), new RegExp(org.orgId))
        assert.equal(kept.length, type === "refresh" ? 1 : 0)
      })
    )
  )

  it("sends no credentials before the address has answered as an org does", () =>
    withOrg({}, (org) =>
      Effect.gen(function* () {
        yield* org.control.fault({ match: "/services/data", kind: "html200" })
        const auth: Auth = { type: "refresh", clientId: "app", refreshToken: org.refreshToken }
        const { steps } = yield* checked(org, auth)
        assert.deepEqual(
          steps.map(({ status, step }) => [step, status]),
          [["address", "fail"]]
        )
        const asked = yield* org.control.counts
        assert.ok(Object.keys(asked).every((path) => !path.includes("oauth2")))
      })
    ))

  it("tells how many calls are left, by the budget that is set", () =>
    withOrg({ dailyLimit: 1000 }, (org) =>
      Effect.gen(function* () {
        const calls = (budget: Check.Options["apiBudget"]) =>
          Effect.map(checked(org, bearer(org), { apiBudget: budget }), ({ steps }) => statusOf(steps, "calls"))
        // A check takes one call that counts.
        for (let used = 1; used <= 40; used++) assert.deepEqual(yield* calls({}), ["ok"])
        assert.deepEqual(yield* calls({ calls: 43 }), ["warn"])
        assert.deepEqual(yield* calls({ calls: 1 }), ["fail"])
      })
    ))

  it("tells of every object how its deletions are seen, as its describe says", () =>
    withOrg({}, (org) =>
      Effect.gen(function* () {
        const client = yield* SalesforceClient.make({
          url: org.url,
          credentials: Spec.credentials(bearer(org), { url: "", reveal: Redacted.make, persist: () => Effect.void })
        })
        const listed = yield* Discover.objects(client)
        const names = listed.filter(({ isQueryable }) => isQueryable).map(({ name }) => name)
        const { steps } = yield* checked(org, bearer(org), { objects: names })
        for (const name of names) {
          const { value } = yield* client.describe(name)
          const { fields } = yield* Discover.object(client, name)
          assert.equal(fields.length, value.fields.length)
          const stamp = value.fields.some((one) => one.name === "SystemModstamp" && one.filterable !== false)
          assert.deepEqual(statusOf(steps, "cursor", name), [stamp ? "ok" : "fail"])
          assert.deepEqual(statusOf(steps, "deletions", name), [value.replicateable ? "ok" : "warn"])
          const formulas = value.fields.some(({ calculated }) => calculated === true)
          assert.deepEqual(statusOf(steps, "fields", name), [formulas ? "warn" : "ok"])
        }
      })
    ))
})

describe("settings", () => {
  it.each([
    ["https://acme.my.salesforce.com", true],
    ["https://acme.my.salesforce.com/", true],
    ["http://127.0.0.1:8080", true],
    ["https://acme.my.salesforce.com/token", false],
    ["https://user:secret@acme.my.salesforce.com", false],
    ["https://acme.my.salesforce.com token: secret", false],
    ["acme", false]
  ])("the address %s is taken: %s", (url, isTaken) =>
    assert.equal(Result.isSuccess(Schema.decodeUnknownResult(schema)({ provider: "salesforce", url })), isTaken)
  )

  it.each([
    ["66.0", "66.0"],
    [66, "66.0"],
    ["latest", "latest"],
    ["66", undefined],
    [66.5, undefined]
  ])("the version %s is %s", (apiVersion, expected) => {
    const decoded = Schema.decodeUnknownResult(schema)({ provider: "salesforce", apiVersion })
    const version = Result.isSuccess(decoded) ? Spec.apiVersion(decoded.success.apiVersion!) : undefined
    assert.equal(version, expected)
  })

  it("every secret of a way to get a session is found by its name", () => {
    const auths: ReadonlyArray<Auth> = [
      { type: "bearer", token: "1" },
      { type: "refresh", clientId: "a", clientSecret: "1", refreshToken: "2" },
      { type: "refresh", clientId: "a", refreshToken: "2" },
      { type: "jwt", clientId: "a", username: "u", privateKey: "1" },
      { type: "clientCredentials", clientId: "a", clientSecret: "1" }
    ]
    for (const auth of auths) {
      const digits = Object.entries(auth).filter(([, value]) => /^\d$/.test(value))
      assert.deepEqual(Object.fromEntries(Spec.secrets(auth)), Object.fromEntries(digits))
    }
  })
})
