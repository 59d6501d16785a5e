/**
 * Records that refer to another one, and the ways in which a sink may miss it.
 *
 * The remark of a note is the id of its parent. Records refer to none that comes
 * after them in the alphabet, so there are no circles, and parents are never
 * removed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import type * as World from "./World.ts"

/**
 * - `Row`: answered for each record whose parent is missing, as of a reference that
 *   the sink knows;
 * - `Batch`: the whole call fails, as at a constraint.
 *
 * @category models
 * @since 0.1.0
 */
export type Way = "Row" | "Batch"

/** @category constants @since 0.1.0 */
export const ways: ReadonlyArray<Way> = ["Row", "Batch"]

/** No record has this id. @category constants @since 0.1.0 */
export const nobody = "z"

/** A change of a family: `a`, `b`, `c` may be parents, the others may be removed. @category arbitraries @since 0.1.0 */
export const change: fc.Arbitrary<World.Change> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "b", "c", "d", "e").chain((id) => put(id)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("d", "e").map((id): World.Change => ({ _tag: "Remove", id, lateBy: 0 }))
  },
  { weight: 1, arbitrary: fc.constantFrom(1, 10, 25).map((time): World.Change => ({ _tag: "Pass", time })) }
)

/** The sink, which takes no record before its parent. @category combinators @since 0.1.0 */
export const requiring =
  (way: Way) =>
  (inner: ChangeSink.Transactional<World.Note>): ChangeSink.Transactional<World.Note> => ({
    ...inner,
    write: (subscription, writes) => write(inner, way, subscription, writes)
  })

/** The records upstream whose parent is not here. @category readers @since 0.1.0 */
export const orphans = (
  upstream: ReadonlyMap<string, World.Note>,
  local: ReadonlyMap<string, World.Note>
): ReadonlyArray<string> =>
  [...upstream].flatMap(([id, { remark }]) => (remark === null || local.has(remark) ? [] : [id])).toSorted()

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const put = (id: string): fc.Arbitrary<World.Change> =>
  fc.record({
    _tag: fc.constant("Put" as const),
    id: fc.constant(id),
    lateBy: fc.constantFrom(0, 0, 5),
    record: fc.record({
      name: fc.constantFrom("x", "y"),
      size: fc.integer({ min: 0, max: 2 }),
      remark: fc.constantFrom(null, ...["a", "b", "c"].filter((one) => one < id), ...(id > "c" ? [nobody] : []))
    })
  })

const write = Effect.fnUntraced(function* (
  inner: ChangeSink.Transactional<World.Note>,
  way: Way,
  subscription: Subscription.Subscription,
  writes: Write.Writes<World.Note>
) {
  const orphaned = yield* orphanedOf(inner, subscription, writes)
  if (way === "Batch" && orphaned.size > 0) {
    const code = Write.parentMissing
    return yield* new ChangeSink.SinkError({
      reason: "Refused",
      sink: inner.label,
      code,
      message: "a parent is missing"
    })
  }
  const [first, ...rest] = writes.filter(({ externalId }) => !orphaned.has(externalId))
  const answers = first === undefined ? [] : [...(yield* inner.write(subscription, [first, ...rest]))]
  return writes.map(({ externalId }) => (orphaned.has(externalId) ? Result.fail(rejection) : answers.shift()!))
})

const rejection = new Write.Rejection({ code: Write.parentMissing, message: "its parent is missing" })

/** Records whose parent is neither here nor written with them. */
const orphanedOf = Effect.fnUntraced(function* (
  inner: ChangeSink.Transactional<World.Note>,
  subscription: Subscription.Subscription,
  writes: Write.Writes<World.Note>
) {
  const parents = new Map<string, string>()
  for (const one of writes)
    if (one._tag === "Put" && one.record.remark !== null) parents.set(one.externalId, one.record.remark)
  const [first, ...rest] = [...new Set(parents.values())].toSorted().map((id) => Observation.ExternalId.make(id))
  const found: ReadonlyMap<string, unknown> =
    first === undefined ? new Map() : yield* inner.find(subscription, [first, ...rest])
  const coming = new Set<string>(writes.flatMap((one) => (one._tag === "Put" ? [one.externalId] : [])))
  for (let before = -1; before !== coming.size;) {
    before = coming.size
    for (const [id, parent] of parents) if (!found.has(parent) && !coming.has(parent)) coming.delete(id)
  }
  return new Set([...parents.keys()].filter((id) => !coming.has(id)))
})
