/**
 * Removes what is old in calls of the server, each a transaction: see
 * `ExpiryFunctions`. It needs the role that was named for it, or the owner's.
 *
 * @since 0.1.0
 */
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ apart, sql }: PgUnitOfWork.Session): Expiry.Expiry["Service"] => ({
  remove: (options) =>
    apart(call(sql, options)).pipe(
      Effect.map(([row]) => ({ removed: countsOf(options.part, row!), next: row!.next ?? undefined })),
      Effect.mapError(PgError.toStoreError("Expiry.remove"))
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row {
  readonly first: number
  readonly second: number
  readonly next: number | null
}

const call = (
  sql: SqlClient,
  { age, from, limit, part }: Expiry.Options
): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
  sql<Row>`select * from tidemark.${sql.literal(`expire_${part}`)}(${String(Duration.toMillis(age))}::float8,
    ${String(from)}::bigint, ${String(limit)}::int)`

const countsOf = (part: Expiry.Part, { first, second }: Row): Expiry.Counts => {
  switch (part) {
    case "events":
      return { ...Expiry.noCounts, events: first, receipts: second }
    case "messages":
      return { ...Expiry.noCounts, messages: first }
    case "runs":
      return { ...Expiry.noCounts, runs: first, items: second }
    case "refusals":
      return { ...Expiry.noCounts, refusals: first }
  }
}
