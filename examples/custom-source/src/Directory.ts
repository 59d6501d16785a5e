/**
 * Asks the directory, and tells what a failure causes.
 *
 * The token is added here and stays redacted. An answer is bounded in time and size,
 * and nothing of it is believed before it was decoded.
 */
import { ChangeSource } from "@tidemark/core"
import { ByteSize, Effect, flow, type Redacted, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"

export interface Options {
  readonly url: string
  readonly token: Redacted.Redacted
}

export const label = "directory/contact"

const bodyMax = ByteSize.mebibytes(8)

export const make = Effect.fnUntraced(function* ({ token, url }: Options) {
  const client = HttpClient.mapRequest(
    yield* HttpClient.HttpClient,
    flow(HttpClientRequest.prependUrl(url), HttpClientRequest.bearerToken(token))
  )
  return <A>(path: string, params: Readonly<Record<string, string>>, schema: Schema.Codec<A, Schema.Json>) =>
    Effect.gen(function* () {
      const response = yield* client.get(path, { urlParams: params })
      if (response.status !== 200) return yield* refused(response)
      const body = Stream.mapError(response.stream, (cause) => failed("Unavailable", "The answer broke off", { cause }))
      const bounded = Stream.limitBytes(body, bodyMax, () => Stream.fail(failed("Malformed", "The answer is too long")))
      const text = yield* Stream.mkString(Stream.decodeText(bounded))
      return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(text)
    }).pipe(
      Effect.timeout("30 seconds"),
      Effect.catchTag("SchemaError", (cause) => failed("Malformed", "The answer has another shape", { cause })),
      Effect.catchTag(["HttpClientError", "TimeoutError"], (cause) =>
        failed("Unavailable", "No answer came", { cause })
      )
    )
})

type Reason = typeof ChangeSource.Reason.Type

export const failed = (reason: Reason, message: string, more: { retryAfter?: number; cause?: unknown } = {}) =>
  new ChangeSource.SourceError({ reason, source: label, message, ...more })

const reasons: Readonly<Record<number, Reason>> = {
  401: "Unauthorized",
  403: "Forbidden",
  410: "PositionLost",
  429: "RateLimited"
}

const refused = ({ headers, status }: HttpClientResponse.HttpClientResponse) => {
  const seconds = Number(headers["retry-after"])
  return failed(
    reasons[status] ?? (status >= 500 ? "Unavailable" : "Invalid"),
    `The directory answered ${status}`,
    seconds > 0 ? { retryAfter: seconds * 1000 } : {}
  )
}
