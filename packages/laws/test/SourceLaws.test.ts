// Goal: right sources keep the laws, wrong ones are caught by the law that is against them.
// Guarantees: L02, L03, L04, L06, L07, L10, W01, W04, W06, W52, W67, W72.
import type * as Page from "@tidemark/core/model/Page"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Place from "@tidemark/laws/Place"
import type * as SourceLaws from "@tidemark/laws/SourceLaws"
import type * as World from "@tidemark/laws/World"
import * as WorldSource from "@tidemark/laws/WorldSource"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"
import { laws } from "./support/worldStage.ts"

type Options = Partial<SourceLaws.Options<World.Note, Place.Place>>
type Source = WorldSource.Source
type Make = (options: WorldSource.Options) => Source
type Pages = Page.Page<World.Note, Place.Place>

const at = (place: Place.Place): number => place.at
/** Kinds whose positions stand for times. */
const timed: ReadonlySet<WorldSource.Kind> = new Set(["Keyset", "Stamps", "Strict", "Walk"])

const method =
  (change: Partial<WorldSource.Method>, of: WorldSource.Method = WorldSource.keyset): Make =>
  (options) =>
    WorldSource.fromMethod("wrong", { ...of, ...change }, options)

/** What is read is changed on its way out. */
const pages =
  (change: (pages: Stream.Stream<Pages>) => Stream.Stream<Pages>, kind: WorldSource.Kind = "Keyset"): Make =>
  (options) => {
    const right = WorldSource.make(kind, options) as Source & { readonly fetch: NonNullable<Source["fetch"]> }
    return { ...right, read: (asked) => change(Stream.orDie(right.read(asked))) } // a world never fails
  }

const fetching =
  (change: (fetch: NonNullable<Source["fetch"]>) => NonNullable<Source["fetch"]>): Make =>
  (options) => {
    const right = WorldSource.make("Keyset", options)
    return right.fetch === undefined ? right : { ...right, fetch: change(right.fetch) }
  }

/** Tells each change once, to whoever asks first. */
const forgetful: Make = (options) => {
  const told = new Set<string>()
  return pages(
    Stream.map(({ mark, observations }) => ({
      mark: mark ?? { position: observations.at(-1)!.position! },
      observations: observations.filter((one) => {
        const text = `${one.externalId} ${"version" in one ? one.version?.value : ""}`
        return !told.has(text) && told.add(text)
      })
    }))
  )(options)
}

const untilNow = (world: World.World, settle: number) => world.now - settle

const wrong: ReadonlyArray<readonly [design: string, id: string, about: string, make: Make, options?: Options]> = [
  [
    "W01 a read after a stamp that records share",
    "L03",
    "share a stamp",
    method({
      rule: WorldSource.stamps.rule,
      position: WorldSource.stamps.position,
      select: (world, { from, last }) =>
        WorldSource.stamps
          .select(world, { from: undefined, last } as WorldSource.Reading)
          .filter(({ stamp }) => stamp > (from?.at ?? 0))
    })
  ],
  [
    "positions called unique that records share",
    "L03",
    "share a stamp",
    method(
      {
        rule: Place.rule({ positions: "Unique", resume: "Exclusive", order: (a, b) => a.at - b.at }),
        mark: () => undefined
      },
      WorldSource.strict
    )
  ],
  [
    "W04 positions up to the present",
    "L04",
    "no position",
    method({ window: (world) => Windowing.make({ startedAt: world.now, settle: 0 }) }),
    { at }
  ],
  [
    "W04 positions up to the present, and late changes",
    "L04",
    "late",
    method({ window: (world) => Windowing.make({ startedAt: world.now, settle: 0 }) })
  ],
  [
    "a mark at the present",
    "L04",
    "late",
    method({ mark: (_, isEnd, world) => (isEnd ? { at: world.now } : undefined) }, WorldSource.strict)
  ],
  [
    "W72 a read up to now less settle",
    "W72",
    "",
    method({
      select: (world, reading) =>
        WorldSource.keyset.select(world, reading).filter(({ stamp }) => stamp <= untilNow(world, 20))
    })
  ],
  [
    "a page that is dropped",
    "L02",
    "tells every record",
    pages((pages) =>
      pages.pipe(
        Stream.zipWithIndex,
        Stream.filter(([, place]) => place !== 1),
        Stream.map(([page]) => page)
      )
    )
  ],
  [
    "W52 a short page taken for the last",
    "L02",
    "tells every record",
    pages(Stream.takeUntil(({ observations }) => observations.length < 2))
  ],
  [
    "a read that leaves out what comes next",
    "L02",
    "stops anywhere",
    method({
      select: (world, reading) =>
        WorldSource.keyset
          .select(world, reading)
          .slice(reading.from !== undefined && reading.last === undefined ? 1 : 0)
    })
  ],
  [
    "a run that begins where the last page ended, and is never whole",
    "L07",
    "come to what",
    method({
      select: (world, reading) =>
        WorldSource.keyset
          .select(world, reading)
          .slice(reading.from !== undefined && reading.last === undefined ? 1 : 0)
    })
  ],
  ["a read that goes on where another stopped", "L07", "tells the same", forgetful],
  [
    "an order that is not kept",
    "L06",
    "",
    pages(Stream.map((page) => ({ ...page, observations: page.observations.toReversed() })))
  ],
  [
    "a page that is told for ever",
    "L06",
    "",
    pages((pages) => Stream.flatMap(Stream.take(pages, 1), (page) => Stream.forever(Stream.make(page))))
  ],
  [
    "a page of nothing",
    "L06",
    "",
    pages((pages) => Stream.concat(pages, Stream.make({ observations: [], mark: undefined })))
  ],
  [
    "W06 a deletion that is never told",
    "W06",
    "",
    pages(
      Stream.map(({ mark, observations }) => ({
        mark,
        observations: observations.filter(({ _tag }) => _tag !== "Delete")
      }))
    )
  ],
  [
    "a version that goes back",
    "L10",
    "",
    method({
      observe: (world, revision, position) => {
        const one = WorldSource.keyset.observe(world, revision, position)
        return one._tag === "Upsert"
          ? { ...one, version: { ...one.version, value: String(999_999_999_999 - revision.stamp) } }
          : one
      }
    })
  ],
  [
    "W67 a read by id in another domain",
    "W67",
    "",
    fetching(
      (fetch) => (ids) =>
        Effect.map(
          fetch(ids),
          (found) =>
            new Map([...found].map(([id, one]) => [id, { ...one, version: { ...one.version, domain: "other" } }]))
        )
    )
  ],
  [
    "a read by id that answers what is gone",
    "W67",
    "",
    fetching(
      (fetch) => (ids) =>
        Effect.map(fetch(ids), (found) => {
          const [one] = found.values()
          return one === undefined ? found : new Map(ids.map((id) => [id, found.get(id) ?? one]))
        })
    )
  ],
  [
    "a read by id that answers one record for all",
    "W67",
    "",
    fetching(
      (fetch) => (ids) =>
        Effect.map(fetch(ids), (found) => {
          const [one] = found.values()
          return new Map([...found].map(([id]) => [id, one!]))
        })
    )
  ],
  [
    "a hint that cannot be read",
    "L02",
    "tells every record",
    (options) => {
      const { fetch: _, ...right } = WorldSource.make("Pushes", options)
      return right as unknown as Source // a source without `fetch` must not hint; that this one does is what is wrong
    }
  ]
]

describe("a right source", () => {
  for (const kind of WorldSource.kinds) {
    const options: Options = timed.has(kind) ? { at } : {}
    for (const law of laws((options) => WorldSource.make(kind, options), options))
      it(`${law.name}: ${kind}`, () => law.check(settings()))
  }
  for (const law of laws(
    (options) =>
      WorldSource.fromMethod(
        "records",
        {
          ...WorldSource.stamps,
          select: (world, reading) =>
            WorldSource.stamps.select(world, reading).filter(({ record }) => record !== undefined)
        },
        options
      ),
    { at, deletions: false }
  ))
    it(`${law.name}: one that tells no deletions`, () => law.check(settings(60)))
})

describe("a wrong source", () => {
  for (const [design, id, about, make, options] of wrong) {
    it(`${id} ${design} is caught`, () => isCaught(laws(make, options), id, about))
  }
})
