/**
 * What commands look at when they ask a store, and no source.
 *
 * @since 0.1.0
 */
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as Consumers from "@tidemark/core/ports/Consumers"
import type * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import type * as Deliveries from "@tidemark/core/ports/Deliveries"
import type * as Lanes from "@tidemark/core/ports/Lanes"
import type * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Application } from "./Application.ts"
import * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Ports =
  | Lanes.Lanes
  | Quarantine.Quarantine
  | RunRecorder.RunRecorder
  | Consumers.Consumers
  | DeadLetters.DeadLetters
  | Deliveries.Deliveries

/** A lane that was claimed at least once. @category models @since 0.1.0 */
export interface KnownLane {
  /** What people call its feed, such as `Account`. */
  readonly name: string
  readonly lane: Lane.Lane
}

/** A store whose tables are there. @category models @since 0.1.0 */
export interface Store {
  readonly tenant: Subscription.TenantId
  /** By subscription; as many as the store can tell of at once. */
  readonly lanes: Effect.Effect<ReadonlyArray<KnownLane>, Problem.Problem>
  readonly ports: Context.Context<Ports>
}

/** A step of the engine's tables. @category models @since 0.1.0 */
export interface Migration {
  readonly id: number
  readonly name: string
  readonly statements: ReadonlyArray<string>
}

/** How far the engine's tables are made. @category models @since 0.1.0 */
export interface Standing {
  /** 0 where there are none. */
  readonly version: number
  /** The newest that this program knows. */
  readonly latest: number
  readonly pending: ReadonlyArray<Migration>
}

/** What is known of a feed: its subscription, and the lanes that it has. @category models @since 0.1.0 */
export interface KnownFeed {
  readonly name: string
  readonly subscription: Subscription.Subscription
  readonly lanes: ReadonlyArray<Lane.Lane>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The store of the application, if its tables are those that this program reads. @category constructors @since 0.1.0 */
export const open = Effect.gen(function* () {
  const application = yield* Application
  const { latest, pending, version } = yield* application.standing
  if (version === 0) return yield* Problem.mendable(nothingThere)
  if (version > latest) return yield* Problem.mendable(newer({ latest, version }))
  if (pending.length > 0) {
    return yield* Problem.mendable(
      `The engine's tables are of version ${version}, and this program reads version ${latest}. Bring them up to date with migrate (migrate --dry-run tells what it would run).`
    )
  }
  return yield* application.store
})

/** That the tables were made by a newer program. @category constructors @since 0.1.0 */
export const newer = ({ latest, version }: Pick<Standing, "latest" | "version">): string =>
  `The engine's tables are of version ${version}, and this program knows them up to ${latest}. Use the newer program that made them.`

const nothingThere =
  "There are no tables of the engine in this database: nothing was ever synced into it. Check --database-url or --data-dir; the first sync makes them, or migrate."

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** The feeds whose lanes are known, by name; of each its live lane first. @category readers @since 0.1.0 */
export const feeds = (store: Store): Effect.Effect<ReadonlyArray<KnownFeed>, Problem.Problem> =>
  Effect.map(store.lanes, (lanes) => {
    const found = new Map<string, { readonly name: string; readonly lanes: Array<Lane.Lane> }>()
    for (const { lane, name } of lanes) {
      const feed = found.get(lane.subscription.id)
      if (feed === undefined) found.set(lane.subscription.id, { name, lanes: [lane] })
      else feed.lanes.push(lane)
    }
    const all = Array.from(found.values(), ({ lanes, name }) => ({
      name,
      lanes: lanes.toSorted((a, b) => Number(b.name === live) - Number(a.name === live)),
      subscription: lanes[0]!.subscription
    }))
    return all.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  })

/** The feed that people call `name`, or whose subscription has that id. @category readers @since 0.1.0 */
export const requireFeed = (
  feeds: ReadonlyArray<KnownFeed>,
  name: string
): Effect.Effect<KnownFeed, Problem.Problem> => {
  const [feed, ...others] = feeds.filter((one) => isCalled(one, name))
  if (feed === undefined) {
    const known = feeds.slice(0, namesMax).map((one) => one.name)
    const remedy =
      known.length === 0
        ? "Nothing was synced yet."
        : `There is ${known.join(", ")}${feeds.length > namesMax ? ", ..." : ""}.`
    return Effect.fail(Problem.mendable(Text.safe(`${name} was never synced into this database. ${remedy}`)))
  }
  if (others.length === 0) return Effect.succeed(feed)
  const ids = [feed, ...others].slice(0, namesMax).map(({ subscription }) => subscription.id)
  return Effect.fail(
    Problem.mendable(Text.safe(`${name} is the name of several feeds. Give the id of one: ${ids.join(", ")}.`))
  )
}

/** Whether a feed is meant by a name that a person typed. @category readers @since 0.1.0 */
export const isCalled = (feed: Pick<KnownFeed, "name" | "subscription">, name: string): boolean =>
  feed.subscription.id === name || feed.name.toLowerCase() === name.toLowerCase()

/** What people call the feed of an entity, or the entity itself. @category readers @since 0.1.0 */
export const nameOfEntity = (
  feeds: ReadonlyArray<KnownFeed>,
  { connection, entity }: Pick<Subscription.Subscription, "connection" | "entity">
): string => feeds.find(({ subscription }) => isOf(subscription, { connection, entity }))?.name ?? entity

/** Whether a subscription feeds the entity. @category readers @since 0.1.0 */
export const isOf = (
  subscription: Subscription.Subscription,
  { connection, entity }: Pick<Subscription.Subscription, "connection" | "entity">
): boolean =>
  subscription.entity === entity &&
  subscription.connection.provider === connection.provider &&
  subscription.connection.account === connection.account

const live = "live"

/** Names that a problem lists. */
const namesMax = 20
