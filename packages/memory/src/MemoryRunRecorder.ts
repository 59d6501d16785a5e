/**
 * The audit trail. A batch recorded for a run that is closed already leaves
 * nothing: the run was abandoned for another one, and the fence will say so.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Listing from "@tidemark/core/ports/Listing"
import type * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): RunRecorder.RunRecorder["Service"] => ({
  open: ({ epoch, lane, trigger }) =>
    Statement.writeAlone(
      connection,
      "RunRecorder.open",
      lane.subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        const now = yield* Clock.currentTimeMillis
        for (const [key, run] of State.scan(statement, "runs")) {
          if (!isEarlier(run, lane, epoch)) continue
          yield* Statement.update(statement, "runs", key, (row) => close(row, "Abandoned", abandoned, now))
        }
        const order = Database.next(connection.database, "run")
        const id = `run-${order}`
        Statement.put(statement, "runs", runKey(lane, id), {
          order,
          id,
          lane,
          epoch,
          trigger,
          status: "Running",
          counts: Run.noCounts,
          error: undefined,
          openedAt: now,
          closedAt: undefined
        })
        return id
      })
    ),
  record: (batch) => record(connection, batch),
  close: ({ error, lane, runId, status }) =>
    Statement.writeAlone(
      connection,
      "RunRecorder.close",
      lane.subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        const now = yield* Clock.currentTimeMillis
        yield* Statement.update(statement, "runs", runKey(lane, runId), (row) => close(row, status, error, now))
      })
    ),
  list: (tenant, options = {}) =>
    Statement.read(connection, "RunRecorder.list", tenant, (view) =>
      State.scan(view, "runs")
        .map(([, row]) => row)
        .filter((row) => row.lane.subscription.tenant === tenant && isListed(row, options))
        .toSorted((a, b) => b.order - a.order)
        .slice(0, Listing.limitOf(options))
        .map(toKept)
    ),
  items: (tenant, runId, options = {}) =>
    Statement.read(connection, "RunRecorder.items", tenant, (view) =>
      State.scan(view, "items")
        .map(([, row]) => row)
        .filter(
          ({ lane, order, ...row }) =>
            lane.subscription.tenant === tenant && row.runId === runId && order > (options.after ?? 0)
        )
        .toSorted((a, b) => a.order - b.order)
        .slice(0, Listing.limitOf(options))
        .map(({ lane: _lane, order: position, runId: _runId, ...item }) => ({ ...item, position }))
    )
})

const abandoned = "the process ended without closing the run"

const isListed = ({ id, lane, order }: State.RunRow, { before, ...options }: RunRecorder.ListOptions): boolean =>
  (options.id === undefined || id === options.id) &&
  (before === undefined || order < before) &&
  (options.subscription === undefined || lane.subscription.id === options.subscription) &&
  (options.lane === undefined || lane.name === options.lane)

const toKept = ({
  lane: { name, partition, subscription },
  order: position,
  ...run
}: State.RunRow): RunRecorder.Kept => ({
  ...run,
  position,
  subscription: subscription.id,
  lane: { name, partition }
})

const record = (connection: Database.Connection, { counts, items, lane, patchToText, runId }: RunRecorder.Batch) =>
  Statement.write(
    connection,
    "RunRecorder.record",
    lane.subscription.tenant,
    Effect.fnUntraced(function* (statement) {
      const key = runKey(lane, runId)
      if (State.get(statement, "runs", key) === undefined) return yield* unknownRun(runId)
      const run = yield* Statement.update(statement, "runs", key, (row) =>
        row.status === "Running" ? { ...row, counts: Run.addCounts(row.counts, counts) } : undefined
      )
      if (run === undefined) return
      for (const item of items) {
        const { outcome } = item
        const order = Database.next(connection.database, "item")
        Statement.put(statement, "items", State.key(lane.subscription.tenant, String(order)), {
          ...item,
          order,
          runId,
          lane,
          outcome: outcome._tag === "Applied" ? { ...outcome, patch: JSON.parse(patchToText(outcome.patch)) } : outcome
        })
      }
    })
  )

const runKey = (lane: Lane.Lane, id: string): string => State.key(lane.subscription.tenant, id)

const isEarlier = (run: State.RunRow, lane: Lane.Lane, epoch: number): boolean =>
  run.status === "Running" && run.epoch < epoch && State.laneKey(run.lane) === State.laneKey(lane)

/** The run closed; `undefined` when it is closed already. */
const close = (
  run: State.RunRow,
  status: Run.Status,
  error: string | undefined,
  now: number
): State.RunRow | undefined => (run.status === "Running" ? { ...run, status, error, closedAt: now } : undefined)

const unknownRun = (runId: string): StoreError =>
  new StoreError({
    reason: "Refused",
    operation: "RunRecorder.record",
    code: "23503",
    message: `there is no run ${runId}`
  })
