/**
 * The truth of the simulated org: its records, its clock, and what can be seen.
 *
 * No files, no network, no time but its own: the same calls give the same world.
 *
 * **Guarantees**
 *
 * - a change is stamped when it is made, in whole seconds, and seen when its
 *   transaction commits; until then every reader sees the record as it was;
 * - changes of one record commit in the order they were made;
 * - the clock goes forward only, and only when it is told to.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"
import * as History from "./History.ts"
import * as Input from "./Input.ts"
import * as Instant from "./Instant.ts"
import * as Population from "./Population.ts"
import * as Random from "./Random.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as Values from "./Values.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  readonly seed: number
  /** Makes the org's Id and with it that of all records. */
  readonly org: number
  /** How many records of each object there are at the start. */
  readonly counts: { readonly [entity: string]: number }
  /** What the clock shows first, in ms. */
  readonly start: number
  readonly spreadMs: number
  /** How many accounts share one stamp; 0 for no such tie. */
  readonly tie: number
  /** Objects beside those of every org. */
  readonly objects?: ReadonlyArray<Catalog.Entity>
}

/** @category models @since 0.1.0 */
export interface World {
  readonly options: Options
  /** 18 characters. */
  readonly orgId: string
  /** The user all requests run as. */
  readonly userId: string
  /** In ms. */
  now: number
  /** By the name of the object. */
  readonly stores: Map<string, Store.Store>
  /** Custom objects made so far. */
  objectCount: number
  /** Changes whose transactions are still open. */
  readonly open: Array<{ readonly store: Store.Store; readonly holder: Store.Holder; readonly version: Store.Version }>
  /** Records in the recycle bin, by store. */
  readonly bin: Map<Store.Holder, Store.Store>
  /** Records that left the recycle bin, or never were in it. */
  readonly purged: Array<{ readonly entity: string; readonly id: string; readonly deletedAt: number }>
}

/** @category models @since 0.1.0 */
export interface Operation {
  readonly op: "create" | "update" | "delete" | "purge" | "undelete"
  readonly entity: string
  /** Needed for all but `create`. */
  readonly id?: string
  /** Absent on `create`: made up. Absent on `update`: only `SystemModstamp` moves, as automation does. */
  readonly fields?: Input.Input
  /** How long the transaction stays open, in ms. Defaults to 0. */
  readonly lateMs?: number
  /** Defaults to `"user"`. */
  readonly by?: string
  /** On `delete`: the record it was merged into. */
  readonly masterId?: string
}

/** @category models @since 0.1.0 */
export interface Applied {
  readonly id: string
  readonly version: Store.Version
  readonly entries: ReadonlyArray<History.Entry>
}

type Answered<A> = Result.Result<A, Refusal.Refusal>

/** How long the recycle bin and the list of deletions keep a record, in ms. @category constants @since 0.1.0 */
export const binMs = 15 * Instant.day

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (options: Options): World => {
  const instance = instanceOf(options.org)
  const world: World = {
    options,
    orgId: RecordId.make("00D", instance, Random.hash(options.org, 1)),
    userId: RecordId.make("005", instance, Random.hash(options.org, 2)),
    now: options.start,
    stores: new Map(
      [...Catalog.entities, ...(options.objects ?? [])].map((entity) => [entity.name, Store.make(entity, options.seed)])
    ),
    objectCount: 0,
    open: [],
    bin: new Map(),
    purged: []
  }
  for (const store of world.stores.values()) populate(world, store)
  return world
}

/** The first records, as if just made. @category histories @since 0.1.0 */
export const population = (world: World): ReadonlyArray<History.Entry> => {
  const entries: Array<History.Entry> = []
  for (const store of world.stores.values()) {
    if (Catalog.isFixed(store.entity)) continue
    for (const { latest } of store.list) {
      entries.push(
        History.upstream(world.now, store.entity, latest, "create", "user"),
        History.visible(world.now, store.entity, latest)
      )
    }
  }
  return entries
}

// -----------------------------------------------------------------------------
// time
// -----------------------------------------------------------------------------

/**
 * Sets the clock. A time in the past changes nothing. Commits what is due, and
 * empties the recycle bin of what has been in it for too long.
 *
 * @category time
 * @since 0.1.0
 */
export const advance = (world: World, to: number): ReadonlyArray<History.Entry> => {
  if (to > world.now) world.now = to
  const entries: Array<History.Entry> = []
  const isDue = ({ version }: World["open"][number]) => version.visibleAt <= world.now
  if (world.open.some(isDue)) {
    // Sorting is stable: what commits at the same time commits in the order made.
    const due = world.open.filter(isDue).toSorted((a, b) => a.version.visibleAt - b.version.visibleAt)
    const rest = world.open.filter((each) => !isDue(each))
    world.open.splice(0, world.open.length, ...rest)
    for (const { holder, store, version } of due) entries.push(commit(world, store, holder, version, version.visibleAt))
  }
  for (const [holder, store] of world.bin) {
    const { latest, visible } = holder
    if (visible === undefined || latest !== visible || visible.stamp + binMs > world.now) continue
    holder.latest = { ...visible, isPurged: true, visibleAt: world.now }
    commit(world, store, holder, holder.latest, world.now)
  }
  return entries
}

/** When the oldest open transaction began, in ms; the present when none is open. @category time @since 0.1.0 */
export const settledAt = (world: World): number =>
  world.open.reduce((oldest, { version }) => Math.min(oldest, version.stamp), world.now)

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/** An object's records, whatever the case of its name. @category reading @since 0.1.0 */
export const storeOf = (world: World, name: string): Store.Store | undefined => {
  const exact = world.stores.get(name)
  if (exact !== undefined) return exact
  const lower = name.toLowerCase()
  for (const [name, store] of world.stores) if (name.toLowerCase() === lower) return store
  return undefined
}

/** Finds objects as users see them. @category reading @since 0.1.0 */
export const find =
  (world: World): Catalog.Find =>
  (name) =>
    storeOf(world, name)?.shown

/** All objects as users see them. @category reading @since 0.1.0 */
export const shown = (world: World): ReadonlyArray<Catalog.Entity> =>
  Array.from(world.stores.values(), ({ shown }) => shown)

/** The visible version of a record, in the recycle bin or not. @category reading @since 0.1.0 */
export const visible = (world: World, entity: Catalog.Entity, id: string): Store.Version | undefined =>
  world.stores.get(entity.name)?.holders.get(id)?.visible

/** What can be seen and is not deleted: values by object and Id. @category reading @since 0.1.0 */
export const state = (world: World): { readonly [entity: string]: { readonly [id: string]: Field.Values } } => {
  const entities: { [entity: string]: { [id: string]: Field.Values } } = {}
  for (const { entity, list } of world.stores.values()) {
    if (Catalog.isFixed(entity)) continue
    const records: { [id: string]: Field.Values } = {}
    for (const { id, visible } of list)
      if (visible !== undefined && !Store.isDeleted(visible)) records[id] = visible.values
    entities[entity.name] = records
  }
  return entities
}

// -----------------------------------------------------------------------------
// changing
// -----------------------------------------------------------------------------

/**
 * Makes a change now. Refuses, and changes nothing, when the record is not there
 * or not in the state the change needs, or a value does not fit.
 *
 * @category changing
 * @since 0.1.0
 */
export const mutate = (world: World, operation: Operation): Answered<Applied> =>
  Result.gen(function* () {
    const store = storeOf(world, operation.entity)
    if (store === undefined || Catalog.isFixed(store.entity)) {
      return yield* Refusal.fail(404, "NOT_FOUND", `There is no object ${operation.entity.slice(0, 80)} to change.`)
    }
    if (operation.op === "create") {
      const values = yield* created(world, store, operation.fields)
      const holder = Store.add(store, next(world, store, values, undefined, operation))
      return settle(world, store, holder, operation)
    }
    const holder = yield* target(store, operation)
    const before = holder.latest
    const values =
      operation.op === "update" ? yield* Input.check(store.entity, operation.fields ?? {}, "update", find(world)) : {}
    holder.latest = next(world, store, { ...before.values, ...values }, before, operation)
    return settle(world, store, holder, operation)
  })

/** What a made-up record or change of an object needs to know. @category changing @since 0.1.0 */
export const context = (world: World, random: Random.Random): Population.Context => {
  const accounts = world.stores.get("Account")?.list ?? []
  return {
    now: world.now,
    ownerId: world.userId,
    accountId: () => accounts[random.below(accounts.length)]?.id ?? null,
    unique: `X-${world.options.org}-${random.below(2 ** 31).toString(36)}-${random.below(2 ** 31).toString(36)}`
  }
}

// -----------------------------------------------------------------------------
// internal: changes
// -----------------------------------------------------------------------------

const created = (world: World, store: Store.Store, fields: Input.Input | undefined): Answered<Field.Values> =>
  Result.gen(function* () {
    const random = Random.make(world.options.seed, `${store.entity.name}/${store.list.length}`)
    const madeUp = Population.values(store.entity, random, context(world, random))
    if (fields === undefined) return { ...Values.empty(store.entity), ...madeUp }
    const given = yield* Input.check(store.entity, fields, "create", find(world))
    const needed = Input.missing(store.entity, given).map(({ name }) => [name, madeUp[name] ?? null] as const)
    const owner = Catalog.field(store.entity, "OwnerId") === undefined ? {} : { OwnerId: world.userId }
    return { ...Values.empty(store.entity), ...owner, ...Object.fromEntries(needed), ...given }
  })

const target = (store: Store.Store, { id = "", op }: Operation): Answered<Store.Holder> => {
  const holder = store.holders.get(RecordId.parse(id) ?? "")
  if (holder === undefined || holder.latest.isPurged) return Result.fail(Refusal.notFound)
  const isDeleted = Store.isDeleted(holder.latest)
  if (isDeleted && (op === "update" || op === "delete")) return Result.fail(Refusal.isDeleted)
  return !isDeleted && op === "undelete"
    ? Refusal.fail(400, "UNDELETE_FAILED", "Entity is not in the recycle bin")
    : Result.succeed(holder)
}

const next = (
  world: World,
  store: Store.Store,
  values: Field.Values,
  before: Store.Version | undefined,
  operation: Operation
): Store.Version => {
  const { fields, lateMs = 0, op } = operation
  const stamp = Math.max(Instant.toSecond(world.now), before?.stamp ?? 0)
  const id = before?.id ?? RecordId.make(store.entity.keyPrefix, instanceOf(world.options.org), number(world, store))
  const moment = Instant.toRest(stamp)
  const isAutomated = op === "update" && fields === undefined
  const isDeleted = op === "delete" || op === "purge"
  return {
    id,
    stamp,
    visibleAt: Math.max(world.now + lateMs, before?.visibleAt ?? 0),
    isPurged: op === "purge" || (isDeleted && !store.entity.hasBin),
    values: Values.derived(store.entity, {
      ...values,
      ...(op === "update" && fields?.["StageName"] !== undefined && fields["Probability"] === undefined
        ? { Probability: null }
        : {}),
      ...Values.held(store.entity, {
        Id: id,
        IsDeleted: isDeleted,
        CreatedDate: before?.values["CreatedDate"] ?? moment,
        LastModifiedDate: isAutomated ? (before?.values["LastModifiedDate"] ?? moment) : moment,
        SystemModstamp: moment,
        [Catalog.masterField]:
          operation.masterId ?? (op === "undelete" ? null : (before?.values[Catalog.masterField] ?? null))
      })
    })
  }
}

const settle = (world: World, store: Store.Store, holder: Store.Holder, operation: Operation): Applied => {
  const version = holder.latest
  const { by = "user", op } = operation
  const change = op === "purge" ? "delete" : operation.masterId === undefined ? op : "merge"
  const entry = History.upstream(world.now, store.entity, version, change, by)
  if (version.visibleAt > world.now) {
    world.open.push({ store, holder, version })
    return { id: version.id, version, entries: [entry] }
  }
  return { id: version.id, version, entries: [entry, commit(world, store, holder, version, world.now)] }
}

const commit = (
  world: World,
  store: Store.Store,
  holder: Store.Holder,
  version: Store.Version,
  at: number
): History.Entry => {
  const before = holder.visible
  Store.commit(holder, version)
  if (version.isPurged) {
    world.bin.delete(holder)
    const deleted = before !== undefined && Store.isDeleted(before) ? before : version
    world.purged.push({ entity: store.entity.name, id: version.id, deletedAt: deleted.stamp })
  } else if (Store.isDeleted(version)) world.bin.set(holder, store)
  else world.bin.delete(holder)
  return History.visible(at, store.entity, version)
}

// -----------------------------------------------------------------------------
// internal: records
// -----------------------------------------------------------------------------

const instanceOf = (org: number): string => {
  const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  const drawn = Random.hash(org, 3)
  return `${letters[drawn % 10]}${letters[10 + (drawn % 52)]}0`
}

// Neighbours differ in one letter, often by its case only.
const number = (world: World, store: Store.Store): number =>
  Random.hash(world.options.org, Random.hashText(store.entity.name)) + store.list.length

const populate = (world: World, store: Store.Store): void => {
  const { options } = world
  const { entity } = store
  if (Catalog.isFixed(entity)) return organize(world, store)
  const random = Random.make(options.seed, `population/${entity.name}`)
  const count = options.counts[entity.name] ?? 0
  const tie = entity.name === Catalog.account.name ? options.tie : 0
  const stamps = Population.stamps(count, { start: options.start, spreadMs: options.spreadMs, tie }, random)
  for (const stamp of stamps) {
    const id = RecordId.make(entity.keyPrefix, instanceOf(options.org), number(world, store))
    // Imports set the day of the last change back: the stamp stays true.
    const modified = random.chance(7 / 2086) ? stamp - (1 + random.below(86_400)) * Instant.second : stamp
    const values = Values.derived(entity, {
      ...Values.empty(entity),
      ...Population.values(entity, random, context(world, random)),
      ...Values.held(entity, {
        Id: id,
        CreatedDate: Instant.toRest(modified - random.below(400 * 86_400) * Instant.second),
        LastModifiedDate: Instant.toRest(modified),
        SystemModstamp: Instant.toRest(stamp)
      })
    })
    const version = { id, values, stamp, visibleAt: stamp, isPurged: false }
    Store.commit(Store.add(store, version), version)
  }
}

const organize = (world: World, store: Store.Store): void => {
  const stamp = Instant.toSecond(world.options.start - 400 * Instant.day)
  const moment = Instant.toRest(stamp)
  const values = {
    Id: world.orgId,
    Name: `Simulated Org ${world.options.org}`,
    InstanceName: "SIM1",
    IsSandbox: false,
    OrganizationType: "Developer Edition",
    CreatedDate: moment,
    LastModifiedDate: moment,
    SystemModstamp: moment
  }
  const version = { id: world.orgId, values, stamp, visibleAt: stamp, isPurged: false }
  Store.commit(Store.add(store, version), version)
}
