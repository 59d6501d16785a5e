/**
 * `plan`: what a sync would do now, record by record and field by field, with
 * nothing written.
 *
 * @since 0.1.0
 */
import * as Run from "@tidemark/core/model/Run"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
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
  sample: Flag.Int("sample").pipe(
    Flag.withDescription("Most records to show of each object; all are counted"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))),
    Flag.withDefault(20)
  ),
  all: Flag.Boolean("all").pipe(
    Flag.withDescription("Show every record, those that would stay as they are too"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON line per record that is shown, then one per object"),
    Flag.withDefault(false)
  )
}

/** @category commands @since 0.1.0 */
export const plan = Command.make(
  "plan",
  flags,
  Effect.fnUntraced(function* ({ all, json, sample }) {
    const output = yield* Output.make()
    const application = yield* Application
    const shown: Shown = { json, isAll: all, most: all ? Infinity : sample }
    yield* application.feeds.pipe(
      Effect.flatMap((feeds) =>
        Effect.forEach(feeds, (feed) => planFeed(feed, output, shown), { discard: true }).pipe(
          Effect.provide(application.reading)
        )
      ),
      Problem.looking
    )
    if (!json) yield* output.line("Nothing was written.")
  })
).pipe(
  Command.withDescription("Tell what a sync would do now, field by field, and write nothing"),
  Command.withExamples([
    { command: "tidemark plan --sample 5 …", description: "Five records of each object; all are counted" },
    { command: "tidemark plan --all --json …", description: "Every record, for a program" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Shown {
  readonly json: boolean
  readonly isAll: boolean
  readonly most: number
}

const planFeed = Effect.fnUntraced(function* (feed: Feed.Feed, output: Output.Output, { isAll, json, most }: Shown) {
  const started = yield* Clock.currentTimeMillis
  let counts = Run.noCounts
  let isExact = true
  let [shown, left] = [0, 0]
  yield* Stream.runForEach(
    feed.plan,
    Effect.fnUntraced(function* (batch) {
      counts = Run.addCounts(counts, Run.countItems(batch.planned))
      isExact &&= batch.isExact
      const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
      yield* output.progress(Report.progress({ object: feed.name, read: counts.read, seconds }))
      const wanted = isAll ? batch.planned : batch.planned.filter(({ outcome }) => outcome._tag !== "Skipped")
      const entries = wanted.slice(0, most - shown).map((one) => Report.entry(feed.name, one))
      shown += entries.length
      left += wanted.length - entries.length
      yield* output.lines(entries.map((one) => (json ? Text.json(one) : Report.formatEntry(output.paint, one))))
    })
  )
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  const line = Report.line({ object: feed.name, status: "Planned", counts, cursor: null, seconds })
  const { notes } = feed
  if (json) return yield* output.line(Text.json({ ...line, shown, exact: isExact, ...(notes.length > 0 && { notes }) }))
  if (left > 0) yield* output.line(`  and ${Text.count(left)} more; --all shows them`)
  if (!isExact) yield* output.line("  Some records come more than once; of those, later lines may differ from a sync.")
  for (const note of notes) yield* output.line(`  ${Text.safe(note)}`)
  yield* output.line(Report.formatLine(line))
})
