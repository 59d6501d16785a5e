/**
 * Where changes come from: a resumable stream over one upstream entity.
 *
 * **Laws** (checked for any source by `@tidemark/laws`)
 *
 * - resume: reading from a position the source emitted yields what came after it;
 * - ties: what shares a position with the last observation read is read again, or
 *   has been read;
 * - order: with an `Ascending` rule, positions never decrease where they can be compared;
 * - horizon: no position above `now - settle` leaves the source;
 * - end: a read that ends has emitted everything visible when it began.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type * as CursorRule from "../model/CursorRule.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Page from "../model/Page.ts"
import type * as Version from "../model/Version.ts"

// -----------------------------------------------------------------------------
// errors
// -----------------------------------------------------------------------------

/**
 * What a failed read asks for: retry later (`RateLimited`, `Unavailable`), end
 * and resume (`QuotaExhausted`), a person (`Unauthorized`, `Forbidden`,
 * `AccountMismatch`), a full resync (`PositionLost`), a fix of the source
 * (`Malformed`, `NotAdvancing`, `OutOfOrder`), a fix of the call (`Invalid`).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reason = Schema.Literals([
  "Unauthorized",
  "Forbidden",
  "RateLimited",
  "QuotaExhausted",
  "Unavailable",
  "Malformed",
  "PositionLost",
  "NotAdvancing",
  "OutOfOrder",
  "AccountMismatch",
  "Invalid"
])

/** The upstream could not be read. Everything emitted before stands. @category errors @since 0.1.0 */
export class SourceError extends Schema.TaggedError<SourceError>()("SourceError", {
  reason: Reason,
  source: Schema.String,
  /** What happened and what to do about it, in words for a person. */
  message: Schema.String,
  /** The least time to wait before another attempt, in ms, when the provider said so. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  cause: Schema.optionalKey(Schema.Defect())
}) {}

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface ReadOptions<out C> {
  readonly lane: Lane.Lane
  /** `undefined` reads from the beginning. */
  readonly from: C | undefined
  /** How late a row may become visible, in source time. */
  readonly settle: Duration.Duration
  /**
   * Records that are here and were last read before a source time, in ms since the
   * epoch, in pieces. For a source that only tells what happened lately, to find out
   * whether it can tell enough. The engine gives it; without it nothing is here.
   */
  readonly unreadSince?: ((time: number) => Stream.Stream<Ids, SourceError>) | undefined
}

type Ids = Arr.NonEmptyReadonlyArray<Observation.ExternalId>

/** A whole record as read by id. @category models @since 0.1.0 */
export interface Fetched<out A> {
  readonly record: A
  readonly version: Version.Version
}

interface Common<in out C, out R> {
  /** Stable name for logs, metrics, and audit rows, for example `"salesforce/Opportunity"`. */
  readonly label: string
  readonly rule: CursorRule.CursorRule<C>
  /**
   * The version domain of the entity, in which `fetch` answers. An observation of
   * another domain is only a hint that the record may have changed.
   */
  readonly domain: string
  /** +1 whenever the mapping to canonical records changes; a higher one reads everything again. Starts at 0. */
  readonly epoch: number
  /** Who the credentials belong to. Stored with the cursor, and compared before each run. */
  readonly account: Effect.Effect<string, SourceError, R>
}

/** A source that always tells the whole story. @category models @since 0.1.0 */
export interface Plain<out A, in out C, out R = never> extends Common<C, R> {
  readonly fetch?: undefined
  /** Pull-driven: the next page is asked for only when there is room for it. */
  readonly read: (options: ReadOptions<C>) => Stream.Stream<Page.Page<A, C, Observation.Definite<A, C>>, SourceError, R>
}

/** A source that can read records by id, and so may emit hints. @category models @since 0.1.0 */
export interface Fetching<out A, in out C, out R = never> extends Common<C, R> {
  readonly read: (
    options: ReadOptions<C>
  ) => Stream.Stream<Page.Page<A, C, Observation.Observation<A, C>>, SourceError, R>
  /** Reads records by id; ids that do not exist are left out of the answer. */
  readonly fetch: (
    ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
  ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, Fetched<A>>, SourceError, R>
}

/** @category models @since 0.1.0 */
export type ChangeSource<A, C, R = never> = Plain<A, C, R> | Fetching<A, C, R>

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * A source that always tells the whole story, at mapping epoch 0 unless it says
 * otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plain = <A, C, R = never>(
  options: Omit<Plain<A, C, R>, "epoch" | "fetch"> & { readonly epoch?: number }
): Plain<A, C, R> => ({ epoch: 0, ...options })
