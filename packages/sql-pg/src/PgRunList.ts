/**
 * Runs and their items as an operator reads them.
 *
 * @since 0.1.0
 */
import type * as Observation from "@tidemark/core/model/Observation"
import type * as Outcome from "@tidemark/core/model/Outcome"
import type * as Run from "@tidemark/core/model/Run"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as Listing from "@tidemark/core/ports/Listing"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type { StoreError } from "@tidemark/core/ports/StoreError"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** Newest first. @category readers @since 0.1.0 */
export const runs = (
  sql: SqlClient,
  read: PgUnitOfWork.Session["read"],
  tenant: Subscription.TenantId,
  options: RunRecorder.ListOptions
): Effect.Effect<ReadonlyArray<RunRecorder.Kept>, StoreError> => {
  const { before, id, lane, subscription } = options
  const wanted = [
    ...(id === undefined ? [] : [Param.isId(sql, id)]),
    ...(before === undefined ? [] : [sql`r.seq < ${String(before)}::bigint`]),
    ...(subscription === undefined ? [] : [sql`r.subscription = ${subscription}`]),
    ...(lane === undefined ? [] : [sql`r.lane = ${lane}`])
  ]
  return read(
    tenant,
    sql<RunRow>`select q.* from ${Param.tenant(sql, tenant)} cross join lateral (
      select r.id::text as id, r.seq::float8 as position, r.subscription, r.lane, r.partition, r.epoch::float8 as epoch,
        r.trigger, r.status, r.error, ${Param.millis(sql, "r.opened_at")} as opened_at,
        ${Param.millis(sql, "r.closed_at")} as closed_at,
        json_build_object('read', r.read, 'created', r.created, 'updated', r.updated, 'deleted', r.deleted,
          'unchanged', r.unchanged, 'stale', r.stale, 'absent', r.absent, 'quarantined', r.quarantined,
          'parked', r.parked, 'stillQuarantined', r.still_quarantined, 'rejected', r.rejected, 'adopted', r.adopted,
          'drifted', r.drifted, 'unknownFields', r.unknown_fields, 'unknownValues', r.unknown_values) as counts
      from tidemark.run r where ${sql.and(["r.tenant = i.tenant", "r.seq > 0", ...wanted])}
      order by r.seq desc limit ${String(Listing.limitOf(options))}::bigint) q order by q.position desc`
  ).pipe(
    Effect.map((rows) => rows.map(toRun)),
    Effect.mapError(PgError.toStoreError("RunRecorder.list"))
  )
}

/** In the order of writing. @category readers @since 0.1.0 */
export const items = (
  sql: SqlClient,
  read: PgUnitOfWork.Session["read"],
  tenant: Subscription.TenantId,
  runId: string,
  options: Listing.OldestFirst
): Effect.Effect<ReadonlyArray<RunRecorder.KeptItem>, StoreError> =>
  read(
    tenant,
    sql<ItemRow>`select q.* from ${Param.tenant(sql, tenant)} cross join lateral (
      select r.id, greatest(r.item_from, ${String(options.after ?? 0)}::bigint) as after,
        coalesce(r.item_to, 9223372036854775807) as item_to
      from tidemark.run r where r.tenant = i.tenant and r.id = ${runId}::uuid offset 0) run cross join lateral (
      select r.seq::float8 as position, r.sequence::float8 as sequence, r.external_id, r.local_id, r.operation, r.outcome,
        r.reason, r.message, r.revision::float8 as revision, r.patch::text as patch, r.version::text as version, r.origin
      from tidemark.item r
      where r.tenant = i.tenant and r.seq > run.after and r.seq <= run.item_to
        and r.run = run.id
      order by r.seq limit ${String(Listing.limitOf(options))}::bigint) q order by q.position`
  ).pipe(
    Effect.map((rows) => rows.map(toItem)),
    Effect.mapError(PgError.toStoreError("RunRecorder.items"))
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface RunRow {
  readonly id: string
  readonly position: number
  readonly subscription: string
  readonly lane: string
  readonly partition: string
  readonly epoch: number
  readonly trigger: Run.Trigger
  readonly status: Run.Status
  readonly error: string | null
  readonly opened_at: number
  readonly closed_at: number | null
  readonly counts: Run.Counts
}

const toRun = (row: RunRow): RunRecorder.Kept => ({
  id: row.id,
  position: row.position,
  subscription: row.subscription as Subscription.SubscriptionId,
  lane: { name: row.lane, partition: row.partition },
  epoch: row.epoch,
  trigger: row.trigger,
  status: row.status,
  counts: row.counts,
  error: row.error ?? undefined,
  openedAt: row.opened_at,
  closedAt: row.closed_at ?? undefined
})

interface ItemRow {
  readonly position: number
  readonly sequence: number
  readonly external_id: string
  readonly local_id: string | null
  readonly operation: Outcome.Operation | "NoOp"
  readonly outcome: Outcome.Outcome["_tag"]
  readonly reason: string | null
  readonly message: string | null
  readonly revision: number | null
  /** JSON text. */
  readonly patch: string | null
  /** JSON text. */
  readonly version: string | null
  readonly origin: Observation.Origin
}

const toItem = (row: ItemRow): RunRecorder.KeptItem => ({
  position: row.position,
  sequence: row.sequence,
  externalId: row.external_id as Observation.ExternalId,
  origin: row.origin,
  version: row.version === null ? undefined : JSON.parse(row.version),
  outcome: toOutcome(row)
})

/** As `PgRunRecorder` wrote it. */
const toOutcome = (row: ItemRow): RunRecorder.KeptOutcome => {
  switch (row.outcome) {
    case "Applied":
      return {
        _tag: "Applied",
        operation: row.operation as Outcome.Operation,
        localId: row.local_id ?? "",
        revision: row.revision ?? 0,
        patch: row.patch === null ? {} : JSON.parse(row.patch)
      }
    case "Skipped":
      return { _tag: "Skipped", reason: row.reason as Outcome.SkipReason }
    case "Quarantined":
    case "Rejected": {
      const rejection = new Write.Rejection({ code: row.reason ?? "", message: row.message ?? "" })
      return { _tag: row.outcome, rejection }
    }
  }
}
