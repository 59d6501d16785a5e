/**
 * The scheme of Standard Webhooks 1.0.0, symmetric signatures: who sends a message
 * signs it, and who gets it knows that it is unchanged, recent, and from somebody
 * who has the secret.
 *
 * Signed are the id, the time of the attempt and the bytes of the body, with
 * HMAC-SHA256. Two secrets may be active while one takes the other's place: the
 * sender signs with both, and the receiver accepts either. The spec:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * **Laws**
 *
 * - what was signed is verified, with any secret that is active on both sides;
 * - a change of one bit of id, time, body or signature is refused;
 * - a time is accepted if and only if it is at most `tolerance` away.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** 24 to 64 bytes; shows itself nowhere. @category models @since 0.1.0 */
export type Secret = Mac.Key<typeof Mac.hmacSha256>

/** @category models @since 0.1.0 */
export interface Secrets<S = Secret> {
  readonly current: S
  /** The one before it is active too, as long as it is before `until`, in ms since the epoch. */
  readonly previous?: { readonly secret: S; readonly until: number } | undefined
}

/** @category models @since 0.1.0 */
export interface Message {
  /** 1 to 128 visible characters of ASCII, and no full stop. The same for each attempt. */
  readonly id: string
  /** Of the attempt, in s since the epoch. */
  readonly timestamp: number
  readonly body: Uint8Array
}

/** @category models @since 0.1.0 */
export type Headers = Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>>

/** How far the time of a message may be from that of its receiver, in s, both ways. @category constants @since 0.1.0 */
export const tolerance = 300

/** Most bytes of a body that is verified. @category constants @since 0.1.0 */
export const bodyMax = 1_024 * 1_024

/** Most signatures that are looked at. @category constants @since 0.1.0 */
export const signaturesMax = 8

// -----------------------------------------------------------------------------
// errors
// -----------------------------------------------------------------------------

/** A text that is no secret. It is not told what it was. @category errors @since 0.1.0 */
export class SecretError extends Schema.TaggedError<SecretError>()("SecretError", {
  message: Schema.String
}) {}

/** An id or a time that cannot be signed. @category errors @since 0.1.0 */
export class MessageError extends Schema.TaggedError<MessageError>()("MessageError", {
  message: Schema.String
}) {}

/**
 * - `Malformed`: a header is missing, or not as the scheme says.
 * - `TooLarge`: the body has more than `bodyMax` bytes.
 * - `Stale`: the time is further away than `tolerance`.
 * - `Forged`: no signature is that of an active secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class VerificationError extends Schema.TaggedError<VerificationError>()("VerificationError", {
  reason: Schema.Literals(["Malformed", "TooLarge", "Stale", "Forged"]),
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// secrets
// -----------------------------------------------------------------------------

const prefix = "whsec_"
const bytesMin = 24
const bytesMax = 64

/** The secret of a text as people hand it over: `whsec_`, and base64 of 24 to 64 bytes. @category constructors @since 0.1.0 */
export const secret = (text: Redacted.Redacted<string>): Effect.Effect<Secret, SecretError> => {
  const whole = Redacted.value(text)
  const bare = whole.slice(prefix.length).replace(/={1,2}$/, "")
  const bytes = Base64.decode(bare.padEnd(Math.ceil(bare.length / 4) * 4, "="))
  const isSecret =
    whole.startsWith(prefix) &&
    /^[A-Za-z0-9+/]{1,100}$/.test(bare) &&
    Result.isSuccess(bytes) &&
    bytes.success.length >= bytesMin &&
    bytes.success.length <= bytesMax
  return isSecret
    ? Effect.orDie(Mac.key(Mac.hmacSha256, bytes.success))
    : Effect.fail(
        new SecretError({
          message: `a secret of webhooks is ${prefix} and base64 of ${bytesMin} to ${bytesMax} bytes, and this is none: take what generate makes`
        })
      )
}

/** Secrets of texts. @category constructors @since 0.1.0 */
export const secrets = ({
  current,
  previous
}: Secrets<Redacted.Redacted<string>>): Effect.Effect<Secrets, SecretError> =>
  Effect.gen(function* () {
    if (previous === undefined) return { current: yield* secret(current) }
    return {
      current: yield* secret(current),
      previous: { secret: yield* secret(previous.secret), until: previous.until }
    }
  })

/** A new secret, of 32 bytes by chance. @category constructors @since 0.1.0 */
export const generate: Effect.Effect<Redacted.Redacted<string>, never, SecureRandom.SecureRandom> = Effect.gen(
  function* () {
    const random = yield* SecureRandom.SecureRandom
    return Redacted.make(prefix + Base64.encode(yield* random.randomBytes(32)))
  }
)

// -----------------------------------------------------------------------------
// signing
// -----------------------------------------------------------------------------

/** The headers of a message: a signature for each secret that is active at its time, the current one's first. @category signing @since 0.1.0 */
export const sign = Effect.fnUntraced(function* (
  secrets: Secrets,
  message: Message
): Effect.fn.Return<Headers, MessageError, Mac.Mac> {
  const timestamp = String(message.timestamp)
  if (!isId(message.id) || !isTimestamp(timestamp)) {
    return yield* new MessageError({
      message: "an id is 1 to 128 visible characters without a full stop, and a time is in seconds since the epoch"
    })
  }
  const signatures = yield* signaturesOf(secrets, message.timestamp * 1000, message.id, timestamp, message.body)
  return { "webhook-id": message.id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") }
})

// -----------------------------------------------------------------------------
// verifying
// -----------------------------------------------------------------------------

/** What came in, before anything is known of it. @category models @since 0.1.0 */
export interface Received {
  /** By names in small letters. Others are ignored. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** As it came: not decoded, and not written anew. */
  readonly body: Uint8Array
}

/**
 * The id and the time of a message that is genuine. Use the id to handle it once.
 * `now` is in ms since the epoch.
 *
 * Signatures of other versions are ignored. All are compared, each in constant time.
 *
 * @category verifying
 * @since 0.1.0
 */
export const verify = Effect.fnUntraced(function* (
  secrets: Secrets,
  { body, headers }: Received,
  now: number
): Effect.fn.Return<Pick<Message, "id" | "timestamp">, VerificationError, Mac.Mac> {
  const refuse = (reason: VerificationError["reason"], message: string) => new VerificationError({ reason, message })
  const id = headers["webhook-id"] ?? ""
  const timestamp = headers["webhook-timestamp"] ?? ""
  const given = candidatesOf(headers["webhook-signature"] ?? "")
  if (!isId(id)) return yield* refuse("Malformed", "webhook-id is missing, or no id")
  if (!isTimestamp(timestamp)) return yield* refuse("Malformed", "webhook-timestamp is missing, or no time in seconds")
  if (given === undefined) {
    return yield* refuse("Malformed", `webhook-signature is missing, or has more than ${signaturesMax} signatures`)
  }
  if (body.length > bodyMax) return yield* refuse("TooLarge", `the body has more than ${bodyMax} bytes`)
  if (Math.abs(Math.floor(now / 1000) - Number(timestamp)) > tolerance) {
    return yield* refuse("Stale", `webhook-timestamp is more than ${tolerance} s away: compare the clocks`)
  }
  const expected = yield* signaturesOf(secrets, now, id, timestamp, body)
  let matches = 0
  for (const one of expected) {
    for (const other of given) if (Mac.timingSafeEqual(utf8.encode(one), utf8.encode(other))) matches++
  }
  if (matches === 0) return yield* refuse("Forged", "no signature is that of a secret that is active here")
  return { id, timestamp: Number(timestamp) }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const utf8 = new TextEncoder()

const isId = (text: string): boolean => /^[!-~]{1,128}$/.test(text) && !text.includes(".")

const isTimestamp = (text: string): boolean => /^[1-9]\d{9}$/.test(text)

/** `undefined` when there are too many to look at. */
const candidatesOf = (header: string): ReadonlyArray<string> | undefined => {
  if (header === "" || header.length > signaturesMax * 200) return undefined
  const all = header.split(" ")
  return all.length > signaturesMax ? undefined : all.filter((one) => /^v1,[A-Za-z0-9+/]{43}=$/.test(one))
}

const signaturesOf = Effect.fnUntraced(function* (
  { current, previous }: Secrets,
  now: number,
  id: string,
  timestamp: string,
  body: Uint8Array
) {
  const mac = yield* Mac.Mac
  const head = utf8.encode(`${id}.${timestamp}.`)
  const content = new Uint8Array(head.length + body.length)
  content.set(head)
  content.set(body, head.length)
  const active = previous !== undefined && now < previous.until ? [current, previous.secret] : [current]
  return yield* Effect.forEach(active, (key) =>
    Effect.map(Effect.orDie(mac.sign(key, content)), (tag) => `v1,${Base64.encode(tag)}`)
  )
})
