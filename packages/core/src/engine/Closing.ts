/**
 * Where a batch leaves its lane, and the end of its unit of work: the audit, and
 * the fence.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as CursorRule from "../model/CursorRule.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Run from "../model/Run.ts"
import * as Lanes from "../ports/Lanes.ts"
import type * as Outbox from "../ports/Outbox.ts"
import type * as RunRecorder from "../ports/RunRecorder.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Brake from "../rules/Brake.ts"
import * as Frontier from "../rules/Frontier.ts"
import type * as Apply from "./Apply.ts"
import * as Audit from "./Audit.ts"
import type * as Batch from "./Batch.ts"
import type * as Session from "./Session.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Report {
  /** One per observation, in order, beside those of adoption and drift. */
  readonly items: ReadonlyArray<Run.Item>
  readonly counts: Run.Counts
  readonly checkpoint: Lanes.Checkpoint
  /** The run ends here: the last item is a refusal that the cursor waits for. */
  readonly isHeld: boolean
}

/** What a unit of work leaves in the session once it is committed. @category models @since 0.1.0 */
export interface Closing<C> {
  readonly report: Report
  readonly frontier: Frontier.Frontier<C>
  /** Records whose ledger row moved, or that were refused. */
  readonly touched: ReadonlySet<Observation.ExternalId>
}

/** The brake tripped; nothing of the batch may stay. @category errors @since 0.1.0 */
export class Tripped extends Data.TaggedError("Tripped")<{}> {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>,
  done: {
    readonly applied: Apply.Applied<A, C>
    readonly audit: Audit.Audit
    readonly held?: Audit.Held<A, C> | undefined
  }
): Effect.fn.Return<Closing<C>, CursorRule.CursorError | Tripped> {
  const { applied, audit, held } = done
  const { rule } = sync.source
  const { brake, isTripped } = Brake.count(session.checkpoint.brake, audit.refusals)
  if (isTripped && sync.onRefusal === "Quarantine") return yield* new Tripped()
  const frontier = Frontier.advance(rule, session.frontier, [
    ...gathered.observations.map((one, index) => {
      const decision = applied.decisions[index]
      const isSettled = decision?._tag !== "Refuse" || !Audit.isHolding(sync.onRefusal, decision.rejection)
      return { _tag: "Observed" as const, position: one.position, isSettled }
    }),
    ...(held === undefined
      ? []
      : [{ _tag: "Observed" as const, position: held.observation.position, isSettled: false }]),
    ...(gathered.mark === undefined ? [] : [{ _tag: "Mark" as const, position: gathered.mark.position }])
  ])
  const checkpoint: Lanes.Checkpoint = {
    cursor:
      frontier.committed === undefined
        ? undefined
        : yield* Effect.fromResult(CursorRule.encode(rule, frontier.committed)),
    batchNo: session.checkpoint.batchNo + 1,
    mappingEpoch: sync.source.epoch,
    brake
  }
  const report: Report = { items: audit.items, counts: audit.counts, checkpoint, isHeld: frontier.isHeld }
  return { report, frontier, touched: audit.touched }
})

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** Audit, quarantine, events, and the fence. @category combinators @since 0.1.0 */
export const record = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>,
  applied: Apply.Applied<A, C>,
  held?: Audit.Held<A, C>
): Effect.fn.Return<
  Closing<C>,
  Sync.SyncError | Tripped,
  Lanes.Lanes | RunRecorder.RunRecorder | Outbox.Outbox | Apply.Context
> {
  const audit = Audit.make(sync, session, gathered.observations, applied, held)
  const closing = yield* make(sync, session, gathered, { applied, audit, held })
  for (const step of yield* Audit.writing(sync, session, audit)) yield* step
  yield* fence(sync, session, closing)
  return closing
})

/** Moves the lane, if it is still ours: the last write of a unit of work. @category combinators @since 0.1.0 */
export const fence = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  { claim, lane }: Session.Session<C>,
  { report: { checkpoint } }: Closing<C>
): Effect.Effect<void, Lanes.Fenced | StoreError, Lanes.Lanes | UnitOfWork.Transaction> =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    Effect.andThen(
      UnitOfWork.flush,
      lanes.commit({ claim: { lane, epoch: claim.epoch }, checkpoint, lease: sync.lease })
    )
  )
