/**
 * How new an observation of a record is.
 *
 * Versions are compared in the order `value`, `epoch`, `observedAt`, and only
 * inside one domain: a stamp of a query and a number of a change event say
 * nothing about each other.
 *
 * **Laws**
 *
 * - `compare` is a total order on the versions of one domain;
 * - a read that began later never yields a smaller version of an unchanged record.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** @category schemas @since 0.1.0 */
export const Version = Schema.Struct({
  /** The scale `value` is on, for example `"salesforce/SystemModstamp"`. */
  domain: Schema.String,
  /**
   * The provider's own version, as printable ASCII text that sorts bytewise.
   * `""` when the provider has none: then only `observedAt` orders. Never a field
   * that imports can back-date.
   */
  value: Schema.String.check(Schema.isPattern(/^[\x20-\x7e]*$/)),
  /**
   * The time `value` stands for, in ms since the epoch, when it is a stamp: two
   * edits within one tick share it. Absent for exact values such as sequences.
   */
  at: Schema.optionalKey(Schema.Finite),
  /** Mapping epoch of the source that made the record: +1 when the mapping changes. Starts at 0. */
  epoch: Schema.Int,
  /** Source time at which the read that produced the record began, in ms since the epoch. */
  observedAt: Schema.Finite
})
/** @category models @since 0.1.0 */
export type Version = typeof Version.Type

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly domain: string
  readonly value: string
  readonly observedAt: number
  readonly at?: number | undefined
  readonly epoch?: number | undefined
}): Version => ({
  domain: options.domain,
  value: options.value,
  epoch: options.epoch ?? 0,
  observedAt: options.observedAt,
  ...(options.at === undefined ? {} : { at: options.at })
})

/**
 * Below every version of the domain: what a record adopted from an existing
 * table, or deleted before it was ever read, is known at.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lowest = (domain: string, observedAt = 0): Version => ({ domain, value: "", epoch: 0, observedAt })

/**
 * Negative when `a` is older than `b`. Meaningful only inside one domain.
 *
 * @category ordering
 * @since 0.1.0
 */
export const compare = (a: Version, b: Version): number =>
  a.value < b.value ? -1 : a.value > b.value ? 1 : a.epoch - b.epoch || a.observedAt - b.observedAt

/**
 * Whether both stand for the same provider version under the same mapping,
 * whenever they were read.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSameReading = (a: Version, b: Version): boolean =>
  a.domain === b.domain && a.value === b.value && a.epoch === b.epoch
