/**
 * `outbox`: who gets events, what waits for them, what fails and what is dead; and
 * what a person can do about it.
 *
 * @since 0.1.0
 */
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ConsumerCommand from "./ConsumerCommand.ts"
import * as LetterCommand from "./LetterCommand.ts"
import * as ListFlags from "./ListFlags.ts"
import * as OutboxReport from "./OutboxReport.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

const stats = Command.make(
  "stats",
  { json: ListFlags.json("Print one JSON line per consumer, and one with the totals, whose consumer is null") },
  Effect.fnUntraced(function* ({ json }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      const all = yield* (yield* Consumers.Consumers).list
      const lines = OutboxReport.stats(all, yield* (yield* Deliveries.Deliveries).backlog)
      if (json) return yield* output.lines(lines.map(Text.json))
      if (all.length === 0) return yield* output.line(nobody)
      yield* output.lines(OutboxReport.formatStats(output.paint, lines))
      const { dead, failingKeys } = lines.at(-1)!
      if (failingKeys > 0) yield* output.line("outbox dead --failing tells what fails, and when it is tried again.")
      if (dead > 0) yield* output.line("outbox dead tells what was given up; outbox redrive delivers it again.")
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("Tell in numbers what every consumer is owed, what fails, and how far it lags behind"),
  Command.withExamples([
    { command: "tidemark outbox stats", description: "All consumers, from the embedded PostgreSQL" },
    {
      command: "tidemark outbox stats --json --database-url postgres://localhost/crm",
      description: "The same for a program"
    }
  ])
)

const consumers = Command.make(
  "consumers",
  { json: ListFlags.json("Print one JSON line per consumer") },
  Effect.fnUntraced(function* ({ json }) {
    const output = yield* Output.make()
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      const lines = (yield* (yield* Consumers.Consumers).list).map(OutboxReport.consumer)
      if (json) return yield* output.lines(lines.map(Text.json))
      if (lines.length === 0) return yield* output.line(nobody)
      yield* output.lines(OutboxReport.formatConsumers(output.paint, lines))
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("List consumers: their state, who changed it and when, and the types of events they get"),
  Command.withExamples([{ command: "tidemark outbox consumers", description: "All, those that retired too" }])
)

const dead = Command.make(
  "dead",
  {
    failing: Flag.Boolean("failing").pipe(
      Flag.withDescription("Instead, what fails and is tried again: of each key the delivery that the others wait for"),
      Flag.withDefault(false)
    ),
    id: Flag.String("id").pipe(Flag.withDescription("Only this dead letter, with all that it carries"), Flag.optional),
    consumer: Flag.String("consumer").pipe(Flag.withDescription("Only those of this consumer"), Flag.optional),
    type: Flag.String("type").pipe(Flag.withDescription("Only those of events of this type"), Flag.optional),
    before: ListFlags.before("Only what died before this dead letter: where the last piece ended"),
    after: Flag.String("after").pipe(
      Flag.withDescription("With --failing: only what comes after this delivery: where the last piece ended"),
      Flag.optional
    ),
    limit: ListFlags.limit("Most to show", 20),
    json: ListFlags.json("Print one JSON line per dead letter or delivery")
  },
  Effect.fnUntraced(function* ({ failing, id, ...input }) {
    const output = yield* Output.make()
    yield* requireFitting(failing, id, input)
    const store = yield* Store.open
    yield* Effect.gen(function* () {
      if (Option.isSome(id)) return yield* LetterCommand.show(output, id.value, input.json)
      if (Option.isSome(input.consumer)) yield* ConsumerCommand.require(input.consumer.value)
      yield* failing ? LetterCommand.listFailing(output, input) : LetterCommand.list(output, input)
    }).pipe(Effect.provideContext(store.ports))
  }, Problem.looking)
).pipe(
  Command.withDescription("List deliveries that were given up, newest first, or with --failing those that fail"),
  Command.withExamples([
    { command: "tidemark outbox dead --consumer mail", description: "What was given up, and why" },
    { command: "tidemark outbox dead --id 9b1d…", description: "One dead letter, with its payload" },
    { command: "tidemark outbox dead --failing", description: "What holds up its key, and when it is tried again" }
  ])
)

/** @category commands @since 0.1.0 */
export const outbox = Command.make("outbox").pipe(
  Command.withDescription(
    "Events and their consumers: what waits, what fails, what is dead; pause, redrive, skip, rename, retire"
  ),
  Command.withSubcommands([
    stats,
    dead,
    LetterCommand.redrive,
    ConsumerCommand.pause,
    ConsumerCommand.resume,
    LetterCommand.skip,
    consumers,
    ConsumerCommand.rename,
    ConsumerCommand.retire
  ]),
  Command.withExamples([
    { command: "tidemark outbox stats", description: "What every consumer is owed" },
    { command: "tidemark outbox dead", description: "What was given up, and why" },
    {
      command: "tidemark outbox redrive --type invoice_paid",
      description: "Deliver it again, after the cause is mended"
    }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nobody = "Nobody gets events here: no consumer was ever registered. A relay registers those it declares."

type Given = Option.Option<string>

const requireFitting = (
  isFailing: boolean,
  id: Given,
  { after, before, consumer, type }: { readonly [name in "after" | "before" | "consumer" | "type"]: Given }
): Effect.Effect<void, Problem.Problem> => {
  const isAny = [after, before, consumer, type].some(Option.isSome)
  if (Option.isSome(id) && (isFailing || isAny)) {
    return Effect.fail(Problem.mendable("--id shows one dead letter: give it alone."))
  }
  if (isFailing && Option.isSome(before)) {
    return Effect.fail(Problem.mendable("With --failing the list goes on with --after, not with --before."))
  }
  if (!isFailing && Option.isSome(after)) {
    return Effect.fail(Problem.mendable("--after goes with --failing; a list of dead letters goes on with --before."))
  }
  if (Option.isSome(after) && DeadLetters.fromId(after.value) === undefined) {
    return Effect.fail(Problem.mendable(LetterCommand.noDelivery(after.value)))
  }
  return Effect.void
}
