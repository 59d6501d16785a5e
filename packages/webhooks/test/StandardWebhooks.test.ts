/**
 * The scheme against itself, against an independent signer, and against the vectors
 * of the official libraries (standard-webhooks/standard-webhooks at b2fa7b8,
 * libraries/javascript/src/webhook.test.ts and libraries/rust/src/lib.rs).
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Effect from "effect/Effect"
import type * as Mac from "effect/crypto/Mac"
import type * as SecureRandom from "effect/crypto/SecureRandom"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import * as crypto from "node:crypto"
import { describe, it } from "vitest"
import * as StandardWebhooks from "../src/StandardWebhooks.ts"

const run = <A, E>(effect: Effect.Effect<A, E, Mac.Mac | SecureRandom.SecureRandom>): A =>
  Effect.runSync(effect.pipe(Effect.provide(NodeCrypto.layerMac), Effect.provide(NodeCrypto.layerSecureRandom)))

const textOf = (key: Uint8Array) => Redacted.make(`whsec_${Buffer.from(key).toString("base64")}`)
const secretOf = (key: Uint8Array) => run(StandardWebhooks.secret(textOf(key)))

/** By other means than those under test. */
const signature = (key: Uint8Array, { body, id, timestamp }: StandardWebhooks.Message) =>
  `v1,${crypto.createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")}`

/** `"Genuine"`, or why not. */
const verdict = (secrets: StandardWebhooks.Secrets, received: StandardWebhooks.Received, now: number): string =>
  run(
    Effect.match(StandardWebhooks.verify(secrets, received, now), {
      onFailure: ({ reason }) => reason,
      onSuccess: () => "Genuine"
    })
  )

const keys = fc.uint8Array({ minLength: 24, maxLength: 64 })
const ids = fc.stringMatching(/^[!-\-/-~]{1,128}$/)
const messages: fc.Arbitrary<StandardWebhooks.Message> = fc.record({
  id: ids,
  timestamp: fc.integer({ min: 1_000_000_000, max: 9_999_999_999 }),
  body: fc.uint8Array({ maxLength: 200 })
})

const headersOf = ({ id, timestamp }: StandardWebhooks.Message, signatures: string) => ({
  "webhook-id": id,
  "webhook-timestamp": String(timestamp),
  "webhook-signature": signatures
})

describe("vectors of the official libraries", () => {
  const vectors = [
    {
      secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1614265330,
      body: '{"test": 2432232314}',
      signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    },
    {
      secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
      id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
      timestamp: 1649367553,
      body: '{"email":"test@example.com","username":"test_user"}',
      signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    }
  ]
  it.each(vectors)("are signed as there, and verified: $id", ({ body, id, secret, signature, timestamp }) => {
    const secrets = run(StandardWebhooks.secrets({ current: Redacted.make(secret) }))
    const message = { id, timestamp, body: Buffer.from(body) }
    const headers = run(StandardWebhooks.sign(secrets, message))
    assert.deepEqual(headers, headersOf(message, signature))
    assert.equal(verdict(secrets, { headers, body: message.body }, timestamp * 1000), "Genuine")
  })

  const { id, secret, signature, timestamp } = vectors[0]!
  const body = Buffer.from(vectors[0]!.body)
  const other = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
  const now = timestamp * 1000
  const whole = headersOf({ id, timestamp, body }, signature)
  it.each([
    ["as it is", whole, "Genuine"],
    ["without id", { ...whole, "webhook-id": undefined }, "Malformed"],
    ["without time", { ...whole, "webhook-timestamp": undefined }, "Malformed"],
    ["with a time that is none", { ...whole, "webhook-timestamp": "hello" }, "Malformed"],
    ["without signature", { ...whole, "webhook-signature": undefined }, "Malformed"],
    ["with a short signature", { ...whole, "webhook-signature": "v1,dawfeoifkpqwoekfpqoekf" }, "Forged"],
    ["with the beginning of its signature", { ...whole, "webhook-signature": signature.slice(0, 8) }, "Forged"],
    ["with a version alone", { ...whole, "webhook-signature": "v1," }, "Forged"],
    ["among others", { ...whole, "webhook-signature": `v1,${other} v2,${other} ${signature} v1,${other}` }, "Genuine"],
    ["with others alone", { ...whole, "webhook-signature": `v1,${other} v1,${other}` }, "Forged"],
    ["under another version", { ...whole, "webhook-signature": signature.replace("v1", "v1a") }, "Forged"],
    ["behind eight others", { ...whole, "webhook-signature": `${`v1,${other} `.repeat(8)}${signature}` }, "Malformed"]
  ])("%s", (_, headers, expected) => {
    const secrets = run(StandardWebhooks.secrets({ current: Redacted.make(secret) }))
    assert.equal(verdict(secrets, { headers, body }, now), expected)
  })

  it("a body that is empty is signed as any other", () => {
    const message = { id, timestamp, body: new Uint8Array() }
    const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64")
    const headers = headersOf(message, signature)
    assert.equal(verdict({ current: secretOf(key) }, { headers, body: message.body }, now), "Forged")
    const right = run(StandardWebhooks.sign({ current: secretOf(key) }, message))
    assert.equal(verdict({ current: secretOf(key) }, { headers: right, body: message.body }, now), "Genuine")
  })
})

describe("laws of the scheme", () => {
  it("what was signed is what an independent signer makes, and is verified", () => {
    fc.assert(
      fc.property(keys, messages, fc.integer({ min: -300_000, max: 300_000 }), (key, message, away) => {
        const secrets = { current: secretOf(key) }
        const headers = run(StandardWebhooks.sign(secrets, message))
        assert.deepEqual(headers, headersOf(message, signature(key, message)))
        const now = message.timestamp * 1000 + away
        assert.equal(verdict(secrets, { headers, body: message.body }, now), "Genuine")
      }),
      { numRuns: 500 }
    )
  })

  it("one bit that changed is refused, wherever it is", () => {
    const flipped = (bytes: Uint8Array, bit: number) => {
      const copy = Buffer.from(bytes)
      const at = bit % (copy.length * 8)
      copy[at >> 3]! ^= 1 << (at & 7)
      return copy
    }
    const part = fc.constantFrom("webhook-id", "webhook-timestamp", "webhook-signature", "body")
    fc.assert(
      fc.property(keys, messages, part, fc.nat(), (key, message, part, bit) => {
        fc.pre(part !== "body" || message.body.length > 0)
        const secrets = { current: secretOf(key) }
        const headers = run(StandardWebhooks.sign(secrets, message))
        const changed =
          part === "body"
            ? { headers, body: flipped(message.body, bit) }
            : {
                headers: { ...headers, [part]: flipped(Buffer.from(headers[part]), bit).toString("latin1") },
                body: message.body
              }
        assert.notEqual(verdict(secrets, changed, message.timestamp * 1000), "Genuine")
      }),
      { numRuns: 2000 }
    )
  })

  it("the last character of a signature is not one of four that decode to the same", () => {
    fc.assert(
      fc.property(keys, messages, (key, message) => {
        const secrets = { current: secretOf(key) }
        const headers = run(StandardWebhooks.sign(secrets, message))
        const given = headers["webhook-signature"]
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        const last = alphabet.indexOf(given.at(-2)!)
        for (const bits of [1, 2, 3]) {
          const twin = `${given.slice(0, -2)}${alphabet[last ^ bits]!}=`
          const received = { headers: { ...headers, "webhook-signature": twin }, body: message.body }
          assert.equal(verdict(secrets, received, message.timestamp * 1000), "Forged")
        }
      }),
      { numRuns: 100 }
    )
  })

  it("the parts of a message are not moved over their borders", () => {
    const key = Buffer.alloc(32, 7)
    const body = Buffer.from("2.x")
    const headers = run(StandardWebhooks.sign({ current: secretOf(key) }, { id: "a", timestamp: 1_700_000_000, body }))
    const moved = { ...headers, "webhook-id": "a.1700000000" }
    assert.equal(verdict({ current: secretOf(key) }, { headers: moved, body }, 1_700_000_000_000), "Malformed")
  })

  it("a time is accepted exactly when it is at most five minutes away", () => {
    const key = Buffer.alloc(32, 7)
    const secrets = { current: secretOf(key) }
    const timestamp = 1_700_000_000
    const body = Buffer.from("{}")
    const headers = run(StandardWebhooks.sign(secrets, { id: "a", timestamp, body }))
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: -310, max: 310 }), fc.integer()), fc.nat(999), (away, ms) => {
        const expected = Math.abs(away) <= 300 ? "Genuine" : "Stale"
        assert.equal(verdict(secrets, { headers, body }, (timestamp + away) * 1000 + ms), expected)
      })
    )
  })

  it("a sender and a receiver that share an active secret understand each other, and others do not", () => {
    const [a, b, c] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer]
    const until = fc.constantFrom(0, 1_699_999_999_999, 1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000)
    const sides = fc.record({
      current: fc.constantFrom(a, b, c),
      previous: fc.option(fc.record({ key: fc.constantFrom(a, b, c), until }), { nil: undefined })
    })
    type Side = typeof sides extends fc.Arbitrary<infer S> ? S : never
    const now = 1_700_000_000_000
    const secretsOf = ({ current, previous }: Side): StandardWebhooks.Secrets => ({
      current: secretOf(current),
      previous: previous === undefined ? undefined : { secret: secretOf(previous.key), until: previous.until }
    })
    const active = ({ current, previous }: Side) =>
      previous !== undefined && previous.until > now ? [current, previous.key] : [current]
    fc.assert(
      fc.property(sides, sides, (sender, receiver) => {
        const body = Buffer.from("{}")
        const headers = run(StandardWebhooks.sign(secretsOf(sender), { id: "a", timestamp: now / 1000, body }))
        const isShared = active(sender).some((key) => active(receiver).includes(key))
        assert.equal(verdict(secretsOf(receiver), { headers, body }, now), isShared ? "Genuine" : "Forged")
      }),
      { numRuns: 500 }
    )
  })

  it("a body above the limit is refused before it is read", () => {
    const key = Buffer.alloc(32, 7)
    const secrets = { current: secretOf(key) }
    const timestamp = 1_700_000_000
    for (const [size, expected] of [
      [StandardWebhooks.bodyMax, "Genuine"],
      [StandardWebhooks.bodyMax + 1, "TooLarge"]
    ] as const) {
      const body = new Uint8Array(size)
      const headers = run(StandardWebhooks.sign(secrets, { id: "a", timestamp, body }))
      assert.equal(verdict(secrets, { headers, body }, timestamp * 1000), expected)
    }
  })
})

describe("secrets", () => {
  const isSecret = (text: string) =>
    run(
      Effect.match(StandardWebhooks.secret(Redacted.make(text)), {
        onFailure: (error) => {
          assert.ok(text.length < 10 || !error.message.includes(text.slice(6)), error.message)
          return false
        },
        onSuccess: (secret) => {
          assert.ok(!`${JSON.stringify(secret)}${String(secret)}`.includes(text.slice(6, 20)))
          return true
        }
      })
    )

  it("have 24 to 64 bytes", () => {
    for (let size = 0; size < 100; size++) {
      const text = `whsec_${crypto.randomBytes(size).toString("base64")}`
      assert.equal(isSecret(text), size >= 24 && size <= 64, `${size} bytes`)
      assert.equal(isSecret(text.replace(/=+$/, "")), size >= 24 && size <= 64, `${size} bytes without padding`)
    }
  })

  it("begin with their prefix, and are base64", () => {
    const bytes = Buffer.alloc(32, 255)
    const right = bytes.toString("base64")
    for (const text of [
      right,
      `whsk_${right}`,
      `WHSEC_${right}`,
      `whsec_${bytes.toString("base64url")}`,
      `whsec_ ${right}`,
      `whsec_${right}\n`,
      `whsec_${right}===`,
      "whsec_",
      ""
    ]) {
      assert.ok(!isSecret(text), text)
    }
  })

  it("that are generated are secrets, each another one", () => {
    const texts = Array.from({ length: 20 }, () => Redacted.value(run(StandardWebhooks.generate)))
    assert.ok(texts.every(isSecret))
    assert.equal(new Set(texts).size, 20)
  })

  it("what cannot be sent in a header is not signed", () => {
    const secrets = { current: secretOf(Buffer.alloc(32, 7)) }
    for (const [id, timestamp] of [
      ["", 1_700_000_000],
      ["a.b", 1_700_000_000],
      ["a b", 1_700_000_000],
      ["a\r\nb", 1_700_000_000],
      ["é", 1_700_000_000],
      ["a".repeat(129), 1_700_000_000],
      ["a", 1_700_000_000_000],
      ["a", 0],
      ["a", 1_700_000_000.5]
    ] as const) {
      const error = run(Effect.flip(StandardWebhooks.sign(secrets, { id, timestamp, body: new Uint8Array() })))
      assert.equal(error._tag, "MessageError")
    }
  })
})
