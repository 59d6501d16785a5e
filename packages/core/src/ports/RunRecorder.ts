/**
 * The audit trail: one row per run, one item per observation that did something.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - complete: the counts of a run are the sum of its recorded batches;
 * - final: a closed run stays as it was closed;
 * - paged: pieces of a list, each begun where the last one ended, are the list.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as FieldPatch from "../model/FieldPatch.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Outcome from "../model/Outcome.ts"
import type * as Run from "../model/Run.ts"
import type * as Subscription from "../model/Subscription.ts"
import type * as FieldDiffer from "../rules/FieldDiffer.ts"
import type * as Listing from "./Listing.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** One committed batch's share of the audit. @category models @since 0.1.0 */
export interface Batch {
  readonly runId: string
  readonly lane: Lane.Lane
  /** Items to keep; no-ops are in `counts` and here only when asked for. */
  readonly items: ReadonlyArray<Run.Item>
  readonly counts: Run.Counts
  /** How patches are stored. */
  readonly patchToText: (patch: FieldPatch.FieldPatch) => string
}

/** A run as it is kept. @category models @since 0.1.0 */
export interface Kept {
  readonly id: string
  /** Its place in the list, rising with every run. */
  readonly position: number
  readonly subscription: Subscription.SubscriptionId
  readonly lane: Pick<Lane.Lane, "name" | "partition">
  readonly epoch: number
  readonly trigger: Run.Trigger
  readonly status: Run.Status
  readonly counts: Run.Counts
  /** For a person. */
  readonly error: string | undefined
  /** In ms since the epoch. */
  readonly openedAt: number
  /** In ms since the epoch; `undefined` while it runs. */
  readonly closedAt: number | undefined
}

/** An outcome as it is kept: its patch is JSON. @category models @since 0.1.0 */
export type KeptOutcome =
  | Exclude<Outcome.Outcome, Outcome.Applied>
  | (Omit<Outcome.Applied, "patch"> & { readonly patch: FieldDiffer.PatchJson })

/** An item as it is kept. @category models @since 0.1.0 */
export interface KeptItem extends Omit<Run.Item, "outcome"> {
  /** Its place in the list. Items of one observation share its `sequence`, not their position. */
  readonly position: number
  readonly outcome: KeptOutcome
}

/** @category models @since 0.1.0 */
export interface ListOptions extends Listing.NewestFirst {
  /** Only this run; whatever text it is, what is no run's id is found nowhere. */
  readonly id?: string | undefined
  readonly subscription?: Subscription.SubscriptionId | undefined
  /** The name; all partitions of it. */
  readonly lane?: string | undefined
}

/** @category services @since 0.1.0 */
export class RunRecorder extends Context.Service<
  RunRecorder,
  {
    /**
     * Opens the run before any work, so that a crash leaves a row to find, and
     * closes earlier runs of the lane that are still running as abandoned.
     * Answers the run's id.
     */
    readonly open: (options: {
      readonly lane: Lane.Lane
      readonly epoch: number
      readonly trigger: Run.Trigger
    }) => Effect.Effect<string, StoreError>
    readonly record: (batch: Batch) => Effect.Effect<void, StoreError, Transaction>
    /** Does nothing when the run is closed already. `error` is for a person. */
    readonly close: (options: {
      readonly runId: string
      readonly lane: Lane.Lane
      readonly status: Run.Status
      readonly error: string | undefined
    }) => Effect.Effect<void, StoreError>
    /** Runs, newest first. Joins an open transaction, needs none. */
    readonly list: (
      tenant: Subscription.TenantId,
      options?: ListOptions
    ) => Effect.Effect<ReadonlyArray<Kept>, StoreError>
    /** What a run left, in order; nothing when there is no such run. Joins an open transaction, needs none. */
    readonly items: (
      tenant: Subscription.TenantId,
      runId: string,
      options?: Listing.OldestFirst
    ) => Effect.Effect<ReadonlyArray<KeptItem>, StoreError>
  }
>()("@tidemark/core/RunRecorder") {}
