/**
 * Sources over a simulated world, one for each way a provider can be read.
 *
 * | kind        | asks for                          | rule                            |
 * | ----------- | --------------------------------- | ------------------------------- |
 * | `Keyset`    | after the stamp and id            | Unique, Exclusive, Ascending    |
 * | `Stamps`    | from the stamp on                 | Shared, Inclusive, Ascending    |
 * | `Strict`    | after the stamp, and marks        | Shared, Exclusive, Ascending    |
 * | `Walk`      | from the stamp on, by id          | Unsorted, marks                 |
 * | `Pushes`    | hints, read by id                 | Unpositioned, marks             |
 * | `Hints`     | versions of another domain        | Unique, Exclusive, Ascending    |
 * | `Deletions` | deletions without a version       | Shared, Inclusive, Ascending    |
 *
 * All but `Deletions` tell the whole story. Each page is a read of its own: the
 * world may have gone on between two pages.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Observation from "@tidemark/core/model/Observation"
import type * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Windowing from "@tidemark/core/rules/Windowing"
import * as Duration from "effect/Duration"
import * as Place from "./Place.ts"
import type * as Upstream from "./Upstream.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Kind = "Keyset" | "Stamps" | "Strict" | "Walk" | "Pushes" | "Hints" | "Deletions"

/** @category models @since 0.1.0 */
export type Source = ChangeSource.ChangeSource<World.Note, Place.Place>

/** @category models @since 0.1.0 */
export interface Options {
  readonly upstream: Upstream.Upstream
  /** Most observations per page, one page after the other, over and over. */
  readonly pageSizes: ReadonlyArray<number>
  /** Default: 0. */
  readonly epoch?: number
}

/** A read under way. @category models @since 0.1.0 */
export interface Reading {
  readonly from: Place.Place | undefined
  readonly window: Windowing.Window
  /** What this read emitted last. */
  readonly last: World.Revision | undefined
  /** The last position that left. */
  readonly position: Place.Place | undefined
}

/** How one kind reads. The laws' wrong sources are made by changing a right one. @category models @since 0.1.0 */
export interface Method {
  readonly rule: CursorRule.CursorRule<Place.Place>
  /** Of all there is to see, what comes next, in order. */
  readonly select: (world: World.World, reading: Reading) => ReadonlyArray<World.Revision>
  readonly observe: (
    world: World.World,
    revision: World.Revision,
    position: Place.Place | undefined
  ) => Observation.Observation<World.Note, Place.Place>
  readonly position: (revision: World.Revision, reading: Reading, world: World.World) => Place.Place | undefined
  /** The mark behind a page, or behind the end of the read. */
  readonly mark: (reading: Reading, isEnd: boolean, world: World.World) => Place.Place | undefined
  readonly window: (world: World.World, settle: number, from: Place.Place | undefined) => Windowing.Window
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Scale of the versions that a world's records have. @category constants @since 0.1.0 */
export const domain = "world/stamp"

/** A source over what `upstream` shows. @category constructors @since 0.1.0 */
export const make = (kind: Kind, options: Options): Source => fromMethod(kind, methods[kind], options)

/** A source that reads by a method, perhaps a wrong one. @category constructors @since 0.1.0 */
export const fromMethod = (label: string, method: Method, { epoch = 0, pageSizes, upstream }: Options): Source => ({
  label: `world/${label}`,
  domain,
  epoch,
  account: Effect.succeed("world"),
  rule: method.rule,
  read: ({ from, settle }) =>
    Stream.unwrap(
      Effect.map(upstream.world, (world) => {
        const window = method.window(world, Duration.toMillis(settle), from)
        const start: Reading = { from, window, last: undefined, position: from }
        return Stream.paginate({ reading: start, number: 0 }, ({ number, reading }) =>
          Effect.map(upstream.read, (now) => {
            const size = pageSizes[number % pageSizes.length] ?? 1
            const [page, next] = pageOf(method, now, reading, size)
            return [page, Option.map(next, (reading) => ({ reading, number: number + 1 }))] as const
          })
        )
      })
    ),
  fetch: (ids) =>
    Effect.map(upstream.read, (world) => {
      const rows = new Map(World.rows(world).map((row) => [row.id, row]))
      return new Map(
        ids.flatMap((id) => {
          const row = rows.get(id)
          return row?.record === undefined
            ? []
            : [[id, { record: row.record, version: { ...versionOf(world, row), epoch } }] as const]
        })
      )
    })
})

/** The version of a change as read now. @category constructors @since 0.1.0 */
export const versionOf = (world: World.World, { stamp }: World.Revision): Version.Version =>
  Version.make({ domain, value: String(stamp).padStart(12, "0"), at: stamp, observedAt: world.now })

// -----------------------------------------------------------------------------
// methods
// -----------------------------------------------------------------------------

const window: Method["window"] = (world, settle) => Windowing.make({ startedAt: world.now, settle })

const byStamp = (world: World.World): ReadonlyArray<World.Revision> =>
  World.rows(world).toSorted((a, b) => a.stamp - b.stamp || World.compareText(a.id, b.id))

const isAfter = ({ id, stamp }: World.Revision, last: World.Revision | undefined): boolean =>
  last === undefined || stamp > last.stamp || (stamp === last.stamp && id > last.id)

const capped =
  (place: (revision: World.Revision) => Place.Place): Method["position"] =>
  (revision, { position, window }) =>
    Windowing.cap(window, ({ at }) => at, position, place(revision))

const observe: Method["observe"] = (world, revision, position) => {
  const base = { externalId: Observation.ExternalId.make(revision.id), position, origin: "Poll" as const }
  const version = versionOf(world, revision)
  return revision.record === undefined
    ? { _tag: "Delete", ...base, evidence: { _tag: "Tombstone" }, version, observedAt: world.now }
    : { _tag: "Upsert", ...base, record: revision.record, version }
}

const noMark: Method["mark"] = () => undefined

/** After the stamp and id. @category methods @since 0.1.0 */
export const keyset: Method = {
  rule: Place.rule({ positions: "Unique", resume: "Exclusive", order: Place.compare }),
  window,
  observe,
  select: (world, { from, last }) =>
    byStamp(world).filter(
      (row) => isAfter(row, last) && (from === undefined || Place.compare({ at: row.stamp, id: row.id }, from) > 0)
    ),
  position: capped(({ id, stamp }) => ({ at: stamp, id })),
  mark: noMark
}

/** From the stamp on. @category methods @since 0.1.0 */
export const stamps: Method = {
  ...keyset,
  rule: Place.rule({ positions: "Shared", resume: "Inclusive", order: (a, b) => a.at - b.at }),
  select: (world, { from, last }) =>
    byStamp(world).filter((row) => isAfter(row, last) && row.stamp >= (from ?? Place.beginning).at),
  position: capped(({ stamp }) => ({ at: stamp }))
}

/** After the stamp; the mark at the end says that nothing more can come below the horizon. @category methods @since 0.1.0 */
export const strict: Method = {
  ...stamps,
  rule: Place.rule({ positions: "Shared", resume: "Exclusive", order: (a, b) => a.at - b.at }),
  select: (world, { from, last }) =>
    byStamp(world).filter((row) => isAfter(row, last) && row.stamp > (from ?? Place.beginning).at),
  mark: ({ window }, isEnd) => (isEnd ? { at: window.horizon } : undefined)
}

/** From the stamp on, in the order of ids. @category methods @since 0.1.0 */
export const walk: Method = {
  ...keyset,
  rule: Place.rule({ positions: "Unique", resume: "Exclusive", emission: "Unsorted" }),
  window: (world, settle, from) => Windowing.make({ startedAt: from?.walk ?? world.now, settle }),
  select: (world, { from, last }) =>
    World.rows(world).filter(
      ({ id, stamp }) => stamp >= (from ?? Place.beginning).at && id > (last?.id ?? from?.id ?? "")
    ),
  position: () => undefined,
  mark: ({ from, last, window }, isEnd) =>
    isEnd || last === undefined
      ? { at: Math.max(window.horizon, 0) }
      : { at: (from ?? Place.beginning).at, id: last.id, walk: window.startedAt }
}

const after = (world: World.World, { from, last }: Reading): ReadonlyArray<World.Revision> => {
  const all = World.announced(world)
  const read = last === undefined ? (from?.at ?? 0) : all.findIndex(({ sequence }) => sequence === last.sequence) + 1
  return all.slice(read)
}

const count = (world: World.World, revision: World.Revision): number =>
  World.announced(world).findIndex(({ sequence }) => sequence === revision.sequence) + 1

/** Hints that something changed, in the order of announcement. @category methods @since 0.1.0 */
export const pushes: Method = {
  ...keyset,
  rule: Place.rule({ positions: "Unique", resume: "Exclusive", emission: "Unpositioned" }),
  select: after,
  observe: (world, { id, record }) => {
    const base = { externalId: Observation.ExternalId.make(id), position: undefined, origin: "Webhook" as const }
    return record === undefined
      ? { _tag: "Delete", ...base, evidence: { _tag: "Tombstone" }, version: undefined, observedAt: world.now }
      : { _tag: "Touch", ...base }
  },
  position: () => undefined,
  mark: ({ from, last }, _, world) => ({ at: last === undefined ? (from?.at ?? 0) : count(world, last) })
}

/** Whole records and patches, versioned by the number of the announcement. @category methods @since 0.1.0 */
export const hints: Method = {
  ...keyset,
  rule: Place.rule({ positions: "Unique", resume: "Exclusive", order: (a, b) => a.at - b.at }),
  select: after,
  observe: (world, revision, position) => {
    const base = {
      externalId: Observation.ExternalId.make(revision.id),
      position,
      origin: "Cdc" as const
    }
    const value = String(revision.sequence).padStart(12, "0")
    const version = Version.make({ domain: "world/sequence", value, observedAt: world.now })
    if (revision.record === undefined)
      return { _tag: "Delete", ...base, evidence: { _tag: "Tombstone" }, version, observedAt: world.now }
    const before = exactlyBefore(world, revision)
    if (before?.record === undefined) return { _tag: "Upsert", ...base, record: revision.record, version }
    const fields = changed(before.record, revision.record)
    return { _tag: "Patch", ...base, fields, follows: versionOf(world, before), observedAt: world.now }
  },
  position: (revision, _, world) => ({ at: count(world, revision) }),
  mark: noMark
}

/** Deletions that still hold, from their stamp on. @category methods @since 0.1.0 */
export const deletions: Method = {
  ...stamps,
  select: (world, reading) => stamps.select(world, reading).filter(({ record }) => record === undefined),
  observe: (world, { id }, position) => ({
    _tag: "Delete",
    externalId: Observation.ExternalId.make(id),
    position,
    origin: "Poll",
    evidence: { _tag: "Tombstone" },
    version: undefined,
    observedAt: world.now
  })
}

const methods: Readonly<Record<Kind, Method>> = {
  Keyset: keyset,
  Stamps: stamps,
  Strict: strict,
  Walk: walk,
  Pushes: pushes,
  Hints: hints,
  Deletions: deletions
}

/** All kinds that tell the whole story. @category constants @since 0.1.0 */
export const kinds: ReadonlyArray<Kind> = ["Keyset", "Stamps", "Strict", "Walk", "Pushes", "Hints"]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type WorldPage = Page.Page<World.Note, Place.Place>

const pageOf = (
  method: Method,
  world: World.World,
  reading: Reading,
  size: number
): readonly [ReadonlyArray<WorldPage>, Option.Option<Reading>] => {
  const rows = method.select(world, reading).slice(0, size)
  const last = rows.at(-1)
  const end = last === undefined ? method.mark(reading, true, world) : undefined
  if (last === undefined)
    return [end === undefined ? [] : [{ observations: [], mark: { position: end } }], Option.none()]
  let { position } = reading
  const observations = rows.map((row) => {
    position = method.position(row, { ...reading, position }, world)
    return method.observe(world, row, position)
  })
  const next: Reading = { ...reading, last, position }
  const mark = method.mark(next, false, world)
  return [[{ observations, mark: mark === undefined ? undefined : { position: mark } }], Option.some(next)]
}

/** The change before this one, when its stamp tells it from all others of the record. */
const exactlyBefore = (world: World.World, revision: World.Revision): World.Revision | undefined => {
  const all = world.revisions.filter(({ id }) => id === revision.id)
  const before = all[all.findIndex(({ sequence }) => sequence === revision.sequence) - 1]
  return before !== undefined && all.filter(({ stamp }) => stamp === before.stamp).length === 1 ? before : undefined
}

const changed = (before: World.Note, after: World.Note): Partial<World.Note> => {
  const fields = Object.keys(after) as ReadonlyArray<keyof World.Note>
  return Object.fromEntries(fields.flatMap((name) => (before[name] === after[name] ? [] : [[name, after[name]]])))
}
