/**
 * The records of one object, and the orders they are read in.
 *
 * Records with equal sort keys come in an order that looks random, is never that
 * of Ids, and is the same for the same sort keys as long as the records are.
 *
 * An order is sorted once and kept; after a change the few records that moved
 * are put in place, so a page costs what its rows cost.
 *
 * @since 0.1.0
 */
import type * as Catalog from "./Catalog.ts"
import * as Condition from "./Condition.ts"
import type * as Field from "./Field.ts"
import * as Query from "./Query.ts"
import * as Random from "./Random.ts"
import * as RecordId from "./RecordId.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What a record was or is from one change to the next. Never changes. @category models @since 0.1.0 */
export interface Version {
  readonly id: string
  /** As REST shows them. */
  readonly values: Field.Values
  /** `SystemModstamp`, in ms, whole seconds. */
  readonly stamp: number
  /** When its transaction commits, in ms. Not before `stamp`. */
  readonly visibleAt: number
  /** Gone from the recycle bin as well. */
  readonly isPurged: boolean
}

/** A record through time. @category models @since 0.1.0 */
export interface Holder {
  readonly id: string
  /** Counts the records of the object, from 0. */
  readonly index: number
  /** Its place in the order of Ids, see `RecordId.sortKey`. */
  readonly sortKey: string
  /** What readers see; `undefined` before the first commit and after the purge. */
  visible: Version | undefined
  /** The newest, perhaps not committed yet. */
  latest: Version
}

/** @category models @since 0.1.0 */
export interface Store {
  /** With all its fields. */
  entity: Catalog.Entity
  /** As users see it: without the fields that are hidden from them. */
  shown: Catalog.Entity
  /** Names of fields that users do not see. */
  readonly hidden: Set<string>
  readonly seed: number
  readonly holders: Map<string, Holder>
  /** In the order of creation; purged records stay. */
  readonly list: Array<Holder>
  readonly orders: Map<string, Order>
}

interface Item {
  readonly holder: Holder
  readonly rank: number
  version: Version | undefined
  keys: ReadonlyArray<Condition.Key>
}

interface Order {
  readonly items: Array<Item>
  /** How many of the list's records are among the items. */
  known: number
}

/** Orders kept for an object; the oldest gives way. @category constants @since 0.1.0 */
export const ordersMax = 8

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (entity: Catalog.Entity, seed: number): Store => ({
  entity,
  shown: entity,
  hidden: new Set(),
  seed: Random.hash(seed, Random.hashText(entity.name)),
  holders: new Map(),
  list: [],
  orders: new Map()
})

/** Lets users see the object as it is now. @category combinators @since 0.1.0 */
export const show = (store: Store): void => {
  const fields = store.entity.fields.filter(({ name }) => !store.hidden.has(name))
  store.shown = fields.length === store.entity.fields.length ? store.entity : { ...store.entity, fields }
}

/** A new record, invisible until it is committed. @category combinators @since 0.1.0 */
export const add = (store: Store, version: Version): Holder => {
  const holder: Holder = {
    id: version.id,
    index: store.list.length,
    sortKey: RecordId.sortKey(version.id),
    visible: undefined,
    latest: version
  }
  store.holders.set(version.id, holder)
  store.list.push(holder)
  return holder
}

/** What can be seen of a record is from now on this version. @category combinators @since 0.1.0 */
export const commit = (holder: Holder, version: Version): void => {
  holder.visible = version.isPurged ? undefined : version
}

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/** Whether a version is in the recycle bin. @category guards @since 0.1.0 */
export const isDeleted = (version: Version): boolean => version.values["IsDeleted"] === true

/** All rows of a query, in its order, as they are now. @category reading @since 0.1.0 */
export const select = (store: Store, query: Query.Query, withDeleted: boolean): ReadonlyArray<Version> => {
  const found: Array<Version> = []
  for (const { version } of ordered(store, query).items) {
    if (version !== undefined && (withDeleted || !isDeleted(version)) && query.test(version.values)) found.push(version)
  }
  const end = query.limit === undefined ? found.length : query.offset + query.limit
  return query.offset === 0 && end >= found.length ? found : found.slice(query.offset, end)
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const ordered = (store: Store, query: Query.Query): Order => {
  const name = Query.orderName(query)
  const order: Order = store.orders.get(name) ?? { items: [], known: 0 }
  const salt = Random.hashText(name)
  let isMoved = false
  for (const item of order.items) {
    if (item.version === item.holder.visible) continue
    place(item, query.orderBy)
    isMoved = true
  }
  for (; order.known < store.list.length; order.known++) {
    const holder = store.list[order.known]!
    const item = { holder, rank: Random.hash(store.seed, salt, holder.index), version: undefined, keys: [] }
    place(item, query.orderBy)
    order.items.push(item)
    isMoved = true
  }
  // Nearly sorted lists are sorted fast.
  if (isMoved) order.items.sort(comparison(query.orderBy))
  store.orders.delete(name)
  store.orders.set(name, order)
  for (const oldest of store.orders.keys()) {
    if (store.orders.size <= ordersMax) break
    store.orders.delete(oldest)
  }
  return order
}

const place = (item: Item, orderBy: ReadonlyArray<Query.SortKey>): void => {
  const version = item.holder.visible
  item.version = version
  item.keys = version === undefined ? [] : orderBy.map(({ field }) => keyOf(item.holder, version, field))
}

// The two keys of every incremental read are at hand; stamps compare faster as numbers.
const keyOf = (holder: Holder, version: Version, field: Field.Field): Condition.Key => {
  if (field.name === "SystemModstamp") return version.stamp
  return field.name === "Id" ? holder.sortKey : Condition.key(field, version.values[field.name])
}

const comparison = (orderBy: ReadonlyArray<Query.SortKey>) => {
  const sides = orderBy.map(({ direction, nulls }) => ({
    smaller: direction === "ASC" ? -1 : 1,
    nothing: nulls === "FIRST" ? -1 : 1
  }))
  return (a: Item, b: Item): number => {
    for (let at = 0; at < sides.length; at++) {
      const left = a.keys[at] ?? null
      const right = b.keys[at] ?? null
      if (left === right) continue
      const side = sides[at]!
      if (left === null) return side.nothing
      if (right === null) return -side.nothing
      return left < right ? side.smaller : -side.smaller
    }
    return a.rank - b.rank
  }
}
