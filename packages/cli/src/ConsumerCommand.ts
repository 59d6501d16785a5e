/**
 * What a person changes about a consumer: whether events are handed to it, its
 * name, its end.
 *
 * @since 0.1.0
 */
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as ListFlags from "./ListFlags.ts"
import * as Operator from "./Operator.ts"
import * as OutboxReport from "./OutboxReport.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as RunReport from "./RunReport.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What `retire` did. The names are stable. @category models @since 0.1.0 */
export interface RetiredLine extends OutboxReport.ConsumerLine {
  /** Deliveries that waited, and are not handed out any more. */
  readonly dropped: number
}

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

const named = (name: string, description: string) => Argument.String(name).pipe(Argument.withDescription(description))

const json = ListFlags.json("Print the consumer as one JSON line")

/** @category commands @since 0.1.0 */
export const pause = Command.make(
  "pause",
  { consumer: named("consumer", "Name of the consumer, as outbox consumers lists it"), by: Operator.by, json },
  Effect.fnUntraced(function* ({ by, consumer, json }) {
    const output = Output.whoever(yield* Output.make())
    const line = OutboxReport.consumer(yield* changed(consumer, { _tag: "Pause" }, by))
    if (json) return yield* output.line(Text.json(line))
    yield* output.lines([
      Text.safe(`${line.consumer} is paused${sinceOf(line)}.`),
      Text.safe(
        `Events go on being written for it, and wait. What a handler has by now, it ends. outbox resume ${line.consumer} hands them out again.`
      )
    ])
  }, Problem.looking)
).pipe(
  Command.withDescription("Hand nothing more to a consumer until it is resumed: events are written for it, and wait"),
  Command.withShortDescription("Hand nothing more to a consumer; events wait for it"),
  Command.withExamples([{ command: "tidemark outbox pause mail", description: "While its target is being mended" }])
)

/** @category commands @since 0.1.0 */
export const resume = Command.make(
  "resume",
  { consumer: named("consumer", "Name of the consumer, as outbox consumers lists it"), by: Operator.by, json },
  Effect.fnUntraced(function* ({ by, consumer, json }) {
    const output = Output.whoever(yield* Output.make())
    const line = OutboxReport.consumer(yield* changed(consumer, { _tag: "Resume" }, by))
    if (json) return yield* output.line(Text.json(line))
    yield* output.line(Text.safe(`${line.consumer} is ${line.state.toLowerCase()}${sinceOf(line)}.`))
  }, Problem.looking)
).pipe(
  Command.withDescription("Hand events to a consumer again: those that waited first, in the order of their keys"),
  Command.withShortDescription("Hand events to a consumer again"),
  Command.withExamples([{ command: "tidemark outbox resume mail", description: "Once its target is mended" }])
)

/** @category commands @since 0.1.0 */
export const rename = Command.make(
  "rename",
  {
    consumer: named("old", "Name that it has"),
    to: named("new", "Name that it is to have: 1 to 100 of a-z 0-9 - _ . with a letter first"),
    by: Operator.by,
    json
  },
  Effect.fnUntraced(function* ({ by, consumer, json, to }) {
    const output = Output.whoever(yield* Output.make())
    if (!Consumers.isName(to)) return yield* Problem.mendable(Text.safe(noName(to)))
    const line = OutboxReport.consumer(yield* changed(consumer, { _tag: "Rename", to }, by))
    if (json) return yield* output.line(Text.json(line))
    yield* output.lines([
      Text.safe(`${consumer} is called ${line.consumer}${sinceOf(line)}. What it is owed, it is owed by this name.`),
      "What a handler has by the old name is handed out again once its lease is over; the key that handlers tell repetitions by has the new name from now on."
    ])
  }, Problem.looking)
).pipe(
  Command.withDescription(
    "Give a consumer another name: what it is owed goes with it. Stop the relay that runs the old name first, and start one that declares the new name afterwards"
  ),
  Command.withShortDescription("Give a consumer another name; what it is owed goes with it"),
  Command.withExamples([
    { command: "tidemark outbox rename mail letters", description: "After the program has renamed it" }
  ])
)

/** @category commands @since 0.1.0 */
export const retire = Command.make(
  "retire",
  {
    consumer: named("consumer", "Name of the consumer; it is never given again"),
    giveUp: Flag.Boolean("give-up").pipe(
      Flag.withDescription("Drop the deliveries that wait for it: nobody will handle them"),
      Flag.withDefault(false)
    ),
    by: Operator.by,
    json: ListFlags.json("Print the consumer as one JSON line, with the number of deliveries that were dropped")
  },
  Effect.fnUntraced(function* ({ by, consumer, giveUp, json }) {
    const output = Output.whoever(yield* Output.make())
    const store = yield* Store.open
    const waiting = yield* Effect.provideContext(countWaiting(consumer), store.ports)
    const retired = yield* changed(consumer, { _tag: "Retire", ifDone: !giveUp }, by, waiting)
    const line: RetiredLine = { ...OutboxReport.consumer(retired), dropped: giveUp ? waiting : 0 }
    if (json) return yield* output.line(Text.json(line))
    const lost = line.dropped === 0 ? "Nothing waited for it" : `${deliveries(line.dropped)} that waited were dropped`
    yield* output.lines([
      Text.safe(`${line.consumer} is retired${sinceOf(line)}. ${lost}.`),
      "Receipts and dead letters stay; dead letters cannot be redriven any more. Its name is never given again."
    ])
  }, Problem.looking)
).pipe(
  Command.withDescription(
    "End a consumer for good. It is refused while deliveries wait for it, unless they are given up with --give-up"
  ),
  Command.withShortDescription("End a consumer for good"),
  Command.withExamples([
    { command: "tidemark outbox retire mail", description: "Once it has handled all that it is owed" },
    { command: "tidemark outbox retire mail --give-up", description: "And nobody is to handle what waits" }
  ])
)

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** Fails where there is no consumer of the name. @category readers @since 0.1.0 */
export const require = Effect.fnUntraced(function* (name: string) {
  const all = yield* (yield* Consumers.Consumers).list
  if (!all.some((one) => one.name === name)) return yield* Problem.mendable(Text.safe(unknown(name)))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** A failure of any of these has changed nothing. */
const changed = Effect.fnUntraced(function* (
  name: string,
  change: Consumers.Change,
  by: Option.Option<string>,
  waiting = 0
) {
  const store = yield* Store.open
  const who = yield* Operator.nameOf(by)
  const consumers = yield* Effect.provideContext(Consumers.Consumers, store.ports)
  return yield* Effect.catchTag(consumers.change(name, change, who), "ConsumerError", (error) =>
    Effect.fail(Problem.mendable(Text.safe(textOf(error, name, waiting))))
  )
})

const textOf = (error: Consumers.ConsumerError, name: string, waiting: number): string => {
  switch (error.reason) {
    case "Unknown":
      return unknown(name)
    case "Retired":
      return `${name} is retired, and its name is not given again: it can only be looked at.`
    case "Taken":
      return `The name ${error.consumer} belongs to another consumer, or did. ${name} keeps its own. outbox consumers lists them.`
    case "Owed":
      return `${waiting === 0 ? "Deliveries wait" : wait(waiting)} for ${name}, and nobody would handle them. Let a relay that declares it handle them; or, where another name handles them now, outbox rename ${name} NEW; or give them up: outbox retire ${name} --give-up.`
  }
}

const unknown = (name: string): string =>
  `There is no consumer ${Text.clip(name, 120)}. outbox consumers lists those that a relay has registered.`

const noName = (name: string): string =>
  `${Text.clip(name, 120)} is no name of a consumer: 1 to 100 of a-z 0-9 - _ . with a letter first.`

/** Deliveries that are not settled; they may become more at any time. */
const countWaiting = Effect.fnUntraced(function* (name: string) {
  const backlog = yield* (yield* Deliveries.Deliveries).backlog
  return backlog.filter(({ consumer }) => consumer === name).reduce((sum, one) => sum + Deliveries.waiting(one), 0)
})

const deliveries = (count: number): string => (count === 1 ? "1 delivery" : `${OutboxReport.bounded(count)} deliveries`)

const wait = (count: number): string => `${deliveries(count)} ${count === 1 ? "waits" : "wait"}`

/** Who did it and when, where somebody did. */
const sinceOf = ({ changedAt, changedBy }: OutboxReport.ConsumerLine): string =>
  changedAt === null ? "" : `, by ${changedBy ?? "nobody"} at ${RunReport.second(changedAt)}`
