/**
 * `runs`: what ran, newest first; `runs show`: one run, and what it did record by
 * record.
 *
 * @since 0.1.0
 */
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ListFlags from "./ListFlags.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as RunReport from "./RunReport.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

const show = Command.make(
  "show",
  {
    id: Argument.String("run").pipe(Argument.withDescription("Id of the run, as runs lists it")),
    limit: ListFlags.limit("Most records to show", 100),
    after: Flag.Int("after").pipe(
      Flag.withDescription("Show what comes after this position: where the last piece ended"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))),
      Flag.withDefault(0)
    ),
    json: ListFlags.json("Print the run as one JSON line, then one per record")
  },
  Effect.fnUntraced(function* ({ after, id, json, limit }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      const recorder = yield* RunRecorder.RunRecorder
      const kept = yield* requireRun(store, id)
      const names = yield* Store.feeds(store)
      const run = RunReport.run(nameOf(names, kept), kept)
      const items = yield* recorder.items(store.tenant, kept.id, { limit, after })
      const lines = items.map((one) => RunReport.item(kept.id, one))
      if (json) return yield* output.lines([Text.json(run), ...lines.map(Text.json)])
      yield* output.lines([
        ...RunReport.formatRun(output.paint, run),
        ...lines.map((one) => RunReport.formatItem(output.paint, one))
      ])
      if (items.length === limit) yield* output.line(`  more: runs show ${kept.id} --after ${items.at(-1)!.position}`)
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("Show one run, and what it did record by record, field by field"),
  Command.withExamples([
    { command: "tidemark runs show 5f0c…", description: "What a run did" },
    { command: "tidemark runs show 5f0c… --limit 1000 --json", description: "The same for a program" }
  ])
)

/** @category commands @since 0.1.0 */
export const runs = Command.make(
  "runs",
  {
    object: ListFlags.object("Only runs of this object"),
    before: ListFlags.before("Only runs that began before this one: where the last piece ended"),
    limit: ListFlags.limit("Most runs to show", 20),
    json: ListFlags.json("Print one JSON line per run")
  },
  Effect.fnUntraced(function* ({ before, json, limit, object }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      const recorder = yield* RunRecorder.RunRecorder
      const names = yield* Store.feeds(store)
      const feed = Option.isSome(object) ? yield* Store.requireFeed(names, object.value) : undefined
      const older = Option.isSome(before) ? (yield* requireRun(store, before.value)).position : undefined
      const kept = yield* recorder.list(store.tenant, { subscription: feed?.subscription.id, before: older, limit })
      const lines = kept.map((one) => RunReport.run(nameOf(names, one), one))
      if (json) return yield* output.lines(lines.map(Text.json))
      if (lines.length === 0) return yield* output.line(older === undefined ? "Nothing ran yet." : "Nothing is older.")
      yield* output.lines(RunReport.formatRuns(output.paint, lines))
      const more = `--before ${kept.at(-1)!.id}${feed === undefined ? "" : ` --object ${Text.safe(feed.name)}`}`
      if (kept.length === limit) yield* output.line(`older: runs ${more}`)
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("List runs, newest first: how they ended, and what they counted"),
  Command.withSubcommands([show]),
  Command.withExamples([
    { command: "tidemark runs --object Account --limit 5", description: "The last five runs of one object" },
    { command: "tidemark runs show 5f0c…", description: "What one of them did" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const requireRun = Effect.fnUntraced(function* ({ tenant }: Store.Store, id: string) {
  const [kept] = yield* (yield* RunRecorder.RunRecorder).list(tenant, { id, limit: 1 })
  return (
    kept ??
    (yield* Problem.mendable(Text.safe(`There is no run ${Text.clip(id, 80)}. runs lists them with their ids.`)))
  )
})

const nameOf = (feeds: ReadonlyArray<Store.KnownFeed>, { subscription }: RunRecorder.Kept): string =>
  feeds.find((feed) => feed.subscription.id === subscription)?.name ?? subscription
