/**
 * What committed transactions did, in commit order, as triggers on the tables
 * would tell it: an account that does not depend on who wrote.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import type * as Lane from "@tidemark/core/model/Lane"
import type * as Subscription from "@tidemark/core/model/Subscription"
import type * as State from "./State.ts"

/** A lane that went one batch further. @category models @since 0.1.0 */
export interface LaneMove {
  readonly lane: Lane.Lane
  readonly epoch: number
  readonly batchNo: number
  readonly cursor: CursorRule.Stored | undefined
}

/** A row of a sink before and after one transaction; `undefined` where there was none. @category models @since 0.1.0 */
export interface RowChange extends State.Target {
  /** The ledger revision of the record as committed; 0 when the ledger does not know it. */
  readonly revision: number
  readonly before: unknown
  readonly after: unknown
}

/** @category models @since 0.1.0 */
export interface Commit {
  readonly tenant: Subscription.TenantId
  readonly lanes: ReadonlyArray<LaneMove>
  readonly changes: ReadonlyArray<RowChange>
}

/**
 * The account of one transaction; `undefined` when it moved no lane and changed
 * no row of a sink.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  tenant: Subscription.TenantId,
  before: State.Content,
  after: State.Content,
  writes: State.Writes
): Commit | undefined => {
  const lanes: Array<LaneMove> = []
  for (const [key, row] of writes.lanes) {
    const known = Option.getOrUndefined(HashMap.get(before.lanes, key))
    if (row === undefined || row.checkpoint.batchNo === (known?.checkpoint.batchNo ?? 0)) continue
    const { batchNo, cursor } = row.checkpoint
    lanes.push({ lane: row.lane, epoch: row.epoch, batchNo, cursor })
  }
  const changes: Array<RowChange> = []
  for (const [key, row] of writes.rows) {
    const known = Option.getOrUndefined(HashMap.get(before.rows, key))
    const target = row ?? known
    if (target === undefined) continue
    const entry = Option.getOrUndefined(HashMap.get(after.ledger, key))?.entry
    const { externalId, subscription } = target
    const revision = entry?.revision ?? 0
    changes.push({ subscription, externalId, revision, before: known?.row.record, after: row?.row.record })
  }
  return lanes.length === 0 && changes.length === 0 ? undefined : { tenant, lanes, changes }
}
