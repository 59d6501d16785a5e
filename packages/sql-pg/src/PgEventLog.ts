/**
 * The outbox as a log, read up to the horizon, see `PgHorizon`.
 *
 * @since 0.1.0
 */
import type * as EventLog from "@tidemark/core/ports/EventLog"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Effect from "effect/Effect"
import * as PgDeliveries from "./PgDeliveries.ts"
import * as PgError from "./PgError.ts"
import * as PgHorizon from "./PgHorizon.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ relay, sql }: PgUnitOfWork.Session): EventLog.EventLog["Service"] => ({
  read: (options) =>
    relay(
      Effect.gen(function* () {
        const { holder, horizon, newest } = yield* PgHorizon.current(sql)
        const after = String(Math.max(0, Math.trunc(options.after)))
        const rows = yield* sql<Row>`
          select e.seq::float8 as place, e.tenant, e.id, e.type, e.entity, e.key, e.direction,
            e.revision::float8 as revision, e.version, e.payload::text as payload
          from tidemark.event e where e.seq > ${after}::bigint and e.seq <= ${String(horizon)}::bigint
          order by e.seq limit ${String(Listing.limitOf(options))}::int`
        return {
          events: rows.map((row) => ({ position: row.place, event: PgDeliveries.toEvent(row) })),
          position: rows.at(-1)?.place ?? options.after,
          horizon,
          lag: newest - horizon,
          holder: holder === null ? undefined : holder === 0 ? "a prepared transaction" : `backend ${holder}`
        }
      })
    ).pipe(Effect.mapError(PgError.toStoreError("EventLog.read")))
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row extends PgDeliveries.EventRow {
  readonly place: number
}
