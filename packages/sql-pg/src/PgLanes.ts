/**
 * Lanes as rows: the lease by the database's clock, the fence as one update.
 *
 * Nobody holds a lane's row while a batch is read or planned: only the fence, the
 * last statement of a unit of work, locks it, until the commit that follows.
 *
 * @since 0.1.0
 */
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Fragment } from "effect/sql/Statement"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ alone, read, sql, write }: PgUnitOfWork.Session): Lanes.Lanes["Service"] => ({
  claim: (options) =>
    alone(options.lane.subscription.tenant, claim(sql, options)).pipe(
      Effect.catchTag("SqlError", (error) => Effect.fail(PgError.toStoreError("Lanes.claim")(error)))
    ),
  renew: ({ epoch, lane }, lease) =>
    alone(
      lane.subscription.tenant,
      sql`update tidemark.lane r set lease_until = ${until(sql, lease)}
        where ${Param.isLane(sql, lane)} and r.epoch = ${String(epoch)}::bigint returning 1 as one`
    ).pipe(
      Effect.mapError(PgError.toStoreError("Lanes.renew")),
      Effect.flatMap((rows) => requireOne(rows, lane, epoch))
    ),
  commit: ({ checkpoint, claim: { epoch, lane }, lease }) =>
    write(
      lane.subscription.tenant,
      sql`update tidemark.lane r set batch_no = ${String(checkpoint.batchNo)}::bigint,
          cursor = ${checkpoint.cursor === undefined ? null : JSON.stringify(checkpoint.cursor.value)}::text::json,
          codec_version = ${checkpoint.cursor === undefined ? null : String(checkpoint.cursor.codecVersion)}::text::int,
          mapping_epoch = ${String(checkpoint.mappingEpoch)}::int,
          brake = ${JSON.stringify(checkpoint.brake)}::text::jsonb, lease_until = ${until(sql, lease)}
        where ${Param.isLane(sql, lane)} and r.epoch = ${String(epoch)}::bigint
          and r.batch_no = ${String(checkpoint.batchNo - 1)}::bigint returning 1 as one`
    ).pipe(
      Effect.mapError(PgError.toStoreError("Lanes.commit")),
      Effect.flatMap((rows) => requireOne(rows, lane, epoch))
    ),
  release: ({ epoch, lane }, stopped) =>
    alone(
      lane.subscription.tenant,
      sql`update tidemark.lane r set lease_until = '-infinity', stopped = coalesce(${text(stopped)}::text, r.stopped)
        where ${Param.isLane(sql, lane)} and r.epoch = ${String(epoch)}::bigint`
    ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Lanes.release"))),
  peek: (lane) =>
    read(
      lane.subscription.tenant,
      sql<Row>`select l.* from ${Param.tenant(sql, lane.subscription.tenant)} cross join lateral (
        select ${columns(sql)} from tidemark.lane r
        where r.tenant = i.tenant and ${Param.isLane(sql, lane)} offset 0) l`
    ).pipe(
      Effect.map(([row]) => (row === undefined ? undefined : toStanding(row))),
      Effect.mapError(PgError.toStoreError("Lanes.peek"))
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row {
  readonly epoch: number
  readonly batch_no: number
  /** JSON text: a position may hold what `jsonb` cannot. */
  readonly cursor: string | null
  readonly codec_version: number | null
  readonly mapping_epoch: number
  readonly account: string
  readonly brake: Brake.Brake
  readonly stopped: string | null
  /** Of the lease, in ms; not positive when it is over. */
  readonly remaining: number
}

// Infinite times cannot be subtracted before PostgreSQL 17; their epochs can.
const columns = (sql: SqlClient): Fragment =>
  sql`r.epoch::float8 as epoch, r.batch_no::float8 as batch_no, r.cursor::text as cursor, r.codec_version, r.mapping_epoch, r.account,
    r.brake, r.stopped, ((extract(epoch from r.lease_until)::float8
      - extract(epoch from clock_timestamp())::float8) * 1000) as remaining`

const until = (sql: SqlClient, lease: Duration.Duration): Fragment =>
  sql`clock_timestamp() + ${String(Duration.toMillis(lease))}::float8 * interval '1 millisecond'`

/** The row lock waits for a commit of the holder that is under way; nothing stays changed when the claim fails. */
const claim = Effect.fnUntraced(function* (sql: SqlClient, options: Lanes.ClaimOptions) {
  const { account, isReleasing, lane, lease, mappingEpoch, mode } = options
  const { subscription } = lane
  if (typeof mode === "string") {
    yield* sql`insert into tidemark.lane (tenant, subscription, lane, partition, epoch, batch_no, mapping_epoch,
        account, lease_until, brake)
      values (${subscription.tenant}, ${subscription.id}, ${lane.name}, ${lane.partition}, 0, 0,
        ${String(mappingEpoch)}::int, ${account}, '-infinity', ${JSON.stringify(Brake.released)}::text::jsonb)
      on conflict do nothing`
  }
  const [row] = yield* sql<Row>`select ${columns(sql)} from tidemark.lane r where ${Param.isLane(sql, lane)} for update`
  const name = Lane.format(lane)
  if (typeof mode === "object" && row?.epoch !== mode.own) {
    return yield* new Lanes.Fenced({ lane: name, epoch: mode.own })
  }
  if (row === undefined) return yield* Effect.die(new Error("a lane row that was just inserted is not there"))
  if (mode === "IfFree" && row.remaining > 0) return yield* new Lanes.Busy({ lane: name, remaining: row.remaining })
  if (row.account !== account) {
    return yield* new Lanes.AccountMismatch({ lane: name, stored: row.account, actual: account })
  }
  if (row.stopped !== null && !isReleasing) return yield* new Lanes.Stopped({ lane: name, message: row.stopped })
  const brake = row.stopped === null ? row.brake : Brake.released
  yield* sql`update tidemark.lane r set epoch = r.epoch + 1, lease_until = ${until(sql, lease)}, stopped = null,
      brake = ${JSON.stringify(brake)}::text::jsonb where ${Param.isLane(sql, lane)}`
  return { lane, epoch: row.epoch + 1, checkpoint: { ...toCheckpoint(row), brake } }
})

const text = (message: string | undefined): string | null => (message === undefined ? null : Refusal.printable(message))

const requireOne = (rows: ReadonlyArray<unknown>, lane: Lane.Lane, epoch: number): Effect.Effect<void, Lanes.Fenced> =>
  rows.length === 1 ? Effect.void : Effect.fail(new Lanes.Fenced({ lane: Lane.format(lane), epoch }))

const toStanding = (row: Row): Lanes.Standing => ({
  epoch: row.epoch,
  remaining: Math.max(row.remaining, 0),
  stopped: row.stopped ?? undefined,
  checkpoint: toCheckpoint(row)
})

const toCheckpoint = (row: Row): Lanes.Checkpoint => ({
  cursor: toStored(row),
  batchNo: row.batch_no,
  mappingEpoch: row.mapping_epoch,
  brake: row.brake
})

const toStored = ({ codec_version: codecVersion, cursor }: Row): CursorRule.Stored | undefined =>
  codecVersion === null || cursor === null ? undefined : { codecVersion, value: JSON.parse(cursor) }
