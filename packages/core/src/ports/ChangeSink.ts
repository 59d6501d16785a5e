/**
 * Where changes go: the local store of one canonical entity.
 *
 * **Laws** (checked for any sink by `@tidemark/laws`)
 *
 * - idempotent: writing the same writes twice leaves the state of writing once;
 * - fixpoint: `find` after a write answers the record written, as `diff` sees it;
 * - aligned: `write` answers once per write, in order;
 * - isolated (transactional sinks): a write taken back leaves no trace.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Observation from "../model/Observation.ts"
import type * as Row from "../model/Row.ts"
import type * as Subscription from "../model/Subscription.ts"
import type * as Write from "../model/Write.ts"
import * as StoreError from "./StoreError.ts"
import type * as UnitOfWork from "./UnitOfWork.ts"

/**
 * The sink did not answer per write. `Refused` means that some write of the batch
 * cannot be made true, without saying which.
 *
 * @category errors
 * @since 0.1.0
 */
export class SinkError extends Schema.TaggedError<SinkError>()("SinkError", {
  reason: StoreError.Reason,
  sink: Schema.String,
  code: Schema.optionalKey(Schema.String),
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** @category models @since 0.1.0 */
export type Ids = Arr.NonEmptyReadonlyArray<Observation.ExternalId>

interface Common<in out A> {
  readonly label: string
  /** Records present here, in canonical shape. Joins an open transaction, needs none. */
  readonly find: (
    subscription: Subscription.Subscription,
    ids: Ids
  ) => Effect.Effect<ReadonlyMap<Observation.ExternalId, Row.Row<A>>, SinkError>
  /**
   * Why a record of the schema's shape cannot be stored here, as far as values
   * tell: lengths, ranges, forbidden characters. Pure.
   */
  readonly check?: (record: A) => Write.Rejection | undefined
}

/**
 * A sink whose writes join the engine's transaction: writes, ledger, cursor,
 * audit, and outbox commit together.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transactional<in out A> extends Common<A> {
  readonly _tag: "Transactional"
  /**
   * Called ahead of the unit of work, so that parameters are made while the batch
   * before commits. Nothing is written before the effect is run: inside the unit
   * of work, at most once, and not at all when something came in between.
   */
  readonly write: (
    subscription: Subscription.Subscription,
    writes: Write.Writes<A>
  ) => Effect.Effect<Write.Answers, SinkError, UnitOfWork.Transaction>
}

/**
 * A sink outside the engine's database, such as another API. Written at least
 * once; with the same idempotency key each time, so that a target which honours
 * the key sees one effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface External<in out A> extends Common<A> {
  readonly _tag: "External"
  readonly write: (
    subscription: Subscription.Subscription,
    writes: Write.Writes<A>
  ) => Effect.Effect<Write.Answers, SinkError>
}

/** @category models @since 0.1.0 */
export type ChangeSink<A> = Transactional<A> | External<A>
