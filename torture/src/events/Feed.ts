/**
 * Publishes events with the facts they tell of, in units of work of one tenant and
 * several keys. Some are taken back when all is written; some stay open for a while
 * behind their writes, so that commits come in another order than events.
 */
import * as Publisher from "@tidemark/core/engine/Publisher"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { SqlClient } from "effect/sql/SqlClient"
import * as Facts from "./Facts.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

export interface Feed {
  /** How many are to be committed. */
  readonly events: number
  readonly keys: number
  /** How many may be committed by now. */
  readonly allowed: () => number
  /** Committed, by key. */
  readonly committed: Map<string, number>
  /** Units of work that were taken back. */
  takenBack: number
  /** Planned by a unit of work that may still be open. */
  planned: number
}

interface Line {
  readonly key: string
  readonly facts: ReadonlyArray<number>
}

class TakenBack extends Data.TaggedError("TakenBack")<{}> {}

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** Units of work that are open at once. */
const hands = 4
/** Most events of one, and most keys. */
const batch = 60
const width = 12
/** The share of units of work that are taken back, and of those that stay open. */
const takenBack = 0.05
const open = 0.04

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

export const make = (options: Pick<Feed, "events" | "keys" | "allowed">): Feed => ({
  ...options,
  committed: new Map(),
  takenBack: 0,
  planned: 0
})

export const total = ({ committed }: Feed): number => [...committed.values()].reduce((sum, count) => sum + count, 0)

/** Until all are committed. */
export const run = (feed: Feed) =>
  Effect.forEach(
    Array.from({ length: hands }, (_, hand) => hand),
    () =>
      Effect.gen(function* () {
        while (feed.planned < feed.events) {
          const room = Math.min(feed.allowed(), feed.events) - feed.planned
          if (room <= 0) yield* Effect.sleep("20 millis")
          else yield* once(feed, room)
        }
      }),
    { concurrency: "unbounded", discard: true }
  )

const once = Effect.fnUntraced(function* (feed: Feed, room: number) {
  const count = Math.min(room, yield* Random.nextIntBetween(1, batch))
  const isTakenBack = (yield* Random.next) < takenBack
  const pause = (yield* Random.next) < open ? yield* Random.nextIntBetween(200, 2_000) : 0
  const first = yield* Random.nextIntBetween(0, feed.keys)
  // Facts that are taken back have numbers that no other fact has.
  const from = isTakenBack ? -count - feed.takenBack++ * batch : feed.planned
  if (!isTakenBack) feed.planned += count
  const lines = yield* linesOf(feed, first, from, count)
  const work = unitOfWork(Facts.tenantOf(first), lines, pause, isTakenBack)
  yield* work.pipe(
    Effect.retry({ times: 100, while: (error) => error._tag === "TransactionError" && error.reason === "Conflict" }),
    Effect.catchTag("TakenBack", () => Effect.void)
  )
  if (isTakenBack) return
  for (const { facts, key } of lines) feed.committed.set(key, (feed.committed.get(key) ?? 0) + facts.length)
})

/** Shares numbers out among keys of the tenant of the first one. */
const linesOf = Effect.fnUntraced(function* (feed: Feed, first: number, from: number, count: number) {
  const lines = new Map<string, Array<number>>()
  const steps = Math.ceil(feed.keys / Facts.tenants.length)
  for (let fact = from; fact < from + count; fact++) {
    const place = yield* Random.nextIntBetween(0, Math.min(width, steps))
    const key = first + place * Facts.tenants.length
    const name = Facts.keyOf(key < feed.keys ? key : first)
    lines.set(name, [...(lines.get(name) ?? []), fact])
  }
  return [...lines].map(([key, facts]): Line => ({ key, facts }))
})

const unitOfWork = Effect.fnUntraced(function* (
  tenant: Subscription.TenantId,
  lines: ReadonlyArray<Line>,
  pause: number,
  isTakenBack: boolean
) {
  const uow = yield* UnitOfWork.UnitOfWork
  const sql = yield* SqlClient
  const rows = JSON.stringify(lines.flatMap(({ facts, key }) => facts.map((fact) => ({ key, fact }))))
  return yield* uow.transact(
    tenant,
    Effect.gen(function* () {
      for (const { facts, key } of lines) {
        for (const [place, fact] of facts.entries()) {
          const definition = Arr.getUnsafe(Facts.types, Math.abs(fact + place) % Facts.types.length)
          yield* Publisher.publish(definition, { key, payload: { fact, note: `fact ${fact} of ${key}` } })
        }
      }
      yield* sql`insert into torture.fact (fact, tenant, entity, key)
        select r.fact, ${tenant}, ${Facts.placed.entity}, r.key
        from json_to_recordset(${rows}::text::json) as r (key text, fact int)`
      yield* UnitOfWork.flush
      if (pause > 0) yield* Effect.sleep(pause)
      if (isTakenBack) return yield* new TakenBack()
    })
  )
})
