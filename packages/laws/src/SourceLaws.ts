/**
 * What the engine relies on in anybody's source: L02, L03, L04, L06, L07, L10, W06,
 * W67, W72.
 *
 * ```ts
 * for (const law of verifySource({ make, records, settle, deletions })) it(law.name, () => law.check())
 * ```
 *
 * A case has an upstream of its own, in which things happen as they were generated.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as fc from "fast-check"
import type * as Observation from "@tidemark/core/model/Observation"
import * as Version from "@tidemark/core/model/Version"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Frontier from "@tidemark/core/rules/Frontier"
import * as Law from "./Law.ts"
import * as Copy from "./source/Copy.ts"
import * as Driver from "./source/Driver.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A source, and the upstream it reads. @category models @since 0.1.0 */
export interface Made<A, C, R> {
  readonly source: ChangeSource.ChangeSource<A, C, R>
  readonly upstream: Driver.Driver<A>
}

/** @category models @since 0.1.0 */
export interface Options<A, C, R = never> {
  /** An upstream without records and a source over it, for one case. */
  readonly make: Effect.Effect<Made<A, C, NoInfer<R>>, unknown, R | Scope.Scope>
  /** What is put upstream. */
  readonly records: fc.Arbitrary<A>
  /** How late a change may become visible. */
  readonly settle: Duration.Input
  /** Length of one tick of the upstream's clock. Default: 1 ms. */
  readonly tick?: Duration.Input
  /** Whether the source tells which records are gone. */
  readonly deletions: boolean
  /** Source time of a position, in ms since the epoch, where a position stands for a time. */
  readonly at?: (position: C) => number
  /** Whether a record told is the record upstream. Default: compared as JSON. */
  readonly isSame?: (a: A, b: A) => boolean
  /** Most pages of a read, for at most 30 records. Default: 200. */
  readonly pagesMax?: number
  /** Default: as each law asks for. A case over HTTP may take a hundred times as long as one over a value. */
  readonly runs?: number
  /** What `make` and the source need; built once per law. */
  readonly layer?: Layer.Layer<R, unknown>
}

// -----------------------------------------------------------------------------
// laws
// -----------------------------------------------------------------------------

/** All laws of a source. @category laws @since 0.1.0 */
export const verifySource = <A, C, R = never>(options: Options<A, C, R>): ReadonlyArray<Law.Law> => {
  const law: Make<A, C, R> = (one) => {
    const { layer, runs } = options
    return Law.make({
      ...one,
      ...(runs === undefined ? {} : { runs }),
      ...(layer === undefined ? {} : { layer }),
      holds: (value) => Effect.scoped(Effect.flatMap(bench(options), (bench) => one.holds(bench, value)))
    })
  }
  return [
    ...resumeLaws(law, options.records),
    ...repeatLaws(law, options.records),
    ...orderLaws(law, options.records),
    ...timeLaws(law, options),
    ...versionLaws(law, options.records),
    ...(options.deletions ? [deletionLaw(law, options.records)] : [])
  ]
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Make<A, C, R> = <T>(options: {
  readonly id: string
  readonly claim: string
  readonly runs: number
  readonly arbitrary: fc.Arbitrary<T>
  readonly holds: (bench: Copy.Bench<A, C, R>, value: T) => Effect.Effect<unknown, unknown, R>
}) => Law.Law

const bench = Effect.fnUntraced(function* <A, C, R>(
  options: Options<A, C, R>
): Effect.fn.Return<Copy.Bench<A, C, R>, unknown, R | Scope.Scope> {
  const { source, upstream } = yield* options.make
  const settle = Duration.toMillis(options.settle)
  const pace = { settle, tick: Duration.toMillis(options.tick ?? Duration.millis(1)) }
  return {
    source,
    driver: upstream,
    player: Driver.player(upstream, pace),
    settle,
    pagesMax: options.pagesMax ?? 200,
    deletions: options.deletions,
    isSame: options.isSame ?? ((a, b) => Law.show(a) === Law.show(b))
  }
})

/** A stop after this many arrivals, or at the end. */
const stop = fc.option(fc.nat(40), { nil: undefined, freq: 4 })

// -----------------------------------------------------------------------------
// internal: resume
// -----------------------------------------------------------------------------

const resumeLaws = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>): ReadonlyArray<Law.Law> => [
  law({
    id: "L02",
    claim: "a read tells every record that was visible when it began",
    runs: 150,
    arbitrary: Driver.changes(records, 14),
    holds: Effect.fnUntraced(function* (bench, changes) {
      yield* bench.player.play(changes)
      const copy = Copy.make<A, C>()
      const before = yield* bench.driver.visible
      yield* Copy.run(bench, copy)
      yield* Copy.isInStep(bench, copy, [before, yield* bench.driver.visible])
    })
  }),
  law({
    id: "L02",
    claim: "a run that stops anywhere is made whole by the next, from where it stood",
    runs: 150,
    arbitrary: fc.tuple(Driver.changes(records, 14), stops),
    holds: resumes
  }),
  law({
    id: "L03",
    claim: "records that share a stamp are all read, wherever a run stops among them",
    runs: 150,
    arbitrary: fc.tuple(fc.array(Driver.put(records), { minLength: 2, maxLength: 10 }), stops),
    holds: resumes
  })
]

const stops = fc.array(stop, { minLength: 1, maxLength: 3 })

/** Runs that stop, and one that does not, over an upstream that stands still. */
const resumes = Effect.fnUntraced(function* <A, C, R>(
  bench: Copy.Bench<A, C, R>,
  [changes, stops]: readonly [ReadonlyArray<Driver.Change<A>>, ReadonlyArray<number | undefined>]
): Effect.fn.Return<void, unknown, R> {
  const copy = Copy.make<A, C>()
  yield* bench.player.play(changes)
  yield* bench.player.quiet
  for (const stop of [...stops, undefined]) yield* Copy.run(bench, copy, { stop })
  yield* Copy.isInStep(bench, copy, [yield* bench.driver.visible])
})

const repeatLaws = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>): ReadonlyArray<Law.Law> => [
  law({
    id: "L07",
    claim: "runs that stop anywhere, while the upstream goes on, come to what one read would tell",
    runs: 150,
    arbitrary: fc.tuple(Driver.changes(records, 6), fc.array(piece(records), { maxLength: 5 })),
    holds: Effect.fnUntraced(function* (bench, [changes, pieces]) {
      const copy = Copy.make<A, C>()
      yield* bench.player.play(changes)
      for (const { between, during, stop } of pieces) {
        yield* Copy.run(bench, copy, { stop, during })
        yield* bench.player.play(between)
      }
      yield* bench.player.quiet
      // The first of them may only finish what an earlier run began; what moved behind it is in the second.
      yield* Copy.run(bench, copy)
      yield* Copy.run(bench, copy)
      yield* Copy.isInStep(bench, copy, [yield* bench.driver.visible])
    })
  }),
  law({
    id: "L07",
    claim: "a read from the same position tells the same, when nothing has changed",
    runs: 60,
    arbitrary: fc.tuple(Driver.changes(records, 10), fc.nat(40)),
    holds: Effect.fnUntraced(function* (bench, [changes, place]) {
      yield* bench.player.play(changes)
      yield* bench.player.quiet
      const whole = yield* Copy.read(bench, undefined)
      yield* Law.same("a second read", texts(yield* Copy.read(bench, undefined)), texts(whole))
      const left = Copy.positions(whole)
      const from = left[place % Math.max(1, left.length)]
      const part = yield* Copy.read(bench, from)
      yield* Law.same(`a second read from ${Copy.text(from)}`, texts(yield* Copy.read(bench, from)), texts(part))
    })
  })
]

const piece = <A>(records: fc.Arbitrary<A>) =>
  fc.record({
    stop,
    during: fc.array(Driver.change(records), { maxLength: 3 }),
    between: fc.array(Driver.change(records), { maxLength: 3 })
  })

/** What was told, without when it was read. */
const texts = <A, C>(read: Copy.Read<A, C>): ReadonlyArray<string> =>
  Copy.observations(read)
    .map((one) => {
      const { externalId, _tag } = one
      const version = "version" in one ? one.version?.value : undefined
      return Law.show({ externalId, _tag, version, record: _tag === "Upsert" ? one.record : undefined })
    })
    .toSorted()

// -----------------------------------------------------------------------------
// internal: order and time
// -----------------------------------------------------------------------------

const orderLaws = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>): ReadonlyArray<Law.Law> => [
  law({
    id: "L06",
    claim: "a read ends, each of its pages says something, and positions never go back where they are in order",
    runs: 150,
    arbitrary: fc.tuple(Driver.changes(records, 14), fc.boolean(), stop),
    holds: Effect.fnUntraced(function* (bench, [changes, isQuiet, stop]) {
      const { rule } = bench.source
      yield* bench.player.play(changes)
      if (isQuiet) yield* bench.player.quiet
      const copy = Copy.make<A, C>()
      for (const at of [stop, undefined]) {
        const { cursor } = copy
        const read = yield* Copy.run(bench, copy, { stop: at })
        const empty = read.pages.findIndex(({ mark, observations }) => mark === undefined && observations.length === 0)
        yield* Law.requires(empty < 0, () => `page ${empty + 1} has neither observations nor a mark`)
        const told = Copy.observations(read).map(({ position }) => position)
        const disorder = Frontier.findDisorder(rule, Frontier.start(cursor), told)
        yield* Law.requires(
          disorder === undefined,
          () => `${Copy.text(disorder)} goes back in ${told.map(Copy.text).join(", ")}`
        )
      }
    })
  })
]

const timeLaws = <A, C, R>(law: Make<A, C, R>, { at, records }: Options<A, C, R>): ReadonlyArray<Law.Law> => [
  ...(at === undefined ? [] : [horizonLaw(law, records, at)]),
  law({
    id: "L04",
    claim: "what becomes visible late is read, however runs are spaced",
    runs: 150,
    arbitrary: fc.array(fc.array(Driver.change(records), { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
    holds: Effect.fnUntraced(function* (bench, rounds) {
      const copy = Copy.make<A, C>()
      for (const changes of rounds) {
        yield* bench.player.play(changes)
        yield* Copy.run(bench, copy)
      }
      yield* bench.player.quiet
      yield* Copy.run(bench, copy)
      yield* Copy.isInStep(bench, copy, [yield* bench.driver.visible])
    })
  }),
  law({
    id: "W72",
    claim: "of two runs one sees what was visible before them, of a record that is changed all the time",
    runs: 40,
    arbitrary: fc.uniqueArray(records, { selector: Law.show, minLength: 2, maxLength: 5 }),
    holds: Effect.fnUntraced(function* (bench, states) {
      const copy = Copy.make<A, C>()
      const moments: Array<ReadonlyMap<string, A>> = []
      for (const record of states) {
        yield* bench.player.play([
          { _tag: "Put", name: "a", record, late: 0 },
          { _tag: "Pass", span: 1 }
        ])
        moments.push(yield* bench.driver.visible)
        yield* Copy.run(bench, copy)
        if (moments.length > 1) yield* Copy.isInStep(bench, copy, moments.slice(-2))
      }
    })
  })
]

const horizonLaw = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>, at: (position: C) => number): Law.Law =>
  law({
    id: "L04",
    claim: "no position above the horizon leaves: the time at which the read began, less settle",
    runs: 150,
    arbitrary: fc.tuple(Driver.changes(records, 10), Driver.changes(records, 6)),
    holds: Effect.fnUntraced(function* (bench, [changes, more]) {
      const copy = Copy.make<A, C>()
      for (const part of [changes, more]) {
        yield* bench.player.play(part)
        const read = yield* Copy.run(bench, copy)
        const horizon = read.startedBy - bench.settle
        const over = Copy.positions(read).find((position) => at(position) > horizon)
        yield* Law.requires(over === undefined, () => `${Copy.text(over)} left, and is above the horizon, ${horizon}`)
      }
    })
  })

// -----------------------------------------------------------------------------
// internal: versions and deletions
// -----------------------------------------------------------------------------

const versionLaws = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>): ReadonlyArray<Law.Law> => [
  law({
    id: "L10",
    claim: "a later change of a record has a later version",
    runs: 60,
    arbitrary: fc.array(records, { minLength: 2, maxLength: 5 }),
    holds: Effect.fnUntraced(function* (bench, states) {
      const copy = Copy.make<A, C>()
      let before: ReadonlyMap<string, Copy.Kept<A>> = new Map()
      for (const record of states) {
        yield* bench.player.play([{ _tag: "Put", name: "a", record, late: 0 }])
        yield* bench.player.quiet
        // A copy of its own takes what it is told, whatever was told before.
        const fresh: Copy.Copy<A, C> = { rows: new Map(), cursor: copy.cursor }
        yield* Copy.run(bench, fresh)
        copy.cursor = fresh.cursor
        for (const [id, { version }] of fresh.rows) {
          const known = before.get(id)?.version
          if (version === undefined || known === undefined) continue
          const isLater = Version.compare(version, known) > 0 && version.value >= known.value
          yield* Law.requires(isLater, () => `${id} has version ${Law.show(version)} after ${Law.show(known)}`)
        }
        before = fresh.rows
      }
    })
  }),
  law({
    id: "W67",
    claim: "a read by id answers the records that exist, with versions of the source's domain and mapping",
    runs: 60,
    arbitrary: fc.tuple(Driver.changes(records, 10), fc.array(Driver.name, { maxLength: 3 })),
    holds: Effect.fnUntraced(function* (bench, [changes, removed]) {
      yield* bench.player.play(changes)
      yield* bench.player.quiet
      const ids = [
        ...(yield* bench.driver.visible).keys()
      ] as ReadonlyArray<string> as ReadonlyArray<Observation.ExternalId>
      yield* bench.player.play(removed.map((name) => ({ _tag: "Remove", name })))
      yield* bench.player.quiet
      const visible = yield* bench.driver.visible
      const { domain, epoch, fetch } = bench.source
      if (fetch === undefined || !Arr.isReadonlyArrayNonEmpty(ids)) return
      const found = yield* fetch(ids)
      yield* Law.same("the ids answered", [...found.keys()].toSorted(), [...visible.keys()].toSorted())
      for (const [id, { record, version }] of found) {
        yield* Law.same(`domain and epoch of ${id}`, [version.domain, version.epoch], [domain, epoch])
        yield* Law.requires(bench.isSame(record, visible.get(id)!), () => `${id} was read as ${Law.show(record)}`)
      }
    })
  })
]

const deletionLaw = <A, C, R>(law: Make<A, C, R>, records: fc.Arbitrary<A>): Law.Law =>
  law({
    id: "W06",
    claim: "a record that is gone is told to be, to whoever was told that it was there",
    runs: 60,
    arbitrary: fc.tuple(
      fc.array(Driver.put(records), { minLength: 1, maxLength: 6 }),
      fc.array(Driver.name, { minLength: 1, maxLength: 3 })
    ),
    holds: Effect.fnUntraced(function* (bench, [changes, removed]) {
      const copy = Copy.make<A, C>()
      yield* bench.player.play(changes)
      yield* bench.player.quiet
      yield* Copy.run(bench, copy)
      yield* bench.player.play(removed.map((name) => ({ _tag: "Remove", name })))
      yield* bench.player.quiet
      yield* Copy.run(bench, copy)
      yield* Copy.isInStep(bench, copy, [yield* bench.driver.visible])
    })
  })
