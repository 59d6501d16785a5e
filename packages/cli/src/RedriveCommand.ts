/**
 * `quarantine redrive`: tries refused records again, after what made them refused
 * was mended.
 *
 * @since 0.1.0
 */
import type * as Redrive from "@tidemark/core/engine/Redrive"
import * as Run from "@tidemark/core/model/Run"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Application } from "./Application.ts"
import type * as Feed from "./Feed.ts"
import * as ListFlags from "./ListFlags.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as RedriveReport from "./RedriveReport.ts"
import * as Report from "./Report.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// the command
// -----------------------------------------------------------------------------

/** Ids of one call: each record is a run of its own. @category constants @since 0.1.0 */
export const idsMax = 100

const flags = {
  ids: Argument.String("refusal").pipe(
    Argument.withDescription(
      "Ids of refusals, as quarantine list gives them; all that waits of their records is tried"
    ),
    Argument.atMost(idsMax)
  ),
  code: Flag.String("code").pipe(Flag.withDescription("All that was refused with this code"), Flag.optional),
  all: Flag.Boolean("all").pipe(Flag.withDescription("All that waits"), Flag.withDefault(false)),
  object: ListFlags.object("Only records of this object"),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Tell what it would try and what would come of it, and write nothing"),
    Flag.withDefault(false)
  ),
  sample: Flag.Int("sample").pipe(
    Flag.withDescription("With --dry-run: most records to show of each object; all are counted"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))),
    Flag.withDefault(100)
  ),
  takeOver: Flag.Boolean("take-over").pipe(
    Flag.withDescription("Take over from a redrive that still holds its lane"),
    Flag.withDefault(false)
  ),
  json: ListFlags.json("Print one JSON line per object; with --dry-run one per record that is shown before it")
}

/** @category commands @since 0.1.0 */
export const redrive = Command.make(
  "redrive",
  flags,
  Effect.fnUntraced(function* ({ all, code, dryRun, ids, json, object, sample, takeOver }) {
    const output = yield* Output.make()
    const committed = { batches: 0 }
    const lines = yield* Effect.gen(function* () {
      yield* requireSelector(ids, code, all)
      const application = yield* Application
      const store = yield* Store.open
      const feeds = yield* chosen(yield* application.feeds, Option.getOrUndefined(object))
      const work =
        ids.length === 0
          ? feeds.map((feed): Work => ({ feed, settled: 0, selections: [{ code: Option.getOrUndefined(code) }] }))
          : yield* Effect.provideContext(workOf(store, feeds, ids), store.ports)
      return yield* dryRun
        ? Effect.provide(
            Effect.forEach(work, (one) => plan(one, output, { json, sample })),
            application.reading
          )
        : Effect.provide(
            Effect.forEach(work, (one) => run(one, Output.whoever(output), { committed, json, takeOver })),
            application.writing
          )
    }).pipe(
      Effect.mapError((error) =>
        error instanceof Output.Lost ? error : Problem.from(error, { hasCommitted: committed.batches > 0 })
      )
    )
    if (dryRun && !json) yield* output.line("Nothing was written.")
    if (!dryRun && lines.some(RedriveReport.isWaiting)) return yield* new Problem.Quarantined()
  })
).pipe(
  Command.withDescription(
    "Try refused records again, after what made them refused was mended: a run like any other, applied once"
  ),
  Command.withShortDescription("Try refused records again, after their cause was mended"),
  Command.withExamples([
    { command: "tidemark quarantine redrive 9b1d… 77aa…", description: "All that waits of two records" },
    {
      command: "tidemark quarantine redrive --code 23505 --object Account",
      description: "All that a unique key refused"
    },
    { command: "tidemark quarantine redrive --all --dry-run", description: "What trying everything would do" }
  ])
)

// -----------------------------------------------------------------------------
// internal: what is tried
// -----------------------------------------------------------------------------

interface Work {
  readonly feed: Feed.Feed
  readonly selections: ReadonlyArray<Redrive.Selection>
  /** Refusals that were asked for and wait no longer. */
  readonly settled: number
}

const requireSelector = (ids: ReadonlyArray<string>, code: Option.Option<string>, isAll: boolean) => {
  const given = [ids.length > 0, Option.isSome(code), isAll].filter(Boolean).length
  if (given === 1) return Effect.void
  return Effect.fail(
    Problem.mendable(
      given === 0
        ? "Nothing says what to try again. Give ids of refusals, or --code CODE, or --all; quarantine list shows what waits."
        : "Give ids of refusals, or --code CODE, or --all: one of them, not several."
    )
  )
}

const chosen = (feeds: ReadonlyArray<Feed.Feed>, object: string | undefined) => {
  const found = object === undefined ? feeds : feeds.filter((feed) => Store.isCalled(feed, object))
  return object === undefined || found.length > 0
    ? Effect.succeed(found)
    : Effect.fail(Problem.mendable(Text.safe(`${object} is none of the objects of this call: ${namesOf(feeds)}.`)))
}

/** Each record once, by feed. */
const workOf = Effect.fnUntraced(function* (
  { tenant }: Store.Store,
  feeds: ReadonlyArray<Feed.Feed>,
  ids: ReadonlyArray<string>
) {
  const quarantine = yield* Quarantine.Quarantine
  const found = new Map<Feed.Feed, { readonly selections: Map<string, Redrive.Selection>; settled: number }>()
  for (const id of new Set(ids)) {
    const [kept] = yield* quarantine.list(tenant, { id, isWithClosed: true, limit: 1 })
    if (kept === undefined) return yield* Problem.mendable(noRefusal(id))
    const feed = feeds.find(({ subscription }) => Store.isOf(subscription, kept))
    if (feed === undefined) {
      return yield* Problem.mendable(
        Text.safe(
          `The refusal ${id} is of ${kept.entity} of the account ${kept.connection.account}, and this call is about ${namesOf(feeds)}. Name its object, with credentials of that account.`
        )
      )
    }
    const work = found.get(feed) ?? { selections: new Map(), settled: 0 }
    if (kept.status === "Open") work.selections.set(kept.externalId, { externalId: kept.externalId })
    else work.settled += 1
    found.set(feed, work)
  }
  return Array.from(found, ([feed, { selections, settled }]): Work => ({
    feed,
    settled,
    selections: [...selections.values()]
  }))
})

/** That no refusal has the id. @category constructors @since 0.1.0 */
export const noRefusal = (id: string): string =>
  Text.safe(`There is no refusal ${Text.clip(id, 80)}. quarantine list gives the ids of those that wait.`)

const namesOf = (feeds: ReadonlyArray<Feed.Feed>): string =>
  feeds
    .slice(0, 20)
    .map(({ name }) => name)
    .join(", ")

// -----------------------------------------------------------------------------
// internal: trying
// -----------------------------------------------------------------------------

const run = Effect.fnUntraced(function* (
  { feed, selections, settled }: Work,
  output: ReturnType<typeof Output.whoever>,
  options: { readonly committed: { batches: number }; readonly json: boolean; readonly takeOver: boolean }
) {
  const started = yield* Clock.currentTimeMillis
  const seconds = Effect.map(Clock.currentTimeMillis, (now) => (now - started) / 1000)
  yield* feed.prepare
  let read = 0
  let totals: RedriveReport.Totals = { ...RedriveReport.none("Succeeded"), unneeded: settled }
  for (const selection of selections) {
    const summary = yield* feed.redrive.run({
      ...selection,
      isTakingOver: options.takeOver,
      onReport: Effect.fnUntraced(function* ({ counts }) {
        options.committed.batches += 1
        read += counts.read
        yield* output.progress(Report.progress({ object: feed.name, read, seconds: yield* seconds }))
      })
    })
    totals = RedriveReport.add(totals, summary instanceof Lanes.Busy ? RedriveReport.none("Busy") : toTotals(summary))
  }
  const line = RedriveReport.line(feed.name, totals, yield* seconds)
  yield* output.line(options.json ? Text.json(line) : RedriveReport.format(line))
  return line
})

const toTotals = ({ run: { runId, status }, ...summary }: Redrive.Summary): RedriveReport.Totals => ({
  ...summary,
  status,
  runs: [runId]
})

const plan = Effect.fnUntraced(function* (
  { feed, selections, settled }: Work,
  output: Output.Output,
  { json, sample }: { readonly json: boolean; readonly sample: number }
) {
  const started = yield* Clock.currentTimeMillis
  const left = { sourceOnly: 0, misfit: 0, unread: 0 }
  let counts = Run.noCounts
  let shown = 0
  for (const selection of selections) {
    const batches = feed.redrive.plan(selection, (reason) => {
      left[reason] += 1
    })
    yield* Stream.runForEach(batches, ({ planned, unread }) => {
      counts = Run.addCounts(counts, Run.countItems(planned))
      left.unread += unread
      const entries = planned.slice(0, sample - shown).map((one) => Report.entry(feed.name, one))
      shown += entries.length
      return output.lines(entries.map((one) => (json ? Text.json(one) : Report.formatEntry(output.paint, one))))
    })
  }
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  const totals = RedriveReport.planned(counts, left)
  const line = RedriveReport.line(feed.name, { ...totals, unneeded: totals.unneeded + settled }, seconds)
  if (json) yield* output.line(Text.json(line))
  else {
    const more = counts.read - shown
    if (more > 0) yield* output.line(`  and ${Text.count(more)} more`)
    yield* output.line(RedriveReport.format(line))
  }
  return line
})
