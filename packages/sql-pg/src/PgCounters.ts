/**
 * Counters: one row per key, locked to the end of the unit of work, in the order of
 * the keys.
 *
 * @since 0.1.0
 */
import type * as Counters from "@tidemark/core/ports/Counters"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ sql, write }: PgUnitOfWork.Session): Counters.Counters["Service"] => ({
  take: (tenant, wanted) =>
    write(tenant, take(sql, tenant, wanted)).pipe(Effect.mapError(PgError.toStoreError("Counters.take")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nameOf = ({ entity, key }: Pick<Counters.Wanted, "entity" | "key">): string => JSON.stringify([entity, key])

const isBefore = (a: Counters.Wanted, b: Counters.Wanted): boolean =>
  a.key !== b.key ? a.key < b.key : a.entity < b.entity

const take = Effect.fnUntraced(function* (
  sql: SqlClient,
  tenant: Subscription.TenantId,
  wanted: ReadonlyArray<Counters.Wanted>
) {
  const sums = new Map<string, Counters.Wanted>()
  for (const one of wanted) {
    const count = (sums.get(nameOf(one))?.count ?? 0) + one.count
    sums.set(nameOf(one), { ...one, count })
  }
  const sorted = Param.sorted([...sums.values()], isBefore)
  const columns: Param.Columns<Counters.Wanted> = {
    texts: { entity: (one) => one.entity, key: (one) => one.key },
    numbers: { count: (one) => one.count }
  }
  const rows = yield* sql<{ entity: string; key: string; last: number }>`
    insert into tidemark.counter as r (tenant, entity, key, last)
    select ${tenant}, i.entity, i.key, i.count from ${Param.rows(sql, sorted, columns)}
    on conflict (tenant, key, entity) do update set last = r.last + excluded.last
    returning r.entity, r.key, r.last::float8 as last`
  const next = new Map(rows.map((row) => [nameOf(row), row.last - sums.get(nameOf(row))!.count + 1]))
  return wanted.map((one) => {
    const first = next.get(nameOf(one))!
    next.set(nameOf(one), first + one.count)
    return first
  })
})
