/**
 * Runs and their items as rows.
 *
 * Patches and versions are stored as JSON text: a value that no database text can
 * hold is kept as its escape, and never stops a batch. A batch recorded for a run
 * that is closed already leaves nothing: the run was abandoned for another one,
 * and the fence will say so.
 *
 * @since 0.1.0
 */
import type * as Outcome from "@tidemark/core/model/Outcome"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgRunList from "./PgRunList.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ alone, read, sql, write }: PgUnitOfWork.Session): RunRecorder.RunRecorder["Service"] => ({
  open: ({ epoch, lane, trigger }) =>
    alone(
      lane.subscription.tenant,
      Effect.gen(function* () {
        const { subscription } = lane
        yield* sql`update tidemark.run r set status = 'Abandoned', closed_at = now(),
            error = 'the process ended without closing the run', item_to = ${itemsUpToNow(sql)}
          where ${Param.isLane(sql, lane)} and r.status = 'Running' and r.epoch < ${String(epoch)}::bigint`
        const [row] = yield* sql<{ id: string }>`
          insert into tidemark.run (tenant, subscription, lane, partition, epoch, trigger, status, item_from)
          values (${subscription.tenant}, ${subscription.id}, ${lane.name}, ${lane.partition},
            ${String(epoch)}::bigint, ${trigger}, 'Running', ${itemsUpToNow(sql)}) returning id::text as id`
        return row!.id
      })
    ).pipe(Effect.mapError(PgError.toStoreError("RunRecorder.open"))),
  record: (batch) =>
    write(batch.lane.subscription.tenant, record(sql, batch)).pipe(
      Effect.mapError(PgError.toStoreError("RunRecorder.record")),
      Effect.flatMap(([found]) => (found?.is_known === true ? Effect.void : Effect.fail(unknownRun(batch.runId))))
    ),
  close: ({ error, lane, runId, status }) =>
    alone(
      lane.subscription.tenant,
      sql`update tidemark.run set status = ${status}, closed_at = now(), item_to = ${itemsUpToNow(sql)},
          error = ${error === undefined ? null : Refusal.printable(error)}::text
        where tenant = ${lane.subscription.tenant} and id = ${runId}::uuid and status = 'Running'`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("RunRecorder.close"))),
  list: (tenant, options = {}) => PgRunList.runs(sql, read, tenant, options),
  items: (tenant, runId, options = {}) => PgRunList.items(sql, read, tenant, runId, options)
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/**
 * The place of the newest item. The items of a run lie between two such places, and
 * are found by them: an index of their own would cost every batch.
 */
const itemsUpToNow = (sql: SqlClient): Fragment =>
  sql`(select case when s.is_called then s.last_value else 0 end from tidemark.item_seq_seq s)`

/** Counts and items in one statement. Answers whether there is such a run, closed or not. */
const record = (
  sql: SqlClient,
  { counts, items, lane, patchToText, runId }: RunRecorder.Batch
): Effect.Effect<ReadonlyArray<{ readonly is_known: boolean }>, SqlError> => {
  const { connection, entity, tenant } = lane.subscription
  const rows = Param.rows(sql, items, {
    texts: {
      external_id: (item) => item.externalId,
      local_id: ({ outcome }) => (outcome._tag === "Applied" ? outcome.localId : undefined),
      operation: ({ outcome }) => (outcome._tag === "Applied" ? outcome.operation : "NoOp"),
      outcome: ({ outcome }) => outcome._tag,
      reason: ({ outcome }) => reasonOf(outcome),
      message: ({ outcome }) => ("rejection" in outcome ? Refusal.printable(outcome.rejection.message) : undefined),
      patch: ({ outcome }) => (outcome._tag === "Applied" ? patchToText(outcome.patch) : undefined),
      version: ({ version }) => (version === undefined ? undefined : JSON.stringify(version)),
      origin: (item) => item.origin
    },
    numbers: {
      sequence: (item) => item.sequence,
      revision: ({ outcome }) => (outcome._tag === "Applied" ? outcome.revision : undefined)
    }
  })
  const plus = (count: number) => sql`${String(count)}::bigint`
  return sql`with run as (
      update tidemark.run set read = read + ${plus(counts.read)}, created = created + ${plus(counts.created)},
        updated = updated + ${plus(counts.updated)}, deleted = deleted + ${plus(counts.deleted)},
        unchanged = unchanged + ${plus(counts.unchanged)}, stale = stale + ${plus(counts.stale)},
        absent = absent + ${plus(counts.absent)}, quarantined = quarantined + ${plus(counts.quarantined)},
        parked = parked + ${plus(counts.parked)},
        still_quarantined = still_quarantined + ${plus(counts.stillQuarantined)},
        rejected = rejected + ${plus(counts.rejected)}, adopted = adopted + ${plus(counts.adopted)},
        drifted = drifted + ${plus(counts.drifted)}, unknown_fields = unknown_fields + ${plus(counts.unknownFields)},
        unknown_values = unknown_values + ${plus(counts.unknownValues)}
      where tenant = ${tenant} and id = ${runId}::uuid and status = 'Running' returning id
    ), added as (
      insert into tidemark.item (tenant, run, sequence, provider, account, entity, external_id, local_id, operation,
        outcome, reason, message, revision, patch, version, origin)
      select ${tenant}, run.id, i.sequence, ${connection.provider}, ${connection.account}, ${entity},
        i.external_id, i.local_id, i.operation, i.outcome, i.reason, i.message, i.revision, i.patch::json,
        i.version::json, i.origin
      from run cross join ${rows}
    ) select exists (select from tidemark.run where tenant = ${tenant} and id = ${runId}::uuid) as is_known`
}

const reasonOf = (outcome: Outcome.Outcome): string | undefined => {
  switch (outcome._tag) {
    case "Applied":
      return undefined
    case "Skipped":
      return outcome.reason
    case "Quarantined":
    case "Rejected":
      return Refusal.printable(outcome.rejection.code)
  }
}

const unknownRun = (runId: string): StoreError =>
  new StoreError({
    reason: "Refused",
    operation: "RunRecorder.record",
    code: "23503",
    message: `there is no run ${runId}`
  })
