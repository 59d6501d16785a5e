/**
 * One batch as one unit of work, tried again from values until it is settled.
 *
 * The unit of work ends with the fence. It is tried again as a whole: after a
 * conflict, over what is here by then; after a refusal, record by record; after a
 * commit whose answer was lost, only if the lane says that it did not happen.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as CursorRule from "../model/CursorRule.ts"
import * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import * as Run from "../model/Run.ts"
import * as Write from "../model/Write.ts"
import * as ChangeSource from "../ports/ChangeSource.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as Lanes from "../ports/Lanes.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Brake from "../rules/Brake.ts"
import * as Frontier from "../rules/Frontier.ts"
import * as Plan from "../rules/Plan.ts"
import * as Apply from "./Apply.ts"
import type * as Audit from "./Audit.ts"
import * as Batch from "./Batch.ts"
import type * as Session from "./Session.ts"
import * as Closing from "./Closing.ts"
import * as Sift from "./Sift.ts"
import type * as Step from "./Step.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Under `Hold`: end the batch before this observation. */
class HoldAt extends Data.TaggedError("HoldAt")<{ readonly index: number; readonly rejection: Write.Rejection }> {}

/** How the next attempt goes. */
interface Attempt<A, C> extends Step.Prepared<A, C> {
  /** Record by record, because something was refused. */
  readonly isCareful: boolean
  /** What comes right after `gathered` and holds the lane. */
  readonly held: Audit.Held<A, C> | undefined
  /** Records that must be read by id before the batch is planned again. */
  readonly wanted: ReadonlySet<Observation.ExternalId>
}

type Error = Sync.SyncError
type Context<R> = Sync.Ports | R

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Commits a batch for a transactional sink.
 *
 * @category combinators
 * @since 0.1.0
 */
export const commit =
  <A extends object, C, R>(sync: Sync.Sync<A, C, R>, sink: ChangeSink.Transactional<A>) =>
  (session: Session.Session<C>, prepared: Step.Prepared<A, C>): Effect.Effect<Closing.Report, Error, Context<R>> =>
    Effect.gen(function* () {
      const { since } = prepared.gathered
      yield* requireOrder(sync, session, prepared.gathered)
      const gathered = yield* refresh(sync, session, prepared.gathered)
      const step = gathered === prepared.gathered ? prepared.step : undefined
      const settled = yield* settle(sync, sink, session, first(sync, { gathered, step }))
      accept(session, settled, since)
      return settled.report
    })

/** Fails before anything is written when an ascending source went back. @category guards @since 0.1.0 */
export const requireOrder = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  batch: Batch.Batch<A, C>
): Effect.Effect<void, ChangeSource.SourceError> => {
  const { label, rule } = sync.source
  const position = Frontier.findDisorder(
    rule,
    session.frontier,
    batch.observations.map((one) => one.position)
  )
  if (position === undefined) return Effect.void
  const text = Result.match(CursorRule.encode(rule, position), {
    onFailure: () => "a position that cannot be encoded",
    onSuccess: ({ value }) => JSON.stringify(value)
  })
  const message = `it promises ascending positions and went back to ${text}`
  return Effect.fail(new ChangeSource.SourceError({ reason: "OutOfOrder", source: label, message }))
}

/**
 * The batch over what the batches of the run before it left: what it found is
 * older than a commit that came since, and only writes have a compare-and-set.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refresh = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>
): Effect.Effect<Batch.Gathered<A, C>, Batch.GatherError, Batch.GatherContext<R>> => {
  const unseen = session.touched.filter(({ batch }) => batch > gathered.since)
  if (unseen.length === 0) return Effect.succeed(gathered)
  const ids = gathered.observations.filter((one) => unseen.some(({ ids }) => ids.has(one.externalId)))
  return Batch.refresh(sync, gathered, Batch.idsOf(ids), session.batches)
}

/**
 * Tries a whole step again after a conflict; what still conflicts then is a
 * `TransactionError`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const retry = <T, E extends { readonly _tag: string }, R>(
  step: Effect.Effect<T, E | Apply.Outdated, R>
): Effect.Effect<T, Exclude<E, Apply.Outdated> | UnitOfWork.TransactionError, R> =>
  step.pipe(
    Effect.retry({ schedule: backoff, while: isConflict }),
    Effect.catchTag("Outdated", (cause) => Effect.fail(new UnitOfWork.TransactionError({ reason: "Conflict", cause })))
  ) as Effect.Effect<T, Exclude<E, Apply.Outdated> | UnitOfWork.TransactionError, R>

/**
 * Moves the session past a committed batch that was gathered after `since` others.
 * The next ones are gathered no earlier: what was touched before that, they saw.
 *
 * @category combinators
 * @since 0.1.0
 */
export const accept = <C>(
  session: Session.Session<C>,
  { frontier, report, touched }: Closing.Closing<C>,
  since: number
): void => {
  session.checkpoint = report.checkpoint
  session.frontier = frontier
  session.sequence += report.counts.read
  session.counts = Run.addCounts(session.counts, report.counts)
  session.batches += 1
  session.touched = session.touched.filter(({ batch }) => batch > since)
  if (touched.size > 0) session.touched.push({ batch: session.batches, ids: touched })
}

/**
 * Runs one fenced unit of work. When the answer to its commit was lost, the lane
 * says whether it happened; if not, it fails as outdated, to be tried again.
 *
 * @category combinators
 * @since 0.1.0
 */
export const transact = <A, C, R, T, E, R2>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  body: Effect.Effect<T, E, R2>
) =>
  Effect.gen(function* () {
    let done: { readonly value: T } | undefined
    const remembered = Effect.tap(body, (value) => Effect.sync(() => (done = { value })))
    return yield* (yield* UnitOfWork.UnitOfWork)
      .transact(sync.subscription.tenant, remembered)
      .pipe(
        Effect.catchIf(isUnknown, () =>
          Effect.flatMap(isCommitted(sync, session), (isDone) =>
            isDone && done !== undefined ? Effect.succeed(done.value) : Effect.fail(new Apply.Outdated({}))
          )
        )
      )
  })

/**
 * Finds out what became of a commit whose answer was lost: claims the lane again,
 * which waits for or defeats the old connection, and looks at the batch number.
 *
 * @category combinators
 * @since 0.1.0
 */
const isCommitted = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>
): Effect.Effect<boolean, Error, Lanes.Lanes> =>
  Effect.gen(function* () {
    const claim = yield* (yield* Lanes.Lanes).claim({
      lane: session.lane,
      lease: sync.lease,
      account: session.account,
      mappingEpoch: sync.source.epoch,
      mode: { own: session.claim.epoch },
      isReleasing: false
    })
    session.claim = claim
    return claim.checkpoint.batchNo > session.checkpoint.batchNo
  }).pipe(
    Effect.catchTag("Busy", () =>
      Effect.fail(new Lanes.Fenced({ lane: Lane.format(session.lane), epoch: session.claim.epoch }))
    ),
    Effect.retry({ schedule: backoff, while: (error) => error._tag === "StoreError" && error.reason !== "Refused" })
  )

/** Capped, jittered, and at most 10 times: about 8 seconds in all. @category constants @since 0.1.0 */
export const backoff = Schedule.min([Schedule.exponential("10 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 10 })
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Under `Hold`, what planning alone refuses ends the batch before anything is tried. */
const first = <A extends object, C, R>(sync: Sync.Sync<A, C, R>, prepared: Step.Prepared<A, C>): Attempt<A, C> => {
  const { gathered } = prepared
  const index = gathered.plan.decisions.findIndex((decision) => decision._tag === "Refuse")
  const decision = gathered.plan.decisions[index]
  const attempt: Attempt<A, C> = { ...prepared, isCareful: false, held: undefined, wanted: new Set() }
  return sync.onRefusal === "Hold" && decision?._tag === "Refuse"
    ? holdAt(sync, attempt, index, decision.rejection)
    : attempt
}

const holdAt = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  attempt: Attempt<A, C>,
  index: number,
  rejection: Write.Rejection
): Attempt<A, C> => {
  const { gathered } = attempt
  const observations = gathered.observations.slice(0, index)
  const plan = Plan.make(sync.rules, observations, gathered.states, gathered.resolutions)
  return {
    ...attempt,
    gathered: { ...gathered, observations, mark: undefined, plan },
    step: undefined,
    held: { observation: gathered.plan.readings[index]!, rejection }
  }
}

/** Attempts until one is committed. */
const settle = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  session: Session.Session<C>,
  initial: Attempt<A, C>
): Effect.fn.Return<Closing.Closing<C>, Error, Context<R>> {
  let attempt = initial
  let isOutdated = false
  const once = Effect.gen(function* () {
    if (isOutdated) {
      const gathered = yield* Batch.gather(sync, attempt.gathered, session.batches, attempt.wanted)
      attempt = { ...attempt, gathered, step: undefined }
    }
    isOutdated = true
    return yield* transact(sync, session, unit(sync, sink, session, attempt)).pipe(
      Effect.tapErrorTag("Outdated", ({ wanted = [] }) =>
        Effect.sync(() => {
          attempt = { ...attempt, wanted: new Set([...attempt.wanted, ...wanted]) }
        })
      )
    )
  })
  while (true) {
    const result = yield* retry(once).pipe(
      Effect.map(Result.succeed),
      Effect.catchTag(["HoldAt", "Refused", "Tripped"], (error) => Effect.succeed(Result.fail(error)))
    )
    if (Result.isSuccess(result)) return result.success
    const error = result.failure
    if (error._tag === "Tripped") return yield* stop(session)
    attempt =
      error._tag === "Refused" ? { ...attempt, isCareful: true } : holdAt(sync, attempt, error.index, error.rejection)
    isOutdated = false
  }
})

const isConflict = (error: { readonly _tag: string; readonly reason?: string }): boolean =>
  error._tag === "Outdated" || error.reason === "Conflict"

const isUnknown = (error: unknown): boolean =>
  error instanceof UnitOfWork.TransactionError && error.reason === "Unknown"

/** All that happens inside the unit of work. */
const unit = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  session: Session.Session<C>,
  { gathered, held, isCareful, step }: Attempt<A, C>
) {
  if (step !== undefined && !isCareful) return yield* asForeseen(sync, session, gathered, step)
  const applied = yield* isCareful ? Sift.allButRefused(sync, sink, gathered) : Apply.all(sync, sink, gathered)
  if (sync.onRefusal === "Hold") {
    for (const index of gathered.observations.keys()) {
      const decision = applied.decisions[index]
      if (decision?._tag === "Refuse" && !Write.isParked(decision.rejection))
        return yield* new HoldAt({ index, rejection: decision.rejection })
    }
  }
  return yield* Closing.record(sync, session, gathered, applied, held)
})

/**
 * Sends the whole step. Where it does not come to that, nothing of it may stay. The
 * fence waits for the answers: who holds it holds up every claim.
 */
const asForeseen = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>,
  { advancing, applied, audit, moves, recording, writes, writing }: Step.Step<A, C>
) {
  const outdated = new Apply.Outdated({})
  const advanced = Effect.flatMap(Apply.orRefused(advancing), (won) =>
    won.size < moves.length ? Effect.fail(outdated) : Effect.void
  )
  const written = Apply.orRefused(writing).pipe(
    Effect.flatMap((answers) => Apply.renamed(sync.sink.label, writes, answers)),
    Effect.flatMap((names) => {
      session.isNamedBySink ||= names.size > 0
      return names.size > 0 ? Effect.fail(outdated) : Effect.void
    })
  )
  const { pipeline } = yield* UnitOfWork.UnitOfWork
  // What closes the batch is worked out while the store writes.
  const [, closing] = yield* Effect.all(
    [pipeline([advanced, written, ...recording]), Closing.make(sync, session, gathered, { applied, audit })],
    { concurrency: 2 }
  )
  yield* Closing.fence(sync, session, closing)
  return closing
})

export const stop = <C>(session: Session.Session<C>): Effect.Effect<never, Lanes.Stopped> => {
  const message = `more than ${Brake.refusalsMin} observations were refused; the cursor stays until the lane is released`
  session.stopped = message
  return Effect.fail(new Lanes.Stopped({ lane: Lane.format(session.lane), message }))
}
