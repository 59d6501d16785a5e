/**
 * What the events are about: orders of several tenants, each told of by a line of
 * events of its own; who is told; and which calls of a handler fail.
 *
 * Everything here follows from the seed and the names, so that processes that know
 * nothing of each other agree.
 */
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Subscription from "@tidemark/core/model/Subscription"
import type * as Backoff from "@tidemark/core/rules/Backoff"
import type * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// events
// -----------------------------------------------------------------------------

const payload = Schema.Struct({ fact: Schema.Int, note: Schema.String })

export const placed = EventType.define({ type: "order_placed", direction: "change", aggregate: "order", payload })
export const edited = EventType.define({ type: "order_edited", direction: "change", aggregate: "order", payload })
export const closed = EventType.define({ type: "order_closed", direction: "change", aggregate: "order", payload })

export type Definition = typeof placed | typeof edited | typeof closed

export const types: Arr.NonEmptyReadonlyArray<Definition> = [placed, edited, closed]

export const registry = EventRegistry.make(...types)

/** No key is of two tenants: a history then needs no tenant to tell them apart. */
export const tenants = ["acme", "beta", "gamma"].map((name) => Subscription.TenantId.make(name))

export const tenantOf = (key: number): Subscription.TenantId => tenants[key % tenants.length]!

export const keyOf = (key: number): string => `${tenantOf(key)}-${key}`

// -----------------------------------------------------------------------------
// consumers
// -----------------------------------------------------------------------------

/**
 * - `books` writes a row in the unit of work that acknowledges;
 * - `calls` calls another place that honours idempotency keys;
 * - `stubborn` calls it too, and some keys are refused there until the end.
 */
export const consumers = ["books", "calls", "stubborn"] as const

export type ConsumerName = (typeof consumers)[number]

/** Keys that `stubborn` is refused: none where there are few. */
export const refused = (keys: number): ReadonlyArray<string> =>
  Array.from({ length: Math.min(3, Math.floor(keys / 4)) }, (_, key) => keyOf(key))

/** Nothing is given up: whatever is lost, it was not for lack of attempts. */
export const retry: Backoff.Backoff = {
  base: Duration.millis(100),
  cap: Duration.seconds(2),
  jitter: 0.5,
  attempts: 1_000_000
}

// -----------------------------------------------------------------------------
// chance
// -----------------------------------------------------------------------------

/** At least 0 and below 1, of a seed and a text. */
export const chance = (seed: number, text: string): number => {
  let hash = 0x811c9dc5 ^ seed
  for (let place = 0; place < text.length; place++) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/**
 * How a call of a handler ends: `Before` and `After` say where it fails, seen from
 * its effect; `Slow` takes a while behind it.
 */
export type Course = "Well" | "Slow" | "Before" | "After"

/** One call in fifty that do not fail is slow. */
const slow = 0.02

export const courseOf = (options: {
  readonly seed: number
  /** The share of calls that fail. */
  readonly fail: number
  readonly consumer: string
  readonly event: string
  readonly attempt: number
}): Course => {
  const { attempt, consumer, event, fail, seed } = options
  const drawn = chance(seed, `${consumer} ${event} ${attempt}`)
  if (drawn < fail) return drawn < fail / 2 ? "Before" : "After"
  return drawn < fail + (1 - fail) * slow ? "Slow" : "Well"
}
