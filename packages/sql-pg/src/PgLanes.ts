/**
 * Lanes as rows: the lease by the database's clock, the fence as one update.
 *
 * @since 0.1.0
 */
import type * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

interface Row {
  readonly epoch: number
  readonly batch_no: number
  readonly cursor: CursorRule.Stored["value"] | null
  readonly codec_version: number | null
  readonly mapping_epoch: number
  readonly account: string
  readonly brake: Brake.Brake
  readonly stopped: string | null
  /** Of the lease, in ms. */
  readonly remaining: number
}

/** @category constructors @since 0.1.0 */
export const make = (session: PgUnitOfWork.Session): Lanes.Lanes["Service"] => {
  const { alone, read, sql } = session
  const columns = sql.literal(
    "epoch::float8 as epoch, batch_no::float8 as batch_no, cursor, codec_version, mapping_epoch, account, brake, " +
      "stopped, (extract(epoch from lease_until - clock_timestamp()) * 1000)::float8 as remaining"
  )
  const until = (lease: Duration.Duration) =>
    sql`clock_timestamp() + ${String(Duration.toMillis(lease))}::float8 * interval '1 millisecond'`
  return {
    claim: (options) =>
      alone(options.lane.subscription.tenant, claim(session, options, columns, until(options.lease))).pipe(
        Effect.catchTag("SqlError", (error) => Effect.fail(PgError.toStoreError("Lanes.claim")(error)))
      ),
    renew: ({ epoch, lane }, lease) =>
      alone(
        lane.subscription.tenant,
        sql`update tidemark.lane set lease_until = ${until(lease)}
          where ${Param.isLane(sql, lane)} and epoch = ${String(epoch)}::bigint returning 1 as one`
      ).pipe(
        Effect.mapError(PgError.toStoreError("Lanes.renew")),
        Effect.flatMap((rows) => requireOne(rows, lane, epoch))
      ),
    commit: ({ checkpoint, claim: { epoch, lane }, lease }) =>
      Effect.andThen(
        UnitOfWork.current(PgUnitOfWork.store, lane.subscription.tenant),
        sql`update tidemark.lane set batch_no = ${String(checkpoint.batchNo)}::bigint,
            cursor = ${checkpoint.cursor === undefined ? null : JSON.stringify(checkpoint.cursor.value)}::text::jsonb,
            codec_version = ${checkpoint.cursor === undefined ? null : String(checkpoint.cursor.codecVersion)}::text::int,
            mapping_epoch = ${checkpoint.mappingEpoch}, brake = ${JSON.stringify(checkpoint.brake)}::text::jsonb,
            lease_until = ${until(lease)}
          where ${Param.isLane(sql, lane)} and epoch = ${String(epoch)}::bigint
            and batch_no = ${String(checkpoint.batchNo - 1)}::bigint returning 1 as one`
      ).pipe(
        Effect.mapError(PgError.toStoreError("Lanes.commit")),
        Effect.flatMap((rows) => requireOne(rows, lane, epoch))
      ),
    release: ({ epoch, lane }, stopped) =>
      alone(
        lane.subscription.tenant,
        sql`update tidemark.lane set lease_until = '-infinity', stopped = coalesce(${stopped ?? null}::text, stopped)
          where ${Param.isLane(sql, lane)} and epoch = ${String(epoch)}::bigint`
      ).pipe(Effect.asVoid, Effect.mapError(PgError.toStoreError("Lanes.release"))),
    peek: (lane) =>
      read(
        lane.subscription.tenant,
        sql<Row>`select ${columns} from tidemark.lane where ${Param.isLane(sql, lane)}`
      ).pipe(
        Effect.map(([row]) => (row === undefined ? undefined : toCheckpoint(row))),
        Effect.mapError(PgError.toStoreError("Lanes.peek"))
      )
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Sql = PgUnitOfWork.Session["sql"]

/** The row lock waits for a commit of the holder that is under way; nothing stays changed when the claim fails. */
const claim = Effect.fnUntraced(function* (
  { sql }: PgUnitOfWork.Session,
  options: Lanes.ClaimOptions,
  columns: ReturnType<Sql["literal"]>,
  until: ReturnType<Sql["literal"]>
) {
  const { account, isReleasing, lane, mappingEpoch, mode } = options
  const { subscription } = lane
  if (typeof mode === "string") {
    yield* sql`insert into tidemark.lane (tenant, subscription, lane, partition, epoch, batch_no, mapping_epoch, account,
        lease_until, brake)
      values (${subscription.tenant}, ${subscription.id}, ${lane.name}, ${lane.partition}, 0, 0, ${mappingEpoch},
        ${account}, '-infinity', ${JSON.stringify(Brake.released)}::text::jsonb) on conflict do nothing`
  }
  const [row] = yield* sql<Row>`select ${columns} from tidemark.lane where ${Param.isLane(sql, lane)} for update`
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
  yield* sql`update tidemark.lane set epoch = epoch + 1, lease_until = ${until}, stopped = null,
      brake = ${JSON.stringify(brake)}::text::jsonb where ${Param.isLane(sql, lane)}`
  return { lane, epoch: row.epoch + 1, checkpoint: { ...toCheckpoint(row), brake } }
})

const requireOne = (rows: ReadonlyArray<unknown>, lane: Lane.Lane, epoch: number): Effect.Effect<void, Lanes.Fenced> =>
  rows.length === 1 ? Effect.void : Effect.fail(new Lanes.Fenced({ lane: Lane.format(lane), epoch }))

const toCheckpoint = (row: Row): Lanes.Checkpoint => ({
  cursor: row.codec_version === null ? undefined : { codecVersion: row.codec_version, value: row.cursor },
  batchNo: row.batch_no,
  mappingEpoch: row.mapping_epoch,
  brake: row.brake
})
