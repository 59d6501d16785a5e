/**
 * Keeps observations that were refused, so that the cursor may pass them without
 * loss.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Observation from "../model/Observation.ts"
import type * as Subscription from "../model/Subscription.ts"
import type * as Version from "../model/Version.ts"
import type * as Write from "../model/Write.ts"
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

/** A refusal that still waits. @category models @since 0.1.0 */
export interface Open {
  readonly id: string
  readonly version: Version.Version
  readonly fingerprint: string
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
    readonly put: (
      subscription: Subscription.Subscription,
      refusals: Arr.NonEmptyReadonlyArray<Refusal>
    ) => Effect.Effect<void, StoreError, Transaction>
    /** Closes refusals that a newer version has made void. */
    readonly close: (
      subscription: Subscription.Subscription,
      ids: Arr.NonEmptyReadonlyArray<string>
    ) => Effect.Effect<void, StoreError, Transaction>
  }
>()("@tidemark/core/Quarantine") {}
