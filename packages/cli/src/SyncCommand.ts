/**
 * `sync`: one incremental run per feed.
 *
 * @since 0.1.0
 */
import * as Run from "@tidemark/core/model/Run"
import type * as Sync from "@tidemark/core/engine/Sync"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Lanes from "@tidemark/core/ports/Lanes"
import type * as StoreError from "@tidemark/core/ports/StoreError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Application } from "./Application.ts"
import type * as Feed from "./Feed.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Report from "./Report.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// the command
// -----------------------------------------------------------------------------

const flags = {
  takeOver: Flag.Boolean("take-over").pipe(
    Flag.withDescription("Take the lanes over from a run that still holds them"),
    Flag.withDefault(false)
  ),
  release: Flag.Boolean("release").pipe(
    Flag.withDescription("Release lanes that were stopped because too many records were refused"),
    Flag.withDefault(false)
  ),
  progress: Flag.Boolean("progress").pipe(
    Flag.withDescription("Tell the progress on stderr where it is no terminal too, a line each second"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON line per object"), Flag.withDefault(false))
}

/** @category commands @since 0.1.0 */
export const sync = Command.make(
  "sync",
  flags,
  Effect.fnUntraced(function* ({ json, progress, release, takeOver }) {
    const output = Output.whoever(yield* Output.make({ isTold: progress }))
    const application = yield* Application
    const committed = { batches: 0 }
    const options = { isTakingOver: takeOver, isReleasing: release }
    const lines = yield* application.feeds.pipe(
      Effect.flatMap((feeds) =>
        Effect.andThen(
          Effect.forEach(feeds, requireAccount, { discard: true }),
          Effect.forEach(feeds, (feed) =>
            Effect.tap(runFeed(feed, options, output, committed), (line) =>
              output.line(json ? Text.json(line) : Report.formatLine(line))
            )
          )
        ).pipe(Effect.provide(application.writing))
      ),
      Effect.mapError((error) => Problem.from(error, { hasCommitted: committed.batches > 0 }))
    )
    if (lines.some((line) => line.quarantined > 0)) return yield* new Problem.Quarantined()
  })
).pipe(
  Command.withDescription(
    "Bring what changed into the local copy: one incremental run per object. Safe to kill: Ctrl-C ends after the batch under way, and the next sync goes on from there"
  ),
  Command.withShortDescription("Bring what changed into the local copy"),
  Command.withAlias("run"),
  Command.withExamples([
    {
      command: "tidemark sync --source salesforce --url https://NAME.my.salesforce.com --token TOKEN --objects Account",
      description: "One object, into the embedded PostgreSQL"
    },
    { command: "tidemark sync --release …", description: "Go on after a lane was stopped and the cause is mended" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** The cursor of another account is found out before any feed writes. */
const requireAccount = Effect.fnUntraced(function* ({ lanes: [live], subscription }: Feed.Feed) {
  const lanes = yield* Lanes.Lanes
  if ((yield* lanes.peek(live.lane)) === undefined) return
  const { account } = subscription.connection
  const lease = Duration.seconds(5)
  const claim = yield* lanes
    .claim({ lane: live.lane, account, lease, mappingEpoch: 0, mode: "IfFree", isReleasing: false })
    .pipe(Effect.catchTag(["Busy", "Stopped"], () => Effect.undefined))
  if (claim !== undefined) yield* lanes.release(claim, undefined)
})

type Options = Omit<Sync.RunOptions, "lane">

/**
 * The lanes of a feed, one after the other, until one is held by another run. The line adds them up.
 *
 * Before the first record comes in, the lane of deletions gets its position: from there on none is missed,
 * whatever becomes of the runs between. Where a person has to act first, so that deletions can be read, the
 * records come in all the same, and the failure is told at the end.
 */
const runFeed = Effect.fnUntraced(function* (
  feed: Feed.Feed,
  options: Options,
  output: ReturnType<typeof Output.whoever>,
  committed: { batches: number }
) {
  const started = yield* Clock.currentTimeMillis
  const seconds = Effect.map(Clock.currentTimeMillis, (now) => (now - started) / 1000)
  yield* feed.prepare
  const expected = output.isWatched ? yield* expectedOf(feed) : undefined
  const began = yield* Clock.currentTimeMillis
  let read = 0
  const onReport = Effect.fnUntraced(function* (report: Sync.BatchReport) {
    committed.batches += 1
    read += report.counts.read
    const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
    yield* output.progress(Report.progress({ object: feed.name, read, seconds, expected }))
  })
  const [first, ...others] = feed.lanes
  const begun = yield* begin(feed, (lane) => runLane(lane, options, onReport))
  const live = begun.ended?.status === "Busy" ? noneRun : yield* runLane(first, options, onReport)
  let counts = Run.addCounts(begun.ended?.counts ?? Run.noCounts, live.counts)
  let status = live.status === "Succeeded" ? (begun.ended?.status ?? live.status) : live.status
  for (const lane of others) {
    if (status === "Busy") break
    if (lane === begun.lane && begun.ended !== undefined) continue
    if (lane === begun.lane && begun.failure !== undefined) return yield* begun.failure
    const next = yield* runLane(lane, options, onReport)
    counts = Run.addCounts(counts, next.counts)
    if (status === "Succeeded") status = next.status
  }
  const cursor = live.cursor?.value ?? null
  return Report.line({ object: feed.name, status, counts, cursor, seconds: yield* seconds })
})

type Lane = Feed.Feed["lanes"][number]

interface Begun<E> {
  /** The lane of deletions, where it had to begin. */
  readonly lane?: Lane
  readonly ended?: Ended
  /** Why its position cannot be had before a person has acted. */
  readonly failure?: E
}

/** Runs the lane of deletions, where there is one, and neither it nor the live lane ever came to anything. */
const begin = Effect.fnUntraced(function* <E extends { readonly _tag: string }, R>(
  { lanes: [live, ...others] }: Feed.Feed,
  run: (lane: Lane) => Effect.Effect<Ended, E, R>
): Effect.fn.Return<Begun<E>, E | StoreError.StoreError, R | Lanes.Lanes> {
  const lane = others.find(({ lane }) => lane.name === "deletes")
  if (lane === undefined) return {}
  const { peek } = yield* Lanes.Lanes
  const [own, records] = [(yield* peek(lane.lane))?.checkpoint, (yield* peek(live.lane))?.checkpoint]
  if (own?.cursor !== undefined || (records?.batchNo ?? 0) > 0) return {}
  return yield* run(lane).pipe(
    Effect.map((ended): Begun<E> => ({ lane, ended })),
    Effect.catchIf(isForPerson, (failure) => Effect.succeed<Begun<E>>({ lane, failure }))
  )
})

/** Whether reading deletions, and maybe only that, fails until a person has acted. */
const isForPerson = (error: { readonly _tag: string }): boolean =>
  error instanceof ChangeSource.SourceError && ["Forbidden", "Invalid", "PositionLost"].includes(error.reason)

/** How long a run waits to be told what to expect. */
const expectedMax = Duration.seconds(5)

/** Nobody waits long for an estimate, and nothing fails because of it. */
const expectedOf = Effect.fnUntraced(function* ({ expected, lanes: [live] }: Feed.Feed) {
  const before = yield* (yield* Lanes.Lanes).peek(live.lane)
  return yield* expected(before?.checkpoint.cursor).pipe(
    Effect.timeoutOption(expectedMax),
    Effect.map(Option.getOrUndefined)
  )
})

/** One run of one lane. `Busy` is an answer: another process has the lane. */
const runLane = Effect.fnUntraced(function* (
  { lane, stream }: Feed.Feed["lanes"][number],
  options: Options,
  onReport: (report: Sync.BatchReport) => Effect.Effect<void>
) {
  let counts = Run.noCounts
  let isHeld = false
  const before = yield* (yield* Lanes.Lanes).peek(lane)
  let cursor = before?.checkpoint.cursor
  return yield* stream(options).pipe(
    Stream.runForEach((report) => {
      counts = Run.addCounts(counts, report.counts)
      cursor = report.checkpoint.cursor
      isHeld ||= report.isHeld || report.counts.quarantined + report.counts.parked > 0
      return onReport(report)
    }),
    Effect.map((): Ended => ({ status: isHeld ? "Partial" : "Succeeded", counts, cursor })),
    Effect.catchTag("Busy", () => Effect.succeed<Ended>({ status: "Busy", counts, cursor }))
  )
})

interface Ended {
  readonly status: "Succeeded" | "Partial" | "Busy"
  readonly counts: Run.Counts
  readonly cursor: Lanes.Checkpoint["cursor"]
}

const noneRun: Ended = { status: "Busy", counts: Run.noCounts, cursor: undefined }
