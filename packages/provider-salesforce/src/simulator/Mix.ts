/**
 * Made-up changes, as many as wanted, that follow from a seed and the world.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import * as Org from "./Org.ts"
import * as Population from "./Population.ts"
import * as Random from "./Random.ts"
import type * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How often each kind comes, in relation to the others. @category models @since 0.1.0 */
export type Weights = { readonly [op in World.Operation["op"]]?: number }

/** @category models @since 0.1.0 */
export interface Mix extends Weights {
  /** How many changes. */
  readonly count: number
  readonly seed: number
  /** One object only; absent, all that have records. */
  readonly entity?: string
  /** The longest a transaction stays open, in ms. Defaults to 0. */
  readonly lateMaxMs?: number
  /** Defaults to `"user"`. */
  readonly by?: string
}

/** @category constants @since 0.1.0 */
export const usual = { create: 20, update: 60, delete: 12, purge: 3, undelete: 5 } as const

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Makes the changes, one after the other, all of them now. Where no record is in
 * the state a change needs, another one is updated, or else created.
 *
 * @category combinators
 * @since 0.1.0
 */
export const apply = (org: Org.Org, mix: Mix): Result.Result<ReadonlyArray<World.Applied>, Refusal.Refusal> =>
  Result.gen(function* () {
    const random = Random.make(mix.seed, "mix")
    const applied: Array<World.Applied> = []
    for (let made = 0; made < mix.count; made++) {
      const store = choose(org.world, mix.entity, random)
      const operation = store === undefined ? unknown(mix) : draw(org.world, store, mix, random)
      const { by, lateMaxMs = 0 } = mix
      const lateMs = lateMaxMs > 0 ? random.below(lateMaxMs + 1) : 0
      applied.push(yield* Org.mutate(org, { ...operation, lateMs, ...(by === undefined ? {} : { by }) }))
    }
    return applied
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

// Refused as any change of an object that is not there.
const unknown = (mix: Mix): World.Operation => ({ op: "create", entity: mix.entity ?? "" })

const choose = (world: World.World, entity: string | undefined, random: Random.Random): Store.Store | undefined => {
  if (entity !== undefined) return World.storeOf(world, entity)
  const [first, ...rest] = [...world.stores.values()].filter(
    (store) => !Catalog.isFixed(store.entity) && (store.list.length > 0 || store.entity.name === Catalog.account.name)
  )
  return first === undefined ? undefined : random.pick([first, ...rest])
}

const draw = (world: World.World, store: Store.Store, mix: Mix, random: Random.Random): World.Operation => {
  const entity = store.entity.name
  const op = kind(mix, random)
  if (op === "create") return { op, entity }
  const isFit = fitness[op]
  const found = op === "undelete" ? inBin(world, store, random) : anywhere(store, isFit, random)
  if (found !== undefined && op !== "update") return { op, entity, id: found.id }
  const target = found ?? anywhere(store, fitness.update, random)
  return target === undefined
    ? { op: "create", entity }
    : {
        op: "update",
        entity,
        id: target.id,
        fields: Population.changes(store.entity, random, World.context(world, random))
      }
}

type Changing = Exclude<World.Operation["op"], "create">

const fitness: { readonly [op in Changing]: (version: Store.Version) => boolean } = {
  update: (version) => !version.isPurged && !Store.isDeleted(version),
  delete: (version) => !version.isPurged && !Store.isDeleted(version),
  purge: (version) => !version.isPurged,
  undelete: (version) => !version.isPurged && Store.isDeleted(version)
}

const kinds = ["create", "update", "delete", "purge", "undelete"] as const

const kind = (mix: Mix, random: Random.Random): World.Operation["op"] => {
  const weights: Weights = kinds.some((op) => mix[op] !== undefined) ? mix : usual
  let drawn = random.next() * kinds.reduce((sum, op) => sum + (weights[op] ?? 0), 0)
  for (const op of kinds) {
    drawn -= weights[op] ?? 0
    if (drawn < 0) return op
  }
  return "update"
}

const attemptsMax = 40

const anywhere = (
  store: Store.Store,
  isFit: (version: Store.Version) => boolean,
  random: Random.Random
): Store.Holder | undefined => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const holder = store.list[random.below(store.list.length)]
    if (holder !== undefined && isFit(holder.latest)) return holder
  }
  return undefined
}

const inBin = (world: World.World, store: Store.Store, random: Random.Random): Store.Holder | undefined => {
  const holders = [...world.bin].filter(([{ latest }, owner]) => owner === store && fitness.undelete(latest))
  return holders[random.below(holders.length)]?.[0]
}
