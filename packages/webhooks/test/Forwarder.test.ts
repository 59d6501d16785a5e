/**
 * Every event reaches its endpoint, signed, in the order of its key, whatever the
 * endpoint answers.
 *
 * Method: the relay over the store in memory, servers on loopback that verify each
 * message by means of their own, a clock that the test holds. Guarantees: O16, O19.
 */
import { describe, it } from "@effect/vitest"
import * as Relay from "@tidemark/core/engine/Relay"
import * as Consumers from "@tidemark/core/ports/Consumers"
import type { Forwarder } from "@tidemark/webhooks"
import * as Memory from "@tidemark/memory/Memory"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import assert from "node:assert/strict"
import {
  drainFor,
  errors,
  first,
  forwarder,
  now,
  once,
  publish,
  relayOf,
  run,
  second,
  tenant
} from "./support/Events.ts"
import * as Receiver from "./support/Receiver.ts"

/** What a receiver had first of each key: amounts, in the order they came. */
const amounts = (got: ReadonlyArray<Receiver.Got>) => {
  const seen = new Map<string, ReadonlyArray<unknown>>()
  const ids = new Set<string>()
  for (const { id, json } of got) {
    if (ids.has(id)) continue
    ids.add(id)
    seen.set(json.key, [...(seen.get(json.key) ?? []), (json.data as { cents: number }).cents])
  }
  return Object.fromEntries(seen)
}

const receipts = Effect.map(Memory.shares(tenant), (shares) => shares.filter(({ as }) => as === "Receipt").length)

describe("a message", () => {
  it.effect("is the event, signed, with nothing that was marked secret", () =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(() => 204)
        const options = yield* relayOf(
          yield* forwarder(`${receiver.url}/hooks?token=t0ken`, {
            headers: { Authorization: Redacted.make("Bearer b3arer"), "x-team": "billing" },
            occurredAt: ({ payload }) => now - payload.cents
          })
        )
        yield* publish("i1", 100)
        yield* Relay.prepare(options)
        assert.equal((yield* Relay.drainOnce(options)).acknowledged, 1)
        const [one] = receiver.got
        assert.ok(one !== undefined && receiver.got.length === 1)
        assert.deepEqual([one.method, one.url], ["POST", "/hooks?token=t0ken"])
        assert.ok(one.isGenuine(first) && !one.isGenuine(second) && one.signatures === 1)
        assert.equal(one.timestamp, now / 1000)
        assert.match(one.id, /^msg_[A-Za-z0-9_-]{43}$/)
        assert.equal(
          one.text,
          '{"type":"invoice_paid","timestamp":"2026-05-01T07:59:59.900Z","data":{"cents":100},' +
            '"id":"acme/numbered/invoice/invoice_paid/i1/1","entity":"invoice","key":"i1","revision":1,"version":1}'
        )
        const { authorization, traceparent, b3, ...headers } = one.headers
        assert.deepEqual([authorization, traceparent, b3], ["Bearer b3arer", undefined, undefined])
        assert.deepEqual([headers["content-type"], headers["x-team"]], ["application/json", "billing"])
      })
    )
  )

  it.effect("is one POST for each event of a commit and each consumer, in the order of its key", () =>
    run(
      Effect.gen(function* () {
        const one = yield* Receiver.serve(() => 200)
        const other = yield* Receiver.serve(() => 201)
        const options = yield* relayOf(
          yield* forwarder(one.url),
          yield* forwarder(other.url, { secrets: { current: Redacted.make(second) } }, "audit-hooks")
        )
        yield* publish("a", 1, 2, 3)
        yield* publish("b", 1, 2)
        yield* Relay.prepare(options)
        yield* drainFor(options)
        for (const { got } of [one, other]) {
          assert.equal(got.length, 5)
          assert.deepEqual(amounts(got), { a: [1, 2, 3], b: [1, 2] })
        }
        assert.ok(one.got.every((message) => message.isGenuine(first)))
        assert.ok(other.got.every((message) => message.isGenuine(second)))
        const ids = [...one.got, ...other.got].map(({ id }) => id)
        assert.equal(new Set(ids).size, 10)
      })
    )
  )

  it.effect("O19 has the same id and the same bytes at each attempt, and the time of the attempt", () =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(({ index }) => (index < 3 ? 500 : 200))
        const options = yield* relayOf(yield* forwarder(receiver.url))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* drainFor(options)
        assert.equal(receiver.got.length, 4)
        assert.equal(new Set(receiver.got.map(({ id, text }) => id + text)).size, 1)
        assert.equal(new Set(receiver.got.map(({ timestamp }) => timestamp)).size, 4)
        assert.ok(receiver.got.every((message) => message.isGenuine(first)))
      })
    )
  )
})

describe("an endpoint", () => {
  it.effect("that fails one in ten gets everything in order, and nothing twice that it took", () =>
    run(
      Effect.gen(function* () {
        const taken: Array<Receiver.Got> = []
        const receiver = yield* Receiver.serve((message) => {
          if (message.index % 10 === 3) {
            // Half of them by a word, half of them by none.
            return message.index % 20 === 3 ? 502 : (response) => void response.destroy()
          }
          taken.push(message)
          return 200
        })
        const options = yield* relayOf(yield* forwarder(receiver.url, { concurrency: 8 }))
        for (let key = 0; key < 20; key++) yield* publish(`k${key}`, 1, 2, 3, 4, 5)
        yield* Relay.prepare(options)
        yield* drainFor(options)
        assert.equal(taken.length, 100)
        assert.ok(receiver.got.length > 105)
        assert.ok(receiver.got.every((message) => message.isGenuine(first)))
        const expected = Array.from({ length: 20 }, (_, key) => [`k${key}`, [1, 2, 3, 4, 5]])
        assert.deepEqual(amounts(taken), Object.fromEntries(expected))
        assert.equal(yield* receipts, 100)
      })
    )
  )

  it.effect("changes its secret while events flow, and none is lost or refused", () =>
    run(
      Effect.gen(function* () {
        let known = [first]
        const refused: Array<string> = []
        const receiver = yield* Receiver.serve((message) => {
          if (known.some((secret) => message.isGenuine(secret))) return 200
          refused.push(message.id)
          return 401
        })
        const until = now + 3_600_000
        let secrets: Forwarder.Secrets = { current: Redacted.make(first) }
        const options = yield* relayOf(yield* forwarder(receiver.url, { secrets: Effect.sync(() => secrets) }))
        yield* Relay.prepare(options)
        const steps: ReadonlyArray<() => void> = [
          () => undefined,
          () => void (secrets = { current: Redacted.make(second), previous: { secret: Redacted.make(first), until } }),
          () => void (known = [first, second]),
          () => void (known = [second])
        ]
        let amount = 0
        for (const step of steps) {
          step()
          for (let event = 0; event < 5; event++) yield* publish(`k${event}`, amount++)
          yield* drainFor(options)
        }
        yield* TestClock.adjust(3_600_000)
        yield* publish("k0", amount)
        yield* drainFor(options)
        assert.deepEqual(refused, [])
        assert.equal(receiver.got.length, 21)
        assert.deepEqual(
          receiver.got.map(({ signatures }) => signatures),
          [...Array.from({ length: 5 }, () => 1), ...Array.from({ length: 15 }, () => 2), 1]
        )
        assert.ok(receiver.got.at(-1)?.isGenuine(second))
      })
    )
  )

  it.effect("O16 that is down for 72 hours gets what it missed, and nothing is given up", () =>
    run(
      Effect.gen(function* () {
        let isUp = false
        const receiver = yield* Receiver.serve(() => (isUp ? 200 : 503))
        const options = yield* relayOf(yield* forwarder(receiver.url))
        yield* publish("a", 1, 2)
        yield* publish("b", 1)
        yield* Relay.prepare(options)
        yield* drainFor(options, 600_000, 72 * 6)
        isUp = true
        yield* drainFor(options, 600_000)
        assert.equal(yield* receipts, 3)
        assert.deepEqual(amounts(receiver.got), { a: [1, 2], b: [1] })
      })
    )
  )

  it.effect("that is gone gets nothing more: its consumer is paused, and owed what comes", () =>
    run(
      Effect.gen(function* () {
        let isGone = true
        const receiver = yield* Receiver.serve(() => (isGone ? 410 : 200))
        const options = yield* relayOf(yield* forwarder(receiver.url, { concurrency: 1 }))
        for (const key of ["a", "b", "c"]) yield* publish(key, 1)
        yield* Relay.prepare(options)
        yield* drainFor(options, 60_000, 60)
        assert.equal(receiver.got.length, 1)
        const consumers = yield* Consumers.Consumers
        const [paused] = yield* consumers.list
        assert.deepEqual([paused?.status, paused?.waiting], ["Paused", 3])
        assert.match(paused?.changed?.by ?? "", /^410 Gone of 127\.0\.0\.1:\d+$/)
        isGone = false
        yield* consumers.change("billing-hooks", { _tag: "Resume" }, "ann")
        yield* drainFor(options)
        assert.deepEqual(amounts(receiver.got), { a: [1], b: [1], c: [1] })
        assert.equal(yield* receipts, 3)
      })
    )
  )

  it.effect.each([
    ["for two minutes", "120", [120, 133]],
    ["until a date", new Date(now + 300_000).toUTCString(), [300, 331]],
    ["for no time at all", "0", [1, 2]],
    ["for a year", "31536000", [21_600, 21_601]],
    ["for what is none", "soon", [1, 2]]
  ] as const)("that asks to be left alone %s is", ([, header, [least, most]]) =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(({ index }) =>
          index > 0
            ? 200
            : (response) =>
                void response
                  .writeHead(429, { "retry-after": header, date: new Date(now).toUTCString() })
                  .end("too many requests")
        )
        const options = yield* relayOf(yield* forwarder(receiver.url))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        yield* TestClock.adjust((least - 1) * 1000)
        yield* Relay.drainOnce(options)
        assert.equal(receiver.got.length, 1)
        yield* TestClock.adjust((most - least + 1) * 1000)
        yield* Relay.drainOnce(options)
        assert.equal(receiver.got.length, 2)
      })
    )
  )

  it.effect("that does not answer in time has failed once, and its key waits", () =>
    run(
      Effect.gen(function* () {
        const asked = yield* Deferred.make<void>()
        const receiver = yield* Receiver.serve(({ index }) => {
          if (index > 0) return 200
          Deferred.doneUnsafe(asked, Effect.void)
          return () => undefined
        })
        const options = yield* relayOf(yield* forwarder(receiver.url, { timeout: "5 seconds" }))
        yield* publish("a", 1, 2)
        yield* Relay.prepare(options)
        const draining = yield* Effect.forkChild(Relay.drainOnce(options))
        yield* Deferred.await(asked)
        yield* TestClock.adjust("5 seconds")
        assert.equal((yield* Fiber.join(draining)).retried, 1)
        yield* drainFor(options)
        assert.deepEqual(amounts(receiver.got), { a: [1, 2] })
        assert.equal(receiver.got.length, 3)
      })
    )
  )

  it.effect("whose answer is done but has no end is done with", () =>
    run(
      Effect.gen(function* () {
        const piece = Buffer.alloc(64 * 1_024)
        const cut = yield* Deferred.make<void>()
        const receiver = yield* Receiver.serve(() => (response) => {
          response.writeHead(200)
          response.on("close", () => Deferred.doneUnsafe(cut, Effect.void))
          const write = (): void => {
            while (!response.destroyed && response.write(piece));
            if (!response.destroyed) response.once("drain", write)
          }
          write()
        })
        const options = yield* relayOf(yield* forwarder(receiver.url))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        assert.equal((yield* Relay.drainOnce(options)).acknowledged, 1)
        yield* Deferred.await(cut)
        assert.equal(receiver.got.length, 1)
      })
    )
  )

  it.live("whose answer stalls behind its head is done with", () =>
    Effect.gen(function* () {
      const receiver = yield* Receiver.serve(() => (response) => void response.writeHead(200).write("{"))
      const options = yield* relayOf(yield* forwarder(receiver.url))
      yield* publish("a", 1)
      yield* Relay.prepare(options)
      assert.equal((yield* Relay.drainOnce(options)).acknowledged, 1)
    }).pipe(Effect.scoped, Effect.provide(Memory.layer(), { local: true }))
  )
})

describe("what an operator reads", () => {
  it.effect.each([
    [500, /^ForwardError: 127\.0\.0\.1:\d+ answered 500: look what it says of this webhook-id$/],
    [302, /answered 302, and redirections are not followed: give the address it leads to$/],
    [410, /answered 410 Gone, so billing-hooks is paused: resume it when the endpoint is back, else retire it$/]
  ] as const)("of %s names the host and what to do, and no secret", ([status, expected]) =>
    run(
      Effect.gen(function* () {
        const elsewhere = yield* Receiver.serve(() => 200)
        const receiver = yield* Receiver.serve(
          () => (response) =>
            void response.writeHead(status, { location: `${elsewhere.url}/?t0ken` }).end("canary of the answer")
        )
        const hook = `${receiver.url}/p4th?q=t0ken`
        const headers = { authorization: "Bearer b3arer" }
        const options = yield* relayOf(
          yield* forwarder(hook, { headers, retry: once, allow: [receiver.url, elsewhere.url] })
        )
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        const [error] = yield* errors
        assert.match(error ?? "", expected)
        assert.doesNotMatch(error ?? "", /t0ken|p4th|b3arer|canary|whsec/)
        assert.equal(elsewhere.got.length, 0)
      })
    )
  )

  it.effect("of a server that is not there says so", () =>
    run(
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(Receiver.serve(() => 200))
        const options = yield* relayOf(yield* forwarder(`${url}/?t0ken`, { retry: once }))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        assert.match(
          (yield* errors)[0] ?? "",
          /^ForwardError: 127\.0\.0\.1:\d+ could not be reached \(ECONNREFUSED\): look whether it is up$/
        )
      })
    )
  )

  it.effect("of secrets that cannot be read says where to look, and nothing is sent unsigned", () =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(() => 200)
        const broken = [
          Effect.fail(new Error("vault canary")),
          Effect.succeed({ current: Redacted.make("whsec_canary") })
        ]
        const hooks = yield* Effect.forEach(broken, (secrets, place) =>
          forwarder(receiver.url, { secrets, retry: once }, `hooks-${place}`)
        )
        const options = yield* relayOf(...hooks)
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        const found = (yield* errors).toSorted()
        assert.equal(found.length, 2)
        assert.match(found[0]!, /^ForwardError: a secret of webhooks is whsec_ and base64 of 24 to 64 bytes/)
        assert.match(found[1]!, /^ForwardError: the secrets of the endpoint could not be read/)
        assert.doesNotMatch(found.join(" "), /canary/)
        assert.equal(receiver.got.length, 0)
      })
    )
  )
})
