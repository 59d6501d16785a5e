/** What becomes of a read of an org that lies where no connection may go. */
import { GuardedHttpClient } from "@tidemark/http"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import { bearer, limits, run } from "./support/Script.ts"

const url = "https://acme.my.salesforce.com"

/** How a read of the org fails. */
const failure = (layer: Layer.Layer<HttpClient.HttpClient>) =>
  SalesforceClient.make({ url, limits, credentials: bearer }).pipe(
    Effect.flatMap((client) => Effect.flip(client.query("SELECT Id FROM Account"))),
    Effect.provide(Layer.fresh(layer), { local: true })
  )

describe("a client of Salesforce that is guarded", () => {
  it("makes of a refused address an error that is not tried again and says what to look at", () =>
    run(
      Effect.gen(function* () {
        const asked: Array<string> = []
        const resolve = (hostname: string) => Effect.sync(() => (asked.push(hostname), ["127.0.0.1"]))
        const error = yield* failure(GuardedHttpClient.layer({ configured: [url], resolve }))
        assert.equal(error.reason, "Invalid")
        assert.match(error.message, /acme\.my\.salesforce\.com .*not public.*DNS/)
        assert.deepEqual(asked, ["acme.my.salesforce.com"])
      })
    ))

  it("tells a name that does not exist as one", () =>
    run(
      Effect.gen(function* () {
        const resolve = () => Effect.fail(Object.assign(new Error("no"), { code: "ENOTFOUND" }))
        const error = yield* failure(GuardedHttpClient.layer({ configured: [url], resolve }))
        assert.deepEqual([error.reason, error.message.includes("does not exist")], ["Unavailable", true])
      })
    ))
})
