/**
 * The audit trail: one row per run, one item per observation that did something.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - complete: the counts of a run are the sum of its recorded batches;
 * - final: a closed run stays as it was closed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as FieldDiffer from "../rules/FieldDiffer.ts"
import type * as FieldPatch from "../model/FieldPatch.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Run from "../model/Run.ts"
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
  readonly patchToJson: (patch: FieldPatch.FieldPatch) => FieldDiffer.PatchJson
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
  }
>()("@tidemark/core/RunRecorder") {}
