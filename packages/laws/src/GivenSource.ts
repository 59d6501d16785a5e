/**
 * A source that tells what it is given, in that order: any order, with
 * repetitions, with many changes of one record.
 *
 * Its positions are places in the list, so it can be resumed anywhere.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as Place from "./Place.ts"
import * as Scenarios from "./Scenarios.ts"
import * as World from "./World.ts"
import * as WorldSource from "./WorldSource.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is told of a record. @category models @since 0.1.0 */
export interface Told {
  readonly id: string
  /** Which change of the record. Equal numbers of one id are one change. */
  readonly version: number
  /** `undefined` for a deletion. */
  readonly record: World.Note | undefined
  /** Told as a hint that there is something to read by id. Default: `false`. */
  readonly isHint?: boolean
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A source that tells this, with at most `pageSizes` observations per page. @category constructors @since 0.1.0 */
export const make = (told: ReadonlyArray<Told>, pageSizes: ReadonlyArray<number>): WorldSource.Source => ({
  label: "given",
  domain: WorldSource.domain,
  epoch: 0,
  account: Effect.succeed("world"),
  rule: Place.rule({ positions: "Unique", resume: "Exclusive", order: Place.compare }),
  read: ({ from }) => Stream.fromIterable(pagesOf(told, from === undefined ? 0 : from.at + 1, pageSizes)),
  fetch: (ids) =>
    Effect.sync(() => {
      const wanted = new Set<string>(ids)
      return new Map(
        [...newest(told)].flatMap(([id, one]) =>
          one.record === undefined || !wanted.has(id)
            ? []
            : [[Observation.ExternalId.make(id), { record: one.record, version: versionOf(one) }] as const]
        )
      )
    })
})

/** A world in which what is told has happened. @category constructors @since 0.1.0 */
export const toWorld = (told: ReadonlyArray<Told>): World.World => {
  const world = World.make()
  const changes = new Map(told.map((one) => [`${one.id}/${one.version}`, one]))
  const revisions = [...changes.values()]
    .toSorted((a, b) => a.version - b.version || World.compareText(a.id, b.id))
    .map(({ id, record }, index) => ({ id, record, sequence: index + 1, stamp: 0, visibleAt: 0 }))
  return { ...world, revisions }
}

// -----------------------------------------------------------------------------
// arbitraries
// -----------------------------------------------------------------------------

/** Changes of few records, each told once or several times, some as hints, in any order. @category arbitraries @since 0.1.0 */
export const told = (
  record: fc.Arbitrary<World.Note> = Scenarios.note,
  lengthMax = 16
): fc.Arbitrary<ReadonlyArray<Told>> =>
  fc
    .array(
      fc.record({
        id: fc.constantFrom("a", "b", "c"),
        version: fc.integer({ min: 1, max: 5 }),
        record: fc.option(record, { nil: undefined, freq: 3 }),
        isHint: fc.constantFrom(false, false, false, true)
      }),
      { maxLength: lengthMax }
    )
    .map((all) => {
      const changes = new Map<string, World.Note | undefined>()
      return all.map(({ isHint, ...one }) => {
        const key = `${one.id}/${one.version}`
        const record = changes.has(key) ? changes.get(key) : one.record
        changes.set(key, record)
        // That a record is not found by id says nothing: a deletion is told as such.
        return { ...one, record, isHint: isHint && record !== undefined }
      })
    })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const versionOf = ({ version }: Told): Version.Version =>
  Version.make({ domain: WorldSource.domain, value: String(version).padStart(6, "0"), observedAt: version })

const newest = (told: ReadonlyArray<Told>): ReadonlyMap<string, Told> =>
  new Map(told.toSorted((a, b) => a.version - b.version).map((one) => [one.id, one]))

const observe = (one: Told, place: number): Observation.Observation<World.Note, Place.Place> => {
  const base = { externalId: Observation.ExternalId.make(one.id), position: { at: place }, origin: "Poll" as const }
  if (one.isHint === true) return { _tag: "Touch", ...base }
  const version = versionOf(one)
  return one.record === undefined
    ? { _tag: "Delete", ...base, evidence: { _tag: "Tombstone" }, version, observedAt: one.version }
    : { _tag: "Upsert", ...base, record: one.record, version }
}

const pagesOf = (told: ReadonlyArray<Told>, start: number, pageSizes: ReadonlyArray<number>) => {
  const pages: Array<Page.Page<World.Note, Place.Place, Observation.Observation<World.Note, Place.Place>>> = []
  for (let place = start, number = 0; place < told.length; number++) {
    const size = pageSizes[number % pageSizes.length] ?? 1
    pages.push(Page.make(told.slice(place, place + size).map((one, index) => observe(one, place + index))))
    place += size
  }
  return pages
}
