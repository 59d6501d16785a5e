/**
 * An independent cursor of one subscription. A run reads one lane and moves no
 * other, so a backfill can never disturb the live cursor.
 *
 * @since 0.1.0
 */
import type * as Subscription from "./Subscription.ts"

/** @category models @since 0.1.0 */
export interface Lane {
  readonly subscription: Subscription.Subscription
  /** `"live"`, `"backfill/<range>"`, `"deletes"`, `"full"`, `"reconcile"`, `"cdc"`. */
  readonly name: string
  /** Which part of the source the lane reads; `""` when the source has one part. */
  readonly partition: string
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (subscription: Subscription.Subscription, name: string, partition = ""): Lane => ({
  subscription,
  name,
  partition
})

/**
 * The lane that follows the present.
 *
 * @category constructors
 * @since 0.1.0
 */
export const live = (subscription: Subscription.Subscription): Lane => make(subscription, "live")

/**
 * For logs and errors, not for keys: names may hold the separator.
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (lane: Lane): string =>
  [lane.subscription.tenant, lane.subscription.id, lane.name, ...(lane.partition === "" ? [] : [lane.partition])].join(
    "/"
  )
