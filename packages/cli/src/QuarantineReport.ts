/**
 * Refused records, as commands tell them.
 *
 * @since 0.1.0
 */
import type * as Version from "@tidemark/core/model/Version"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as Schema from "effect/Schema"
import * as RunReport from "./RunReport.ts"
import * as Table from "./Table.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One refusal. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface Line {
  readonly id: string
  readonly object: string
  readonly externalId: string
  readonly account: string
  readonly status: Quarantine.Status
  readonly code: string
  readonly message: string
  /** How often it was refused. */
  readonly attempts: number
  /** UTC. */
  readonly openedAt: string
  /** UTC; `null` while it waits. */
  readonly closedAt: string | null
  /** The run that met it last. */
  readonly run: string
  readonly version: Version.Version
}

/** A refusal with what was refused. The names are stable. @category models @since 0.1.0 */
export interface Whole extends Line {
  readonly observation: Schema.Json
  /** What would free it, in words; `null` when it waits no longer. */
  readonly next: string | null
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const line = (object: string, kept: Quarantine.Kept): Line => ({
  id: kept.id,
  object,
  externalId: kept.externalId,
  account: kept.connection.account,
  status: kept.status,
  code: kept.rejection.code,
  message: kept.rejection.message,
  attempts: kept.attempts,
  openedAt: Text.instant(kept.openedAt),
  closedAt: kept.closedAt === undefined ? null : Text.instant(kept.closedAt),
  run: kept.runId,
  version: kept.version
})

/** @category constructors @since 0.1.0 */
export const whole = (object: string, kept: Quarantine.Kept): Whole => ({
  ...line(object, kept),
  observation: kept.observation,
  next: kept.status === "Open" ? `${causeOf(kept.rejection.code)}${remedyOf(kept)}` : null
})

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** One line per refusal, below one with names. @category formatting @since 0.1.0 */
export const formatList = (paint: Text.Paint, lines: ReadonlyArray<Line>): ReadonlyArray<string> =>
  Table.format(
    paint,
    [
      { name: "refusal" },
      { name: "object", most: 40 },
      { name: "record", most: 40 },
      { name: "status" },
      { name: "since" },
      { name: "tries", isNumber: true },
      { name: "code", most: 24 },
      { name: "message", most: 100 }
    ],
    lines.map((one) => [
      one.id,
      one.object,
      one.externalId,
      [one.status, one.status === "Open" ? "yellow" : "dim"],
      RunReport.second(one.openedAt),
      Text.count(one.attempts),
      one.code,
      one.message
    ])
  )

/** All of one refusal. @category formatting @since 0.1.0 */
export const formatWhole = (paint: Text.Paint, one: Whole): ReadonlyArray<string> => {
  const { at, domain, value } = one.version
  const closed = one.closedAt === null ? "" : `, closed ${RunReport.second(one.closedAt)}`
  const tries = one.attempts === 1 ? "refused once" : `refused ${Text.count(one.attempts)} times`
  const version = `${domain} ${value}${at === undefined ? "" : ` (${Text.instant(at)})`}`
  return [
    `${paint("bold", Text.safe(`${one.object} ${one.externalId}`))}  ${paint(one.status === "Open" ? "yellow" : "dim", one.status)}`,
    `  refusal  ${Text.safe(one.id)}, ${tries} since ${RunReport.second(one.openedAt)}${closed}`,
    `  run      ${Text.safe(one.run)}`,
    `  account  ${Text.safe(one.account)}`,
    `  version  ${Text.safe(version)}`,
    `  reason   ${paint("red", Text.safe(`${one.message} (${one.code})`))}`,
    `  next     ${one.next === null ? closings[one.status] : Text.safe(one.next)}`,
    "  observation",
    ...Text.pretty(one.observation)
      .split("\n")
      .map((text) => `    ${text}`)
  ]
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const closings: { readonly [S in Quarantine.Status]: string } = {
  Open: "",
  Superseded: "nothing: a newer version of the record has made it void",
  Redriven: "nothing: it was tried again, and is settled"
}

/** What is usually behind a code: SQLSTATEs, and those of the engine. */
const causes: Readonly<Record<string, string>> = {
  "22001": "A text is longer than its column holds. ",
  "22003": "A number is out of the range of its column. ",
  "22P02": "A value has not the form that the type of its column asks for. ",
  "23502": "A value is missing where the table requires one. ",
  "23503": "The record that it refers to is not there. ",
  "23505": "Another record holds a value that must be unique. ",
  "23514": "A check of the table does not hold. ",
  Invalid: "The record has not the shape of its schema, or does not fit into its table. ",
  Unreadable: "The source told of it in a form that cannot be read. "
}

const causeOf = (code: string): string => (Object.hasOwn(causes, code) ? causes[code]! : "")

const remedyOf = ({ id, observation }: Quarantine.Kept): string => {
  const isWhole = ["Upsert", "Delete"].includes(String(tagOf(observation)))
  const note = isWhole ? "" : " It is not the whole record, so the source has to be able to read it by its id."
  return `A newer version of the record frees it by itself, if it is accepted. Where the cause is here, mend it, then quarantine redrive ${id}.${note}`
}

const tagOf = (observation: Schema.Json): unknown =>
  typeof observation === "object" && observation !== null && "_tag" in observation ? observation["_tag"] : undefined
