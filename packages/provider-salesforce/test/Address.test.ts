/** A token goes where a person or Salesforce said it may, and nowhere else. */
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Address from "../src/Address.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import * as Login from "./support/Login.ts"
import { bearer, client, limits, run, serve } from "./support/Script.ts"

const soql = "SELECT Id FROM Account"
const source = "salesforce"

const acme = "https://acme.my.salesforce.com"
const named = (address: string, trusted: ReadonlyArray<string> = [], configured: ReadonlyArray<string> = [acme]) =>
  Result.isSuccess(Address.instance({ source, address, configured, trusted }))

/** Ways to write an address of this machine, of its network, or of a cloud's metadata. */
const inside = [
  "127.0.0.1",
  "127.1",
  "127.000.000.001",
  "0177.0.0.1",
  "0x7f.0.0.1",
  "0x7f000001",
  "2130706433",
  "017700000001",
  "0.0.0.0",
  "0",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b::a9fe:a9fe]",
  "[fe80::1]",
  "[fd00:ec2::254]",
  "[::ffff:169.254.169.254]",
  "169.254.169.254",
  "0xa9fea9fe",
  "2852039166",
  "0251.0376.0251.0376",
  "169.254.43518",
  "metadata.google.internal",
  "metadata",
  "instance-data",
  "10.0.0.1",
  "10.1",
  "172.16.0.1",
  "192.168.0.1",
  "192.168.1",
  "100.64.0.1",
  "100.100.100.200",
  "198.18.0.1",
  "intranet.acme.example",
  "kubernetes.default.svc",
  "①②⑦.⓪.⓪.①"
]

/** Names that look like Salesforce's, or like the configured one's. */
const lookalikes = [
  "salesforce.com.evil.example",
  "evilsalesforce.com",
  "acme.my.salesforce.com.evil.example",
  "my-salesforce.com",
  "salesforce.co",
  "xforce.com",
  "salesforce.com%2eevil.example",
  "salesforce.com\\@evil.example",
  "salesforce.com:443@evil.example",
  "salesforce。com.evil.example",
  "com",
  "salesforce.com."
]

describe("Address", () => {
  for (const host of [...inside, ...lookalikes]) {
    it(`an org is not moved to ${host} by an answer`, () => {
      for (const scheme of ["https", "http", "ftp", "file"]) {
        for (const port of ["", ":8443"]) assert.ok(!named(`${scheme}://${host}${port}`))
      }
    })
  }

  it("an org is moved to hosts of Salesforce, of the one configured, and to those that are trusted", () => {
    assert.ok(named("https://eu12.salesforce.com"))
    assert.ok(named("https://ACME--uat.sandbox.my.salesforce.com/"))
    assert.ok(named("https://acme.my.salesforce.mil"))
    assert.ok(!named("https://crm.acme.example"))
    assert.ok(named("https://crm.acme.example", ["acme.example"]))
    assert.ok(named("https://crm.acme.example", ["CRM.Acme.Example"]))
    assert.ok(!named("https://crm.acme.example.evil.example", ["acme.example"]))
    assert.ok(!named("https://crmacme.example", ["acme.example"]))
    assert.ok(!named("https://crm.acme.example", [""]))
    assert.ok(named("https://eu.crm.acme.example", [], ["https://crm.acme.example"]))
    assert.ok(!named("https://acme.example", [], ["https://crm.acme.example"]))
    assert.ok(!named("http://crm.acme.example", ["acme.example"]))
    assert.ok(!named("https://user:secret@eu12.salesforce.com"))
    assert.ok(!named("https://eu12.salesforce.com/services"))
  })

  it("an org on this machine may move on this machine, and nowhere else", () => {
    const local = ["http://127.0.0.1:8080"]
    assert.ok(named("http://127.0.0.1:9090", [], local))
    assert.ok(named("http://localhost:9090", [], local))
    assert.ok(!named("http://192.168.0.1:9090", [], local))
  })

  it("no text is taken for an address unless its host is below one that may have the token", () => {
    const label = fc.constantFrom("salesforce", "com", "acme", "my", "evil", "example", "127", "1", "force", "")
    const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."))
    const glue = fc.constantFrom("", "@", "/", "\\", "#", "?", ":443", "%2e", "。", "\t")
    fc.assert(
      fc.property(fc.constantFrom("https://", "http://", "//", "https:/", "https:"), host, glue, host, (...parts) => {
        const address = parts.join("")
        const result = Address.instance({ source, address, configured: [acme], trusted: [] })
        if (Result.isFailure(result)) return
        assert.match(result.success, /^https:\/\/(?:[a-z0-9-]+\.)*(?:salesforce|force)\.com(?::\d+)?$/)
      }),
      { numRuns: 2000, examples: [["https://", "", "。", "salesforce.com"]] }
    )
  })

  it("a login that names another host gets no request there, and the message says which option allows it", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(() => ({
          body: { access_token: "stolen", instance_url: "https://attacker.example" }
        }))
        for (const kind of Login.kinds) {
          const salesforce = yield* SalesforceClient.make({
            url: script.url,
            limits,
            credentials: Login.credentials(kind, script.url)
          })
          const error = yield* Effect.flip(salesforce.query(soql))
          assert.equal(error.reason, "Invalid")
          assert.match(error.message, /attacker\.example.*trustedHosts/)
          assert.doesNotMatch(error.message, /stolen/)
        }
        assert.ok(script.asked.every(({ url }) => url === "/services/oauth2/token"))
      })
    ))
})

describe("redirections", () => {
  for (const [name, layer] of [
    ["undici", NodeHttpClient.layerUndici],
    ["fetch", FetchHttpClient.layer]
  ] as const) {
    for (const status of [301, 302, 303, 307, 308]) {
      it(`${status} is not followed by a client of ${name}, neither with a session nor at login`, () =>
        run(
          Effect.gen(function* () {
            const elsewhere = yield* serve(() => ({ body: { done: true, records: [] } }))
            const { script } = yield* client(() => ({ status, headers: { location: `${elsewhere.url}/x` } }))
            for (const credentials of [bearer, Login.credentials("ClientCredentials", script.url)]) {
              const salesforce = yield* SalesforceClient.make({ url: script.url, limits, credentials })
              const error = yield* Effect.flip(salesforce.query(soql))
              assert.equal(error.reason, "Invalid")
              assert.match(error.message, new RegExp(`HTTP ${status}`))
            }
            assert.equal(script.asked.length, 2)
            assert.equal(elsewhere.asked.length, 0)
          }).pipe(Effect.provide(Layer.fresh(layer), { local: true }))
        ))
    }
  }
})
