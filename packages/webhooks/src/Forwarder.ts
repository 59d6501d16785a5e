/**
 * A consumer that sends its events on as Standard Webhooks.
 *
 * Each event is posted at least once, in the order of its key, with a `webhook-id`
 * that is the same for every attempt: a receiver that remembers ids has each once.
 * What an answer causes:
 *
 * - 2xx: done, whatever the body is;
 * - 410 Gone: nothing more is sent. The consumer is paused, and is owed what comes,
 *   until somebody resumes or retires it;
 * - anything else, a redirection included, and no answer in time: another attempt, by
 *   the consumer's schedule, and not before what `Retry-After` says.
 *
 * Connections go to public addresses only, and to what is allowed by its address,
 * see `GuardedHttpClient`. Redirections are not followed, and of an answer no more
 * than its head is kept. Neither trace headers nor spans tell the address.
 *
 * @since 0.1.0
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Consumer from "@tidemark/core/engine/Consumer"
import type * as EventType from "@tidemark/core/model/EventType"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as AnswerBody from "@tidemark/http/AnswerBody"
import * as GuardedHttpClient from "@tidemark/http/GuardedHttpClient"
import * as HttpDate from "@tidemark/http/HttpDate"
import * as IpAddress from "@tidemark/http/IpAddress"
import * as RetryAfter from "@tidemark/http/RetryAfter"
import * as SystemCode from "@tidemark/http/SystemCode"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Digest from "effect/crypto/Digest"
import type * as Mac from "effect/crypto/Mac"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Endpoint from "./Endpoint.ts"
import * as EventMessage from "./EventMessage.ts"
import * as StandardWebhooks from "./StandardWebhooks.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** As people hand them over. @category models @since 0.1.0 */
export type Secrets = StandardWebhooks.Secrets<Redacted.Redacted<string>>

/** @category models @since 0.1.0 */
export interface Options<D extends EventType.Domain> extends Endpoint.Options, Omit<Consumer.Options<D>, "timeout"> {
  /** An effect is asked at each attempt, so that secrets change while it runs. */
  readonly secrets: Secrets | Effect.Effect<Secrets, unknown>
  /** Longest time to the head of an answer; the relay's lease has to be more than `margin` longer. Default: 6 s. */
  readonly timeout?: Duration.Input
  /** When an event happened, in ms since the epoch: the same at each attempt. Default: it is not told. */
  readonly occurredAt?: (event: Consumer.Received<D>) => number | undefined
  /** Defaults to the resolver of the machine. */
  readonly resolve?: GuardedHttpClient.Resolve | undefined
}

/**
 * - `NotPublic`: the host lies where no connection may go. Nothing was sent.
 * - `Unreachable`: there was no answer.
 * - `TimedOut`: there was none in time.
 * - `Redirected`: another address was named.
 * - `Gone`: the endpoint wants no more events.
 * - `Rejected`: any other answer that is not 2xx.
 * - `Unsigned`: the secrets, or the clock, do not allow to sign.
 * - `Payload`: the payload is not what its definition says.
 *
 * @category errors
 * @since 0.1.0
 */
export class ForwardError extends Schema.TaggedError<ForwardError>()("ForwardError", {
  reason: Schema.Literals([
    "NotPublic",
    "Unreachable",
    "TimedOut",
    "Redirected",
    "Gone",
    "Rejected",
    "Unsigned",
    "Payload"
  ]),
  message: Schema.String
}) {}

/** How long an attempt may take beyond its timeout. @category constants @since 0.1.0 */
export const margin = Duration.seconds(2)

/** What is taken of a body, so that its connection can be used again. @category constants @since 0.1.0 */
export const bodyLimits: AnswerBody.Limits = { most: 64 * 1_024, within: "1 second" }

/** How long the head of an answer is waited for, unless the options say. @category constants @since 0.1.0 */
export const timeoutDefault = Duration.seconds(6)

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The consumer of that name. What is wrong with the options fails here: nothing
 * has been sent then. Connections are kept as long as the scope is open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <D extends EventType.Domain>(
  name: string,
  options: Options<D>
): Effect.fn.Return<
  Consumer.Consumer<Consumers.Consumers>,
  Endpoint.EndpointError | StandardWebhooks.SecretError,
  Scope.Scope
> {
  const { concurrency, on, resolve, secrets, start } = options
  const endpoint = yield* Effect.fromResult(Endpoint.make(options))
  if (!Effect.isEffect(secrets)) yield* StandardWebhooks.secrets(secrets)
  const guarded = Layer.fresh(GuardedHttpClient.layer({ configured: endpoint.allowed, resolve }))
  const context = yield* Layer.build(Layer.mergeAll(guarded, NodeCrypto.layerMac, NodeCrypto.layerDigest))
  const timeout = Duration.fromInputUnsafe(options.timeout ?? timeoutDefault)
  const retry = options.retry ?? Backoff.standard
  const forwarder: Forwarder = {
    name,
    endpoint,
    timeout,
    retry,
    secrets: Effect.isEffect(secrets) ? secrets : Effect.succeed(secrets),
    definitions: new Map(on.map((one) => [one.type, one])),
    occurredAt: (options.occurredAt ?? (() => undefined)) as Forwarder["occurredAt"], // it is asked about events of `on` alone
    context
  }
  return Consumer.make(name, {
    on,
    retry,
    timeout: Duration.sum(timeout, margin),
    ...(start === undefined ? {} : { start }),
    ...(concurrency === undefined ? {} : { concurrency }),
    handler: (event, info) => forward(forwarder, event as Consumer.Received<EventType.Domain>, info)
  })
})

// -----------------------------------------------------------------------------
// internal: one attempt
// -----------------------------------------------------------------------------

type Services = HttpClient.HttpClient | Mac.Mac | Digest.Digest

interface Forwarder {
  readonly name: string
  readonly endpoint: Endpoint.Endpoint
  readonly timeout: Duration.Duration
  readonly retry: Backoff.Backoff
  readonly secrets: Effect.Effect<Secrets, unknown>
  readonly definitions: ReadonlyMap<string, EventType.Domain>
  readonly occurredAt: (event: Consumer.Received<EventType.Domain>) => number | undefined
  readonly context: Context.Context<Services>
}

const forward = (forwarder: Forwarder, event: Consumer.Received<EventType.Domain>, info: Consumer.Info) =>
  Effect.gen(function* () {
    const request = yield* requestOf(forwarder, event, info)
    const response = yield* answered(forwarder, request)
    yield* AnswerBody.discard(response, bodyLimits)
    const { status } = response
    if (status >= 200 && status < 300) return
    if (status === 410) return yield* gone(forwarder)
    return yield* failed(forwarder, info, response)
  }).pipe(Effect.provide(forwarder.context))

const fail = (reason: ForwardError["reason"], message: string) => new ForwardError({ reason, message })

const requestOf = Effect.fnUntraced(function* (
  { definitions, endpoint, occurredAt, secrets }: Forwarder,
  event: Consumer.Received<EventType.Domain>,
  { idempotencyKey }: Consumer.Info
): Effect.fn.Return<HttpClientRequest.HttpClientRequest, ForwardError, Mac.Mac | Digest.Digest> {
  const written = EventMessage.body(definitions.get(event.type)!, event, occurredAt(event)) // it asked for that type
  const body = yield* Effect.mapError(Effect.fromResult(written), ({ message }) => fail("Payload", message))
  const id = yield* EventMessage.id(idempotencyKey)
  const timestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const texts = yield* Effect.mapError(secrets, () =>
    fail("Unsigned", "the secrets of the endpoint could not be read: look at where they are kept")
  )
  const signed = yield* StandardWebhooks.secrets(texts).pipe(
    Effect.flatMap((secrets) => StandardWebhooks.sign(secrets, { id, timestamp, body })),
    Effect.mapError(({ message }) => fail("Unsigned", message))
  )
  return HttpClientRequest.post(Redacted.value(endpoint.url), {
    headers: { "user-agent": "tidemark", ...Redacted.value(endpoint.headers), ...signed }
  }).pipe(HttpClientRequest.bodyUint8Array(body, "application/json"))
})

/** The head of the answer. A customer's server is told nothing of who called it, and no span tells its address. */
const answered = (
  { endpoint: { host }, timeout }: Forwarder,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<HttpClientResponse.HttpClientResponse, ForwardError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (http) => http.execute(request)).pipe(
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
    Effect.mapError((error) => unreached(host, error)),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(
          fail(
            "TimedOut",
            `${host} did not answer within ${Duration.format(timeout)}: it should answer before it works`
          )
        )
    })
  )

// The request holds secrets, so only the code of the failure is kept.
const unreached = (host: string, error: HttpClientError.HttpClientError): ForwardError => {
  const code = SystemCode.of(error.reason.cause)
  return code === IpAddress.notPublic
    ? fail(
        "NotPublic",
        `${host} lies at an address that is not public, and nothing was sent: look at what its name leads to; an endpoint of your own network is allowed by its address`
      )
    : fail("Unreachable", `${host} could not be reached${code === "" ? "" : ` (${code})`}: look whether it is up`)
}

// -----------------------------------------------------------------------------
// internal: answers
// -----------------------------------------------------------------------------

const gone = ({ endpoint: { host }, name }: Forwarder): Effect.Effect<never, ForwardError, Consumers.Consumers> =>
  Effect.gen(function* () {
    const consumers = yield* Consumers.Consumers
    const paused = yield* Effect.result(consumers.change(name, { _tag: "Pause" }, `410 Gone of ${host}`))
    return yield* paused._tag === "Success"
      ? fail(
          "Gone",
          `${host} answered 410 Gone, so ${name} is paused: resume it when the endpoint is back, else retire it`
        )
      : fail("Gone", `${host} answered 410 Gone, and ${name} could not be paused: ${paused.failure.message}`)
  })

const failed = (
  { endpoint: { host }, retry }: Forwarder,
  { attempt }: Consumer.Info,
  { headers, status }: HttpClientResponse.HttpClientResponse
): Effect.Effect<never, ForwardError | Consumer.RetryAfter> =>
  Effect.gen(function* () {
    const error =
      status >= 300 && status < 400
        ? fail(
            "Redirected",
            `${host} answered ${status}, and redirections are not followed: give the address it leads to`
          )
        : fail("Rejected", `${host} answered ${status}: look what it says of this webhook-id`)
    const date = HttpDate.parse(headers["date"] ?? "") ?? (yield* Clock.currentTimeMillis)
    const asked = RetryAfter.fromHeader(headers["retry-after"], date)
    if (asked === undefined) return yield* error
    const chance = yield* Random.next
    const usual = Backoff.after(retry, attempt, chance) ?? Duration.zero
    // Who were told the same do not all come back at once; and no answer makes a key wait longer than the schedule may.
    const wait = Duration.min(Duration.millis(Math.ceil(asked * (1 + chance / 10))), retry.cap)
    return yield* new Consumer.RetryAfter({ after: Duration.max(usual, wait), message: error.message })
  })
