/**
 * A copy kept by reading a source: the least that an engine does with what it is
 * told, and where it would resume.
 *
 * The newest version of a record wins; a hint is read by id. The cursor is moved by
 * `Frontier`, and goes through its codec between two runs, as a lane keeps it.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Page from "@tidemark/core/model/Page"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Law from "../Law.ts"
import type * as Driver from "./Driver.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A source, and what the laws know about it. @category models @since 0.1.0 */
export interface Bench<A, C, R> {
  readonly source: ChangeSource.ChangeSource<A, C, R>
  readonly driver: Driver.Driver<A>
  readonly player: Driver.Player<A>
  /** In ms. */
  readonly settle: number
  readonly pagesMax: number
  readonly isSame: (a: A, b: A) => boolean
  readonly deletions: boolean
}

/** One record of the copy; no record for one that was deleted. @category models @since 0.1.0 */
export interface Kept<out A> {
  readonly record: A | undefined
  readonly version: Version.Version | undefined
  /** Source time. */
  readonly observedAt: number
}

/** Changed as it reads. @category models @since 0.1.0 */
export interface Copy<A, C> {
  readonly rows: Map<string, Kept<A>>
  cursor: C | undefined
}

/** What one read told. @category models @since 0.1.0 */
export interface Read<A, C> {
  readonly pages: ReadonlyArray<Page.Page<A, C, Observation.Observation<A, C>>>
  /** Source time at which the read had begun for sure, in ms. */
  readonly startedBy: number
}

type Arrival<A, C> =
  | (Frontier.Arrival<C> & { readonly _tag: "Observed"; readonly observation: Observation.Observation<A, C> })
  | (Frontier.Arrival<C> & { readonly _tag: "Mark" })

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Nothing, to be read from the beginning. @category constructors @since 0.1.0 */
export const make = <A, C>(): Copy<A, C> => ({ rows: new Map(), cursor: undefined })

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** A whole read. `during` happens upstream, one change after each page. @category combinators @since 0.1.0 */
export const read = Effect.fnUntraced(function* <A, C, R>(
  { driver, pagesMax, player, settle, source }: Bench<A, C, R>,
  from: C | undefined,
  during: ReadonlyArray<Driver.Change<A>> = []
): Effect.fn.Return<Read<A, C>, unknown, R> {
  let startedBy = yield* driver.now
  let number = 0
  const told: Stream.Stream<Page.Page<A, C, Observation.Observation<A, C>>, ChangeSource.SourceError, R> = source.read({
    lane,
    from,
    settle: Duration.millis(settle)
  })
  const pages = yield* told.pipe(
    Stream.tap(() =>
      Effect.gen(function* () {
        if (number === 0) startedBy = yield* driver.now
        const change = during[number]
        number += 1
        if (change !== undefined) yield* player.play([change])
      })
    ),
    Stream.take(pagesMax + 1),
    Stream.runCollect
  )
  yield* Law.requires(pages.length <= pagesMax, () => `a read did not end within ${pagesMax} pages`)
  return { pages, startedBy }
})

/** A run: reads from the cursor, up to `stop` arrivals when that is given, and moves the cursor. @category combinators @since 0.1.0 */
export const run = Effect.fnUntraced(function* <A, C, R>(
  bench: Bench<A, C, R>,
  copy: Copy<A, C>,
  options: { readonly stop?: number | undefined; readonly during?: ReadonlyArray<Driver.Change<A>> } = {}
): Effect.fn.Return<Read<A, C>, unknown, R> {
  const { source } = bench
  const { cursor } = copy
  const told = yield* read(bench, cursor, options.during)
  const all = arrivalsOf(told)
  const arrivals = options.stop === undefined ? all : all.slice(0, options.stop % (all.length + 1))
  yield* keep(bench, copy, arrivals)
  const { committed } = Frontier.advance(source.rule, Frontier.start(cursor), arrivals)
  copy.cursor = committed === undefined ? undefined : yield* stored(source.rule, committed)
  return told
})

/** Observations in arrival order. @category readers @since 0.1.0 */
export const observations = <A, C>({ pages }: Read<A, C>) => pages.flatMap(({ observations }) => observations)

/** Positions in arrival order, marks included. @category readers @since 0.1.0 */
export const positions = <A, C>(read: Read<A, C>): ReadonlyArray<C> =>
  arrivalsOf(read).flatMap(({ position }) => (position === undefined ? [] : [position]))

/** A position as text. @category formatting @since 0.1.0 */
export const text = (position: unknown): string => fc.stringify(position)

/**
 * The copy holds what readers saw at one of these moments, record by record. Nothing
 * is asked of records that are gone when the source does not tell deletions.
 *
 * @category guards
 * @since 0.1.0
 */
export const isInStep = Effect.fnUntraced(function* <A, C, R>(
  { deletions, isSame }: Bench<A, C, R>,
  { rows }: Copy<A, C>,
  moments: ReadonlyArray<ReadonlyMap<string, A>>
): Effect.fn.Return<void, Law.Violation> {
  for (const id of new Set([...rows.keys(), ...moments.flatMap((moment) => [...moment.keys()])])) {
    const kept = rows.get(id)?.record
    const states = moments.map((moment) => moment.get(id))
    const isGone = states.some((state) => state === undefined)
    const isRight = kept === undefined ? isGone : states.some((state) => state !== undefined && isSame(state, kept))
    const isUntold = !deletions && isGone
    yield* Law.requires(
      isRight || isUntold,
      () => `${id} is ${show(kept)} in the copy and ${states.map(show).join(" or ")} upstream`
    )
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const lane = Lane.live(
  Subscription.make({
    id: "laws",
    tenant: "laws",
    connection: { provider: "laws", account: "laws" },
    entity: "record"
  })
)

const show = (record: unknown): string => (record === undefined ? "absent" : Law.show(record))

const arrivalsOf = <A, C>({ pages }: Read<A, C>): ReadonlyArray<Arrival<A, C>> =>
  pages.flatMap(({ mark, observations }): ReadonlyArray<Arrival<A, C>> => [
    ...observations.map((observation) => ({
      _tag: "Observed" as const,
      position: observation.position,
      isSettled: true,
      observation
    })),
    ...(mark === undefined ? [] : [{ _tag: "Mark" as const, position: mark.position }])
  ])

/** As a lane gives it back. */
const stored = Effect.fnUntraced(function* <C>(rule: CursorRule.CursorRule<C>, position: C) {
  const kept = yield* Effect.fromResult(CursorRule.encode(rule, position))
  const again = yield* Effect.fromResult(CursorRule.decode(rule, JSON.parse(JSON.stringify(kept)) as CursorRule.Stored))
  yield* Law.requires(rule.equals(again, position), () => `${text(position)} came back as ${text(again)}`)
  return again
})

const keep = Effect.fnUntraced(function* <A, C, R>(
  { source }: Bench<A, C, R>,
  { rows }: Copy<A, C>,
  arrivals: ReadonlyArray<Arrival<A, C>>
) {
  const touched = new Set<Observation.ExternalId>()
  const set = (id: string, kept: Kept<A>) => {
    const known = rows.get(id)
    if (known === undefined || compare(kept, known) >= 0) rows.set(id, kept)
  }
  for (const arrival of arrivals) {
    if (arrival._tag === "Mark") continue
    const { observation } = arrival
    const { externalId } = observation
    if (observation._tag === "Unreadable") {
      return yield* new Law.Violation({ message: `${externalId} cannot be read: ${observation.message}` })
    }
    const version = "version" in observation ? observation.version : undefined
    const isForeign = version !== undefined && version.domain !== source.domain
    if (observation._tag === "Touch" || observation._tag === "Patch" || isForeign) touched.add(externalId)
    else if (observation._tag === "Upsert") {
      const { record, version } = observation
      set(externalId, { record, version, observedAt: version.observedAt })
    } else set(externalId, { record: undefined, version, observedAt: observation.observedAt })
  }
  const ids = [...touched]
  if (!Arr.isReadonlyArrayNonEmpty(ids)) return
  const { fetch } = source
  if (fetch === undefined)
    return yield* new Law.Violation({ message: `${ids[0]} is only hinted at, and cannot be read` })
  const found = yield* fetch(ids)
  for (const id of ids) {
    const one = found.get(id)
    if (one === undefined) rows.set(id, { record: undefined, version: undefined, observedAt: 0 })
    else set(id, { ...one, observedAt: one.version.observedAt })
  }
})

/** Negative when `a` is older. */
const compare = (a: Kept<unknown>, b: Kept<unknown>): number =>
  a.version === undefined || b.version === undefined
    ? a.observedAt - b.observedAt
    : Version.compare(a.version, b.version)
