/**
 * Removes what is done with and old, a piece at a time.
 *
 * It looks at all tenants. A piece is one short transaction: what it was interrupted
 * in is there as before.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - owed: what anybody is owed, may be given or has given up stays, with all its
 *   receipts;
 * - remembered: a message of the inbox outlives its event, and stays while it is not
 *   finished;
 * - at hand: runs that are open and the last run of each lane stay, and refusals
 *   that wait;
 * - bounded: no piece removes more than it was asked to;
 * - complete: when there is no next piece, all that may go is gone.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is removed together. @category models @since 0.1.0 */
export type Part = "events" | "messages" | "runs" | "refusals"

/** Rows that were removed, by table. @category models @since 0.1.0 */
export interface Counts {
  readonly events: number
  /** Of those events. */
  readonly receipts: number
  readonly messages: number
  readonly runs: number
  /** Of those runs, and of runs that go with a later piece. */
  readonly items: number
  readonly refusals: number
}

/** @category models @since 0.1.0 */
export interface Options {
  readonly part: Part
  /** Only what is older, by the clock of the store. */
  readonly age: Duration.Duration
  /**
   * Most rows of the answer, all tables together: at least 1. An event goes with all
   * its receipts, so there may be as many as it has consumers, and one.
   */
  readonly limit: number
  /** Where the piece begins: as the one before it said, 0 for the first one. */
  readonly from: number
}

/** @category models @since 0.1.0 */
export interface Piece {
  readonly removed: Counts
  /** Where the next piece begins; `undefined` when there is none. */
  readonly next: number | undefined
}

/** @category constants @since 0.1.0 */
export const noCounts: Counts = { events: 0, receipts: 0, messages: 0, runs: 0, items: 0, refusals: 0 }

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const addCounts = (a: Counts, b: Counts): Counts => ({
  events: a.events + b.events,
  receipts: a.receipts + b.receipts,
  messages: a.messages + b.messages,
  runs: a.runs + b.runs,
  items: a.items + b.items,
  refusals: a.refusals + b.refusals
})

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Expiry extends Context.Service<
  Expiry,
  {
    /** Commits before it answers. Ages are taken as they are: who calls it checks them, see `Keeping`. */
    readonly remove: (options: Options) => Effect.Effect<Piece, StoreError>
  }
>()("@tidemark/core/Expiry") {}
