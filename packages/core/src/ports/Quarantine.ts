/**
 * Keeps observations that were refused, so that the cursor may pass them without
 * loss, until they are void or were accepted after all.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - kept: what was put is listed as it was put, newest first, closed or not;
 * - paged: pieces of a list, each begun where the last one ended, are the list;
 * - final: what is closed stays as it was closed.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Observation from "../model/Observation.ts"
import type * as Subscription from "../model/Subscription.ts"
import * as Version from "../model/Version.ts"
import type * as Write from "../model/Write.ts"
import type * as Listing from "./Listing.ts"
import type { StoreError } from "./StoreError.ts"
import type { Transaction } from "./UnitOfWork.ts"

/** A refused observation. @category models @since 0.1.0 */
export interface Refusal {
  readonly runId: string
  /** As `Refusal.heldId` writes it: every store can hold it. The observation has the id as it came. */
  readonly externalId: Observation.ExternalId
  readonly version: Version.Version
  /** Tells two contents of one version apart. */
  readonly fingerprint: string
  readonly rejection: Write.Rejection
  /** The observation as it came, for a person and for redrive. */
  readonly observation: Schema.Json
  /** A later observation of the same batch made it void. */
  readonly isSuperseded: boolean
}

/** A refusal that still waits. @category schemas @since 0.1.0 */
export const Open = Schema.Struct({ id: Schema.String, version: Version.Version, fingerprint: Schema.String })
/** @category models @since 0.1.0 */
export interface Open extends Schema.Schema.Type<typeof Open> {}

/**
 * `Open`: it waits. `Superseded`: a newer version has made it void. `Redriven`: it
 * was tried again, and there is nothing left to do about it.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "Open" | "Superseded" | "Redriven"

/** A refusal as it is kept. @category models @since 0.1.0 */
export interface Kept extends Open {
  /** Its place in the list, rising with every new refusal. */
  readonly position: number
  readonly connection: Subscription.Connection
  readonly entity: string
  /** As `Refusal.heldId` writes it. */
  readonly externalId: Observation.ExternalId
  /** The run that met it last. */
  readonly runId: string
  /** Why it was refused last. */
  readonly rejection: Write.Rejection
  readonly observation: Schema.Json
  readonly status: Status
  /** How often it was refused. Starts at 1. */
  readonly attempts: number
  /** In ms since the epoch. */
  readonly openedAt: number
  /** In ms since the epoch; `undefined` while it waits. */
  readonly closedAt: number | undefined
}

/** A refusal that was met again when it was redriven. @category models @since 0.1.0 */
export interface Recurrence {
  readonly id: string
  readonly runId: string
  readonly rejection: Write.Rejection
  /** What was refused this time, where the record was read again; `undefined` leaves what is kept. */
  readonly reading: Pick<Refusal, "version" | "fingerprint" | "observation"> | undefined
}

/** @category models @since 0.1.0 */
export interface ListOptions extends Listing.NewestFirst {
  /** Only this refusal; whatever text it is, what is no refusal's id is found nowhere. */
  readonly id?: string | undefined
  readonly connection?: Subscription.Connection | undefined
  readonly entity?: string | undefined
  /** As refusals have it. */
  readonly externalId?: Observation.ExternalId | undefined
  /** Of the rejection. */
  readonly code?: string | undefined
  /** Also what is closed. Default: `false`. */
  readonly isWithClosed?: boolean | undefined
}

/** @category services @since 0.1.0 */
export class Quarantine extends Context.Service<
  Quarantine,
  {
    /** What still waits of the given records, by ids as refusals have them. Joins an open transaction, needs none. */
    readonly find: (
      subscription: Subscription.Subscription,
      ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>
    ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, ReadonlyArray<Open>>, StoreError>
    /** Newest first. Joins an open transaction, needs none. */
    readonly list: (
      tenant: Subscription.TenantId,
      options?: ListOptions
    ) => Effect.Effect<ReadonlyArray<Kept>, StoreError>
    readonly put: (
      subscription: Subscription.Subscription,
      refusals: Arr.NonEmptyReadonlyArray<Refusal>
    ) => Effect.Effect<void, StoreError, Transaction>
    /** Notes that refusals were tried again and refused again. Does nothing for one that is closed. */
    readonly recur: (
      subscription: Subscription.Subscription,
      recurrences: Arr.NonEmptyReadonlyArray<Recurrence>
    ) => Effect.Effect<void, StoreError, Transaction>
    /** Closes refusals that wait no longer. Does nothing for one that is closed. */
    readonly close: (
      subscription: Subscription.Subscription,
      ids: Arr.NonEmptyReadonlyArray<string>,
      status: Exclude<Status, "Open">
    ) => Effect.Effect<void, StoreError, Transaction>
  }
>()("@tidemark/core/Quarantine") {}
