/**
 * All kinds of credentials keep the same promises: one renewal for all requests
 * that meet an ended session, whichever are interrupted; one try again after a
 * refusal; and no secret in any message.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Scheduler from "effect/Scheduler"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Credentials from "../src/Credentials.ts"
import * as Jwt from "../src/Jwt.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import * as Sessions from "../src/Sessions.ts"
import * as Transport from "../src/Transport.ts"
import * as Login from "./support/Login.ts"
import { type Answered, type Asked, limits, run, serve, type Script } from "./support/Script.ts"

const soql = "SELECT Id FROM Account"
const isToken = ({ url }: Asked) => url === "/services/oauth2/token"
const renewals = (script: Script) => script.asked.filter(isToken).length

const connect = (script: Script, credentials: Credentials.Credentials) =>
  SalesforceClient.make({ url: script.url, limits, pace: { concurrency: 20 }, credentials })

/** Holds the first `count` requests that are no renewals back until all have come. */
const gate = (count: number) => {
  const held: Array<() => void> = []
  return (asked: Asked, answer: (asked: Asked) => Answered): Answered | Promise<Answered> => {
    if (isToken(asked) || held.length === count) return answer(asked)
    return new Promise((resolve) => {
      if (held.push(() => resolve(answer(asked))) === count) for (const release of held) release()
    })
  }
}

const requests = (salesforce: SalesforceClient.SalesforceClient["Service"], count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.forkChild(Effect.exit(salesforce.query(soql))))

describe("Sessions", () => {
  it("however many requests meet an ended session, and whichever are interrupted, it is renewed once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Login.kinds),
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.tuple(fc.nat(7), fc.nat(12)), { maxLength: 8 }),
        (kind, count, interruptions) =>
          run(
            Effect.gen(function* () {
              const org = Login.org(Date.now())
              let through = gate(0)
              const script = yield* serve((asked) => through(asked, org.answer))
              const salesforce = yield* connect(script, Login.credentials(kind, script.url))
              yield* salesforce.query(soql)
              assert.equal(renewals(script), 1)
              org.end()
              through = gate(count)
              const fibers = yield* requests(salesforce, count)
              for (const [which, after] of interruptions) {
                for (let step = 0; step < after; step++) yield* Effect.yieldNow
                const fiber = fibers[which]
                // The last one is left alone, so that all have been sent when the gate opens.
                if (fiber !== undefined && which < count - 1) yield* Fiber.interrupt(fiber)
              }
              // What was interrupted before it was sent never comes to the gate.
              const rest = yield* requests(salesforce, count)
              yield* Effect.forEach([...fibers, ...rest], Fiber.await)
              yield* salesforce.query(soql)
              assert.equal(renewals(script), 2)
            })
          )
      ),
      { numRuns: 25 }
    ))

  it("a request interrupted at any step of its first renewal leaves none that never ends", () =>
    run(
      Effect.gen(function* () {
        const org = Login.org(Date.now())
        const script = yield* serve(org.answer)
        const exchange = Transport.exchange(yield* HttpClient.HttpClient, "salesforce")
        const credentials = Login.credentials("ClientCredentials", script.url)
        for (let steps = 0; steps < 60; steps++) {
          const { current } = Sessions.make({
            source: "salesforce",
            origin: script.url,
            trustedHosts: [],
            credentials,
            exchange
          })
          // Three operations at a time, the least that gets on, so that the interruption falls between any two.
          const fiber = yield* Effect.forkChild(Effect.provideService(current, Scheduler.MaxOpsBeforeYield, 3))
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          yield* current
        }
      })
    ))

  for (const kind of Login.kinds) {
    it(`${kind}: a session that ends again and again is renewed each time`, () =>
      run(
        Effect.gen(function* () {
          const org = Login.org(Date.now())
          const script = yield* serve(org.answer)
          const salesforce = yield* connect(script, Login.credentials(kind, script.url))
          for (let round = 0; round < 4; round++) {
            yield* salesforce.query(soql)
            org.end()
          }
          assert.equal(renewals(script), 4)
        })
      ))

    it(`${kind}: a renewal does not wait for the turn of the requests that wait for it`, () =>
      run(
        Effect.gen(function* () {
          const org = Login.org(Date.now())
          const script = yield* serve(org.answer)
          const salesforce = yield* SalesforceClient.make({
            url: script.url,
            limits,
            pace: { concurrency: 1 },
            credentials: Login.credentials(kind, script.url)
          })
          yield* salesforce.query(soql)
          org.end()
          for (const fiber of yield* requests(salesforce, 5)) yield* Effect.flatten(Fiber.join(fiber))
          assert.equal(renewals(script), 2)
        })
      ))

    it(`${kind}: a second refusal after a renewal is for a person`, () =>
      run(
        Effect.gen(function* () {
          const org = Login.org(Date.now())
          const script = yield* serve((asked) => (isToken(asked) ? org.answer(asked) : { status: 401, body: "" }))
          const salesforce = yield* connect(script, Login.credentials(kind, script.url))
          const error = yield* Effect.flip(salesforce.query(soql))
          assert.equal(error.reason, "Unauthorized")
          assert.deepEqual([renewals(script), script.asked.length], [2, 4])
        })
      ))

    it(`${kind}: a refusal shows no secret, though the server repeats what it was sent`, () =>
      run(
        Effect.gen(function* () {
          const script = yield* serve((asked) => ({
            status: 400,
            body: {
              error: "invalid_grant",
              error_description: [...new URLSearchParams(asked.body).values()].toReversed().join(" ")
            }
          }))
          const salesforce = yield* connect(script, Login.credentials(kind, script.url))
          const error = yield* Effect.flip(salesforce.query(soql))
          assert.equal(error.reason, "Unauthorized")
          const shown = [error.message, JSON.stringify(error), String(error)].join()
          assert.doesNotMatch(shown, /app-secret|refresh-0|eyJ|PRIVATE KEY/)
        })
      ))

    it(`${kind}: credentials do not show their secrets when printed`, () => {
      const shown = JSON.stringify(Login.credentials(kind, "https://x.my.salesforce.com"))
      assert.doesNotMatch(shown, /app-secret|refresh-0|PRIVATE KEY/)
    })
  }
})

describe("Sessions with a private key", () => {
  const assertions = (script: Script) =>
    script.asked.filter(isToken).map(({ body }) => Login.claimsOf(new URLSearchParams(body).get("assertion") ?? ""))

  it("a clock that is wrong costs at most one more request, and no assertion accepted is longer than 3 minutes", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: -1_000_000, max: 1_000_000 }), (seconds) =>
        run(
          Effect.gen(function* () {
            const now = Date.parse("2026-05-01T08:00:00.000Z")
            const org = Login.org(now)
            const script = yield* serve(org.answer)
            const salesforce = yield* connect(script, Login.credentials("Jwt", script.url))
            yield* TestClock.setTime(now + seconds * 1000)
            yield* salesforce.query(soql)
            assert.ok(renewals(script) <= 2)
            const left = Number(assertions(script).at(-1)?.["exp"]) - now / 1000
            assert.ok(left > 0 && left <= 180)
            // Once known, the server's clock is used from the start.
            const before = renewals(script)
            org.end()
            yield* salesforce.query(soql)
            assert.equal(renewals(script), before + 1)
          }).pipe(Effect.provide(TestClock.layer(), { local: true }))
        )
      ),
      { numRuns: 15 }
    ))

  it("the audience is where the users of the org log in", () => {
    const table: ReadonlyArray<readonly [host: string, at: string]> = [
      ["login.salesforce.com", "login"],
      ["test.salesforce.com", "test"],
      ["acme.my.salesforce.com", "login"],
      ["acme-dev-ed.develop.my.salesforce.com", "login"],
      ["acme--uat.sandbox.my.salesforce.com", "test"],
      ["acme--uat.my.salesforce.com", "test"],
      ["app-ability-1234.scratch.my.salesforce.com", "test"],
      ["scratch.my.salesforce.com", "login"],
      ["127.0.0.1", "login"]
    ]
    for (const [host, at] of table) assert.equal(Jwt.audience(host), `https://${at}.salesforce.com`, host)
  })

  it("an assertion refused for another reason is not signed again", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(() => ({
          status: 400,
          headers: { date: new Date().toUTCString() },
          body: { error: "invalid_grant", error_description: "user hasn't approved this consumer" }
        }))
        const salesforce = yield* connect(script, Login.credentials("Jwt", script.url))
        assert.equal((yield* Effect.flip(salesforce.query(soql))).reason, "Unauthorized")
        assert.equal(renewals(script), 1)
      })
    ))

  it("a key in the older form is read too", () =>
    run(
      Effect.gen(function* () {
        const script = yield* serve(Login.org(Date.now()).answer)
        const salesforce = yield* connect(
          script,
          Credentials.jwt({
            loginUrl: script.url,
            clientId: "app",
            username: "sync@acme.example",
            privateKey: Login.privateKeyOld
          })
        )
        yield* salesforce.query(soql)
      })
    ))

  it("a key that cannot be read, or a lifetime above 3 minutes, is refused before anything is sent", () =>
    run(
      Effect.gen(function* () {
        const wrong = [
          { privateKey: Redacted.make("not-a-key") },
          { privateKey: Redacted.make("-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----") },
          { lifetime: "4 minutes" as const }
        ]
        for (const options of wrong) {
          const script = yield* serve(() => ({}))
          const salesforce = yield* connect(
            script,
            Credentials.jwt({
              loginUrl: script.url,
              clientId: "app",
              username: "u",
              privateKey: Login.privateKey,
              ...options
            })
          )
          const error = yield* Effect.flip(salesforce.query(soql))
          assert.equal(error.reason, "Invalid")
          assert.doesNotMatch(error.message, /not-a-key|QUJD/)
          assert.equal(script.asked.length, 0)
        }
      })
    ))
})

describe("Sessions of the app itself", () => {
  for (const url of ["https://login.salesforce.com", "https://test.salesforce.com"]) {
    it(`${url} is refused before anything is sent`, () =>
      run(
        Effect.gen(function* () {
          const script = yield* serve(() => ({}))
          const salesforce = yield* connect(
            script,
            Credentials.clientCredentials({ url, clientId: "app", clientSecret: Redacted.make("s") })
          )
          const error = yield* Effect.flip(salesforce.query(soql))
          assert.equal(error.reason, "Invalid")
          assert.match(error.message, /My Domain/)
        })
      ))
  }
})
