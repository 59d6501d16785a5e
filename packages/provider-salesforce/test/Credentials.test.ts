/** Sessions end without notice; one renewal serves all, and no rotated token is lost. */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Credentials from "../src/Credentials.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import { type Answered, type Asked, bearer, client, limits, run, serve, type Script } from "./support/Script.ts"

const soql = "SELECT Id FROM Account"
const expired: Answered = {
  status: 401,
  body: [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }]
}
const page: Answered = { body: { done: true, records: [] } }
const isToken = ({ url }: { readonly url: string }) => url === "/services/oauth2/token"

/** A server that accepts only the newest session, and gives a new refresh token each time when `rotate`. */
const org = (options: { readonly rotate: boolean; readonly elsewhere?: () => string }) => {
  let session = 0
  let refresh = 0
  return (asked: Asked): Answered => {
    if (!isToken(asked)) return asked.token === `session-${session}` ? page : expired
    const form = new URLSearchParams(asked.body)
    if (form.get("refresh_token") !== `refresh-${refresh}` || form.get("client_id") !== "app") {
      return { status: 400, body: { error: "invalid_grant", error_description: "expired access/refresh token" } }
    }
    session++
    if (options.rotate) refresh++
    const instance_url = options.elsewhere?.() ?? `http://${asked.headers.host}`
    const rotated = options.rotate ? { refresh_token: `refresh-${refresh}` } : {}
    return { body: { access_token: `session-${session}`, instance_url, ...rotated } }
  }
}

const refreshing = (script: Script, persist: Credentials.Refresh["persist"] = () => Effect.void, first = "refresh-0") =>
  SalesforceClient.make({
    url: script.url,
    limits,
    pace: { concurrency: 10 },
    credentials: Credentials.refresh({
      loginUrl: script.url,
      clientId: "app",
      clientSecret: Redacted.make("app-secret"),
      refreshToken: Redacted.make(first),
      persist
    })
  })

const renewals = (script: Script) => script.asked.filter(isToken).length

describe("Credentials", () => {
  it("ten requests that meet one ended session renew it once, and all succeed", () =>
    run(
      Effect.gen(function* () {
        const held: Array<(answered: Answered) => void> = []
        let ended = false
        const answer = org({ rotate: true })
        // The first ten refusals leave together, when all ten requests have arrived.
        const script = yield* serve((asked) => {
          if (!ended || isToken(asked) || held.length === 10) return answer(asked)
          return new Promise<Answered>((resolve) => {
            if (held.push(resolve) === 10) for (const release of held) release(expired)
          })
        })
        const salesforce = yield* refreshing(script)
        yield* salesforce.query(soql)
        assert.equal(renewals(script), 1)
        ended = true
        yield* Effect.all(
          Array.from({ length: 10 }, () => salesforce.query(soql)),
          { concurrency: "unbounded" }
        )
        assert.equal(renewals(script), 2)
        assert.equal(script.asked.length - renewals(script), 1 + 10 + 10)
      })
    ))

  it("a session that ends again and again is renewed each time", () =>
    run(
      Effect.gen(function* () {
        const answer = org({ rotate: true })
        let refused = 0
        const script = yield* serve((asked) => (!isToken(asked) && refused++ % 2 === 0 ? expired : answer(asked)))
        const salesforce = yield* refreshing(script)
        for (let round = 0; round < 5; round++) yield* salesforce.query(soql)
        assert.equal(renewals(script), 6)
      })
    ))

  it("a second refusal after a renewal is for a person, and asks no more", () =>
    run(
      Effect.gen(function* () {
        const answer = org({ rotate: false })
        const script = yield* serve((asked) => (isToken(asked) ? answer(asked) : expired))
        const salesforce = yield* refreshing(script)
        const error = yield* Effect.flip(salesforce.query(soql))
        assert.equal(error.reason, "Unauthorized")
        assert.equal(renewals(script), 2)
        assert.equal(script.asked.length, 4)
      })
    ))

  it("a token that nothing renews fails with the remedy", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(() => expired)
        const error = yield* Effect.flip(salesforce.query(soql))
        assert.equal(error.reason, "Unauthorized")
        assert.match(error.message, /new access token/)
        assert.equal(script.asked.length, 1)
      })
    ))

  it("a rotated refresh token is persisted before the session is used", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: true }))
        const persisted: Array<readonly [token: string, asked: number]> = []
        const salesforce = yield* refreshing(script, (token) =>
          Effect.sync(() => void persisted.push([Redacted.value(token), script.asked.length]))
        )
        yield* salesforce.query(soql)
        assert.deepEqual(persisted, [["refresh-1", 1]])
        assert.equal(script.asked.length, 2)
      })
    ))

  it("a refresh token that did not change is not persisted", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: false }))
        const salesforce = yield* refreshing(script, () => Effect.die("nothing to persist"))
        yield* salesforce.query(soql)
      })
    ))

  it("a rotated refresh token that could not be persisted is kept, and persisted first next time", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: true }))
        let isDown = true
        const failed = new ChangeSource.SourceError({
          reason: "Unavailable",
          source: "vault",
          message: "the vault is down"
        })
        const salesforce = yield* refreshing(script, () => (isDown ? Effect.fail(failed) : Effect.void))
        assert.equal((yield* Effect.flip(salesforce.query(soql))).message, "the vault is down")
        assert.equal(script.asked.length, 1)
        isDown = false
        yield* salesforce.query(soql)
        assert.equal(renewals(script), 1)
      })
    ))

  it("a renewal outlives the request that began it", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: true }))
        const entered = yield* Deferred.make<void>()
        const release = yield* Deferred.make<void>()
        const salesforce = yield* refreshing(script, () =>
          Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(release))
        )
        const fiber = yield* Effect.forkChild(salesforce.query(soql))
        yield* Deferred.await(entered)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.succeed(release, undefined)
        yield* salesforce.query(soql)
        assert.equal(renewals(script), 1)
      })
    ))

  it("a request that is interrupted at any moment leaves no renewal that never ends", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: true }))
        const salesforce = yield* refreshing(script)
        for (let round = 0; round < 20; round++) {
          const fiber = yield* Effect.forkChild(salesforce.query(soql))
          for (let step = 0; step < round; step++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }
        yield* salesforce.query(soql)
        assert.equal(renewals(script), 1)
      })
    ))

  it("the org's address is read again at every renewal", () =>
    run(
      Effect.gen(function* () {
        const moved = yield* serve(() => page)
        const script = yield* serve(org({ rotate: false, elsewhere: () => moved.url }))
        const salesforce = yield* refreshing(script)
        yield* salesforce.query(soql)
        assert.equal(moved.asked[0]?.token, "session-1")
        assert.ok(script.asked.every(isToken))
      })
    ))

  it("a session is not taken to an address that would send it in the clear", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(org({ rotate: false, elsewhere: () => "http://evil.example" }))
        const salesforce = yield* refreshing(script)
        assert.equal((yield* Effect.flip(salesforce.query(soql))).reason, "Invalid")
      })
    ))

  it("a refused refresh token is for a person, and no secret is shown", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve((asked) => ({
          status: 400,
          body: { error: "invalid_grant", error_description: `expired: ${asked.body}` }
        }))
        const salesforce = yield* refreshing(script, () => Effect.void, "refresh-unknown")
        const error = yield* Effect.flip(salesforce.query(soql))
        assert.equal(error.reason, "Unauthorized")
        assert.match(error.message, /Log in again/)
        assert.doesNotMatch(error.message, /app-secret|refresh-unknown/)
        assert.equal(renewals(script), 1)
      })
    ))

  it("a token endpoint that answers something else is malformed, and its body is not shown", () =>
    run(
      Effect.gen(function* () {
        for (const body of [
          "<html>login</html>",
          { access_token: "leaked-token" },
          { access_token: "", instance_url: "x" }
        ]) {
          const script = yield* serve(() => ({ body }))
          const error = yield* Effect.flip((yield* refreshing(script)).query(soql))
          assert.equal(error.reason, "Malformed")
          assert.doesNotMatch(error.message, /leaked-token/)
        }
      })
    ))

  it("a token endpoint that is busy is asked again", () =>
    run(
      Effect.gen(function* () {
        const answer = org({ rotate: false })
        const script = yield* serve((asked) => (asked.index === 0 ? { status: 503, body: "" } : answer(asked)))
        yield* (yield* refreshing(script)).query(soql)
        assert.equal(renewals(script), 2)
      })
    ))

  it("credentials do not show their secrets when printed", () => {
    assert.doesNotMatch(JSON.stringify(bearer), /secret/)
  })
})
