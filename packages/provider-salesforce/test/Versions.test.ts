/** The version asked is one the org has, or the error names those it has. */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import { type Answered, type Asked, client, limits, run, serve } from "./support/Script.ts"

const soql = "SELECT Id FROM Account"
// Not in order, and 9.0 would be the newest if versions were compared as text.
const list = ["66.0", "9.0", "31.0", "100.0", "67.0"].map((version) => ({
  label: `v${version}`,
  url: `/services/data/v${version}`,
  version
}))

const missing: Answered = {
  status: 404,
  body: [{ errorCode: "NOT_FOUND", message: "The requested resource does not exist" }]
}

/** An org with the versions of the list. */
const org = ({ url }: Asked): Answered => {
  if (url === "/services/data") return { body: list }
  const version = /^\/services\/data\/v([\d.]+)\//.exec(url)?.[1]
  if (!list.some((one) => one.version === version)) return missing
  return url.includes("/query?") ? { body: { done: true, records: [] } } : missing
}

describe("Versions", () => {
  it("are listed without a token, the oldest first by number", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org)
        const versions = yield* SalesforceClient.versions({ url: script.url })
        assert.deepEqual(
          versions.map(({ version }) => version),
          ["9.0", "31.0", "66.0", "67.0", "100.0"]
        )
        assert.equal(versions.at(-1)?.label, "v100.0")
        assert.deepEqual(
          script.asked.map(({ token, url }) => [token, url]),
          [[undefined, "/services/data"]]
        )
      })
    ))

  it("the latest is asked for once, and used from then on", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(org, { apiVersion: "latest" })
        yield* salesforce.query(soql)
        yield* salesforce.query(soql)
        const urls = script.asked.map(({ url }) => url.split("/query")[0])
        assert.deepEqual(urls, ["/services/data", "/services/data/v100.0", "/services/data/v100.0"])
      })
    ))

  it("a list that could not be read is asked for again", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce } = yield* client(
          (asked) => (asked.index === 0 ? { body: "<html>maintenance</html>" } : org(asked)),
          { apiVersion: "latest" }
        )
        assert.equal((yield* Effect.flip(salesforce.query(soql))).reason, "Malformed")
        yield* salesforce.query(soql)
      })
    ))

  for (const status of [404, 410]) {
    it(`a version the org does not know, answered with ${status}, is named together with those it has`, () =>
      run(
        Effect.gen(function* () {
          const { client: salesforce, script } = yield* client(
            (asked) => (asked.url.startsWith("/services/data/") ? { ...missing, status } : org(asked)),
            { apiVersion: "99.0" }
          )
          for (let round = 0; round < 2; round++) {
            const error = yield* Effect.flip(salesforce.query(soql))
            assert.equal(error.reason, "Invalid")
            // Who the org is must not be made up from an address that does not answer.
            assert.equal((yield* Effect.flip(salesforce.organization)).message, error.message)
            assert.match(error.message, /no API version 99\.0: it has 9\.0 to 100\.0.*apiVersion to "100\.0"/)
          }
          assert.equal(script.asked.filter(({ url }) => url === "/services/data").length, 1)
        })
      ))
  }

  it("another thing that is not there is not blamed on the version", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce } = yield* client(org)
        const error = yield* Effect.flip(salesforce.describe("Missing"))
        assert.match(error.message, /NOT_FOUND/)
        const { client: lost } = yield* client((asked) => (asked.url === "/services/data" ? { status: 400 } : missing))
        assert.match((yield* Effect.flip(lost.describe("Missing"))).message, /NOT_FOUND/)
      })
    ))

  for (const body of ["<html>", {}, [], [{ version: 66 }], [{ label: "x", version: "66.0/../x" }]]) {
    it(`${JSON.stringify(body)} is no list of versions`, () =>
      run(
        Effect.gen(function* () {
          const script = yield* serve(() => ({ body }))
          const error = yield* Effect.flip(SalesforceClient.versions({ url: script.url, limits }))
          assert.equal(error.reason, "Malformed")
        })
      ))
  }

  it("an address that is none is refused", () =>
    run(
      Effect.gen(function* () {
        const error = yield* Effect.flip(SalesforceClient.versions({ url: "http://my.salesforce.com" }))
        assert.equal(error.reason, "Invalid")
      })
    ))
})
