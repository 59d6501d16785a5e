/**
 * Consumers of events, what they are owed and what fails, as commands tell them.
 *
 * @since 0.1.0
 */
import type * as Event from "@tidemark/core/model/Event"
import * as Consumers from "@tidemark/core/ports/Consumers"
import type * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as RunReport from "./RunReport.ts"
import * as Table from "./Table.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Deliveries in numbers, each up to 10,000 per direction. @category models @since 0.1.0 */
export interface Counts {
  /** Not settled: those below but for `dead`. `failingKeys` are among them. */
  readonly waiting: number
  /** Could be handed out now. */
  readonly due: number
  /** A process has them. */
  readonly leased: number
  /** Wait for their next attempt. */
  readonly retrying: number
  /** Wait for an earlier one of their key. */
  readonly behind: number
  /** Failed, or were handed out more than once: of each key its first one, and those that were redriven. */
  readonly failingKeys: number
  readonly dead: number
  /** How long the oldest that could be handed out has been waiting. */
  readonly lagSeconds: number
  /** Whether a count reached its bound. */
  readonly more: boolean
}

/** One consumer, or all of them: then it has no name and no state. The names are stable. @category models @since 0.1.0 */
export interface StatsLine extends Counts {
  readonly consumer: string | null
  readonly state: Consumers.Status | null
}

/** One consumer. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface ConsumerLine {
  readonly consumer: string
  readonly state: Consumers.Status
  readonly types: ReadonlyArray<string>
  /** Which event it got first. */
  readonly start: Consumers.Start
  /** UTC. */
  readonly registeredAt: string
  /** Who changed its state or its name last; `null` while nobody did. */
  readonly changedBy: string | null
  /** UTC. */
  readonly changedAt: string | null
  /** Deliveries and dead letters, up to 10,000. */
  readonly owed: number
  readonly owedMore: boolean
}

/** The event of a delivery. @category models @since 0.1.0 */
export interface EventLine {
  readonly consumer: string
  readonly tenant: string
  readonly type: string
  /** Id of the event. */
  readonly event: string
  readonly entity: string
  readonly key: string
  readonly revision: number
}

/** One dead letter. The names are stable. @category models @since 0.1.0 */
export interface LetterLine extends EventLine {
  readonly id: string
  /** How often it was handed out. */
  readonly attempts: number
  readonly error: string
  /** UTC. */
  readonly diedAt: string
}

/** A dead letter with what it carries. @category models @since 0.1.0 */
export interface WholeLetter extends LetterLine {
  readonly payload: unknown
}

/** One delivery that fails. The names are stable. @category models @since 0.1.0 */
export interface FailingLine extends EventLine {
  /** `CONSUMER/POSITION`. */
  readonly id: string
  readonly attempts: number
  /** `null` while nobody said why: processes died with it. */
  readonly error: string | null
  /** UTC: when it can be handed out next. */
  readonly nextAt: string
  /** A process has it, or had it when it died. */
  readonly leased: boolean
  /** It was redriven, and holds up nobody. */
  readonly late: boolean
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A line per consumer, and the last one of all. @category constructors @since 0.1.0 */
export const stats = (
  consumers: ReadonlyArray<Consumers.Consumer>,
  backlog: ReadonlyArray<Deliveries.Backlog>
): ReadonlyArray<StatsLine> => {
  const lines = consumers.map(({ name, status, waiting }): StatsLine => {
    const own = backlog.filter(({ consumer }) => consumer === name).map(countsOf)
    // Who retired is owed nothing; dead letters stay.
    const dead = status === "Retired" ? { dead: waiting, more: waiting >= Consumers.waitingMax } : {}
    return { consumer: name, state: status, ...own.reduce(sum, none), ...dead }
  })
  return [...lines, { consumer: null, state: null, ...lines.reduce<Counts>(sum, none) }]
}

/** @category constructors @since 0.1.0 */
export const consumer = (one: Consumers.Consumer): ConsumerLine => ({
  consumer: one.name,
  state: one.status,
  types: one.types,
  start: one.start,
  registeredAt: Text.instant(one.registeredAt),
  changedBy: one.changed?.by ?? null,
  changedAt: one.changed === undefined ? null : Text.instant(one.changed.at),
  owed: one.waiting,
  owedMore: one.waiting >= Consumers.waitingMax
})

/** @category constructors @since 0.1.0 */
export const letter = (one: DeadLetters.DeadLetter): LetterLine => ({
  id: one.id,
  ...eventOf(one.consumer, one.event),
  attempts: one.attempts,
  error: one.error,
  diedAt: Text.instant(one.diedAt)
})

/** @category constructors @since 0.1.0 */
export const wholeLetter = (one: DeadLetters.DeadLetter): WholeLetter => ({
  ...letter(one),
  payload: one.event.payload
})

/** @category constructors @since 0.1.0 */
export const failing = (one: DeadLetters.Failing): FailingLine => ({
  id: one.id,
  ...eventOf(one.consumer, one.event),
  attempts: one.attempts,
  error: one.error ?? null,
  nextAt: Text.instant(one.dueAt),
  leased: one.isHeld,
  late: one.isLate
})

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** @category formatting @since 0.1.0 */
export const formatStats = (paint: Text.Paint, lines: ReadonlyArray<StatsLine>): ReadonlyArray<string> => [
  ...Table.format(
    paint,
    [
      { name: "consumer" },
      { name: "state" },
      ...["waiting", "due", "leased", "retrying", "behind", "failing", "dead", "lag"].map((name) => ({
        name,
        isNumber: true
      }))
    ],
    lines.map((one) => [
      one.consumer ?? "all",
      stateCell(one.state),
      ...[one.waiting, one.due, one.leased, one.retrying, one.behind].map(Text.count),
      ...[one.failingKeys, one.dead].map((count): Table.Cell => warning(count)),
      one.due === 0 ? "" : Text.seconds(one.lagSeconds)
    ])
  ),
  ...(lines.some(({ more }) => more) ? ["Counts end at 10,000 per consumer and direction: there are more."] : [])
]

/** @category formatting @since 0.1.0 */
export const formatConsumers = (paint: Text.Paint, lines: ReadonlyArray<ConsumerLine>): ReadonlyArray<string> =>
  Table.format(
    paint,
    [
      { name: "consumer" },
      { name: "state" },
      { name: "owed", isNumber: true },
      { name: "since" },
      { name: "changed" },
      { name: "by", most: 40 },
      { name: "types", most: 100 }
    ],
    lines.map((one) => [
      one.consumer,
      stateCell(one.state),
      bounded(one.owed),
      RunReport.second(one.registeredAt),
      one.changedAt === null ? "" : RunReport.second(one.changedAt),
      one.changedBy ?? "",
      one.types.join(", ")
    ])
  )

/** @category formatting @since 0.1.0 */
export const formatLetters = (paint: Text.Paint, lines: ReadonlyArray<LetterLine>): ReadonlyArray<string> =>
  Table.format(
    paint,
    [{ name: "dead letter" }, ...eventColumns, { name: "tries", isNumber: true }, { name: "died" }, error],
    lines.map((one) => [
      one.id,
      ...eventCells(one),
      Text.count(one.attempts),
      RunReport.second(one.diedAt),
      RunReport.firstLine(one.error)
    ])
  )

/** @category formatting @since 0.1.0 */
export const formatFailing = (paint: Text.Paint, lines: ReadonlyArray<FailingLine>): ReadonlyArray<string> =>
  Table.format(
    paint,
    [{ name: "delivery" }, ...eventColumns, { name: "tries", isNumber: true }, { name: "next" }, error],
    lines.map((one) => [
      one.id,
      ...eventCells(one),
      Text.count(one.attempts),
      `${RunReport.second(one.nextAt)}${one.leased ? ", leased" : ""}${one.late ? ", late" : ""}`,
      one.error === null ? "nobody said why" : RunReport.firstLine(one.error)
    ])
  )

/** All of one dead letter. @category formatting @since 0.1.0 */
export const formatLetter = (paint: Text.Paint, one: WholeLetter): ReadonlyArray<string> => [
  paint("bold", Text.safe(`${one.type} for ${one.consumer}`)),
  `  dead letter  ${Text.safe(one.id)}, handed out ${one.attempts === 1 ? "once" : `${Text.count(one.attempts)} times`}, given up ${RunReport.second(one.diedAt)}`,
  `  event        ${Text.safe(one.event)}`,
  `  tenant       ${Text.safe(one.tenant)}`,
  `  key          ${Text.safe(`${one.entity} ${one.key}, revision ${one.revision}`)}`,
  `  error        ${paint("red", Text.safe(one.error))}`,
  `  next         ${Text.safe(`mend the cause, then outbox redrive --id ${one.id}; or outbox skip ${one.id} --reason REASON`)}`,
  "  payload",
  ...Text.pretty(one.payload)
    .split("\n")
    .map((text) => `    ${text}`)
]

/** `12`, or `10,000+`. @category formatting @since 0.1.0 */
export const bounded = (count: number): string => `${Text.count(count)}${count >= Consumers.waitingMax ? "+" : ""}`

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const none: Counts = {
  waiting: 0,
  due: 0,
  leased: 0,
  retrying: 0,
  behind: 0,
  failingKeys: 0,
  dead: 0,
  lagSeconds: 0,
  more: false
}

const countsOf = (one: Deliveries.Backlog): Counts => ({
  waiting: Deliveries.waiting(one),
  due: one.ready,
  leased: one.held,
  retrying: one.delayed,
  behind: one.behind,
  failingKeys: one.failing,
  dead: one.dead,
  lagSeconds: Math.round(one.lag) / 1000,
  more: [one.ready + one.held + one.delayed, one.behind, one.failing, one.dead].some(
    (count) => count >= Consumers.waitingMax
  )
})

const sum = (a: Counts, b: Counts): Counts => ({
  waiting: a.waiting + b.waiting,
  due: a.due + b.due,
  leased: a.leased + b.leased,
  retrying: a.retrying + b.retrying,
  behind: a.behind + b.behind,
  failingKeys: a.failingKeys + b.failingKeys,
  dead: a.dead + b.dead,
  lagSeconds: Math.max(a.lagSeconds, b.lagSeconds),
  more: a.more || b.more
})

const eventOf = (consumer: string, { entity, id, key, revision, tenant, type }: Event.Event): EventLine => ({
  consumer,
  tenant,
  type,
  event: id,
  entity,
  key,
  revision
})

const stateCell = (state: Consumers.Status | null): Table.Cell =>
  state === null ? "" : state === "Active" ? [state, "green"] : state === "Retired" ? [state, "dim"] : [state, "yellow"]

const warning = (count: number): Table.Cell => (count === 0 ? "0" : [Text.count(count), "yellow"])

const eventColumns: ReadonlyArray<Table.Column> = [
  { name: "consumer", most: 40 },
  { name: "type", most: 40 },
  { name: "key", most: 48 },
  { name: "revision", isNumber: true }
]

const eventCells = ({ consumer, entity, key, revision, type }: EventLine): ReadonlyArray<Table.Cell> => [
  consumer,
  type,
  `${entity} ${key}`,
  String(revision)
]

const error: Table.Column = { name: "error", most: 100 }
