/**
 * What the engine relies on in anybody's cursor rule: L01, L02, L03, L06, L08.
 *
 * ```ts
 * for (const law of verifyCursorRule({ rule, positions })) it(law.name, () => law.check())
 * ```
 *
 * A rule alone cannot show that a source keeps what the rule says. Tell how the
 * provider really is, by `line` and `isRead`, and a rule that claims another thing
 * is caught; or verify the source itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Law from "./Law.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<C> {
  readonly rule: CursorRule.CursorRule<C>
  /** Positions as the source makes them; few and alike ones find more. */
  readonly positions: fc.Arbitrary<C>
  /**
   * Positions of the records of one upstream, in the order of the provider; as often
   * as records share them. Default: made of `positions`, so that they fit the rule.
   */
  readonly line?: fc.Arbitrary<ReadonlyArray<C>>
  /**
   * Whether a read from `from` really tells what is at `position`, for example the
   * condition of the query. Default: by place in the line, as the rule says.
   */
  readonly isRead?: (from: C, position: C) => boolean
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

/** All laws of a cursor rule. @category laws @since 0.1.0 */
export const verifyCursorRule = <C>(options: Options<C>): ReadonlyArray<Law.Law> => [
  ...codecLaws(options),
  ...equalityLaws(options),
  ...orderLaws(options),
  ...frontierLaws(options)
]

// -----------------------------------------------------------------------------
// internal: codec
// -----------------------------------------------------------------------------

const codecLaws = <C>({ positions, rule }: Options<C>): ReadonlyArray<Law.Law> => [
  Law.make({
    id: "L08",
    claim: "a stored position comes back as itself, however often it is stored",
    runs: 200,
    arbitrary: fc.tuple(positions, positions),
    holds: Effect.fnUntraced(function* ([position, other]) {
      const stored = yield* store(rule, position)
      const again = yield* Effect.fromResult(CursorRule.decode(rule, stored))
      const isSame = rule.equals(again, position) && rule.equals(position, again)
      yield* Law.requires(isSame, () => `${text(position)} came back as ${text(again)}`)
      yield* Law.same("stored again", yield* store(rule, again), stored)
      yield* Law.same(`the side of ${text(other)}`, side(rule, again, other), side(rule, position, other))
    })
  }),
  Law.make({
    id: "L08",
    claim: "a cursor of another codec version is an error, never a position",
    runs: 50,
    arbitrary: fc.tuple(positions, fc.integer({ min: -1, max: 5 })),
    holds: Effect.fnUntraced(function* ([position, away]) {
      const { codecVersion } = rule
      yield* Law.requires(Number.isSafeInteger(codecVersion), () => `${codecVersion} is no version`)
      const stored = { ...(yield* store(rule, position)), codecVersion: codecVersion + away }
      yield* Law.same("whether it is read", Result.isSuccess(CursorRule.decode(rule, stored)), away === 0)
    })
  }),
  Law.make({
    id: "L08",
    claim: "what was never stored is an error: nothing is made up for what is missing",
    runs: 200,
    arbitrary: fc.tuple(
      positions,
      fc.nat(),
      fc.constantFrom<Schema.Json | undefined>(undefined, undefined, ...foreign)
    ),
    holds: Effect.fnUntraced(function* ([position, place, strange]) {
      const stored = yield* store(rule, position)
      const value = strange === undefined ? without(stored.value, place) : strange
      const read = CursorRule.decode(rule, { ...stored, value })
      if (Result.isFailure(read)) return
      const again = yield* store(rule, read.success)
      yield* Law.requires(
        Law.show(again.value) === Law.show(value),
        () => `${Law.show(value)} was read as the position ${text(read.success)}`
      )
    })
  })
]

const foreign: ReadonlyArray<Schema.Json> = [null, "", 0, true, [], {}]

/** Through JSON text, as a store keeps it. */
const store = <C>(rule: CursorRule.CursorRule<C>, position: C) =>
  Effect.map(
    Effect.fromResult(CursorRule.encode(rule, position)),
    (stored) => JSON.parse(JSON.stringify(stored)) as CursorRule.Stored
  )

/** A stored value that lost one member. */
const without = (value: Schema.Json, place: number): Schema.Json => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null
  const members = Object.entries(value)
  return Object.fromEntries(members.filter((_, index) => index !== place % Math.max(1, members.length)))
}

const text = (position: unknown): string => fc.stringify(position)

/** `undefined` where the rule does not tell. */
const side = <C>({ order }: CursorRule.CursorRule<C>, a: C, b: C): number | undefined => {
  const answer = order?.(a, b)
  return answer === undefined ? undefined : Math.sign(answer)
}

// -----------------------------------------------------------------------------
// internal: equality and order
// -----------------------------------------------------------------------------

/** Pairs and more of which some are equal without being the same value. */
const several = <C>(positions: fc.Arbitrary<C>): fc.Arbitrary<readonly [C, C, C]> =>
  fc
    .tuple(fc.clone(positions, 3), positions, positions, fc.constantFrom(0, 1, 2, 3))
    .map(([[a, alike, like], b, c, way]): readonly [C, C, C] =>
      way === 0 ? [a, alike, like] : way === 1 ? [a, alike, b] : way === 2 ? [a, b, alike] : [a, b, c]
    )

const equalityLaws = <C>({ positions, rule }: Options<C>): ReadonlyArray<Law.Law> => [
  Law.make({
    id: "L08",
    claim: "equality is an equivalence, and equal positions are those that are stored alike",
    runs: 200,
    arbitrary: several(positions),
    holds: Effect.fnUntraced(function* ([a, b, c]) {
      yield* Law.requires(rule.equals(a, a), () => `${text(a)} does not equal itself`)
      yield* Law.same(`${text(a)} and ${text(b)} the other way round`, rule.equals(b, a), rule.equals(a, b))
      const isLinked = rule.equals(a, b) && rule.equals(b, c)
      yield* Law.requires(
        !isLinked || rule.equals(a, c),
        () => `${text(b)} equals ${text(a)} and ${text(c)}, which differ`
      )
      const isAlike = Law.show(yield* store(rule, a)) === Law.show(yield* store(rule, b))
      yield* Law.same(`whether ${text(a)} equals ${text(b)}`, rule.equals(a, b), isAlike)
    })
  })
]

const orderLaws = <C>({ line, positions, rule }: Options<C>): ReadonlyArray<Law.Law> => [
  Law.make({
    id: "L01",
    claim: "the order, where it answers, is strict and never contradicts equality",
    runs: 300,
    arbitrary: several(positions),
    holds: Effect.fnUntraced(function* ([a, b, c]) {
      const [ab, ba, bc, ac] = [side(rule, a, b), side(rule, b, a), side(rule, b, c), side(rule, a, c)]
      yield* Law.requires(
        ab === undefined || !Number.isNaN(ab),
        () => `the order of ${text(a)} and ${text(b)} is no number`
      )
      yield* Law.requires((side(rule, a, a) ?? 0) === 0, () => `${text(a)} comes before or after itself`)
      const mirrored = ba === undefined ? undefined : ba === 0 ? 0 : -ba
      yield* Law.same(`the order of ${text(a)} and ${text(b)}`, ab, mirrored)
      if (rule.equals(a, b)) {
        yield* Law.requires((ab ?? 0) === 0, () => `${text(a)} equals ${text(b)}, and one comes before the other`)
        yield* Law.same(`the order of equal positions and ${text(c)}`, ac, bc)
      }
      const isChain = ab === -1 && bc === -1
      yield* Law.requires(
        !isChain || ac === -1,
        () => `${[a, b, c].map(text).join(" < ")}, but the first is not before the last`
      )
    })
  }),
  Law.make({
    id: "L06",
    claim: "positions in the order of the provider never go back",
    runs: 200,
    arbitrary: line ?? lines(rule, positions),
    holds: (positions) => {
      const ascending = { ...rule, emission: "Ascending" as const }
      const disorder = Frontier.findDisorder(ascending, Frontier.start<C>(undefined), positions)
      return Law.requires(disorder === undefined, () => `${text(disorder)} goes back in ${text(positions)}`)
    }
  })
]

// -----------------------------------------------------------------------------
// internal: frontier
// -----------------------------------------------------------------------------

/** A run over a line: what arrived, and where each record stands in the line. */
interface Run<C> {
  readonly line: ReadonlyArray<C>
  readonly arrivals: ReadonlyArray<Frontier.Arrival<C> & { readonly place: number }>
}

const frontierLaws = <C>(options: Options<C>): ReadonlyArray<Law.Law> => {
  const { rule } = options
  const arbitrary = runs(options)
  const law = (id: string, claim: string, isMeant: (isTie: boolean) => boolean) =>
    Law.make({
      id,
      claim,
      runs: 400,
      arbitrary,
      holds: (run) =>
        Effect.forEach(lost(options, run), ({ committed, isTie, position }) =>
          Law.requires(!isMeant(isTie), () => `${text(position)} is not read again from ${text(committed)}`)
        )
    })
  return [
    law("L02", "a new run from the cursor reads every unsettled record again", (isTie) => !isTie),
    law("L03", "a new run reads again the unsettled records at the very position of the cursor", (isTie) => isTie),
    Law.make({
      id: "L01",
      claim: "the cursor never goes back, and reaches the end of a run that settles whole",
      runs: 200,
      arbitrary,
      holds: Effect.fnUntraced(function* ({ arrivals, line }) {
        let last = -1
        let frontier = Frontier.start<C>(undefined)
        for (const arrival of arrivals) {
          frontier = Frontier.advance(rule, frontier, [{ ...arrival, ...settled(arrival) }])
          const place = lastPlace(rule, line, frontier.committed)
          yield* Law.requires(place >= last, () => `the cursor went back to ${text(frontier.committed)}`)
          last = place
        }
        const end = line.at(-1)
        if (end === undefined) return
        const { committed } = Frontier.advance(rule, frontier, [{ _tag: "Mark", position: end }])
        const isThere = committed !== undefined && rule.equals(committed, end)
        yield* Law.requires(isThere, () => `at the end, ${text(end)}, the cursor is at ${text(committed)}`)
      })
    })
  ]
}

const settled = <C>(arrival: Frontier.Arrival<C>) => (arrival._tag === "Observed" ? { isSettled: true } : {})

/** The last place of a line at a position; -1 when there is none. */
const lastPlace = <C>(rule: CursorRule.CursorRule<C>, line: ReadonlyArray<C>, position: C | undefined): number =>
  position === undefined ? -1 : line.findLastIndex((one) => rule.equals(one, position))

/** Wherever the run stops: records that have not settled and that a new run would not read. */
const lost = <C>({ isRead, rule }: Options<C>, { arrivals, line }: Run<C>) =>
  Array.from({ length: arrivals.length + 1 }, (_, stop) => {
    const { committed } = Frontier.advance(rule, Frontier.start<C>(undefined), arrivals.slice(0, stop))
    if (committed === undefined) return []
    const done = new Set<number>()
    for (const one of arrivals.slice(0, stop)) if (one._tag === "Observed" && one.isSettled) done.add(one.place)
    const last = lastPlace(rule, line, committed)
    const first = line.findIndex((one) => rule.equals(one, committed))
    const isReadAt = (place: number, position: C) =>
      isRead === undefined
        ? place > last || (rule.resume === "Inclusive" && place >= first)
        : isRead(committed, position)
    return line.flatMap((position, place) =>
      done.has(place) || isReadAt(place, position)
        ? []
        : [{ position, committed, isTie: rule.equals(position, committed) }]
    )
  }).flat()

/** Runs over a line that keep what the rule says of emission, with refusals and marks. */
const runs = <C>({ line, positions, rule }: Options<C>): fc.Arbitrary<Run<C>> =>
  fc
    .record({
      line: line ?? lines(rule, positions),
      // Long enough for any line; a longer one ends with what settles.
      ways: fc.array(
        fc.record({ key: fc.nat(9), isRefused: fc.constantFrom(false, false, false, true), mark: fc.nat(2) }),
        {
          minLength: 12,
          maxLength: 12
        }
      )
    })
    .map(({ line, ways }) => {
      const places = line.map((_, place) => place)
      const emitted =
        rule.emission === "Ascending" ? places : places.toSorted((a, b) => (ways[a]?.key ?? 0) - (ways[b]?.key ?? 0))
      const arrivals = emitted.flatMap((place, index): Run<C>["arrivals"] => {
        const way = ways[place]
        const position = rule.emission === "Unpositioned" ? undefined : line[place]!
        const observed = { _tag: "Observed" as const, position, isSettled: way?.isRefused !== true, place }
        const marked = way?.mark === 0 ? finished(rule, line, emitted.slice(0, index + 1)) : undefined
        return marked === undefined ? [observed] : [observed, { _tag: "Mark", position: marked, place }]
      })
      return { line, arrivals }
    })

/** The last position of a line up to which everything has been emitted. */
const finished = <C>(rule: CursorRule.CursorRule<C>, line: ReadonlyArray<C>, emitted: ReadonlyArray<number>) => {
  const seen = new Set(emitted)
  const missing = line.findIndex((_, place) => !seen.has(place))
  const next = line[missing]
  return line
    .slice(0, missing < 0 ? line.length : missing)
    .findLast((one) => next === undefined || !rule.equals(one, next))
}

/** Lines that fit a rule: in its order as far as that goes, ties together, and none where positions are unique. */
const lines = <C>(rule: CursorRule.CursorRule<C>, positions: fc.Arbitrary<C>): fc.Arbitrary<ReadonlyArray<C>> =>
  fc.array(fc.record({ position: positions, times: fc.constantFrom(1, 1, 2, 3) }), { maxLength: 5 }).map((groups) => {
    const ordered: Array<(typeof groups)[number]> = []
    for (const group of groups) {
      if (ordered.some(({ position }) => rule.equals(position, group.position))) continue
      const place = ordered.findIndex(({ position }) => CursorRule.isBackward(rule, position, group.position))
      const [before, after] = place < 0 ? [ordered, []] : [ordered.slice(0, place), ordered.slice(place)]
      // What a partial order leaves open must not put a later position before an earlier one.
      if (after.some(({ position }) => CursorRule.isBackward(rule, group.position, position))) continue
      ordered.splice(before.length, 0, group)
    }
    return ordered.flatMap(({ position, times }) =>
      Array.from({ length: rule.positions === "Shared" ? times : 1 }, () => position)
    )
  })
