/**
 * What commands work on: one object of a provider, with the lanes that bring it in.
 *
 * @since 0.1.0
 */
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Outcome from "@tidemark/core/model/Outcome"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Preview from "@tidemark/core/engine/Preview"
import * as Sync from "@tidemark/core/engine/Sync"
import type * as Lanes from "@tidemark/core/ports/Lanes"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Problem from "./Problem.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What a run would do to one record. @category models @since 0.1.0 */
export interface Planned {
  readonly externalId: string
  readonly outcome: Outcome.Outcome
  /** Fields as JSON, before and after; of changes only. */
  readonly patch: FieldDiffer.PatchJson | undefined
}

/** What one batch would do. @category models @since 0.1.0 */
export interface PlannedBatch {
  readonly planned: ReadonlyArray<Planned>
  /** Whether all that the batches before it would leave was still remembered. */
  readonly isExact: boolean
}

/** What planning reads. @category models @since 0.1.0 */
export type Reading = Lanes.Lanes | Ledger.Ledger | Quarantine.Quarantine

/** Why a plan cannot be told. @category models @since 0.1.0 */
export type PlanError = Stream.Error<ReturnType<typeof Sync.plan>>

/** One lane of a feed of records of type `A`. @category models @since 0.1.0 */
export interface FeedLane<A> {
  readonly lane: Lane.Lane
  readonly stream: (
    options: Omit<Sync.RunOptions, "lane">
  ) => Stream.Stream<Sync.BatchReport, Sync.SyncError | Lanes.Busy, Sync.Ports>
  readonly plan: (overlay: Preview.Overlay<A>) => Stream.Stream<PlannedBatch, PlanError, Reading>
}

/** @category models @since 0.1.0 */
export interface Feed {
  /** What people call it, such as `Account`. */
  readonly name: string
  readonly subscription: Subscription.Subscription
  /** Makes the place where its records go, when it is missing. */
  readonly prepare: Effect.Effect<void, Problem.Problem>
  /** Run one after the other: the live lane first. */
  readonly lanes: Arr.NonEmptyReadonlyArray<Pick<FeedLane<unknown>, "lane" | "stream">>
  /** What its lanes would do, one after the other, with nothing written. */
  readonly plan: Stream.Stream<PlannedBatch, PlanError, Reading>
  /** What a person should know of what it brings in; a plan says it. */
  readonly notes: ReadonlyArray<string>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = <A>(options: {
  readonly name: string
  readonly subscription: Subscription.Subscription
  readonly prepare: Effect.Effect<void, Problem.Problem>
  readonly lanes: Arr.NonEmptyReadonlyArray<FeedLane<A>>
  readonly notes?: ReadonlyArray<string>
}): Feed => ({
  notes: [],
  ...options,
  plan: Stream.suspend(() => {
    const overlay: Preview.Overlay<A> = new Map()
    return Stream.flatMap(Stream.fromArray(options.lanes), (lane) => lane.plan(overlay))
  })
})

/**
 * A lane of a sync. A plan is made with `seen`, the same sync over what can be read
 * now, where the sink's place may not be made yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lane = <A extends object, C>(
  sync: Sync.Sync<A, C>,
  lane: Lane.Lane,
  seen: Sync.Sync<A, C> = sync
): FeedLane<A> => ({
  lane,
  stream: (options) => Sync.stream(sync, { ...options, lane }),
  plan: (overlay) =>
    Stream.map(Sync.plan(seen, { lane, overlay }), (preview) => ({
      planned: planned(seen, preview),
      isExact: preview.isExact
    }))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** As the audit of the batch would tell it: what is found on the way before the first observation of its record. */
const planned = <A, C>(sync: Sync.Sync<A, C>, preview: Preview.Preview<A, C>): ReadonlyArray<Planned> => {
  const findings = new Map(preview.moves.map((move) => [move.advance.externalId, move.findings] as const))
  return preview.observations.flatMap(({ externalId }, index) => {
    const found = findings.get(externalId) ?? []
    findings.delete(externalId)
    const decision = preview.decisions[index]!
    const own: Planned =
      decision._tag === "Change"
        ? change(sync, externalId, decision)
        : { externalId, outcome: outcomeOf(decision), patch: undefined }
    return [...found.map((one) => change(sync, externalId, one)), own]
  })
}

type Decision = Preview.Preview<never, never>["decisions"][number]

const change = <A, C>(
  { differ }: Sync.Sync<A, C>,
  externalId: string,
  { operation, patch, revision }: Extract<Decision, { readonly _tag: "Change" }>
): Planned => ({
  externalId,
  outcome: { _tag: "Applied", operation, localId: "", revision, patch },
  patch: differ.toJson(patch)
})

const outcomeOf = (decision: Exclude<Decision, { readonly _tag: "Change" }>): Outcome.Outcome => {
  switch (decision._tag) {
    case "Skip":
      return { _tag: "Skipped", reason: decision.reason }
    case "Refuse":
      return { _tag: "Quarantined", rejection: decision.rejection }
    case "Resolve":
      throw new Error("a preview never asks")
  }
}
