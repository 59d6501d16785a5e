/**
 * One run's hold on its lane: the claim, the run row, and where the cursor is.
 *
 * Closing the scope closes the run row and gives the lease back, whatever ended
 * the run.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as CursorRule from "../model/CursorRule.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import * as Run from "../model/Run.ts"
import type { SourceError } from "../ports/ChangeSource.ts"
import * as Lanes from "../ports/Lanes.ts"
import * as RunRecorder from "../ports/RunRecorder.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as Frontier from "../rules/Frontier.ts"
import type * as Sync from "./Sync.ts"

/** @category models @since 0.1.0 */
export interface Settings {
  readonly lane: Lane.Lane
  readonly trigger: Run.Trigger
  readonly isTakingOver: boolean
  readonly isReleasing: boolean
}

/** A run in progress. Its mutable part is written by the one fiber that commits, but for `gathered`. @category models @since 0.1.0 */
export interface Session<C> {
  readonly runId: string
  readonly lane: Lane.Lane
  readonly account: string
  /** Where this run began to read. */
  readonly from: C | undefined
  claim: Lanes.Claim
  checkpoint: Lanes.Checkpoint
  frontier: Frontier.Frontier<C>
  /** Observations committed so far. */
  sequence: number
  /** Observations gathered so far. */
  gathered: number
  counts: Run.Counts
  /** Batches committed so far. */
  batches: number
  /** Records touched by the last batches, at most those that a gathered batch may not have seen. */
  touched: Array<{ readonly batch: number; readonly ids: ReadonlySet<Observation.ExternalId> }>
  /** The sink gave a record another local id than the ledger: what a batch comes to is only known once it was written. */
  isNamedBySink: boolean
  /** Why the brake stopped the lane. */
  stopped: string | undefined
}

/**
 * Claims the lane and opens a run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  settings: Settings
): Effect.fn.Return<
  Session<C>,
  SourceError | StoreError | CursorRule.CursorError | Lanes.Busy | Lanes.Fenced | Lanes.AccountMismatch | Lanes.Stopped,
  Lanes.Lanes | RunRecorder.RunRecorder | Scope.Scope | R
> {
  const lanes = yield* Lanes.Lanes
  const recorder = yield* RunRecorder.RunRecorder
  const { lane } = settings
  const account = yield* sync.source.account
  const held: { session: Session<C> | undefined } = { session: undefined }
  // Interrupted while it claims, a run waits for the answer: what it got it gives back.
  const claim = yield* Effect.acquireRelease(
    lanes.claim({
      lane,
      lease: sync.lease,
      account,
      mappingEpoch: sync.source.epoch,
      mode: settings.isTakingOver ? "TakeOver" : "IfFree",
      isReleasing: settings.isReleasing
    }),
    (claim) =>
      lanes
        .release(held.session?.claim ?? claim, held.session?.stopped)
        .pipe(logged("the lease could not be given back"))
  )
  const from = yield* startOf(sync, claim.checkpoint)
  const runId = yield* recorder.open({ lane, epoch: claim.epoch, trigger: settings.trigger })
  const session: Session<C> = {
    runId,
    lane,
    account,
    from,
    claim,
    checkpoint: claim.checkpoint,
    frontier: Frontier.start(from),
    sequence: 0,
    gathered: 0,
    counts: Run.noCounts,
    batches: 0,
    touched: [],
    isNamedBySink: false,
    stopped: undefined
  }
  held.session = session
  yield* Effect.addFinalizer((exit) =>
    recorder
      .close({ runId, lane, status: statusOf(session, exit), error: errorOf(exit) })
      .pipe(logged("the run could not be closed; the next run of the lane will close it"))
  )
  return session
})

/**
 * Extends the lease until the lane is lost. Never ends otherwise: a store that
 * does not answer is asked again, and the fence decides.
 *
 * @category combinators
 * @since 0.1.0
 */
export const keepAlive = <C>(
  session: Session<C>,
  lease: Duration.Duration
): Effect.Effect<never, Lanes.Fenced, Lanes.Lanes> =>
  Effect.gen(function* () {
    const lanes = yield* Lanes.Lanes
    yield* Effect.sleep(Duration.times(lease, 1 / 3))
    const { claim } = session
    yield* lanes.renew(claim, lease).pipe(
      Effect.catchTag("StoreError", (error) => Effect.logWarning("the lease could not be extended", error)),
      // The claim was replaced by our own while the renewal was under way.
      Effect.catchIf(
        () => session.claim !== claim,
        () => Effect.void
      )
    )
  }).pipe(Effect.forever)

/** @category combinators @since 0.1.0 */
export const summary = <C>(session: Session<C>): Effect.Effect<Run.Summary> =>
  Effect.sync(() => ({
    runId: session.runId,
    status: statusOf(session, Exit.void),
    counts: session.counts,
    cursor: session.checkpoint.cursor,
    batches: session.batches
  }))

/**
 * Where a run begins to read. A lane that was read with an older mapping is read
 * again from the beginning.
 *
 * @category combinators
 * @since 0.1.0
 */
export const startOf = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  { cursor, mappingEpoch }: Lanes.Checkpoint
): Effect.Effect<C | undefined, CursorRule.CursorError> => {
  if (mappingEpoch > sync.source.epoch) {
    const message = `the lane was read with mapping epoch ${mappingEpoch}, this build maps with ${sync.source.epoch}`
    return Effect.fail(new CursorRule.CursorError({ message: `${message}; run the newer build` }))
  }
  return cursor === undefined || mappingEpoch < sync.source.epoch
    ? Effect.undefined
    : Effect.fromResult(CursorRule.decode(sync.source.rule, cursor))
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const statusOf = <C>(session: Session<C>, exit: Exit.Exit<unknown, unknown>): Run.Status => {
  if (Exit.isSuccess(exit)) {
    return session.frontier.isHeld || session.counts.quarantined + session.counts.parked > 0 ? "Partial" : "Succeeded"
  }
  if (Cause.hasInterruptsOnly(exit.cause)) return "Interrupted"
  const failure = Cause.findErrorOption(exit.cause)
  return Option.isSome(failure) && failure.value instanceof Lanes.Fenced ? "Fenced" : "Failed"
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): string | undefined =>
  Exit.isSuccess(exit) ? undefined : Cause.pretty(exit.cause).slice(0, 4_000)

const logged =
  (message: string) =>
  <E, R>(effect: Effect.Effect<void, E, R>): Effect.Effect<void, never, R> =>
    Effect.catch(effect, (error) => Effect.logError(message, error))
