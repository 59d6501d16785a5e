/**
 * What a run tells: one line per object on stdout, progress on stderr.
 */
import type { Run } from "@tidemark/core"

/** One object's run. The names are stable: other programs read them. */
export interface Line {
  readonly object: string
  readonly status: Run.Status | "Busy"
  readonly read: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
  readonly quarantined: number
  /** The live lane's cursor after the last commit, `null` before the first one. */
  readonly cursor: unknown
  readonly seconds: number
}

/** `unchanged` takes in all that needed no write: unchanged, older than what is here, absent, already quarantined. */
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
    quarantined: counts.quarantined + counts.rejected,
    cursor,
    seconds: Math.round(seconds * 1000) / 1000
  }
}

/** For people. */
export const format = (one: Line): string =>
  `${one.object.padEnd(16)} ${one.status.padEnd(10)} ${one.read} read: ${one.created} created, ${one.updated} updated, ` +
  `${one.deleted} deleted, ${one.unchanged} unchanged, ${one.quarantined} quarantined (${one.seconds.toFixed(1)} s)`

/** Redrawn in place. */
export const progress = (object: string, read: number, seconds: number): string => {
  const rate = seconds > 0 ? Math.round(read / seconds) : 0
  return `\r\u001b[2K${object.padEnd(16)} ${read} records, ${rate}/s`
}
