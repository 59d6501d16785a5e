/**
 * What came of trying refused records again.
 *
 * @since 0.1.0
 */
import type * as Run from "@tidemark/core/model/Run"
import type * as Redrive from "@tidemark/core/engine/Redrive"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Of one feed. A record that is read again counts once, with all that waits of it. @category models @since 0.1.0 */
export interface Totals extends Omit<Redrive.Summary, "run"> {
  readonly runs: ReadonlyArray<string>
  readonly status: Run.Status | "Busy" | "Planned"
}

/** One feed. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface Line extends Redrive.Left {
  readonly object: string
  readonly status: Totals["status"]
  readonly tried: number
  readonly applied: number
  /** Refused again. */
  readonly refused: number
  /** Settled already, or settled by what is here by now. */
  readonly unneeded: number
  /** Ids of the runs that did it. */
  readonly runs: ReadonlyArray<string>
  readonly seconds: number
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const none = (status: Totals["status"]): Totals => ({
  status,
  tried: 0,
  applied: 0,
  refused: 0,
  unneeded: 0,
  left: { sourceOnly: 0, misfit: 0, unread: 0 },
  runs: []
})

/** The status is that of the one that says more: whatever is not `Succeeded`. @category combinators @since 0.1.0 */
export const add = (a: Totals, b: Totals): Totals => ({
  status: a.status === "Succeeded" ? b.status : a.status,
  tried: a.tried + b.tried,
  applied: a.applied + b.applied,
  refused: a.refused + b.refused,
  unneeded: a.unneeded + b.unneeded,
  left: {
    sourceOnly: a.left.sourceOnly + b.left.sourceOnly,
    misfit: a.left.misfit + b.left.misfit,
    unread: a.left.unread + b.left.unread
  },
  runs: [...a.runs, ...b.runs]
})

/** What a plan of a redrive comes to. @category constructors @since 0.1.0 */
export const planned = (counts: Run.Counts, left: Redrive.Left): Totals => ({
  status: "Planned",
  tried: counts.read - left.unread,
  applied: counts.created + counts.updated + counts.deleted,
  refused: counts.quarantined,
  unneeded: counts.unchanged + counts.stale + counts.absent - left.unread,
  left,
  runs: []
})

/** @category constructors @since 0.1.0 */
export const line = (object: string, { left, ...totals }: Totals, seconds: number): Line => ({
  object,
  ...totals,
  ...left,
  seconds: Math.round(seconds * 1000) / 1000
})

/** Whether something waits on. @category readers @since 0.1.0 */
export const isWaiting = ({ misfit, refused, sourceOnly, unread }: Line): boolean =>
  refused + sourceOnly + misfit + unread > 0

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

/** @category formatting @since 0.1.0 */
export const format = (one: Line): string => {
  const counts = [
    `${Text.count(one.applied)} applied`,
    `${Text.count(one.refused)} refused again`,
    `${Text.count(one.unneeded)} no longer needed`
  ]
  const cannot = reasons.flatMap(([name, words]) => (one[name] === 0 ? [] : [`${Text.count(one[name])} ${words}`]))
  const left = cannot.length === 0 ? "" : `; cannot be tried: ${cannot.join(", ")}`
  return `${Text.safe(one.object).padEnd(16)} ${one.status.padEnd(10)} ${Text.count(one.tried)} tried: ${counts.join(", ")}${left} (${one.seconds.toFixed(1)} s)`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const reasons = [
  ["sourceOnly", "that only their source can read again"],
  ["misfit", "that do not have the shape of the schema"],
  ["unread", "that their source does not find"]
] as const satisfies ReadonlyArray<readonly [keyof Redrive.Left, string]>
