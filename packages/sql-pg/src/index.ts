/**
 * The ports of Tidemark over PostgreSQL, and tables as sinks.
 *
 * @since 0.1.0
 */
export * as Migrations from "./Migrations.ts"
export * as PgColumn from "./PgColumn.ts"
export * as PgSink from "./PgSink.ts"
export * as PgStore from "./PgStore.ts"
export * as PgTable from "./PgTable.ts"
export * as PgUnitOfWork from "./PgUnitOfWork.ts"
