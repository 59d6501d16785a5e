/**
 * The outbox as a log, for whoever keeps a position of their own: a projection that
 * is built anew, a copy elsewhere.
 *
 * Transactions do not commit in the order in which they append. So a read ends at
 * the horizon: behind it stands the first event of a transaction that may still be
 * committed. A transaction that stays open delays readers, and says so; it takes
 * nothing from them.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - complete: who goes on from the position of each answer gets every committed
 *   event once, whatever is committed late (L28);
 * - ordered: the events of a key come in the order in which they were committed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Event from "../model/Event.ts"
import type * as Listing from "./Listing.ts"
import type { StoreError } from "./StoreError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Placed {
  /** Place of the event in the outbox, as that of deliveries. Starts at 1; there are gaps. */
  readonly position: number
  readonly event: Event.Event
}

/** @category models @since 0.1.0 */
export interface Piece {
  /** Of all tenants, in the order of their positions. */
  readonly events: ReadonlyArray<Placed>
  /** Where the next read goes on. */
  readonly position: number
  /** Up to here nothing is committed any more that is not there by now. */
  readonly horizon: number
  /** How many places behind the horizon were given out: 0 when everything can be read. */
  readonly lag: number
  /** Which transaction the horizon waits for, as the store names it; `undefined` when it waits for none. */
  readonly holder: string | undefined
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class EventLog extends Context.Service<
  EventLog,
  {
    /** What comes after a position, 0 being that of the beginning, up to the horizon. Dies inside a unit of work. */
    readonly read: (options: Listing.OldestFirst & { readonly after: number }) => Effect.Effect<Piece, StoreError>
  }
>()("@tidemark/core/EventLog") {}
