/**
 * Remembers how far each lane has come, and who may move it.
 *
 * A claim gives an exclusive right for a time (a lease) and a fencing number (an
 * epoch). The lease keeps a second worker from starting; the epoch makes a first
 * one that was thought dead harmless.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - fenced: a commit takes effect only for the current epoch and the next batch number;
 * - exclusive: while a lease runs, a claim without take-over answers `Busy`;
 * - separate: no operation on one lane changes another.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as CursorRule from "../model/CursorRule.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Brake from "../rules/Brake.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

// -----------------------------------------------------------------------------
// errors
// -----------------------------------------------------------------------------

/** Another run holds the lane. Not a fault: it makes progress, this one may come later. @category errors @since 0.1.0 */
export class Busy extends Schema.TaggedError<Busy>()("Busy", {
  lane: Schema.String,
  /** How long the holder's lease still runs, in ms. */
  remaining: Schema.Finite
}) {}

/** Another run took the lane over; nothing of this unit of work took effect. @category errors @since 0.1.0 */
export class Fenced extends Schema.TaggedError<Fenced>()("Fenced", {
  lane: Schema.String,
  epoch: Schema.Int
}) {}

/** The cursor was made with the credentials of another account. Nothing was written. @category errors @since 0.1.0 */
export class AccountMismatch extends Schema.TaggedError<AccountMismatch>()("AccountMismatch", {
  lane: Schema.String,
  stored: Schema.String,
  actual: Schema.String
}) {}

/** The brake stopped the lane; it stays where it is until it is released. @category errors @since 0.1.0 */
export class Stopped extends Schema.TaggedError<Stopped>()("Stopped", {
  lane: Schema.String,
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What a lane remembers between runs. @category models @since 0.1.0 */
export interface Checkpoint {
  /** `undefined` for a lane that never committed a position. */
  readonly cursor: CursorRule.Stored | undefined
  /** Committed batches since the lane exists. Starts at 0. */
  readonly batchNo: number
  /** The mapping epoch everything up to the cursor was read with. */
  readonly mappingEpoch: number
  readonly brake: Brake.Brake
}

/** Where a lane stands, for who only looks. @category models @since 0.1.0 */
export interface Standing {
  /** Claims so far. */
  readonly epoch: number
  /** What is left of the lease, in ms; 0 when the lane is free. */
  readonly remaining: number
  /** Why the brake stopped the lane; `undefined` when it did not. */
  readonly stopped: string | undefined
  readonly checkpoint: Checkpoint
}

/** The right to move a lane. @category models @since 0.1.0 */
export interface Claim {
  readonly lane: Lane.Lane
  /** Fencing number: +1 with every claim. Starts at 1. */
  readonly epoch: number
  readonly checkpoint: Checkpoint
}

/** @category models @since 0.1.0 */
export interface ClaimOptions {
  readonly lane: Lane.Lane
  readonly lease: Duration.Duration
  /** Identity of the account behind the credentials. */
  readonly account: string
  /** Mapping epoch of a lane that does not exist yet. */
  readonly mappingEpoch: number
  /**
   * `"IfFree"` needs a free or expired lease; `"TakeOver"` fences whoever holds
   * it; `"Own"` replaces the claim of this epoch, and is `Fenced` when another came after it.
   */
  readonly mode: "IfFree" | "TakeOver" | { readonly own: number }
  /** Also releases the brake of a stopped lane and forgets what it had counted. */
  readonly isReleasing: boolean
}

/** @category models @since 0.1.0 */
export interface CommitOptions {
  readonly claim: Pick<Claim, "lane" | "epoch">
  /** What the lane is to remember; its `batchNo` is one more than the stored one. */
  readonly checkpoint: Checkpoint
  readonly lease: Duration.Duration
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Lanes extends Context.Service<
  Lanes,
  {
    /** In a transaction of its own. Waits for a commit of the previous holder that is under way. */
    readonly claim: (
      options: ClaimOptions
    ) => Effect.Effect<Claim, StoreError | Busy | Fenced | AccountMismatch | Stopped>
    /** Extends the lease, by the store's clock. */
    readonly renew: (claim: Claim, lease: Duration.Duration) => Effect.Effect<void, StoreError | Fenced>
    /** The fence: the last statement of a unit of work. Also extends the lease. */
    readonly commit: (options: CommitOptions) => Effect.Effect<void, StoreError | Fenced, Transaction>
    /** Ends the lease; with `stopped`, no claim succeeds until the lane is released. Does nothing for an old epoch. */
    readonly release: (claim: Claim, stopped: string | undefined) => Effect.Effect<void, StoreError>
    /** Where the lane stands, by the store's clock; `undefined` when it was never claimed. */
    readonly peek: (lane: Lane.Lane) => Effect.Effect<Standing | undefined, StoreError>
  }
>()("@tidemark/core/Lanes") {}
