/**
 * What happened, as told from outside the engine: by the upstream system, by
 * triggers on tables, by dumps at the end. One value per line of a history file.
 *
 * `fields` are canonical values under the same names everywhere. A row that is
 * deleted softly counts as `null`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** @category schemas @since 0.1.0 */
export const Fields = Schema.Record(Schema.String, Schema.Json)
/** @category models @since 0.1.0 */
export type Fields = typeof Fields.Type

/** A change of the upstream system's truth; `fields` is `null` once the record is gone. @category schemas @since 0.1.0 */
export const UpstreamLine = Schema.Struct({
  op: Schema.Literals(["create", "update", "delete", "archive", "merge", "undelete"]),
  entity: Schema.String,
  id: Schema.String,
  version: Schema.Json,
  fields: Schema.NullOr(Fields)
})

/** A change became readable. @category schemas @since 0.1.0 */
export const VisibleLine = Schema.Struct({ entity: Schema.String, id: Schema.String, version: Schema.Json })

/** A row of an entity table before and after one write, in commit order. @category schemas @since 0.1.0 */
export const RowLine = Schema.Struct({
  tenant: Schema.String,
  entity: Schema.String,
  id: Schema.String,
  revision: Schema.Int,
  before: Schema.NullOr(Fields),
  after: Schema.NullOr(Fields)
})

/** An item of the audit trail. Only an applied one has an operation, a revision and a patch. @category schemas @since 0.1.0 */
export const ItemLine = Schema.Struct({
  run: Schema.String,
  tenant: Schema.String,
  entity: Schema.String,
  id: Schema.String,
  operation: Schema.NullishOr(Schema.Literals(["Created", "Updated", "Deleted", "Adopted", "Drift"])),
  outcome: Schema.Literals(["Applied", "Skipped", "Quarantined", "Rejected"]),
  reason: Schema.NullishOr(Schema.String),
  revision: Schema.NullishOr(Schema.Int),
  patch: Schema.NullishOr(
    Schema.Record(
      Schema.String,
      Schema.Struct({ before: Schema.optionalKey(Schema.Json), after: Schema.optionalKey(Schema.Json) })
    )
  )
})

/** An event, in the order of writing. `key` ends with the external id. @category schemas @since 0.1.0 */
export const EventLine = Schema.Struct({
  id: Schema.String,
  tenant: Schema.String,
  type: Schema.String,
  entity: Schema.String,
  key: Schema.String,
  revision: Schema.Int,
  payload: Schema.Json
})

/** A lane after one commit, in commit order. @category schemas @since 0.1.0 */
export const LaneLine = Schema.Struct({
  lane: Schema.String,
  epoch: Schema.Int,
  batch_no: Schema.Int,
  cursor: Schema.NullOr(Schema.Json)
})

/** What both sides hold in the end: fields by id by entity. @category schemas @since 0.1.0 */
export const Final = Schema.Struct({
  upstream: Schema.Record(Schema.String, Schema.Record(Schema.String, Fields)),
  local: Schema.Record(Schema.String, Schema.Record(Schema.String, Fields))
})

/** A whole history. What was not written down is empty. @category schemas @since 0.1.0 */
export const History = Schema.Struct({
  upstream: Schema.Array(UpstreamLine),
  visible: Schema.Array(VisibleLine),
  rows: Schema.Array(RowLine),
  items: Schema.Array(ItemLine),
  events: Schema.Array(EventLine),
  lanes: Schema.Array(LaneLine),
  final: Final
})
/** @category models @since 0.1.0 */
export type History = typeof History.Type

/** The part of a history that a store can tell. @category models @since 0.1.0 */
export type Recorded = Pick<History, "rows" | "items" | "events" | "lanes">

/** @category models @since 0.1.0 */
export type Row = typeof RowLine.Type
/** @category models @since 0.1.0 */
export type Item = typeof ItemLine.Type
/** @category models @since 0.1.0 */
export type Event = typeof EventLine.Type
/** @category models @since 0.1.0 */
export type LaneMove = typeof LaneLine.Type
