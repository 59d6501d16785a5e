/**
 * The ports of Tidemark over PostgreSQL, and tables as sinks.
 *
 * @since 0.1.0
 */
export * as LiveTable from "./LiveTable.ts"
export * as Migrations from "./Migrations.ts"
export * as PgColumn from "./PgColumn.ts"
export * as PgConsumers from "./PgConsumers.ts"
export * as PgCounters from "./PgCounters.ts"
export * as PgDeadLetters from "./PgDeadLetters.ts"
export * as PgDeliveries from "./PgDeliveries.ts"
export * as PgError from "./PgError.ts"
export * as PgInbox from "./PgInbox.ts"
export * as PgIntents from "./PgIntents.ts"
export * as PgLaneList from "./PgLaneList.ts"
export * as PgLanes from "./PgLanes.ts"
export * as LocalId from "./LocalId.ts"
export * as PgLedger from "./PgLedger.ts"
export * as PgLimits from "./PgLimits.ts"
export * as PgOutbox from "./PgOutbox.ts"
export * as PgPipeline from "./PgPipeline.ts"
export * as PgQuarantine from "./PgQuarantine.ts"
export * as PgRunRecorder from "./PgRunRecorder.ts"
export * as PgSink from "./PgSink.ts"
export * as PgStore from "./PgStore.ts"
export * as PgTable from "./PgTable.ts"
export * as PgUnitOfWork from "./PgUnitOfWork.ts"
export * as PgWake from "./PgWake.ts"
