/**
 * What commands tell: results on stdout, for people or one JSON line each;
 * progress on stderr, where somebody watches.
 *
 * @since 0.1.0
 */
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import type * as Run from "@tidemark/core/model/Run"
import type * as Feed from "./Feed.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One feed's run. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface Line {
  readonly object: string
  readonly status: Run.Status | "Busy" | "Planned"
  readonly read: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
  readonly quarantined: number
  /** The first lane's cursor after the last commit, `null` before the first one. */
  readonly cursor: unknown
  readonly seconds: number
}

/** One record of a plan. The names are stable. @category models @since 0.1.0 */
export interface Entry {
  readonly object: string
  readonly externalId: string
  readonly decision: "Created" | "Updated" | "Deleted" | "Adopted" | "Drift" | "Quarantined" | "Skipped"
  /** Of changes: the revision it would be brought to. */
  readonly revision?: number
  /** Of changes: JSON before and after, by field. */
  readonly patch?: FieldDiffer.PatchJson
  /** Of what is skipped. */
  readonly reason?: string
  /** Of what is refused. */
  readonly code?: string
  readonly message?: string
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * `unchanged` takes in all that needed no write: unchanged, older than what is
 * here, absent, already quarantined.
 *
 * @category constructors
 * @since 0.1.0
 */
export const line = (options: {
  readonly object: string
  readonly status: Line["status"]
  readonly counts: Run.Counts
  readonly cursor: unknown
  readonly seconds: number
}): Line => {
  const { counts, cursor, object, seconds, status } = options
  return {
    object,
    status,
    read: counts.read,
    created: counts.created,
    updated: counts.updated,
    deleted: counts.deleted,
    unchanged: counts.unchanged + counts.stale + counts.absent + counts.stillQuarantined,
    quarantined: counts.quarantined + counts.parked + counts.rejected,
    cursor,
    seconds: Math.round(seconds * 1000) / 1000
  }
}

/** @category constructors @since 0.1.0 */
export const entry = (object: string, { externalId, outcome, patch }: Feed.Planned): Entry => {
  const common = { object, externalId }
  switch (outcome._tag) {
    case "Applied":
      return { ...common, decision: outcome.operation, revision: outcome.revision, ...(patch && { patch }) }
    case "Skipped":
      return { ...common, decision: "Skipped", reason: outcome.reason }
    case "Quarantined":
    case "Rejected":
      return { ...common, decision: "Quarantined", code: outcome.rejection.code, message: outcome.rejection.message }
  }
}

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** For people. @category formatting @since 0.1.0 */
export const formatLine = (one: Line): string => {
  const counts = (["created", "updated", "deleted", "unchanged", "quarantined"] as const).map(
    (name) => `${Text.count(one[name])} ${name}`
  )
  const seconds = one.seconds.toFixed(1)
  return `${Text.safe(one.object).padEnd(16)} ${one.status.padEnd(10)} ${Text.count(one.read)} read: ${counts.join(", ")} (${seconds} s)`
}

/**
 * For people: the record, then a line for each field that changes. Of a record that
 * comes or goes as a whole, empty fields are counted only.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatEntry = (paint: Text.Paint, one: Entry): string => {
  const [sign, colour] = marks[one.decision]
  const title = `${paint(colour, Text.safe(`${sign} ${one.object} ${one.externalId}`))}  ${words(one)}`
  return [title, ...formatPatch(paint, one.patch ?? {})].join("\n")
}

/** For people: a line for each field that changes; empty ones of a whole record are counted only. @category formatting @since 0.1.0 */
export const formatPatch = (paint: Text.Paint, patch: FieldDiffer.PatchJson): ReadonlyArray<string> => {
  const all = Object.entries(patch)
  const fields = all.filter(([, { after, before }]) => (after ?? before ?? null) !== null)
  const width = Math.min(nameMax, Math.max(0, ...fields.map(([name]) => name.length)))
  const empty = all.length - fields.length
  return [
    ...fields.map(([name, change]) => formatField(paint, name.padEnd(width), change)),
    ...(empty === 0 ? [] : [paint("dim", `    and ${Text.count(empty)} empty`)])
  ]
}

/** How far a run has come; how long it may still take, where it is known what to expect. @category formatting @since 0.1.0 */
export const progress = (options: {
  readonly object: string
  readonly read: number
  readonly seconds: number
  /** Records to read, about. */
  readonly expected?: number | undefined
}): string => {
  const { expected, object, read, seconds } = options
  const rate = seconds > 0 ? Math.round(read / seconds) : 0
  const isEstimated = expected !== undefined && expected > read
  const of = isEstimated ? ` of about ${Text.count(expected)}` : ""
  const left = isEstimated && rate > 0 ? `, about ${Text.seconds((expected - read) / rate)} left` : ""
  return `${Text.safe(object).padEnd(16)} ${Text.count(read)}${of} records, ${Text.count(rate)}/s${left}`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nameMax = 32
const valueMax = 80

/** How decisions are marked. @category constants @since 0.1.0 */
export const marks: { readonly [D in Entry["decision"]]: readonly [sign: string, colour: Text.Colour] } = {
  Created: ["+", "green"],
  Updated: ["~", "yellow"],
  Deleted: ["-", "red"],
  Adopted: ["=", "dim"],
  Drift: ["!", "yellow"],
  Quarantined: ["x", "red"],
  Skipped: [" ", "dim"]
}

const words = ({ code, decision, message, reason, revision }: Entry): string => {
  switch (decision) {
    case "Created":
      return `would be created, revision ${revision}`
    case "Updated":
      return `would be updated, revision ${revision}`
    case "Deleted":
      return `would be deleted, revision ${revision}`
    case "Adopted":
      return `is here already and would be adopted, revision ${revision}`
    case "Drift":
      return `was changed by somebody else; that would be noted, revision ${revision}`
    case "Quarantined":
      return `would be refused: ${Text.safe(message ?? "")} (${Text.safe(code ?? "")})`
    case "Skipped":
      return `would stay as it is (${reason})`
  }
}

const formatField = (paint: Text.Paint, name: string, { after, before }: FieldDiffer.PatchJson[string]): string => {
  const sides = [
    ...(before === undefined ? [] : [paint("red", value(before))]),
    ...(after === undefined ? [] : [paint("green", value(after))])
  ]
  return `    ${Text.safe(name)}  ${sides.join(" → ")}`
}

const value = (json: unknown): string => Text.clip(Text.json(json), valueMax)
