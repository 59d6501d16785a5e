/**
 * A world of records for a source to read: runs over it stop early, meet
 * refusals, and are resumed from where the frontier says.
 */
import type * as Frontier from "@tidemark/core/rules/Frontier"
import * as FrontierRule from "@tidemark/core/rules/Frontier"
import * as fc from "fast-check"
import { shuffled } from "./law.ts"
import * as Source from "./Source.ts"

export interface Record {
  readonly id: number
  readonly at: number
  /** How often it is refused before it settles. */
  readonly refusals: number
  /** Its place in an order that is no order. */
  readonly key: number
}

export interface World {
  readonly kind: Source.Kind
  readonly records: ReadonlyArray<Record>
  /** After how many observations each run stops; then one runs to the end. */
  readonly stops: ReadonlyArray<number>
}

/** What the law is about: the rule of the cursor, and how a position is asked from. */
export interface Engine {
  readonly advance: typeof Frontier.advance
  readonly isRead: typeof Source.isRead
}

export const engine: Engine = { advance: FrontierRule.advance, isRead: Source.isRead }

export const world = (kind: Source.Kind): fc.Arbitrary<World> =>
  fc
    .record({
      records: fc.array(fc.record({ at: fc.nat(5), refusals: fc.constantFrom(0, 0, 0, 0, 1, 2), key: fc.nat(9) }), {
        minLength: 1,
        maxLength: 9
      }),
      stops: fc.array(fc.nat(6), { maxLength: 6 })
    })
    .map(({ records, stops }) => ({
      kind,
      stops,
      records: records
        .filter(({ at }, index) => kind.positions === "Shared" || records.findIndex((one) => one.at === at) === index)
        .map((record, id) => ({ ...record, id }))
    }))

type Told = Frontier.Arrival<number> & { readonly record?: Record }

/** What the source emits from `from`: its records, then a mark at the end of what there is. */
const read = ({ isRead }: Engine, { kind, records }: World, from: number | undefined): ReadonlyArray<Told> => {
  const visible = records.filter(({ at }) => isRead(kind.resume, from, at))
  const emitted =
    kind.emission === "Ascending"
      ? visible.toSorted((a, b) => a.at - b.at || a.id - b.id)
      : shuffled(
          visible,
          visible.map(({ key }) => key)
        )
  const end = Math.max(from ?? -1, ...records.map(({ at }) => at))
  return [
    ...emitted.map((record) => ({
      _tag: "Observed" as const,
      position: kind.emission === "Unpositioned" ? undefined : record.at,
      isSettled: true,
      record
    })),
    { _tag: "Mark", position: end }
  ]
}

/** Ids of the records that settled at least once, and the cursor in the end. */
export const outcome = (engine: Engine, world: World) => {
  const settled = new Set<number>()
  const refusals = new Map(world.records.map(({ id, refusals }) => [id, refusals]))
  let cursor: number | undefined
  const run = (stop: number): boolean => {
    let frontier = FrontierRule.start(cursor)
    let isStopped = false
    let count = 0
    for (const arrival of read(engine, world, cursor)) {
      if (arrival.record !== undefined && count++ >= stop) {
        isStopped = true
        break
      }
      const left = arrival.record === undefined ? 0 : refusals.get(arrival.record.id)!
      const told = arrival._tag === "Mark" ? arrival : { ...arrival, isSettled: left === 0 }
      frontier = engine.advance(Source.rule(world.kind), frontier, [told])
      if (left > 0) {
        refusals.set(arrival.record!.id, left - 1)
        isStopped = true
        break
      }
      if (arrival.record !== undefined) settled.add(arrival.record.id)
    }
    cursor = frontier.committed
    return isStopped
  }
  for (const stop of world.stops) run(stop)
  const runsMax = 1 + world.records.reduce((sum, { refusals }) => sum + refusals, 0)
  for (let runs = 0; runs < runsMax && run(Infinity); runs++);
  return { settled: [...settled].toSorted((a, b) => a - b), cursor }
}
