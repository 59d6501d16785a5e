/**
 * No event goes to an address that is not public, however it is written, resolved or
 * named by an answer, unless whoever runs the application allowed it.
 *
 * Method: a server on loopback that counts, forms of addresses of
 * `packages/http/test/support/addresses.txt`, resolvers that answer what a test says.
 */
import { describe, it } from "@effect/vitest"
import * as Relay from "@tidemark/core/engine/Relay"
import { Endpoint, Forwarder } from "@tidemark/webhooks"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { drainFor, errors, first, forwarder, once, paid, publish, relayOf, run } from "./support/Events.ts"
import * as Receiver from "./support/Receiver.ts"

const corpus = fs
  .readFileSync(new URL("../../http/test/support/addresses.txt", import.meta.url), "utf8")
  .trim()
  .split(/\s+/)

/** Why an endpoint is refused, `"Fine"` when it is not. */
const verdict = (options: Endpoint.Options): string => {
  const made = Endpoint.make(options)
  if (Result.isSuccess(made)) return "Fine"
  assert.ok(made.failure.message.length < 400)
  return made.failure.reason
}

describe("an endpoint", () => {
  it.each(corpus)("at %s is refused before anything is sent", (text) => {
    const url = `https://${text.includes(":") ? `[${text}]` : text}/hooks`
    assert.ok(["NotPublic", "Address"].includes(verdict({ url })), url)
    assert.ok(!URL.canParse(url) || verdict({ url }) === "NotPublic", url)
    // What is allowed is allowed by its own address.
    assert.notEqual(verdict({ url, allow: ["https://127.0.0.7", "http://localhost"] }), "Fine")
  })

  it("speaks https, unless it is allowed by name", () => {
    const url = "http://hooks.example/a"
    assert.equal(verdict({ url: "https://hooks.example/a" }), "Fine")
    assert.equal(verdict({ url: Redacted.make("https://hooks.example/a") }), "Fine")
    assert.equal(verdict({ url }), "Insecure")
    assert.equal(verdict({ url, allow: ["http://hooks.example"] }), "Fine")
    assert.equal(verdict({ url, allow: ["http://hooks.example/"] }), "Fine")
    for (const allow of ["https://hooks.example", "http://hooks.example:81", "http://example", "hooks.example", ""]) {
      assert.equal(verdict({ url, allow: [allow] }), "Insecure", allow)
    }
    for (const scheme of ["ftp", "file", "javascript", "data", "ws"]) {
      assert.notEqual(verdict({ url: `${scheme}://hooks.example/a`, allow: [`${scheme}://hooks.example`] }), "Fine")
    }
  })

  it("is an address and nothing else", () => {
    for (const url of [
      "",
      "hooks.example",
      "https://",
      "https://ann:s3cret@hooks.example/",
      "https://@hooks.example/",
      "https://.hooks.example/",
      "https://hooks..example/",
      `https://hooks.example/${"a".repeat(2048)}`
    ]) {
      assert.equal(verdict({ url }), "Address", url)
    }
  })

  it("has headers that a message and a connection do not have themselves", () => {
    const url = "https://hooks.example/"
    const named = (name: string, value = "x") => verdict({ url, headers: { [name]: value } })
    for (const name of ["authorization", "X-Team", "user-agent", "cookie"]) assert.equal(named(name), "Fine", name)
    for (const name of [
      "webhook-id",
      "Webhook-Signature",
      "Content-Type",
      "content-length",
      "Host",
      "connection",
      "transfer-encoding",
      "upgrade",
      "expect",
      "a b",
      "a\r\nb",
      "é",
      ""
    ]) {
      assert.equal(named(name), "Header", name)
    }
    for (const value of ["a\r\nb: c", "a\nb", "\u0000", "é", "a".repeat(9_000)]) {
      assert.equal(named("x", value), "Header")
    }
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, place) => [`x-${place}`, "x"]))
    assert.equal(verdict({ url, headers: many }), "Header")
  })

  it("tells nothing of its address but the host, whatever is wrong with it", () => {
    const secret = "s3cr3t"
    const piece = fc.constantFrom("https://", "http://", "//", "hooks.example", "127.0.0.1", ":443", "@", "/", "?", "#")
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), fc.boolean(), (before, isHeader) => {
        const url = `${before.join("")}/${secret}?${secret}#${secret}`
        const made = Endpoint.make(isHeader ? { url: "https://a.example", headers: { host: secret } } : { url })
        const shown = Result.isSuccess(made)
          ? `${String(made.success.url)}${JSON.stringify(made.success)}`
          : made.failure.message
        assert.ok(!shown.includes(secret), shown)
      }),
      { numRuns: 1000 }
    )
  })
})

describe("a forwarder", () => {
  it.effect("is not made of an endpoint or a secret that is none", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const secrets = { current: Redacted.make(first) }
        const on = [paid] as const
        const insecure = yield* Effect.flip(Forwarder.make("hooks", { on, secrets, url: "http://hooks.example/" }))
        assert.deepEqual([insecure._tag, "reason" in insecure && insecure.reason], ["EndpointError", "Insecure"])
        const none = yield* Effect.flip(
          Forwarder.make("hooks", {
            on,
            url: "https://hooks.example/",
            secrets: { ...secrets, previous: { secret: Redacted.make("canary"), until: 0 } }
          })
        )
        assert.equal(none._tag, "SecretError")
        assert.doesNotMatch(none.message, /canary/)
      })
    )
  )

  it.effect.each(corpus)("sends nothing to a name that leads to %s", (address) =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(() => 200)
        const url = `http://hooks.example:${receiver.port}/?t0ken`
        const resolve = () => Effect.succeed([address])
        const options = yield* relayOf(yield* forwarder(url, { resolve, retry: once }))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        const [error] = yield* errors
        assert.match(
          error ?? "",
          /^ForwardError: hooks\.example:\d+ lies at an address that is not public, and nothing/
        )
        assert.doesNotMatch(error ?? "", /t0ken/)
        assert.equal(receiver.got.length, 0)
      })
    )
  )

  it.effect("is allowed what was named, and neither another port nor another name of the same machine", () =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(() => 200)
        const allow = ["http://127.0.0.1:1", "http://localhost:1", "http://10.0.0.1"]
        const options = yield* relayOf(
          yield* forwarder(`https://localhost:${receiver.port}`, { allow, retry: once }),
          yield* forwarder(`http://localhost:${receiver.port}`, {}, "own-hooks")
        )
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* Relay.drainOnce(options)
        assert.equal(receiver.got.length, 1)
        const found = yield* errors
        assert.equal(found.length, 1)
        assert.match(found[0]!, /^ForwardError: localhost:\d+ lies at an address that is not public/)
      })
    )
  )

  it.effect("looks at the address it connects to, at each attempt, and sends once that is public or allowed", () =>
    run(
      Effect.gen(function* () {
        const receiver = yield* Receiver.serve(() => 200)
        // Public for whoever looks first, then this machine.
        const answers = [["1.1.1.1", "127.0.0.1"], ["127.0.0.1"], ["::ffff:127.0.0.1"], []]
        let asked = 0
        const resolve = () => Effect.sync(() => answers[Math.min(asked++, answers.length - 1)]!)
        const name = `http://rebind.example:${receiver.port}`
        const options = yield* relayOf(
          yield* forwarder(name, { resolve }),
          yield* forwarder(receiver.url, { resolve }, "own-hooks")
        )
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* drainFor(options, 1_000, 60)
        assert.ok(asked > 4)
        assert.deepEqual([receiver.got.length, receiver.got[0]?.headers.host], [1, `127.0.0.1:${receiver.port}`])
      })
    )
  )

  it.effect("follows no redirection to the metadata of a cloud, or to this machine", () =>
    run(
      Effect.gen(function* () {
        const inside = yield* Receiver.serve(() => 200)
        const statuses = [301, 302, 303, 307, 308]
        const receiver = yield* Receiver.serve(
          ({ index }) =>
            (response) =>
              void response
                .writeHead(statuses[index % 5]!, {
                  location: index % 2 === 0 ? "http://169.254.169.254/latest/meta-data/" : `${inside.url}/`
                })
                .end()
        )
        const options = yield* relayOf(yield* forwarder(receiver.url))
        yield* publish("a", 1)
        yield* Relay.prepare(options)
        yield* drainFor(options, 600_000, 12)
        assert.ok(receiver.got.length >= 5)
        assert.equal(inside.got.length, 0)
      })
    )
  )
})
