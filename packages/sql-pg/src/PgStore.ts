/**
 * Every port of the engine over one PostgreSQL database. `PgWake` is a layer of
 * its own: it listens on a connection that it keeps.
 *
 * @since 0.1.0
 */
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Counters from "@tidemark/core/ports/Counters"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as EventLog from "@tidemark/core/ports/EventLog"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Inbox from "@tidemark/core/ports/Inbox"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Links from "@tidemark/core/ports/Links"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as PgConsumers from "./PgConsumers.ts"
import * as PgCounters from "./PgCounters.ts"
import * as PgDeadLetters from "./PgDeadLetters.ts"
import * as PgDeliveries from "./PgDeliveries.ts"
import * as PgEventLog from "./PgEventLog.ts"
import * as PgExpiry from "./PgExpiry.ts"
import * as PgInbox from "./PgInbox.ts"
import * as PgIntents from "./PgIntents.ts"
import * as PgLanes from "./PgLanes.ts"
import * as PgLedger from "./PgLedger.ts"
import * as PgLinks from "./PgLinks.ts"
import * as PgOutbox from "./PgOutbox.ts"
import * as PgQuarantine from "./PgQuarantine.ts"
import * as PgRunRecorder from "./PgRunRecorder.ts"
import * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category models @since 0.1.0 */
export type Services =
  | UnitOfWork.UnitOfWork
  | Lanes.Lanes
  | Ledger.Ledger
  | RunRecorder.RunRecorder
  | Quarantine.Quarantine
  | Outbox.Outbox
  | Intents.Intents
  | Consumers.Consumers
  | Counters.Counters
  | Deliveries.Deliveries
  | DeadLetters.DeadLetters
  | EventLog.EventLog
  | Inbox.Inbox
  | Links.Links
  | Expiry.Expiry

/** The ports over the client's database. @category layers @since 0.1.0 */
export const layer = (timeouts?: PgUnitOfWork.Timeouts): Layer.Layer<Services, never, SqlClient> =>
  Layer.effectContext(
    Effect.map(SqlClient, (sql) => {
      const session = PgUnitOfWork.session(sql, timeouts)
      return Context.make(UnitOfWork.UnitOfWork, PgUnitOfWork.make(session)).pipe(
        Context.add(Lanes.Lanes, PgLanes.make(session)),
        Context.add(Ledger.Ledger, PgLedger.make(session)),
        Context.add(RunRecorder.RunRecorder, PgRunRecorder.make(session)),
        Context.add(Quarantine.Quarantine, PgQuarantine.make(session)),
        Context.add(Outbox.Outbox, PgOutbox.make(session)),
        Context.add(Intents.Intents, PgIntents.make(session)),
        Context.add(Consumers.Consumers, PgConsumers.make(session)),
        Context.add(Counters.Counters, PgCounters.make(session)),
        Context.add(Deliveries.Deliveries, PgDeliveries.make(session)),
        Context.add(DeadLetters.DeadLetters, PgDeadLetters.make(session)),
        Context.add(EventLog.EventLog, PgEventLog.make(session)),
        Context.add(Inbox.Inbox, PgInbox.make(session)),
        Context.add(Links.Links, PgLinks.make(session)),
        Context.add(Expiry.Expiry, PgExpiry.make(session))
      )
    })
  )
