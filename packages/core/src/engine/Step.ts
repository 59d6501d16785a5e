/**
 * What a batch comes to when nothing comes in between, worked out while the batch
 * before it commits.
 *
 * The unit of work only has to run it, as one pipeline. Nothing is decided here:
 * when a record loses its compare-and-set, a write is refused, or the sink knows a
 * local id better, the unit of work is taken back and goes by the batch's plan.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Entry from "../model/Entry.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Write from "../model/Write.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as Ledger from "../ports/Ledger.ts"
import type { StoreError } from "../ports/StoreError.ts"
import type { Transaction } from "../ports/UnitOfWork.ts"
import * as Apply from "./Apply.ts"
import * as Audit from "./Audit.ts"
import * as Batch from "./Batch.ts"
import type * as Session from "./Session.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Step<A, C> {
  readonly moves: ReadonlyArray<Batch.Move<A>>
  readonly writes: ReadonlyArray<Write.Write<A>>
  /** Answers the ledger rows that were won. */
  readonly advancing: Effect.Effect<ReadonlyMap<Observation.ExternalId, Entry.Entry>, StoreError, Transaction>
  readonly writing: Effect.Effect<Write.Answers, ChangeSink.SinkError, Transaction>
  /** What was applied, once all moves have won and all writes were taken. */
  readonly applied: Apply.Applied<A, C>
  /** Of what was applied then. */
  readonly audit: Audit.Audit
  readonly recording: ReadonlyArray<Effect.Effect<void, StoreError, Transaction>>
}

/** A gathered batch on its way to its unit of work. @category models @since 0.1.0 */
export interface Prepared<A, C> {
  readonly gathered: Batch.Gathered<A, C>
  /** `undefined` where records have to be read by id first, where the sink makes local ids, and for external sinks. */
  readonly step: Step<A, C> | undefined
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Gathers a batch, the next one of its run, and works out its step.
 *
 * @category constructors
 * @since 0.1.0
 */
export const prepare = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  batch: Batch.Batch<A, C>
): Effect.fn.Return<Prepared<A, C>, Batch.GatherError, Batch.GatherContext<R> | Audit.Context> {
  const gathered = yield* Batch.gather(sync, batch, session.batches)
  const sequence = session.gathered
  session.gathered += gathered.observations.length
  const { sink } = sync
  return { gathered, step: sink._tag === "External" ? undefined : yield* make(sync, sink, session, gathered, sequence) }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const make = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>,
  sequence: number
): Effect.fn.Return<Step<A, C> | undefined, StoreError, Ledger.Ledger | Audit.Context> {
  const { observations, plan } = gathered
  if (session.isNamedBySink || plan.decisions.some((decision) => decision._tag === "Resolve")) return undefined
  const ledger = yield* Ledger.Ledger
  const moves = yield* Batch.name(plan.moves)
  const advances = moves.map((move) => move.advance)
  // Between any two parts the batch that is committing may go on.
  yield* Effect.yieldNow
  const advancing = Arr.isReadonlyArrayNonEmpty(advances)
    ? ledger.advance(sync.subscription, advances)
    : Effect.succeed(new Map())
  yield* Effect.yieldNow
  const writes = moves.flatMap((move) => Apply.toWrite(sync, move))
  const writing = Arr.isReadonlyArrayNonEmpty(writes) ? sink.write(sync.subscription, writes) : Effect.succeed([])
  yield* Effect.yieldNow
  const applied = Apply.foresee(plan, moves)
  const audit = Audit.make(sync, { runId: session.runId, sequence }, observations, applied, undefined)
  yield* Effect.yieldNow
  const recording = yield* Audit.writing(sync, session, audit)
  return { moves, writes, advancing, writing, applied, audit, recording }
})
