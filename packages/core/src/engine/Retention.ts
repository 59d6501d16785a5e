/**
 * Removes what is done with and old.
 *
 * Nothing is removed that anybody waits for, nor what keeps a repeated message from
 * a second effect while it may be repeated: ages that are too short for that are
 * refused before anything is removed (L31). It works in pieces, each a short
 * transaction, and may be interrupted between any two: what is left goes the next
 * time.
 *
 * The ledger is no part of it: it is what says which records there are, as long as
 * their connection exists. Dead letters are a person's to redrive or to skip.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Expiry from "../ports/Expiry.ts"
import type { StoreError } from "../ports/StoreError.ts"
import type * as Backoff from "../rules/Backoff.ts"
import * as Keeping from "../rules/Keeping.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** How long each is kept. Default: `Keeping.agesDefault`. */
  readonly ages?: { readonly [P in keyof Keeping.Ages]?: Duration.Input | undefined } | undefined
  /** By which consumers and senders try again. Default: `Backoff.standard`. */
  readonly schedules?: ReadonlyArray<Backoff.Backoff> | undefined
  /** How long after the last attempt a dead letter may be redriven. Default: `Keeping.redriveDefault`. */
  readonly redrive?: Duration.Input | undefined
  /** Most rows of one transaction. Default: `limitDefault`. */
  readonly limit?: number | undefined
  /** How long to wait between two transactions. Default: not at all. */
  readonly pause?: Duration.Input | undefined
}

/** @category constants @since 0.1.0 */
export const limitDefault = 1_000

/** How often `every` begins again. @category constants @since 0.1.0 */
export const intervalDefault = Duration.hours(1)

/** An age is so short that what was handled could be handled again. @category errors @since 0.1.0 */
export class RetentionError extends Schema.TaggedError<RetentionError>()("RetentionError", {
  reason: Schema.Literals(["TooShort"]),
  /** The age that it is about. */
  part: Schema.Literals(["events", "messages"]),
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Removes all that may go by now. Answers how many rows of each table went; what
 * each piece removed is given to `told` as soon as it is committed.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* (
  options: Options = {},
  told: (removed: Expiry.Counts) => Effect.Effect<void> = () => Effect.void
): Effect.fn.Return<Expiry.Counts, RetentionError | StoreError, Expiry.Expiry> {
  const ages = yield* agesOf(options)
  const expiry = yield* Expiry.Expiry
  const limit = Math.max(1, Math.trunc(options.limit ?? limitDefault) || 1)
  const pause = Duration.fromInputUnsafe(options.pause ?? Duration.zero)
  let removed = Expiry.noCounts
  for (const part of parts) {
    for (let from: number | undefined = 0; from !== undefined;) {
      // What is interrupted is the wait between two pieces, so that every piece is counted.
      const piece: Expiry.Piece = yield* Effect.uninterruptible(
        Effect.tap(expiry.remove({ part, age: ages[part], limit, from }), (done) => told(done.removed))
      )
      removed = Expiry.addCounts(removed, piece.removed)
      from = piece.next
      yield* Duration.isZero(pause) ? Effect.yieldNow : Effect.sleep(pause)
    }
  }
  return removed
})

/**
 * `run`, again and again until it is interrupted. What the store refuses is logged,
 * and tried again the next time.
 *
 * @category running
 * @since 0.1.0
 */
export const every = (
  interval: Duration.Input,
  options: Options = {}
): Effect.Effect<never, RetentionError, Expiry.Expiry> =>
  run(options).pipe(
    Effect.catchTag("StoreError", (error) => Effect.logWarning("what is old could not be removed", error)),
    Effect.andThen(Effect.sleep(interval)),
    Effect.forever
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Events before messages: a message stays as long as its event. */
const parts = ["events", "messages", "runs", "refusals"] as const

const agesOf = ({ ages, redrive, schedules }: Options): Effect.Effect<Keeping.Ages, RetentionError> =>
  Effect.suspend(() => {
    const age = (part: keyof Keeping.Ages) => Duration.fromInputUnsafe(ages?.[part] ?? Keeping.agesDefault[part])
    const asked: Keeping.Ages = {
      events: age("events"),
      messages: age("messages"),
      runs: age("runs"),
      refusals: age("refusals")
    }
    const longest = Keeping.redelivery(schedules, redrive === undefined ? undefined : Duration.fromInputUnsafe(redrive))
    const [part] = Keeping.tooShort(asked, longest)
    return part === undefined ? Effect.succeed(asked) : Effect.fail(refused(part, asked[part], longest))
  })

const refused = (part: "events" | "messages", age: Duration.Duration, longest: Duration.Duration) =>
  new RetentionError({
    reason: "TooShort",
    part,
    message: `${part} are to be kept for ${Duration.format(age)}, but may come again for ${Duration.format(longest)}, and would then be handled twice: keep them at least as long`
  })
