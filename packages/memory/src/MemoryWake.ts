/**
 * Word of commits that left something to be claimed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as Wake from "@tidemark/core/ports/Wake"
import type * as Database from "./Database.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ database }: Database.Connection): Wake.Wake["Service"] => ({
  signals: Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = () => void Queue.offerUnsafe(queue, undefined)
          database.listeners.add(listener)
          return listener
        }),
        (listener) => Effect.sync(() => database.listeners.delete(listener))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )
})
