/**
 * Runs and what they left, as commands tell them.
 *
 * @since 0.1.0
 */
import type * as Run from "@tidemark/core/model/Run"
import type * as Version from "@tidemark/core/model/Version"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Report from "./Report.ts"
import * as Table from "./Table.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One run. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface RunLine extends Run.Counts {
  readonly id: string
  readonly object: string
  readonly lane: string
  readonly partition: string
  readonly trigger: Run.Trigger
  readonly status: Run.Status
  /** UTC. */
  readonly openedAt: string
  /** UTC; `null` while it runs. */
  readonly closedAt: string | null
  /** From opening to closing; `null` while it runs. */
  readonly seconds: number | null
  readonly error: string | null
}

/** One thing that a run did to one record. The names are stable. @category models @since 0.1.0 */
export interface ItemLine {
  /** Where the next piece begins: `--after`. */
  readonly position: number
  readonly run: string
  /** Place in the run's arrival order, from 0. */
  readonly sequence: number
  readonly externalId: string
  readonly decision: Report.Entry["decision"] | "Rejected"
  readonly origin: string
  readonly version: Version.Version | null
  /** Of changes. */
  readonly revision?: number
  readonly localId?: string
  readonly patch?: FieldDiffer.PatchJson
  /** Of what was skipped. */
  readonly reason?: string
  /** Of what was refused. */
  readonly code?: string
  readonly message?: string
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const run = (object: string, kept: RunRecorder.Kept): RunLine => ({
  id: kept.id,
  object,
  lane: kept.lane.name,
  partition: kept.lane.partition,
  trigger: kept.trigger,
  status: kept.status,
  openedAt: Text.instant(kept.openedAt),
  closedAt: kept.closedAt === undefined ? null : Text.instant(kept.closedAt),
  seconds: kept.closedAt === undefined ? null : Math.max(0, kept.closedAt - kept.openedAt) / 1000,
  ...kept.counts,
  error: kept.error ?? null
})

/** @category constructors @since 0.1.0 */
export const item = (
  run: string,
  { externalId, origin, outcome, position, sequence, version }: RunRecorder.KeptItem
): ItemLine => {
  const common = { position, run, sequence, externalId, origin, version: version ?? null }
  switch (outcome._tag) {
    case "Applied": {
      const { localId, operation, patch, revision } = outcome
      return { ...common, decision: operation, revision, localId, patch }
    }
    case "Skipped":
      return { ...common, decision: "Skipped", reason: outcome.reason }
    case "Quarantined":
    case "Rejected":
      return { ...common, decision: outcome._tag, code: outcome.rejection.code, message: outcome.rejection.message }
  }
}

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** One line per run, below one with names. @category formatting @since 0.1.0 */
export const formatRuns = (paint: Text.Paint, runs: ReadonlyArray<RunLine>): ReadonlyArray<string> =>
  Table.format(
    paint,
    [
      { name: "run" },
      { name: "object", most: 40 },
      { name: "lane", most: 40 },
      { name: "status" },
      { name: "began" },
      { name: "took", isNumber: true },
      { name: "read", isNumber: true },
      { name: "created", isNumber: true },
      { name: "updated", isNumber: true },
      { name: "deleted", isNumber: true },
      { name: "refused", isNumber: true }
    ],
    runs.map((one) => [
      one.id,
      one.object,
      laneOf(one),
      [one.status, colours[one.status]],
      second(one.openedAt),
      one.seconds === null ? "" : Text.seconds(one.seconds),
      ...[one.read, one.created, one.updated, one.deleted, one.quarantined + one.rejected].map(Text.count)
    ])
  )

/** All of one run. @category formatting @since 0.1.0 */
export const formatRun = (paint: Text.Paint, one: RunLine): ReadonlyArray<string> => {
  const ended = one.closedAt === null ? "still open" : `to ${second(one.closedAt)} (${Text.seconds(one.seconds ?? 0)})`
  const counts = counted.flatMap((name) => (one[name] === 0 ? [] : [`${Text.count(one[name])} ${names[name] ?? name}`]))
  return [
    `${paint("bold", Text.safe(`${one.object} ${laneOf(one)}`))}  ${paint(colours[one.status], one.status)}`,
    `  run      ${Text.safe(one.id)}`,
    `  began    ${second(one.openedAt)}, ${ended}, by ${one.trigger}`,
    `  counts   ${counts.length === 0 ? "nothing was read" : counts.join(", ")}`,
    ...(one.error === null ? [] : ["  error", ...one.error.split("\n").map((line) => `    ${Text.safe(line)}`)])
  ]
}

/** The record, and what became of it, field by field. @category formatting @since 0.1.0 */
export const formatItem = (paint: Text.Paint, one: ItemLine): string => {
  const [sign, colour] = one.decision === "Rejected" ? Report.marks.Quarantined : Report.marks[one.decision]
  const title = paint(colour, Text.safe(`${sign} ${one.externalId}`))
  return [`${title}  ${words(one)}`, ...Report.formatPatch(paint, one.patch ?? {})].join("\n")
}

/** The first line of an error, for a table. @category formatting @since 0.1.0 */
export const firstLine = (error: string): string => Text.clip(error.split("\n", 1)[0]!, 160)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const colours: { readonly [S in Run.Status]: Text.Colour } = {
  Running: "bold",
  Succeeded: "green",
  Partial: "yellow",
  Failed: "red",
  Interrupted: "yellow",
  Fenced: "yellow",
  Abandoned: "yellow"
}

const counted = [
  "read",
  "created",
  "updated",
  "deleted",
  "unchanged",
  "stale",
  "absent",
  "quarantined",
  "stillQuarantined",
  "rejected",
  "adopted",
  "drifted"
] as const satisfies ReadonlyArray<keyof Run.Counts>

const names: { readonly [C in keyof Run.Counts]?: string } = {
  stale: "older than what is here",
  absent: "not found",
  stillQuarantined: "waiting in quarantine already",
  drifted: "changed by somebody else"
}

const laneOf = ({ lane, partition }: RunLine): string => (partition === "" ? lane : `${lane}/${partition}`)

/** An instant to the second. @category formatting @since 0.1.0 */
export const second = (instant: string): string => instant.replace(/\.\d+Z$/, "Z")

const words = ({ code, decision, message, reason, revision }: ItemLine): string => {
  switch (decision) {
    case "Quarantined":
    case "Rejected":
      return `refused: ${Text.safe(message ?? "")} (${Text.safe(code ?? "")})`
    case "Skipped":
      return `left as it was (${reason})`
    case "Drift":
      return `had been changed by somebody else, revision ${revision}`
    default:
      return `${decision.toLowerCase()}, revision ${revision}`
  }
}
