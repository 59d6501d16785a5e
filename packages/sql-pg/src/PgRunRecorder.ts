/**
 * Runs and their items as rows.
 *
 * Patches and versions are stored as JSON text: a value that no database text can
 * hold is kept as its escape, and never stops a batch.
 *
 * @since 0.1.0
 */
import type * as Run from "@tidemark/core/model/Run"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ alone, sql }: PgUnitOfWork.Session): RunRecorder.RunRecorder["Service"] => ({
  open: ({ epoch, lane, trigger }) =>
    alone(
      lane.subscription.tenant,
      Effect.gen(function* () {
        const { subscription } = lane
        yield* sql`update tidemark.run set status = 'Abandoned', closed_at = now(),
            error = 'the process ended without closing the run'
          where ${Param.isLane(sql, lane)} and status = 'Running' and epoch < ${String(epoch)}::bigint`
        const [row] = yield* sql<{ id: string }>`
          insert into tidemark.run (tenant, subscription, lane, partition, epoch, trigger, status)
          values (${subscription.tenant}, ${subscription.id}, ${lane.name}, ${lane.partition},
            ${String(epoch)}::bigint, ${trigger}, 'Running') returning id::text as id`
        return row!.id
      })
    ).pipe(Effect.mapError(PgError.toStoreError("RunRecorder.open"))),
  record: (batch) => {
    const { counts, items, lane, runId } = batch
    const { connection, entity, tenant } = lane.subscription
    const insert =
      items.length === 0
        ? Effect.void
        : sql`insert into tidemark.item (tenant, run, sequence, provider, account, entity, external_id, local_id,
              operation, outcome, reason, message, revision, patch, version, origin)
            select ${tenant}, ${runId}::uuid, i.sequence, ${connection.provider}, ${connection.account}, ${entity},
              i.external_id, i.local_id, i.operation, i.outcome, i.reason, i.message, i.revision, i.patch, i.version,
              i.origin
            from json_to_recordset(${Param.json(items.map((item) => toRow(batch, item)))}::text::json) as i(
              sequence bigint, external_id text, local_id text, operation text, outcome text, reason text,
              message text, revision bigint, patch json, version json, origin text)`.pipe(Effect.asVoid)
    const add = sql`update tidemark.run set read = read + ${counts.read}, created = created + ${counts.created},
        updated = updated + ${counts.updated}, deleted = deleted + ${counts.deleted},
        unchanged = unchanged + ${counts.unchanged}, stale = stale + ${counts.stale},
        absent = absent + ${counts.absent}, quarantined = quarantined + ${counts.quarantined},
        still_quarantined = still_quarantined + ${counts.stillQuarantined},
        rejected = rejected + ${counts.rejected}, adopted = adopted + ${counts.adopted},
        drifted = drifted + ${counts.drifted}
      where tenant = ${tenant} and id = ${runId}::uuid and status = 'Running'`
    return Effect.andThen(UnitOfWork.current(PgUnitOfWork.store, tenant), Effect.andThen(insert, add)).pipe(
      Effect.asVoid,
      Effect.mapError(PgError.toStoreError("RunRecorder.record"))
    )
  },
  close: ({ error, lane, runId, status }) =>
    alone(
      lane.subscription.tenant,
      sql`update tidemark.run set status = ${status}, closed_at = now(),
          error = ${error === undefined ? null : Refusal.printable(error)}::text
        where tenant = ${lane.subscription.tenant} and id = ${runId}::uuid and status = 'Running'`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("RunRecorder.close")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const toRow = (batch: RunRecorder.Batch, { externalId, origin, outcome, sequence, version }: Run.Item) => {
  const common = { sequence, external_id: externalId, origin, version: version ?? null, outcome: outcome._tag }
  switch (outcome._tag) {
    case "Applied": {
      const { localId, operation, revision } = outcome
      return { ...common, operation, revision, local_id: localId, patch: batch.patchToJson(outcome.patch) }
    }
    case "Skipped":
      return { ...common, operation: "NoOp", reason: outcome.reason }
    case "Quarantined":
    case "Rejected": {
      const { code, message } = outcome.rejection
      return { ...common, operation: "NoOp", reason: Refusal.printable(code), message: Refusal.printable(message) }
    }
  }
}
