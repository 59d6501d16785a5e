/**
 * One run of one lane: its session, and the batches in it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lane from "../model/Lane.ts"
import type * as Run from "../model/Run.ts"
import type * as Lanes from "../ports/Lanes.ts"
import * as Batch from "./Batch.ts"
import * as Commit from "./Commit.ts"
import * as External from "./External.ts"
import * as Reading from "./Reading.ts"
import * as Session from "./Session.ts"
import * as Step from "./Step.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** Runs once, and summarises. @category running @since 0.1.0 */
export const run = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  options: Sync.RunOptions & {
    /** Is told of each committed batch before the next one commits. */
    readonly onReport?: ((report: Sync.BatchReport) => Effect.Effect<void>) | undefined
  }
): Effect.Effect<Run.Summary | Lanes.Busy, Sync.SyncError, Sync.Ports | R> =>
  Effect.scoped(
    Effect.flatMap(Session.open(sync, settings(sync, options)), (session) =>
      Effect.andThen(
        Stream.runForEach(batches(sync, session), options.onReport ?? (() => Effect.void)),
        Session.summary(session)
      )
    )
  ).pipe(Effect.catchTag("Busy", (busy) => Effect.succeed(busy)))

/** One report per committed batch. @category running @since 0.1.0 */
export const stream = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  options: Sync.RunOptions
): Stream.Stream<Sync.BatchReport, Sync.SyncError | Lanes.Busy, Sync.Ports | R> =>
  Stream.unwrap(Effect.map(Session.open(sync, settings(sync, options)), (session) => batches(sync, session)))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const settings = <A, C, R>(sync: Sync.Sync<A, C, R>, options: Sync.RunOptions): Session.Settings => ({
  lane: options.lane ?? Lane.live(sync.subscription),
  trigger: options.trigger ?? "Manual",
  isTakingOver: options.isTakingOver ?? false,
  isReleasing: options.isReleasing ?? false
})

const batches = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>
): Stream.Stream<Sync.BatchReport, Sync.SyncError, Sync.Ports | R> => {
  const { sink } = sync
  const commit = sink._tag === "External" ? External.commit(sync, sink) : Commit.commit(sync, sink)
  const start = sink._tag === "External" ? External.resume(sync, sink, session) : Effect.void
  const pages = Reading.pages(sync, session.lane, session.from)
  return Stream.fromEffectDrain(start).pipe(
    Stream.concat(pages.pipe(Stream.buffer({ capacity: sync.prefetch }))),
    Stream.flatMap((page) => Stream.fromArray(Batch.split(page, sync.batchSize, sink._tag))),
    Stream.mapEffect((batch) => Step.prepare(sync, session, batch)),
    Stream.buffer({ capacity: 1 }),
    Stream.mapEffect((prepared) => commit(session, prepared)),
    Stream.takeUntil((report) => report.isHeld),
    Stream.interruptWhen(Session.keepAlive(session, sync.lease))
  )
}
