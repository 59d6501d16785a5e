/**
 * Merging records (SOAP API guide, "merge()"): one stays, up to two others go
 * into it.
 *
 * The one that stays is changed, so its stamp moves. What pointed at the others
 * points at it. The others are deleted and say in `MasterRecordId` where they went.
 * All of it is one transaction.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import * as Input from "./Input.ts"
import * as Org from "./Org.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Merge {
  readonly entity: string
  /** Of the record that stays. */
  readonly id: string
  /** Of those that go. */
  readonly losers: ReadonlyArray<string>
  /** What the record that stays takes over. */
  readonly fields?: Input.Input
  /** How long the transaction stays open, in ms. Defaults to 0. */
  readonly lateMs?: number
  /** Defaults to `"user"`. */
  readonly by?: string
}

/** Most records that go at once. @category constants @since 0.1.0 */
export const losersMax = 2

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Gives the record that stays, those that pointed elsewhere, those that went.
 * Refuses, and changes nothing, when one of them is not there or they are too many.
 *
 * @category combinators
 * @since 0.1.0
 */
export const apply = (org: Org.Org, merge: Merge): Result.Result<ReadonlyArray<World.Applied>, Refusal.Refusal> =>
  Result.gen(function* () {
    const { by, fields = {}, lateMs } = merge
    const store = World.storeOf(org.world, merge.entity)
    if (store === undefined || !Catalog.isMergeable(store.entity)) {
      return yield* Refusal.fail(400, "INVALID_TYPE", `Records of ${merge.entity} cannot be merged.`)
    }
    const winner = yield* there(store, merge.id)
    const losers = yield* Result.all(merge.losers.map((id) => there(store, id)))
    if (losers.length === 0 || losers.length > losersMax || new Set([winner, ...losers]).size <= losers.length) {
      return yield* Refusal.fail(400, "INVALID_REQUEST", `"losers" must name one or ${losersMax} other records.`)
    }
    yield* Input.check(store.entity, fields, "update", World.find(org.world))
    const transaction = { ...(by === undefined ? {} : { by }), ...(lateMs === undefined ? {} : { lateMs }) }
    const entity = store.entity.name
    const applied = [yield* Org.mutate(org, { ...transaction, op: "update", entity, id: winner, fields })]
    for (const operation of moved(org.world, entity, winner, new Set(losers))) {
      applied.push(yield* Org.mutate(org, { ...transaction, ...operation }))
    }
    for (const id of losers) {
      applied.push(yield* Org.mutate(org, { ...transaction, op: "delete", entity, id, masterId: winner }))
    }
    return applied
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const there = (store: Store.Store, text: string): Result.Result<string, Refusal.Refusal> => {
  const holder = store.holders.get(RecordId.parse(text) ?? "")
  if (holder === undefined || holder.latest.isPurged) return Result.fail(Refusal.notFound)
  return Store.isDeleted(holder.latest) ? Result.fail(Refusal.isDeleted) : Result.succeed(holder.id)
}

// Changes that make what points at the losers point at the winner, which never points at itself.
const moved = (
  world: World.World,
  entity: string,
  winner: string,
  losers: ReadonlySet<string>
): ReadonlyArray<World.Operation> => {
  const operations: Array<World.Operation> = []
  for (const store of world.stores.values()) {
    const references = store.entity.fields.filter((field) => field.updateable && field.referenceTo.includes(entity))
    if (references.length === 0) continue
    for (const { id, latest } of store.list) {
      if (latest.isPurged || Store.isDeleted(latest) || losers.has(id)) continue
      const hit = references.filter(({ name }) => losers.has(String(latest.values[name])))
      if (hit.length === 0) continue
      const fields = Object.fromEntries(hit.map(({ name }) => [name, id === winner ? null : winner]))
      operations.push({ op: "update", entity: store.entity.name, id, fields })
    }
  }
  return operations
}
