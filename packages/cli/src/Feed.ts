/**
 * What commands work on: one object of a provider, with the lanes that bring it in.
 *
 * @since 0.1.0
 */
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Outcome from "@tidemark/core/model/Outcome"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import type * as Preview from "@tidemark/core/engine/Preview"
import * as Redrive from "@tidemark/core/engine/Redrive"
import * as Sync from "@tidemark/core/engine/Sync"
import type * as Lanes from "@tidemark/core/ports/Lanes"
import type * as Ledger from "@tidemark/core/ports/Ledger"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
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

/** What one batch of a redrive would do. @category models @since 0.1.0 */
export interface PlannedRedrive extends PlannedBatch {
  /** Of those planned, records that their source does not find. */
  readonly unread: number
}

/** Tries again what was refused. @category models @since 0.1.0 */
export interface Redriving {
  readonly run: (options: Redrive.Options) => Effect.Effect<Redrive.Summary | Lanes.Busy, Sync.SyncError, Sync.Ports>
  /** What `run` would do. Is told of each refusal that cannot be tried. */
  readonly plan: (
    selection: Redrive.Selection,
    onLeft: (reason: "sourceOnly" | "misfit") => void
  ) => Stream.Stream<PlannedRedrive, PlanError, Reading>
}

/** One lane of a feed of records of type `A`. @category models @since 0.1.0 */
export interface FeedLane<A> {
  readonly lane: Lane.Lane
  readonly stream: (
    options: Omit<Sync.RunOptions, "lane">
  ) => Stream.Stream<Sync.BatchReport, Sync.SyncError | Lanes.Busy, Sync.Ports>
  readonly plan: (overlay: Preview.Overlay<A>) => Stream.Stream<PlannedBatch, PlanError, Reading>
  readonly redrive: Redriving
}

/** @category models @since 0.1.0 */
export interface Feed {
  /** What people call it, such as `Account`. */
  readonly name: string
  readonly subscription: Subscription.Subscription
  /** Makes the place where its records go, when it is missing. */
  readonly prepare: Effect.Effect<void, Problem.Problem>
  /**
   * Run one after the other: the live lane first. A lane `deletes` comes before it
   * once, while neither has come to anything: it must know from when on it has to look.
   */
  readonly lanes: Arr.NonEmptyReadonlyArray<Pick<FeedLane<unknown>, "lane" | "stream">>
  /** What its lanes would do, one after the other, with nothing written. */
  readonly plan: Stream.Stream<PlannedBatch, PlanError, Reading>
  /** What a person should know of what it brings in; a plan says it. */
  readonly notes: ReadonlyArray<string>
  /** Of the live lane: refusals are those of the whole feed. */
  readonly redrive: Redriving
  /**
   * About how many records a run of the live lane reads that goes on from `cursor`;
   * `undefined` where nobody can say. Asked only while somebody watches.
   */
  readonly expected: (cursor: CursorRule.Stored | undefined) => Effect.Effect<number | undefined>
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
  /** See `Feed`. Default: nobody can say. */
  readonly expected?: Feed["expected"]
}): Feed => ({
  notes: [],
  expected: () => Effect.undefined,
  ...options,
  redrive: options.lanes[0].redrive,
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
    })),
  redrive: {
    run: (options) => Redrive.run(sync, options),
    plan: (selection, onLeft) =>
      Stream.suspend(() => {
        const redriving = Redrive.toSync(seen, selection, onLeft)
        return Stream.map(Sync.plan(redriving, { lane: Redrive.lane(seen.subscription) }), (preview) => ({
          planned: planned(redriving, preview),
          isExact: preview.isExact,
          unread: preview.observations.filter(({ _tag }) => _tag === "Touch").length
        }))
      })
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** As the audit of the batch would tell it: what is found on the way before the first observation of its record. */
const planned = <A, C, R>(sync: Sync.Sync<A, C, R>, preview: Preview.Preview<A, C>): ReadonlyArray<Planned> => {
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

const change = <A, C, R>(
  { differ }: Sync.Sync<A, C, R>,
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
