/**
 * Lanes, with leases by the `Clock` of the calling fiber.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Lane from "@tidemark/core/model/Lane"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Brake from "@tidemark/core/rules/Brake"
import type * as Database from "./Database.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): Lanes.Lanes["Service"] => ({
  claim: (options) =>
    Statement.writeAlone(
      connection,
      "Lanes.claim",
      options.lane.subscription.tenant,
      Effect.fnUntraced(function* (statement) {
        const key = State.laneKey(options.lane)
        const row = yield* Statement.lock(statement, "lanes", key)
        const now = yield* Clock.currentTimeMillis
        const claimed = yield* claim(options, row, now)
        Statement.put(statement, "lanes", key, claimed)
        return { lane: options.lane, epoch: claimed.epoch, checkpoint: claimed.checkpoint }
      })
    ),
  renew: Effect.fnUntraced(function* (held, lease) {
    const end = yield* leaseEnd(lease)
    const row = yield* change(connection, "Lanes.renew", held, (row) => ({ ...row, leaseUntil: end() }))
    if (row === undefined) return yield* fenced(held)
  }),
  commit: Effect.fnUntraced(function* ({ checkpoint, claim, lease }) {
    const { epoch, lane } = claim
    const end = yield* leaseEnd(lease)
    const row = yield* Statement.write(connection, "Lanes.commit", lane.subscription.tenant, (statement) =>
      Statement.update(statement, "lanes", State.laneKey(lane), (row) =>
        row.epoch === epoch && row.checkpoint.batchNo === checkpoint.batchNo - 1
          ? { ...row, checkpoint, leaseUntil: end() }
          : undefined
      )
    )
    if (row === undefined) return yield* fenced(claim)
  }),
  release: (held, stopped) =>
    Effect.asVoid(
      change(connection, "Lanes.release", held, (row) => ({ ...row, leaseUntil: 0, stopped: stopped ?? row.stopped }))
    ),
  peek: Effect.fnUntraced(function* (lane) {
    const row = yield* Statement.read(connection, "Lanes.peek", lane.subscription.tenant, (view) =>
      State.get(view, "lanes", State.laneKey(lane))
    )
    if (row === undefined) return undefined
    const { checkpoint, epoch, leaseUntil, stopped } = row
    return { epoch, remaining: Math.max(leaseUntil - (yield* Clock.currentTimeMillis), 0), stopped, checkpoint }
  })
})

/** The lane row after a claim, given the row that is there and the time in ms since the epoch. */
const claim = (
  { account, isReleasing, lane, lease, mappingEpoch, mode }: Lanes.ClaimOptions,
  row: State.LaneRow | undefined,
  now: number
): Effect.Effect<State.LaneRow, Lanes.Busy | Lanes.Fenced | Lanes.AccountMismatch | Lanes.Stopped> => {
  const name = Lane.format(lane)
  const leaseUntil = now + Duration.toMillis(lease)
  if (typeof mode === "object" && mode.own !== row?.epoch) return fenced({ lane, epoch: mode.own })
  if (row === undefined) {
    const checkpoint = { cursor: undefined, batchNo: 0, mappingEpoch, brake: Brake.released }
    return Effect.succeed({ lane, epoch: 1, account, checkpoint, leaseUntil, stopped: undefined })
  }
  if (mode === "IfFree" && row.leaseUntil > now) {
    return Effect.fail(new Lanes.Busy({ lane: name, remaining: row.leaseUntil - now }))
  }
  if (row.account !== account) {
    return Effect.fail(new Lanes.AccountMismatch({ lane: name, stored: row.account, actual: account }))
  }
  if (row.stopped === undefined) return Effect.succeed({ ...row, epoch: row.epoch + 1, leaseUntil })
  if (!isReleasing) return Effect.fail(new Lanes.Stopped({ lane: name, message: row.stopped }))
  const checkpoint = { ...row.checkpoint, brake: Brake.released }
  return Effect.succeed({ ...row, epoch: row.epoch + 1, checkpoint, leaseUntil, stopped: undefined })
}

/** Changes the lane's row in a transaction of its own, while the claim is the current one. */
const change = (
  connection: Database.Connection,
  point: string,
  { epoch, lane }: Lanes.Claim,
  to: (row: State.LaneRow) => State.LaneRow
) =>
  Statement.writeAlone(connection, point, lane.subscription.tenant, (statement) =>
    Statement.update(statement, "lanes", State.laneKey(lane), (row) => (row.epoch === epoch ? to(row) : undefined))
  )

/** Tells when a lease that begins at the time of the call ends. */
const leaseEnd = (lease: Duration.Duration): Effect.Effect<() => number> =>
  Effect.clockWith((clock) => Effect.succeed(() => clock.currentTimeMillisUnsafe() + Duration.toMillis(lease)))

const fenced = ({ epoch, lane }: Pick<Lanes.Claim, "lane" | "epoch">): Effect.Effect<never, Lanes.Fenced> =>
  Effect.fail(new Lanes.Fenced({ lane: Lane.format(lane), epoch }))
