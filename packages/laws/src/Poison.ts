/**
 * Records that a sink refuses, and the ways in which a sink may refuse.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Scenarios from "./Scenarios.ts"
import type * as World from "./World.ts"

/**
 * - `Check`: known from the values alone;
 * - `Row`: answered for the write that is meant;
 * - `Batch`: the whole call fails, without saying which write is meant.
 *
 * @category models
 * @since 0.1.0
 */
export type Way = "Check" | "Row" | "Batch"

/** @category constants @since 0.1.0 */
export const ways: ReadonlyArray<Way> = ["Check", "Row", "Batch"]

/** @category guards @since 0.1.0 */
export const isPoison = (record: World.Note | undefined): boolean => record?.remark === "poison"

/** A record that may be poison. @category arbitraries @since 0.1.0 */
export const note: fc.Arbitrary<World.Note> = fc.oneof(
  { weight: 3, arbitrary: Scenarios.note },
  { weight: 1, arbitrary: Scenarios.note.map((record) => ({ ...record, remark: "poison" })) }
)

/** The sink, refusing what is poison. @category combinators @since 0.1.0 */
export const refusing =
  (way: Way) =>
  (inner: ChangeSink.Transactional<World.Note>): ChangeSink.Transactional<World.Note> =>
    way === "Check"
      ? { ...inner, check: (record) => (isPoison(record) ? rejection : inner.check?.(record)) }
      : { ...inner, write: (subscription, writes) => write(inner, way, subscription, writes) }

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const rejection = new Write.Rejection({ code: "Poison", message: "the record is poison" })

const isRefused = (write: Write.Write<World.Note>): boolean => write._tag === "Put" && isPoison(write.record)

const write = Effect.fnUntraced(function* (
  inner: ChangeSink.Transactional<World.Note>,
  way: "Row" | "Batch",
  ...[subscription, writes]: Parameters<ChangeSink.Transactional<World.Note>["write"]>
) {
  if (way === "Batch" && writes.some(isRefused)) {
    return yield* new ChangeSink.SinkError({ reason: "Refused", sink: inner.label, message: "something is refused" })
  }
  const [first, ...rest] = writes.filter((one) => !isRefused(one))
  const answers = first === undefined ? [] : [...(yield* inner.write(subscription, [first, ...rest]))]
  return writes.map((one) => (isRefused(one) ? Result.fail(rejection) : answers.shift()!))
})
