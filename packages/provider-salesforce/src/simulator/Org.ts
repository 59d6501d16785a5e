/**
 * The org behind the server: its world, and what clients left there.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as App from "./App.ts"
import * as Faults from "./Faults.ts"
import type * as History from "./History.ts"
import * as Instant from "./Instant.ts"
import * as Locators from "./Locators.ts"
import type * as Message from "./Message.ts"
import type * as Refusal from "./Refusal.ts"
import * as Sessions from "./Sessions.ts"
import * as Usage from "./Usage.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What drives the simulated clock. @category models @since 0.1.0 */
export interface Clock {
  /** In ms; never less than before. */
  readonly now: () => number
  /** Not negative, in ms. */
  readonly forward: (ms: number) => void
}

/** @category models @since 0.1.0 */
export interface Org {
  readonly world: World.World
  readonly clock: Clock
  readonly locators: Locators.Locators
  readonly sessions: Sessions.Sessions
  readonly app: App.App
  readonly faults: Faults.Faults
  /** Replication feeds read `12:30:15` as `12:30:00`. */
  readonly ignoresSeconds: boolean
  /** The newest requests, oldest first. */
  readonly requests: Array<Logged>
  /** How many requests there were, by path without its Ids. */
  readonly counts: Map<string, number>
  /** Lines of the history nobody has taken yet. */
  readonly history: Array<History.Entry>
  /** Calls of the last 24 hours. */
  readonly usage: Usage.Usage
  /** `http://127.0.0.1:PORT`. */
  url: string
}

/** @category models @since 0.1.0 */
export interface Options extends World.Options {
  readonly shortPages: boolean
  readonly pageMax?: number
  readonly rotation: boolean
  readonly ignoresSeconds: boolean
  /** How long sessions live; absent, until they are made to end. */
  readonly sessionMs?: number
  /** How long addresses of pages live. */
  readonly locatorMs?: number
  /** Calls a day; absent, as many as wanted. */
  readonly dailyLimit?: number
  /** Faults that are there from the start, see `Faults.standing`. */
  readonly faults?: ReadonlyArray<Faults.Kind>
}

/** A request, and what it met. @category models @since 0.1.0 */
export interface Logged {
  /** By the simulated clock. */
  readonly t: string
  readonly method: string
  readonly path: string
  /** Parameters, decoded. */
  readonly query: { readonly [name: string]: string }
  readonly status: number
  /** The fault shown, if any. */
  readonly fault?: string
}

/** Requests kept. @category constants @since 0.1.0 */
export const requestsMax = 10_000

/** Paths counted apart; more are counted under `(other)`. @category constants @since 0.1.0 */
export const pathsMax = 1000

/** @category constants @since 0.1.0 */
export const apiVersion = "66.0"

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (options: Options, clock: Clock, app: App.App): Org => {
  const world = World.make(options)
  return {
    world,
    clock,
    locators: Locators.make(options.seed, options.shortPages, options.locatorMs, options.pageMax),
    sessions: Sessions.make(
      { seed: options.seed, orgId: world.orgId, rotation: options.rotation, lifeMs: options.sessionMs },
      world.now
    ),
    app,
    faults: Faults.make(options.faults ?? []),
    ignoresSeconds: options.ignoresSeconds,
    requests: [],
    counts: new Map(),
    history: [],
    usage: Usage.make(options.dailyLimit),
    url: ""
  }
}

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** Lets the world follow its clock, see `World.advance`. @category combinators @since 0.1.0 */
export const tick = (org: Org): void => {
  for (const entry of World.advance(org.world, Math.floor(org.clock.now()))) org.history.push(entry)
}

/** Makes a change, see `World.mutate`. @category combinators @since 0.1.0 */
export const mutate = (org: Org, operation: World.Operation): Result.Result<World.Applied, Refusal.Refusal> =>
  Result.map(World.mutate(org.world, operation), (applied) => {
    org.history.push(...applied.entries)
    return applied
  })

/** The lines of the history since the last time. @category combinators @since 0.1.0 */
export const drain = (org: Org): ReadonlyArray<History.Entry> => org.history.splice(0, org.history.length)

/** Writes a request down. @category combinators @since 0.1.0 */
export const log = (
  org: Org,
  { address, method, query }: Message.Request,
  status: number,
  fault: string | undefined
): void => {
  const path = address.split("?")[0] ?? ""
  org.requests.push({
    t: Instant.toCanonical(org.world.now),
    method,
    path,
    query: Object.fromEntries(query),
    status,
    ...(fault === undefined ? {} : { fault })
  })
  // Shortened rarely, because shortening moves all that stays.
  if (org.requests.length >= 2 * requestsMax) org.requests.splice(0, org.requests.length - requestsMax)
  const plain = path.replace(/\/[a-zA-Z0-9]{18}-\d+$/, "/{locator}").replace(/\/[a-zA-Z0-9]{15,18}(?=\/|$)/g, "/{id}")
  const counted = org.counts.has(plain) || org.counts.size < pathsMax ? plain : "(other)"
  org.counts.set(counted, (org.counts.get(counted) ?? 0) + 1)
}

/** The newest requests, oldest first. @category getters @since 0.1.0 */
export const logged = (org: Org): ReadonlyArray<Logged> => org.requests.slice(-requestsMax)
