/**
 * Bodies of answers that nobody reads.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

/** @category models @since 0.1.0 */
export interface Limits {
  /** In bytes. */
  readonly most: number
  readonly within: Duration.Input
}

/**
 * Takes what is left of an answer, so that its connection can be used again. What is
 * longer, or takes longer, is cut off together with the connection. Answers whether
 * the body came to its end.
 *
 * @category readers
 * @since 0.1.0
 */
export const discard = (
  response: HttpClientResponse.HttpClientResponse,
  { most, within }: Limits
): Effect.Effect<boolean> => {
  let size = 0
  return response.stream.pipe(
    Stream.runForEach((piece) => {
      size += piece.length
      return size <= most ? Effect.void : Effect.fail(new TooLong())
    }),
    Effect.timeout(within),
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )
}

class TooLong extends Data.TaggedError("TooLong")<{}> {}
