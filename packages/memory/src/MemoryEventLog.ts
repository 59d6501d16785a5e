/**
 * The outbox as a log.
 *
 * @since 0.1.0
 */
import type * as EventLog from "@tidemark/core/ports/EventLog"
import * as Listing from "@tidemark/core/ports/Listing"
import type * as Database from "./Database.ts"
import * as Owed from "./Owed.ts"
import * as State from "./State.ts"
import * as Statement from "./Statement.ts"

/** @category constructors @since 0.1.0 */
export const make = (connection: Database.Connection): EventLog.EventLog["Service"] => ({
  read: (options) =>
    Statement.read(connection, "EventLog.read", Owed.everybody, (view) => {
      const { holder, horizon, newest } = Owed.horizon(connection.database)
      const events = State.scan(view, "events")
        .map(([, { event, order }]) => ({ position: order, event }))
        .filter(({ position }) => position > options.after && position <= horizon)
        .toSorted((a, b) => a.position - b.position)
        .slice(0, Listing.limitOf(options))
      const position = events.at(-1)?.position ?? options.after
      return { events, position, horizon, lag: newest - horizon, holder }
    })
})
