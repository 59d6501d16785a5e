/**
 * Which record of one system belongs to which record of another.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - unique: between two records there is at most one link of a type, however often
 *   it is put;
 * - both ways: what is found from its source is found from its target;
 * - atomic: a link exists if and only if the unit of work that put it was committed;
 * - paged: pieces of a list, each begun where the last one ended, are the list.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Subscription from "../model/Subscription.ts"
import type * as Listing from "./Listing.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A record of a system. @category models @since 0.1.0 */
export interface Place {
  /** For example `"salesforce"`, or the application's own name. */
  readonly system: string
  readonly entity: string
  readonly id: string
}

/**
 * - `identity`: both are the same thing.
 * - `reference`: the source speaks of the target.
 * - `other`: what it means is in the metadata.
 *
 * @category models
 * @since 0.1.0
 */
export type Type = "reference" | "identity" | "other"

/** @category models @since 0.1.0 */
export interface Link {
  readonly source: Place
  readonly target: Place
  readonly type: Type
  readonly metadata: Readonly<Record<string, Schema.Json>>
}

/** @category models @since 0.1.0 */
export interface Kept extends Link {
  /** Its place in the list, in the order of first writing. */
  readonly position: number
  /** In ms since the epoch. */
  readonly linkedAt: number
}

/** What has to be so of a link; all are found without it. @category models @since 0.1.0 */
export interface FindOptions extends Listing.OldestFirst {
  readonly source?: Place | undefined
  readonly target?: Place | undefined
  readonly type?: Type | undefined
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Links extends Context.Service<
  Links,
  {
    /** A link that is there already takes the metadata given now, and keeps its place. */
    readonly put: (
      tenant: Subscription.TenantId,
      links: Arr.NonEmptyReadonlyArray<Link>
    ) => Effect.Effect<void, StoreError, Transaction>
    /** Those that are not there are passed over. */
    readonly remove: (
      tenant: Subscription.TenantId,
      links: Arr.NonEmptyReadonlyArray<Omit<Link, "metadata">>
    ) => Effect.Effect<void, StoreError, Transaction>
    /** Oldest first. Joins an open unit of work. */
    readonly find: (
      tenant: Subscription.TenantId,
      options?: FindOptions
    ) => Effect.Effect<ReadonlyArray<Kept>, StoreError>
  }
>()("@tidemark/core/Links") {}
