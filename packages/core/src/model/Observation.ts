/**
 * One observed difference in an upstream system, in canonical shape.
 *
 * A source says only what it can know: this record now looks like this
 * (`Upsert`), these fields changed (`Patch`), it is gone (`Delete`), it may have
 * changed (`Touch`). Whether an upsert turns out to be a creation, an update, or
 * nothing at all is decided later, against local state: a source cannot say
 * "created".
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as Version from "./Version.ts"

/**
 * Identifier of a record in the upstream system, in the one form its provider
 * compares by. Unique within one entity of one connection. A record whose id no
 * store can hold, or of more than 1,024 bytes, is refused.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ExternalId = Schema.NonEmptyString.pipe(Schema.brand("ExternalId"))
/** @category models @since 0.1.0 */
export type ExternalId = typeof ExternalId.Type

/**
 * How the observation reached us. Recorded for audit; never branched on.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Origin = Schema.Literals(["Poll", "Cdc", "Webhook", "Backfill", "Manual"])
/** @category models @since 0.1.0 */
export type Origin = typeof Origin.Type

interface Observed<out C> {
  readonly externalId: ExternalId
  /**
   * A position from which a new run would read this observation, or everything
   * after it, again. `undefined` when there is none at or below the horizon.
   */
  readonly position: C | undefined
  readonly origin: Origin
  /** Upstream event id (replay id, webhook event id), when there is one. */
  readonly eventId?: string
}

/**
 * The record exists upstream and looks like `record`: a read of the whole record.
 *
 * @category models
 * @since 0.1.0
 */
export interface Upsert<out A, out C> extends Observed<C> {
  readonly _tag: "Upsert"
  readonly record: A
  readonly version: Version.Version
}

/**
 * Only these fields changed. Applies on the exact provider version it follows
 * and moves no version itself; on any other it is a `Touch`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Patch<out A, out C> extends Observed<C> {
  readonly _tag: "Patch"
  readonly fields: Partial<A>
  readonly follows: Version.Version
  /** Source time of the change, in ms since the epoch. */
  readonly observedAt: number
}

/**
 * What says that the record is gone. `Left`: it was read, and is not among those
 * that are wanted any more. `Absent` is the weakest: a complete scan did not list
 * it.
 *
 * @category models
 * @since 0.1.0
 */
export type Evidence =
  | { readonly _tag: "Tombstone" }
  | { readonly _tag: "Archived" }
  | { readonly _tag: "Merged"; readonly into: ExternalId }
  | { readonly _tag: "Left" }
  | { readonly _tag: "Absent" }

/**
 * The record was deleted upstream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delete<out C> extends Observed<C> {
  readonly _tag: "Delete"
  readonly evidence: Evidence
  /** The version of the deletion itself, when the provider gives one; else `observedAt` orders it. */
  readonly version: Version.Version | undefined
  /** Source time at which the read that showed the deletion began, in ms since the epoch. */
  readonly observedAt: number
}

/**
 * The record may have changed: read it. Thin webhooks, gap events, ids that a
 * search lists and a read omits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Touch<out C> extends Observed<C> {
  readonly _tag: "Touch"
}

/**
 * The record was read but does not have the shape the mapping promises. Refused
 * like a rejected write: held or quarantined, never dropped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unreadable<out C> extends Observed<C> {
  readonly _tag: "Unreadable"
  readonly raw: Schema.Json
  readonly message: string
  readonly version: Version.Version
}

/**
 * What a source without `fetch` may emit.
 *
 * @category models
 * @since 0.1.0
 */
export type Definite<A, C> = Upsert<A, C> | Delete<C> | Unreadable<C>

/** @category models @since 0.1.0 */
export type Observation<A, C> = Definite<A, C> | Patch<A, C> | Touch<C>

/**
 * A whole record as a poll read it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const upsert = <A, C>(options: {
  readonly id: string
  readonly position: C | undefined
  readonly record: A
  readonly version: Version.Version
}): Upsert<A, C> => ({
  _tag: "Upsert",
  externalId: ExternalId.make(options.id),
  position: options.position,
  origin: "Poll",
  record: options.record,
  version: options.version
})
