/**
 * Which lanes a tenant has, for who only looks: the ports know lanes by name.
 *
 * @since 0.1.0
 */
import type * as Subscription from "@tidemark/core/model/Subscription"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"

/** A lane that was claimed at least once. @category models @since 0.1.0 */
export interface Known {
  readonly subscription: Subscription.SubscriptionId
  readonly name: string
  readonly partition: string
  /** The account its cursor was made with. */
  readonly account: string
}

/** Most lanes of one answer. @category constants @since 0.1.0 */
export const lanesMax = 1_000

/** The tenant's lanes by subscription, name and partition: the first `lanesMax` of them. @category readers @since 0.1.0 */
export const list = (tenant: Subscription.TenantId): Effect.Effect<ReadonlyArray<Known>, StoreError, SqlClient> =>
  Effect.flatMap(
    SqlClient,
    (sql) => sql<Known>`select l.* from ${Param.tenant(sql, tenant)} cross join lateral (
      select r.subscription, r.lane as name, r.partition, r.account from tidemark.lane r where r.tenant = i.tenant
      order by r.subscription, r.lane, r.partition limit ${String(lanesMax)}::bigint) l`
  ).pipe(Effect.mapError(PgError.toStoreError("PgLaneList.list")))
