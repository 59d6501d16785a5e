/**
 * What was handled already, as rows under their tenant.
 *
 * Who inserts the row of a message handles it; who comes at the same time waits
 * for that transaction to end, and then finds the row, or inserts it.
 *
 * @since 0.1.0
 */
import * as Inbox from "@tidemark/core/ports/Inbox"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ alone, sql, write }: PgUnitOfWork.Session): Inbox.Inbox["Service"] => ({
  begin: (message) =>
    write(message.tenant, begin(sql, message)).pipe(
      Effect.mapError(PgError.toStoreError("Inbox.begin")),
      Effect.flatMap((state): Effect.Effect<boolean, Inbox.InboxConflict | StoreError> => {
        switch (state._tag) {
          case "First":
            return Effect.succeed(true)
          case "Finished":
            return Effect.succeed(false)
          case "Other":
            return Effect.fail(other(message))
          case "Busy":
            return Effect.fail(held(message, state.remaining))
        }
      })
    ),
  claim: (message, lease) =>
    alone(message.tenant, claim(sql, message, lease)).pipe(
      Effect.mapError((error) => (isSqlError(error) ? PgError.toStoreError("Inbox.claim")(error) : error))
    ),
  finish: (claimed) =>
    alone(
      claimed.tenant,
      sql`update tidemark.inbox r set finished_at = coalesce(r.finished_at, clock_timestamp())
        where ${isMessage(sql, claimed)} and r.epoch = ${String(claimed.epoch)}::int returning 1 as one`
    ).pipe(
      Effect.map((rows) => rows.length === 1),
      Effect.mapError(PgError.toStoreError("Inbox.finish"))
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type State =
  | { readonly _tag: "First" }
  | { readonly _tag: "Finished" }
  /** The same id, another content. */
  | { readonly _tag: "Other" }
  | { readonly _tag: "Busy"; readonly remaining: number }

interface Row {
  readonly is_other: boolean
  readonly is_finished: boolean
  /** Of the lease, in ms; not positive when it is over. */
  readonly remaining: number
}

const isMessage = (sql: SqlClient, { consumer, id, tenant }: Inbox.Message): Fragment =>
  sql`r.tenant = ${tenant} and r.consumer = ${consumer} and r.id = ${id}`

/** Infinite times cannot be subtracted before PostgreSQL 17; their epochs can. */
const standing = (sql: SqlClient, { digest }: Inbox.Message): Fragment =>
  sql`coalesce(r.digest <> ${digest ?? null}::text, false) as is_other, r.finished_at is not null as is_finished,
    ((extract(epoch from r.lease_until)::float8 - extract(epoch from clock_timestamp())::float8) * 1000) as remaining`

/** The row is locked, so that nobody takes what is judged here. */
const look = (sql: SqlClient, message: Inbox.Message): Effect.Effect<Exclude<State, { _tag: "First" }>, SqlError> =>
  Effect.map(
    sql<Row>`select ${standing(sql, message)} from tidemark.inbox r where ${isMessage(sql, message)} for update`,
    ([row]) => {
      if (row!.is_other) return { _tag: "Other" }
      return row!.is_finished ? { _tag: "Finished" } : { _tag: "Busy", remaining: row!.remaining }
    }
  )

const insert = (
  sql: SqlClient,
  { consumer, digest, id, tenant }: Inbox.Message,
  [until, finished]: readonly [until: Fragment, finished: Fragment]
) =>
  sql`insert into tidemark.inbox (tenant, consumer, id, digest, epoch, attempts, lease_until, finished_at)
    values (${tenant}, ${consumer}, ${id}, ${digest ?? null}, 1, 1, ${until}, ${finished})
    on conflict do nothing returning 1 as one`

/** What is left of a claim whose lease is over is taken over: it can no longer be finished. */
const begin = Effect.fnUntraced(function* (sql: SqlClient, message: Inbox.Message): Effect.fn.Return<State, SqlError> {
  const inserted = yield* insert(sql, message, [sql`'-infinity'`, sql`clock_timestamp()`])
  if (inserted.length === 1) return { _tag: "First" }
  const state = yield* look(sql, message)
  if (state._tag !== "Busy" || state.remaining > 0) return state
  yield* sql`update tidemark.inbox r set epoch = r.epoch + 1, attempts = r.attempts + 1,
    finished_at = clock_timestamp() where ${isMessage(sql, message)}`
  return { _tag: "First" }
})

const claim = Effect.fnUntraced(function* (sql: SqlClient, message: Inbox.Message, lease: Duration.Duration) {
  const until = sql`clock_timestamp() + ${String(Duration.toMillis(lease))}::float8 * interval '1 millisecond'`
  const inserted = yield* insert(sql, message, [until, sql`null`])
  if (inserted.length === 1) return { _tag: "Claimed" as const, claim: { ...message, epoch: 1, attempt: 1 } }
  const state = yield* look(sql, message)
  if (state._tag === "Other") return yield* other(message)
  if (state._tag === "Finished") return { _tag: "Finished" as const }
  if (state.remaining > 0) return { _tag: "Busy" as const, remaining: state.remaining }
  const [row] = yield* sql<{ epoch: number; attempt: number }>`update tidemark.inbox r set epoch = r.epoch + 1,
    attempts = r.attempts + 1, lease_until = ${until} where ${isMessage(sql, message)}
    returning r.epoch, r.attempts as attempt`
  return { _tag: "Claimed" as const, claim: { ...message, ...row! } }
})

const other = ({ consumer, id }: Inbox.Message): Inbox.InboxConflict =>
  new Inbox.InboxConflict({
    consumer,
    id,
    message: `the message ${id} came to ${consumer} before, with another content; its sender gave one id twice`
  })

const held = ({ consumer, id }: Inbox.Message, remaining: number): StoreError =>
  new StoreError({
    reason: "Conflict",
    operation: "Inbox.begin",
    message: `the message ${id} is claimed for ${consumer}, for ${Math.ceil(remaining)} ms more; try again then`
  })
