/**
 * What the engine asks of a sink, and what the sink answers.
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Observation from "./Observation.ts"

/**
 * One write. A batch holds at most one per record, sorted by external id.
 *
 * @category models
 * @since 0.1.0
 */
export type Write<A> = Put<A> | Remove

interface Target {
  readonly externalId: Observation.ExternalId
  readonly localId: string
  /** The ledger revision this write brings the record to. */
  readonly revision: number
  /** The same for the same write, however often it is sent. */
  readonly idempotencyKey: string
}

/** Make the record look like this, whether it exists or not. @category models @since 0.1.0 */
export interface Put<out A> extends Target {
  readonly _tag: "Put"
  readonly record: A
}

/** Make the record be gone. Removing an absent record succeeds. @category models @since 0.1.0 */
export interface Remove extends Target {
  readonly _tag: "Remove"
}

/**
 * The sink made the write true.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  /** The sink's own id of the record, when it is not the one proposed. */
  readonly localId?: string
}

/**
 * The sink refused the write, for a reason that trying again will not change.
 *
 * @category errors
 * @since 0.1.0
 */
export class Rejection extends Schema.TaggedError<Rejection>()("Rejection", {
  /** For grouping: a SQLSTATE, a provider's error code, `"Invalid"`. */
  code: Schema.String,
  message: Schema.String
}) {}

/**
 * Code of a rejection for want of another record: the one that this one refers to
 * is not there yet. It parks the record: it is no ground for the brake, holds no
 * lane, and is tried again by itself.
 *
 * @category constants
 * @since 0.1.0
 */
export const parentMissing = "ParentMissing"

/** @category guards @since 0.1.0 */
export const isParked = ({ code }: Rejection): boolean => code === parentMissing

/** @category models @since 0.1.0 */
export type Writes<A> = Arr.NonEmptyReadonlyArray<Write<A>>

/** One answer per write, in the order of the writes. @category models @since 0.1.0 */
export type Answers = ReadonlyArray<Result.Result<Written, Rejection>>
