/**
 * A PostgreSQL server inside the project, one namespace per module.
 *
 * @since 0.1.0
 */
export * as EmbeddedPostgres from "./EmbeddedPostgres.ts"
export * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"
