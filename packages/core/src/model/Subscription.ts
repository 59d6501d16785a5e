/**
 * One standing agreement to keep an entity in step with a provider, for one
 * tenant. Lanes, runs, and ledger rows belong to a subscription.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** @category schemas @since 0.1.0 */
export const SubscriptionId = Schema.NonEmptyString.pipe(Schema.brand("SubscriptionId"))
/** @category models @since 0.1.0 */
export type SubscriptionId = typeof SubscriptionId.Type

/**
 * Every subscription belongs to a tenant. An application with one tenant names
 * it, for example `TenantId.make("default")`; there is no missing tenant.
 *
 * @category schemas @since 0.1.0
 */
export const TenantId = Schema.NonEmptyString.pipe(Schema.brand("TenantId"))
/** @category models @since 0.1.0 */
export type TenantId = typeof TenantId.Type

/**
 * The account at the provider: the same record id in two accounts is two records.
 *
 * @category schemas @since 0.1.0
 */
export const Connection = Schema.Struct({
  /** For example `"salesforce"`. */
  provider: Schema.NonEmptyString,
  /** The provider's own name of the account, for example an organization id. */
  account: Schema.NonEmptyString
})
/** @category models @since 0.1.0 */
export type Connection = typeof Connection.Type

/** @category schemas @since 0.1.0 */
export const Subscription = Schema.Struct({
  id: SubscriptionId,
  tenant: TenantId,
  connection: Connection,
  /** Canonical name of the entity, for example `"account"`. */
  entity: Schema.NonEmptyString
})
/** @category models @since 0.1.0 */
export type Subscription = typeof Subscription.Type

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly id: string
  readonly tenant: string
  readonly connection: Connection
  readonly entity: string
}): Subscription => ({
  id: SubscriptionId.make(options.id),
  tenant: TenantId.make(options.tenant),
  connection: Connection.make(options.connection),
  entity: Schema.NonEmptyString.make(options.entity)
})
