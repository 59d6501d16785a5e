/**
 * An event as a message: its id, and its body.
 *
 * ```json
 * {
 *   "type": "invoice_paid",
 *   "timestamp": "2026-05-01T07:25:37.000Z",
 *   "data": { "cents": 100 },
 *   "id": "acme/numbered/invoice/invoice_paid/i1/3",
 *   "entity": "invoice",
 *   "key": "i1",
 *   "revision": 3,
 *   "version": 1
 * }
 * ```
 *
 * `data` is the payload without its secrets, in the `version` that its definition has
 * here. `revision` rises from event to event of one key: a receiver that gets an
 * older one late can tell. `timestamp` is when it happened, where the forwarder was
 * told how to know.
 *
 * **Laws**
 *
 * - every attempt has the same id and the same bytes;
 * - two events, or two consumers, never have one id.
 *
 * @since 0.1.0
 */
import type * as Consumer from "@tidemark/core/engine/Consumer"
import * as EventType from "@tidemark/core/model/EventType"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Digest from "effect/crypto/Digest"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"

/**
 * The id of all attempts for one idempotency key. Keys may be long, and hold what a
 * header cannot, so the id is a digest of it (SHA-256).
 *
 * @category conversions
 * @since 0.1.0
 */
export const id = (idempotencyKey: string): Effect.Effect<string, never, Digest.Digest> =>
  Effect.flatMap(Digest.Digest, (digest) =>
    Effect.map(digest.digest(Digest.sha256, utf8.encode(idempotencyKey)), (bytes) => `msg_${Base64Url.encode(bytes)}`)
  )

/** `occurredAt` is in ms since the epoch. @category conversions @since 0.1.0 */
export const body = (
  definition: EventType.Domain,
  { entity, id, key, payload, revision, type }: Consumer.Received<EventType.Domain>,
  occurredAt: number | undefined
): Result.Result<Uint8Array, EventType.PayloadError> =>
  Result.map(EventType.encode(definition, payload), (data) =>
    utf8.encode(
      JSON.stringify({
        type,
        timestamp: occurredAt === undefined ? undefined : DateTime.formatIso(DateTime.makeUnsafe(occurredAt)),
        data,
        id,
        entity,
        key,
        revision,
        version: definition.version
      })
    )
  )

const utf8 = new TextEncoder()
