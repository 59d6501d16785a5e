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
 * A record that refers to one which is not there yet is refused with the code
 * `Write.parentMissing`: it is parked, and written again without anybody's doing.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
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

/**
 * What a target that knows one record at a time has to offer.
 *
 * A `Rejection` is the fault of the record, and the others are written all the
 * same. A `SinkError` is nobody's: the batch ends there, and all of it is written
 * again, each write with the idempotency key it had.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recordwise<in out A> {
  readonly label: string
  /** The record present there, in canonical shape; `undefined` when there is none. */
  readonly find: (
    subscription: Subscription.Subscription,
    id: Observation.ExternalId
  ) => Effect.Effect<Row.Row<A> | undefined, SinkError>
  /** Makes the record look like this, whether it exists or not. Answers the target's own id, where it has one. */
  readonly put: (
    subscription: Subscription.Subscription,
    put: Write.Put<A>
  ) => Effect.Effect<Write.Written, Write.Rejection | SinkError>
  /** Makes the record be gone. Succeeds when it is gone already. */
  readonly remove: (
    subscription: Subscription.Subscription,
    remove: Write.Remove
  ) => Effect.Effect<void, Write.Rejection | SinkError>
  readonly check?: (record: A) => Write.Rejection | undefined
  /** How many records are found or written at a time, over all calls of the sink in this process. Default: 4. */
  readonly concurrency?: number
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * A sink of functions for one record each.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRecordwise = <A>(options: Recordwise<A>): External<A> => {
  const { check, find, label, put, remove } = options
  const concurrency = Math.max(1, options.concurrency ?? 4)
  // Lanes that run at once share it.
  const turns = Semaphore.makeUnsafe(concurrency)
  const write = (subscription: Subscription.Subscription, one: Write.Write<A>) =>
    turns.withPermit(one._tag === "Put" ? put(subscription, one) : Effect.as(remove(subscription, one), {})).pipe(
      Effect.map((written) => Result.succeed<Write.Written>(written)),
      Effect.catchTag("Rejection", (rejection) => Effect.succeed(Result.fail(rejection)))
    )
  return {
    _tag: "External",
    label,
    ...(check === undefined ? {} : { check }),
    find: (subscription, ids) =>
      Effect.map(
        Effect.forEach(ids, (id) => turns.withPermit(find(subscription, id)), { concurrency }),
        (rows) => new Map(ids.flatMap((id, index) => (rows[index] === undefined ? [] : [[id, rows[index]] as const])))
      ),
    write: (subscription, writes) => Effect.forEach(writes, (one) => write(subscription, one), { concurrency })
  }
}
