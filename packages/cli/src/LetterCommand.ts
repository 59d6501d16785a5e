/**
 * What a person does about deliveries that were given up or fail: look, deliver
 * again, skip.
 *
 * @since 0.1.0
 */
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ListFlags from "./ListFlags.ts"
import * as Operator from "./Operator.ts"
import * as OutboxReport from "./OutboxReport.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What `redrive` did. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface RedriveLine {
  /** Dead letters that are deliveries again. */
  readonly redriven: number
  /** Ids that were asked for and are no dead letters, or no longer. */
  readonly missing: number
  /** Whether it ended before it had seen all: the same again redrives more. */
  readonly more: boolean
  readonly by: string
  /** UTC. */
  readonly at: string
}

/** What `skip` did. The names are stable. @category models @since 0.1.0 */
export interface SkipLine {
  readonly id: string
  readonly skipped: "DeadLetter" | "Delivery"
  readonly reason: string
  readonly by: string
  /** UTC. */
  readonly at: string
}

/** Ids of one call. @category constants @since 0.1.0 */
export const idsMax = 100

/** The longest reason. @category constants @since 0.1.0 */
export const reasonMax = 1_000

// -----------------------------------------------------------------------------
// lists
// -----------------------------------------------------------------------------

interface Asked {
  readonly consumer: Option.Option<string>
  readonly type: Option.Option<string>
  readonly limit: number
  readonly json: boolean
}

/** @category lists @since 0.1.0 */
export const list = Effect.fnUntraced(function* (
  output: Output.Output,
  { before, consumer, json, limit, type }: Asked & { readonly before: Option.Option<string> }
) {
  const letters = yield* DeadLetters.DeadLetters
  const kept = yield* letters.list({
    consumer: Option.getOrUndefined(consumer),
    type: Option.getOrUndefined(type),
    before: Option.isSome(before) ? (yield* requireLetter(before.value)).position : undefined,
    limit
  })
  const lines = kept.map(OutboxReport.letter)
  if (json) return yield* output.lines(lines.map(Text.json))
  if (lines.length === 0) return yield* output.line(Option.isNone(before) ? "Nothing is dead." : "Nothing is older.")
  yield* output.lines(OutboxReport.formatLetters(output.paint, lines))
  if (kept.length === limit) yield* output.line(`older: the same with --before ${Text.safe(kept.at(-1)!.id)}`)
})

/** @category lists @since 0.1.0 */
export const listFailing = Effect.fnUntraced(function* (
  output: Output.Output,
  { after, consumer, json, limit, type }: Asked & { readonly after: Option.Option<string> }
) {
  const letters = yield* DeadLetters.DeadLetters
  const found = yield* letters.failing({
    consumer: Option.getOrUndefined(consumer),
    type: Option.getOrUndefined(type),
    after: Option.getOrUndefined(after),
    limit
  })
  const lines = found.map(OutboxReport.failing)
  if (json) return yield* output.lines(lines.map(Text.json))
  if (lines.length === 0) return yield* output.line(Option.isNone(after) ? "Nothing fails." : "Nothing more fails.")
  yield* output.lines(OutboxReport.formatFailing(output.paint, lines))
  if (found.length === limit) yield* output.line(`more: the same with --after ${Text.safe(found.at(-1)!.id)}`)
})

/** One dead letter, whole. @category lists @since 0.1.0 */
export const show = Effect.fnUntraced(function* (output: Output.Output, id: string, isJson: boolean) {
  const whole = OutboxReport.wholeLetter(yield* requireLetter(id))
  yield* isJson ? output.line(Text.json(whole)) : output.lines(OutboxReport.formatLetter(output.paint, whole))
})

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

/** @category commands @since 0.1.0 */
export const redrive = Command.make(
  "redrive",
  {
    type: Flag.String("type").pipe(Flag.withDescription("All dead letters of events of this type"), Flag.optional),
    ids: Flag.String("id").pipe(
      Flag.withDescription("This dead letter, as outbox dead gives its id; may be given again"),
      Flag.atMost(idsMax)
    ),
    all: Flag.Boolean("all").pipe(Flag.withDescription("All dead letters"), Flag.withDefault(false)),
    by: Operator.by,
    json: ListFlags.json("Print one JSON line")
  },
  Effect.fnUntraced(function* ({ all, by, ids, json, type }) {
    const output = Output.whoever(yield* Output.make())
    const done = { redriven: 0 }
    yield* Effect.gen(function* () {
      const selection = yield* requireSelection(ids, type, all)
      const store = yield* Store.open
      const who = yield* Operator.nameOf(by)
      const more = yield* Effect.provideContext(redriveAll(selection, who, done, output), store.ports)
      const missing = selection._tag === "Ids" ? selection.ids.length - done.redriven : 0
      if (selection._tag === "Ids" && done.redriven === 0) {
        return yield* Problem.mendable(`${noLetters(selection.ids)} Those of who retired cannot be redriven.`)
      }
      const at = Text.instant(yield* Clock.currentTimeMillis)
      const line: RedriveLine = { redriven: done.redriven, missing, more, by: who, at }
      yield* output.line(json ? Text.json(line) : formatRedrive(line))
    }).pipe(Effect.mapError((error) => Problem.from(error, { hasCommitted: done.redriven > 0 })))
  })
).pipe(
  Command.withDescription(
    "Deliver dead letters again, after what made them fail was mended: beside their key, for events behind them were handled meanwhile. Pressed twice, it does nothing twice"
  ),
  Command.withShortDescription("Deliver dead letters again, after their cause was mended"),
  Command.withExamples([
    { command: "tidemark outbox redrive --type invoice_paid", description: "All of one type of events" },
    { command: "tidemark outbox redrive --id 9b1d… --id 77aa…", description: "Two of them" },
    { command: "tidemark outbox redrive --all", description: "All there are" }
  ])
)

/** @category commands @since 0.1.0 */
export const skip = Command.make(
  "skip",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription(
        "Id of a dead letter, as outbox dead gives it, or CONSUMER/POSITION of a delivery, as outbox dead --failing does"
      )
    ),
    reason: Flag.String("reason").pipe(
      Flag.withDescription("Why nobody is to handle it; kept with who and when"),
      Flag.filter(
        (reason) => reason.trim() !== "" && reason.length <= reasonMax,
        () => `a reason of 1 to ${reasonMax} characters`
      )
    ),
    by: Operator.by,
    json: ListFlags.json("Print one JSON line")
  },
  Effect.fnUntraced(function* ({ by, id, json, reason }) {
    const output = Output.whoever(yield* Output.make())
    const store = yield* Store.open
    const who = yield* Operator.nameOf(by)
    const letters = yield* Effect.provideContext(DeadLetters.DeadLetters, store.ports)
    const isDelivery = DeadLetters.fromId(id) !== undefined
    if (!(yield* letters.skip(id, reason, who))) {
      return yield* Problem.mendable(isDelivery ? noDelivery(id) : noLetters([id]))
    }
    const at = Text.instant(yield* Clock.currentTimeMillis)
    const line: SkipLine = { id, skipped: isDelivery ? "Delivery" : "DeadLetter", reason, by: who, at }
    yield* output.line(json ? Text.json(line) : formatSkip(line))
  }, Problem.looking)
).pipe(
  Command.withDescription(
    "Settle a dead letter, or a delivery that holds up its key, without its handler: it is never delivered, and what waits behind it goes on"
  ),
  Command.withShortDescription("Settle a delivery without its handler; its key goes on"),
  Command.withExamples([
    { command: "tidemark outbox skip mail/5812 --reason 'sent by hand'", description: "What holds up its key" },
    { command: "tidemark outbox skip 9b1d… --reason 'the customer is gone'", description: "A dead letter" }
  ])
)

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** That no delivery that can be skipped has the id. @category formatting @since 0.1.0 */
export const noDelivery = (id: string): string =>
  Text.safe(
    `There is no delivery ${Text.clip(id, 140)} that waits for no earlier one of its key. outbox dead --failing gives the ids of those that fail, as CONSUMER/POSITION.`
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const noLetters = (ids: ReadonlyArray<string>): string =>
  Text.safe(
    ids.length === 1
      ? `There is no dead letter ${Text.clip(ids[0]!, 140)}: it was redriven or skipped, or never was. outbox dead gives the ids.`
      : "None of these are dead letters: they were redriven or skipped, or never were. outbox dead gives the ids."
  )

const requireLetter = Effect.fnUntraced(function* (id: string) {
  const [kept] = yield* (yield* DeadLetters.DeadLetters).list({ id, limit: 1 })
  return kept ?? (yield* Problem.mendable(noLetters([id])))
})

const requireSelection = (
  ids: ReadonlyArray<string>,
  type: Option.Option<string>,
  isAll: boolean
): Effect.Effect<DeadLetters.Selection, Problem.Problem> => {
  const distinct = [...new Set(ids)]
  const given: ReadonlyArray<DeadLetters.Selection> = [
    ...(Arr.isArrayNonEmpty(distinct) ? [{ _tag: "Ids" as const, ids: distinct }] : []),
    ...(Option.isSome(type) ? [{ _tag: "Type" as const, type: type.value }] : []),
    ...(isAll ? [{ _tag: "All" as const }] : [])
  ]
  const [selection, ...others] = given
  if (selection !== undefined && others.length === 0) return Effect.succeed(selection)
  return Effect.fail(
    Problem.mendable(
      selection === undefined
        ? "Nothing says what to deliver again. Give --type TYPE, or --id ID, or --all; outbox dead shows what is dead."
        : "Give --type TYPE, or --id ID, or --all: one of them, not several."
    )
  )
}

/** In pieces, as many as were counted: what dies again meanwhile is left. Answers whether there may be more. */
const redriveAll = Effect.fnUntraced(function* (
  selection: DeadLetters.Selection,
  who: string,
  done: { redriven: number },
  output: Pick<Output.Output, "progress">
) {
  const letters = yield* DeadLetters.DeadLetters
  const backlog = yield* (yield* Deliveries.Deliveries).backlog
  const most = selection._tag === "Ids" ? selection.ids.length : backlog.reduce((sum, { dead }) => sum + dead, 0)
  while (done.redriven < most) {
    const limit = Math.min(most - done.redriven, Listing.limitMax)
    const count = yield* letters.redrive(selection, who, limit)
    done.redriven += count
    yield* output.progress(`${Text.count(done.redriven)} of at most ${Text.count(most)} dead letters`)
    if (count < limit) return false
  }
  return selection._tag !== "Ids" && backlog.some(({ dead }) => dead >= Consumers.waitingMax)
})

const formatRedrive = ({ by, missing, more, redriven }: RedriveLine): string => {
  if (redriven === 0) return "No such dead letters: nothing was redriven."
  const letters = redriven === 1 ? "1 dead letter is" : `${Text.count(redriven)} dead letters are`
  const others = missing === 0 ? "" : ` ${Text.count(missing)} of the ids are no dead letters any more.`
  return Text.safe(
    `${letters} delivered again, by ${by}: beside their keys, and flagged late.${others}${more ? " There are more: the same again." : ""}`
  )
}

const formatSkip = ({ at, by, id, reason, skipped }: SkipLine): string => {
  const what = skipped === "DeadLetter" ? "the dead letter" : "the delivery"
  const then = skipped === "DeadLetter" ? "It cannot be redriven any more." : "What waited behind it goes on."
  return Text.safe(`Skipped ${what} ${id}, by ${by} at ${at}: ${reason}. No handler gets it. ${then}`)
}
