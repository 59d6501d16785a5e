/**
 * `quarantine`: what was refused and waits, why, and a redrive of it.
 *
 * @since 0.1.0
 */
import * as Observation from "@tidemark/core/model/Observation"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ListFlags from "./ListFlags.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as QuarantineReport from "./QuarantineReport.ts"
import * as RedriveCommand from "./RedriveCommand.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

const list = Command.make(
  "list",
  {
    object: ListFlags.object("Only records of this object"),
    code: Flag.String("code").pipe(Flag.withDescription("Only what was refused with this code"), Flag.optional),
    id: Flag.String("id").pipe(
      Flag.withDescription("Only what was refused of the record with this id at its source"),
      Flag.filter(
        (id) => id !== "",
        () => "an id that is not empty"
      ),
      Flag.optional
    ),
    before: ListFlags.before("Only what was refused before this refusal: where the last piece ended"),
    limit: ListFlags.limit("Most refusals to show", 20),
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Also those that wait no longer, and how they ended"),
      Flag.withDefault(false)
    ),
    json: ListFlags.json("Print one JSON line per refusal")
  },
  Effect.fnUntraced(function* ({ all, before, code, id, json, limit, object }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      const quarantine = yield* Quarantine.Quarantine
      const feeds = yield* Store.feeds(store)
      const feed = Option.isSome(object) ? yield* Store.requireFeed(feeds, object.value) : undefined
      const older = Option.isSome(before) ? (yield* requireRefusal(store, before.value)).position : undefined
      const kept = yield* quarantine.list(store.tenant, {
        connection: feed?.subscription.connection,
        entity: feed?.subscription.entity,
        code: Option.getOrUndefined(code),
        externalId: Option.getOrUndefined(Option.map(id, (id) => Observation.ExternalId.make(id))),
        isWithClosed: all,
        before: older,
        limit
      })
      const lines = kept.map((one) => QuarantineReport.line(Store.nameOfEntity(feeds, one), one))
      if (json) return yield* output.lines(lines.map(Text.json))
      if (lines.length === 0) return yield* output.line(older === undefined ? "Nothing waits." : "Nothing is older.")
      yield* output.lines(QuarantineReport.formatList(output.paint, lines))
      if (kept.length === limit) yield* output.line(`older: the same with --before ${kept.at(-1)!.id}`)
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("List refused records, newest first, with the reason of each"),
  Command.withExamples([
    { command: "tidemark quarantine list --object Account --code 23505", description: "What a unique key refused" },
    {
      command: "tidemark quarantine list --id 0011T00001rTyDCQA0 --all",
      description: "All that was ever refused of a record"
    }
  ])
)

const show = Command.make(
  "show",
  {
    id: Argument.String("refusal").pipe(Argument.withDescription("Id of the refusal, as quarantine list gives it")),
    json: ListFlags.json("Print it as one JSON line")
  },
  Effect.fnUntraced(function* ({ id, json }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    const kept = yield* Effect.provideContext(requireRefusal(store, id), store.ports)
    const whole = QuarantineReport.whole(Store.nameOfEntity(yield* Store.feeds(store), kept), kept)
    yield* json ? output.line(Text.json(whole)) : output.lines(QuarantineReport.formatWhole(output.paint, whole))
  }, Problem.looking)
).pipe(
  Command.withDescription("Show one refused record: what came, why it was refused, and what would free it"),
  Command.withExamples([{ command: "tidemark quarantine show 9b1d…", description: "Why a record waits" }])
)

/** @category commands @since 0.1.0 */
export const quarantine = Command.make("quarantine").pipe(
  Command.withDescription("Refused records: list them, show why they wait, try them again"),
  Command.withSubcommands([list, show, RedriveCommand.redrive]),
  Command.withExamples([
    { command: "tidemark quarantine list", description: "What waits, newest first" },
    { command: "tidemark quarantine redrive --code 23505 --dry-run", description: "What trying it again would do" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const requireRefusal = Effect.fnUntraced(function* ({ tenant }: Store.Store, id: string) {
  const [kept] = yield* (yield* Quarantine.Quarantine).list(tenant, { id, isWithClosed: true, limit: 1 })
  return kept ?? (yield* Problem.mendable(RedriveCommand.noRefusal(id)))
})
