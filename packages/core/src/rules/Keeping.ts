/**
 * How long what is done with is kept, and what may go then.
 *
 * Age alone removes nothing that anybody still waits for. What keeps a second
 * handling from having a second effect, an event under its id and a message of the
 * inbox, is kept at least as long as its sender may come again.
 *
 * **Laws**
 *
 * - owed: an event stays while anybody is owed it, may be given it, or has given it up;
 * - remembered: no age of events or messages is shorter than the longest redelivery.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Backoff from "./Backoff.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/**
 * - `events`: with their receipts; from when they were appended.
 * - `messages`: of the inbox; from when they were finished.
 * - `runs`: with their items; from when they were closed.
 * - `refusals`: from when they were closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ages {
  readonly events: Duration.Duration
  readonly messages: Duration.Duration
  readonly runs: Duration.Duration
  readonly refusals: Duration.Duration
}

/** Where an event stands, over all its consumers. @category models @since 0.1.0 */
export interface Standing {
  /** It waits for a consumer that did not retire. */
  readonly isOwed: boolean
  /** A consumer that is registering will be given it. */
  readonly isMissed: boolean
  /** A consumer gave it up, and nobody has redriven or skipped it since. */
  readonly isDead: boolean
}

/** Where a message of the inbox stands. @category models @since 0.1.0 */
export interface MessageStanding {
  readonly isFinished: boolean
  /** There is an event of its id: it may be delivered again as long as that is so. */
  readonly isOfEvent: boolean
}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** How long after the last attempt a dead letter is redriven, or a sender comes again. @category constants @since 0.1.0 */
export const redriveDefault = Duration.days(3)

/** @category constants @since 0.1.0 */
export const agesDefault: Ages = {
  events: Duration.days(14),
  messages: Duration.days(14),
  runs: Duration.days(90),
  refusals: Duration.days(90)
}

// -----------------------------------------------------------------------------
// rules
// -----------------------------------------------------------------------------

/** The longest time after which a message comes again: of the longest schedule, and then a redrive. @category rules @since 0.1.0 */
export const redelivery = (
  schedules: ReadonlyArray<Backoff.Backoff> = [Backoff.standard],
  redrive: Duration.Duration = redriveDefault
): Duration.Duration => Duration.sum(schedules.map(Backoff.span).reduce(Duration.max, Duration.zero), redrive)

/** Which ages are shorter than the longest redelivery, and must not be. @category rules @since 0.1.0 */
export const tooShort = (ages: Ages, longest: Duration.Duration): ReadonlyArray<"events" | "messages"> =>
  (["events", "messages"] as const).filter((part) => Duration.isLessThan(ages[part], longest))

/** Of an event that is old enough. @category rules @since 0.1.0 */
export const isEventDone = ({ isDead, isMissed, isOwed }: Standing): boolean => !isOwed && !isMissed && !isDead

/** Of a message that is old enough. What is not finished may have had its effect: nobody can say but its sender. @category rules @since 0.1.0 */
export const isMessageDone = ({ isFinished, isOfEvent }: MessageStanding): boolean => isFinished && !isOfEvent

/**
 * Events that a message of the inbox may be of: of its own id, or, where its id is
 * the idempotency key of a delivery, of what follows the consumer's name in it.
 *
 * @category rules
 * @since 0.1.0
 */
export const eventsOf = (messageId: string): ReadonlyArray<string> => {
  const slash = messageId.indexOf("/")
  return slash < 0 ? [messageId] : [messageId, messageId.slice(slash + 1)]
}
