/**
 * Counters: one row per key, locked to the end of the unit of work.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Counters from "@tidemark/core/ports/Counters"
import type * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Counters.Counters["Service"] => ({
  take: (tenant, wanted) =>
    Statement.write(
      connection,
      "Counters.take",
      tenant,
      Effect.fnUntraced(function* (statement) {
        const first: Array<number> = []
        const sorted = wanted
          .map(({ count, entity, key }, place) => ({ count, place, key: State.key(tenant, entity, key) }))
          .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.place - b.place))
        for (const { count, key, place } of sorted) {
          const last = (yield* Statement.lock(statement, "counters", key)) ?? 0
          Statement.put(statement, "counters", key, last + count)
          first[place] = last + 1
        }
        return first
      })
    )
})
