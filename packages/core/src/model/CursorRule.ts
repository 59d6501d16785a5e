/**
 * The rules a source's cursor obeys: how positions are stored, compared, and
 * resumed from.
 *
 * **Laws** (checked by `@tidemark/laws`)
 *
 * - `decode(encode(c))` equals `c`; an unknown codec version is an error, never
 *   "the beginning" or "now";
 * - `equals` is an equivalence and agrees with the codec;
 * - `order`, where it answers, is a strict order that never contradicts `equals`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * `Unique`: no two records share a position. `Shared`: they may, so having
 * settled one record at `c` says nothing about the others at `c`.
 *
 * @category models
 * @since 0.1.0
 */
export type Positions = "Unique" | "Shared"

/**
 * Whether a source asked to resume from `c` emits what is positioned exactly at
 * `c` again (`Inclusive`, `>=`) or not (`Exclusive`, `>`).
 *
 * @category models
 * @since 0.1.0
 */
export type Resume = "Inclusive" | "Exclusive"

/**
 * Whether a source emits in cursor order. With `Unsorted` and `Unpositioned` no
 * observation proves a position safe: only marks move the cursor.
 *
 * @category models
 * @since 0.1.0
 */
export type Emission = "Ascending" | "Unsorted" | "Unpositioned"

/** @category models @since 0.1.0 */
export interface CursorRule<in out C> {
  /** How a position is stored. Provider text stays text. */
  readonly codec: Schema.Codec<C, Schema.Json>
  /** Version of the codec, stored beside the cursor. Starts at 1. */
  readonly codecVersion: number
  readonly equals: (a: C, b: C) => boolean
  readonly positions: Positions
  readonly resume: Resume
  readonly emission: Emission
  /**
   * Negative when `a` comes before `b`, `undefined` when the two cannot be
   * compared here. Serves as an assertion only: it may be partial (the stamp of a
   * compound position alone) or missing (opaque tokens).
   */
  readonly order?: (a: C, b: C) => number | undefined
}

/**
 * A rule with what follows from its codec: codec version 1, positions equal where
 * the codec's type says so, ascending.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C>(
  options: Pick<CursorRule<C>, "codec" | "positions" | "resume"> & Partial<CursorRule<C>>
): CursorRule<C> => ({
  codecVersion: 1,
  equals: Schema.toEquivalence(options.codec),
  emission: "Ascending",
  ...options
})

/** A position as the lane stores it. @category schemas @since 0.1.0 */
export const Stored = Schema.Struct({ codecVersion: Schema.Int, value: Schema.Json })
/** @category models @since 0.1.0 */
export type Stored = typeof Stored.Type

/**
 * A stored cursor cannot be read, or a position cannot be stored. Nothing was
 * written. Remedy: run the build that wrote it, or reset the lane.
 *
 * @category errors
 * @since 0.1.0
 */
export class CursorError extends Schema.TaggedError<CursorError>()("CursorError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** @category codecs @since 0.1.0 */
export const encode = <C>(rule: CursorRule<C>, position: C): Result.Result<Stored, CursorError> =>
  Result.mapBoth(Schema.encodeResult(rule.codec)(position), {
    onFailure: (cause) => new CursorError({ message: "a position does not fit its codec", cause }),
    onSuccess: (value) => ({ codecVersion: rule.codecVersion, value })
  })

/** @category codecs @since 0.1.0 */
export const decode = <C>(rule: CursorRule<C>, stored: Stored): Result.Result<C, CursorError> =>
  stored.codecVersion === rule.codecVersion
    ? Result.mapError(
        Schema.decodeResult(rule.codec)(stored.value),
        (cause) => new CursorError({ message: "the stored cursor does not have the shape of its codec", cause })
      )
    : Result.fail(
        new CursorError({
          message: `the stored cursor has codec version ${stored.codecVersion}, this build reads ${rule.codecVersion}`
        })
      )

/**
 * Whether moving from `a` to `b` would go back, as far as the rule can tell.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBackward = <C>(rule: CursorRule<C>, a: C, b: C): boolean => (rule.order?.(a, b) ?? 0) > 0
