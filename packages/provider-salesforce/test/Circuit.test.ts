/** A host that is down is left alone, tried again by one request, and refused requests say until when. */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Circuit from "../src/Circuit.ts"
import * as SalesforceError from "../src/SalesforceError.ts"
import type * as Transport from "../src/Transport.ts"
import { client, run } from "./support/Script.ts"

const answer = (status: number, retryAfter?: number): Transport.Answer => ({
  status,
  body: "",
  serverTime: 0,
  retryAfter,
  usage: undefined
})

/** A host that answers what it is told, and counts what it was sent. */
const makeHost = () => {
  const host = { sent: 0, says: answer(503) as Transport.Answer | ChangeSource.SourceError }
  const exchange = Effect.suspend(() => {
    host.sent++
    return "status" in host.says ? Effect.succeed(host.says) : Effect.fail(host.says)
  })
  return { host, exchange }
}

const held = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.provide(effect, TestClock.layer()))

const options = { failures: 3, openFor: "30 seconds", openForMax: "60 seconds" } as const

describe("Circuit", () => {
  it("opens after the failures in a row, says until when, and closes when a request succeeds", () =>
    held(
      Effect.gen(function* () {
        const { exchange, host } = makeHost()
        const circuit = yield* Circuit.make("salesforce", options)
        const ask = circuit("acme.my.salesforce.com", exchange)
        for (let failure = 0; failure < 3; failure++) assert.equal((yield* ask).status, 503)
        yield* TestClock.adjust("10 seconds")
        const error = yield* Effect.flip(ask)
        assert.equal(host.sent, 3)
        assert.equal(error.reason, "Unavailable")
        assert.equal(error.retryAfter, 20_000)
        assert.match(error.message, /acme\.my\.salesforce\.com.*until 1970-01-01T00:00:30\.000Z/)
        assert.ok(!SalesforceError.isTransient(error))
        yield* TestClock.adjust("20 seconds")
        host.says = answer(200)
        yield* ask
        yield* ask
        assert.equal(host.sent, 5)
      })
    ))

  it("one request tries whether the host is back, and others are refused meanwhile", () =>
    held(
      Effect.gen(function* () {
        const { exchange, host } = makeHost()
        const circuit = yield* Circuit.make("salesforce", options)
        for (let failure = 0; failure < 3; failure++) yield* circuit("h", exchange)
        yield* TestClock.adjust("30 seconds")
        const release = yield* Deferred.make<void>()
        const probe = yield* Effect.forkChild(circuit("h", Effect.andThen(Deferred.await(release), exchange)), {
          startImmediately: true
        })
        const error = yield* Effect.flip(circuit("h", exchange))
        assert.equal(error.reason, "Unavailable")
        assert.match(error.message, /another request is trying/)
        yield* Deferred.succeed(release, undefined)
        yield* Fiber.join(probe)
        assert.equal(host.sent, 4)
      })
    ))

  it("a host that stays down is left alone for longer, up to the longest", () =>
    held(
      Effect.gen(function* () {
        const { exchange, host } = makeHost()
        const circuit = yield* Circuit.make("salesforce", options)
        const ask = circuit("h", exchange)
        for (let failure = 0; failure < 3; failure++) yield* ask
        const waits: Array<number | undefined> = []
        for (let round = 0; round < 4; round++) {
          const { retryAfter = 0 } = yield* Effect.flip(ask)
          waits.push(retryAfter)
          yield* TestClock.adjust(retryAfter)
          yield* ask
        }
        assert.deepEqual(waits, [30_000, 60_000, 60_000, 60_000])
        assert.equal(host.sent, 7)
      })
    ))

  it("the server's own wait is kept to, as far as the longest", () =>
    held(
      Effect.gen(function* () {
        for (const [asked, waits] of [
          [45_000, 45_000],
          [3_600_000, 60_000]
        ] as const) {
          const { exchange, host } = makeHost()
          host.says = answer(503, asked)
          const circuit = yield* Circuit.make("salesforce", options)
          for (let failure = 0; failure < 3; failure++) yield* circuit("h", exchange)
          assert.equal((yield* Effect.flip(circuit("h", exchange))).retryAfter, waits)
        }
      })
    ))

  it("lost connections count, and an answer of any kind but a failure of the server starts anew", () =>
    held(
      Effect.gen(function* () {
        const { exchange, host } = makeHost()
        const ask = (yield* Circuit.make("salesforce", options))("h", exchange)
        const lost = SalesforceError.disconnected("salesforce", "ECONNRESET", "h")
        for (const good of [answer(200), answer(400), answer(401), answer(403), answer(429)]) {
          for (const says of [lost, lost, good]) {
            host.says = says
            yield* Effect.exit(ask)
          }
        }
        assert.equal(host.sent, 15)
        host.says = lost
        for (let failure = 0; failure < 5; failure++) yield* Effect.flip(ask)
        assert.equal(host.sent, 18)
      })
    ))

  it("another host has a circuit of its own", () =>
    held(
      Effect.gen(function* () {
        const { exchange, host } = makeHost()
        const circuit = yield* Circuit.make("salesforce", options)
        for (let failure = 0; failure < 3; failure++) yield* circuit("a", exchange)
        yield* Effect.flip(circuit("a", exchange))
        yield* circuit("b", exchange)
        assert.equal(host.sent, 4)
      })
    ))

  it("a client stops asking an org that is down", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(() => ({ status: 503, body: "" }), {
          circuit: { failures: 6 }
        })
        const read = Effect.flip(salesforce.query("SELECT Id FROM Account"))
        for (let made = 0; made < 5; made++) assert.equal((yield* read).reason, "Unavailable")
        assert.equal(script.asked.length, 6)
        assert.match((yield* read).message, /left alone until/)
      })
    ))

  for (const options of [
    { failures: 0 },
    { openFor: "0 millis" },
    { openFor: "10 minutes", openForMax: "5 minutes" }
  ] as const) {
    it(`${JSON.stringify(options)} is refused`, async () => {
      const error = await Effect.runPromise(Effect.flip(Circuit.make("salesforce", options)))
      assert.equal(error.reason, "Invalid")
      assert.match(error.message, /circuit\./)
    })
  }
})
