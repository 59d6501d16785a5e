/**
 * A simulated source of any rule kind over whole numbers as positions.
 *
 * It keeps its promises and no more: ascending ones emit in order, the others in
 * an order of their own; a mark comes only where everything up to it was emitted.
 */
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as CursorRules from "@tidemark/core/model/CursorRule"
import type * as Frontier from "@tidemark/core/rules/Frontier"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { shuffled } from "./law.ts"

export interface Kind {
  readonly positions: CursorRule.Positions
  readonly resume: CursorRule.Resume
  readonly emission: CursorRule.Emission
}

/** All twelve. */
export const kinds: ReadonlyArray<Kind> = (["Unique", "Shared"] as const).flatMap((positions) =>
  (["Inclusive", "Exclusive"] as const).flatMap((resume) =>
    (["Ascending", "Unsorted", "Unpositioned"] as const).map((emission) => ({ positions, resume, emission }))
  )
)

export const describeKind = (kind: Kind): string => `${kind.positions} ${kind.resume} ${kind.emission}`

export const rule = (kind: Kind): CursorRule.CursorRule<number> =>
  CursorRules.make<number>({ codec: Schema.Int, order: (a, b) => a - b, ...kind })

/** Whether a read from `from` emits what is at `position`: the meaning of `resume`, said once. */
export const isRead = (resume: CursorRule.Resume, from: number | undefined, position: number): boolean =>
  from === undefined || (resume === "Inclusive" ? position >= from : position > from)

/** One arrival as the world knows it: the true position, whatever the source says of it. */
export type Arrival =
  | { readonly _tag: "Observed"; readonly at: number; readonly isSettled: boolean }
  | { readonly _tag: "Mark"; readonly at: number }

/** What the frontier is told. */
export const told = (kind: Kind, arrivals: ReadonlyArray<Arrival>): ReadonlyArray<Frontier.Arrival<number>> =>
  arrivals.map((arrival) =>
    arrival._tag === "Mark"
      ? { _tag: "Mark", position: arrival.at }
      : {
          _tag: "Observed",
          position: kind.emission === "Unpositioned" ? undefined : arrival.at,
          isSettled: arrival.isSettled
        }
  )

export interface Run {
  readonly kind: Kind
  readonly from: number | undefined
  readonly arrivals: ReadonlyArray<Arrival>
}

/** Runs with many ties, refusals in the middle, and lawful marks ahead of and behind what was emitted. */
export const run = (some: ReadonlyArray<Kind> = kinds): fc.Arbitrary<Run> =>
  fc
    .record({
      kind: fc.constantFrom(...some),
      from: fc.option(fc.integer({ min: -1, max: 2 }), { nil: undefined }),
      records: fc.array(
        fc.record({
          at: fc.integer({ min: -1, max: 8 }),
          isSettled: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
          key: fc.nat(9),
          mark: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 })
        }),
        { maxLength: 9 }
      )
    })
    .map(({ kind, from, records }) => ({ kind, from, arrivals: emit(kind, from, records) }))

const emit = (
  kind: Kind,
  from: number | undefined,
  records: ReadonlyArray<{ at: number; isSettled: boolean; key: number; mark: number | undefined }>
): ReadonlyArray<Arrival> => {
  const visible = records
    .filter(({ at }) => isRead(kind.resume, from, at))
    .filter(({ at }, index, all) => kind.positions === "Shared" || all.findIndex((one) => one.at === at) === index)
    .toSorted((a, b) => a.at - b.at)
  const emitted =
    kind.emission === "Ascending"
      ? visible
      : shuffled(
          visible,
          visible.map(({ key }) => key)
        )
  return emitted.flatMap(({ at, isSettled, mark }, index): ReadonlyArray<Arrival> => {
    const toCome = Math.min(10, ...emitted.slice(index + 1).map((one) => one.at))
    return [
      { _tag: "Observed", at, isSettled },
      ...(mark === undefined ? [] : [{ _tag: "Mark" as const, at: toCome - mark }])
    ]
  })
}
