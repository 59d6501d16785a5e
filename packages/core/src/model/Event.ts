/**
 * A fact for the rest of the application, written with the change it tells of.
 *
 * The ledger revision is the event's place among the events of its record: the
 * id is made from it, so replaying a change appends nothing new.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as Observation from "./Observation.ts"
import type * as Outcome from "./Outcome.ts"
import * as Subscription from "./Subscription.ts"

/**
 * Where a fact goes: `inbound` came in from a provider, `change` tells the rest of
 * the application what became of a record, `outbound` is to go out to a provider.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Direction = Schema.Literals(["inbound", "change", "outbound"])
/** @category models @since 0.1.0 */
export type Direction = typeof Direction.Type

/** @category schemas @since 0.1.0 */
export const Event = Schema.Struct({
  /** Unique: of a record by tenant, connection, entity, external id, revision, and type; else as `publishedId`. */
  id: Schema.String,
  tenant: Subscription.TenantId,
  /** For example `"account_created"`. */
  type: Schema.String,
  entity: Schema.String,
  /** What orders events among themselves: the record's external id within its connection. */
  key: Schema.String,
  /** The ledger revision, or a number of the key: rises by at least 1 from event to event of one key. */
  revision: Schema.Int,
  /** Of the payload. Starts at 1. */
  version: Schema.Int,
  direction: Direction,
  payload: Schema.Json
})
/** @category models @since 0.1.0 */
export type Event = typeof Event.Type

const suffixes = { Created: "created", Updated: "edited", Deleted: "deleted" } as const

/**
 * The event of one applied change; `undefined` for adoption and drift, which the
 * provider did not cause.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromApplied = (
  subscription: Subscription.Subscription,
  observed: { readonly externalId: Observation.ExternalId; readonly origin: Observation.Origin },
  applied: Outcome.Applied
): Event | undefined => {
  if (applied.operation === "Adopted" || applied.operation === "Drift") return undefined
  const type = `${subscription.entity}_${suffixes[applied.operation]}`
  return {
    id: id(subscription, observed.externalId, applied.revision, type),
    tenant: subscription.tenant,
    type,
    entity: subscription.entity,
    key: `${prefixesOf(subscription).key}/${escape(observed.externalId)}`,
    revision: applied.revision,
    version: 1,
    direction: "change",
    payload: {
      entityId: applied.localId,
      externalId: observed.externalId,
      provider: subscription.connection.provider,
      changedFields: sorted(Object.keys(applied.patch)),
      source: "integration",
      origin: observed.origin,
      revision: applied.revision
    }
  }
}

/**
 * The id of what brings a record to `revision`; also the idempotency key of the
 * write that does it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const id = (
  subscription: Subscription.Subscription,
  externalId: Observation.ExternalId,
  revision: number,
  kind: string
): string => `${prefixesOf(subscription).id}/${escape(externalId)}/${revision}/${escape(kind)}`

/**
 * The id of an event that an application publishes: by its number among those of
 * its key, or by a name that the application gave it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const publishedId = (
  { entity, tenant, type }: Pick<Event, "tenant" | "type" | "entity">,
  by: { readonly key: string; readonly number: number } | { readonly id: string }
): string =>
  "id" in by
    ? join([tenant, "given", entity, type, by.id])
    : join([tenant, "numbered", entity, type, by.key, String(by.number)])

interface Prefixes {
  readonly id: string
  readonly key: string
}

/** What ids and keys of a subscription begin with: the same in millions of them. */
const prefixes = new WeakMap<Subscription.Subscription, Prefixes>()

const prefixesOf = (subscription: Subscription.Subscription): Prefixes => {
  const known = prefixes.get(subscription)
  if (known !== undefined) return known
  const { connection, entity, tenant } = subscription
  const made = {
    id: join([tenant, connection.provider, connection.account, entity]),
    key: join([connection.provider, connection.account])
  }
  prefixes.set(subscription, made)
  return made
}

/** The names of most patches are in order already, and sorting them once more costs more than all else here. */
const sorted = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.every((name, index) => index === 0 || names[index - 1]! < name) ? names : names.toSorted()

/** Injective: the separator and the escape are escaped in every part. */
const join = (parts: ReadonlyArray<string>): string => parts.map(escape).join("/")

const escape = (part: string): string =>
  part.includes("/") || part.includes("%") ? part.replaceAll("%", "%25").replaceAll("/", "%2F") : part
