/**
 * Deliveries that were given up, as rows of their own, and those that fail.
 *
 * A dead letter has an id of its own, so that an old list redrives nothing that
 * died again since.
 *
 * @since 0.1.0
 */
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as DeliveryFunctions from "./DeliveryFunctions.ts"
import * as DeliveryTables from "./DeliveryTables.ts"
import * as Param from "./Param.ts"
import * as PgDeliveries from "./PgDeliveries.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ relay, sql }: PgUnitOfWork.Session): DeadLetters.DeadLetters["Service"] => ({
  list: (options = {}) =>
    relay(list(sql, options)).pipe(
      Effect.map((rows) => rows.map(toDeadLetter)),
      Effect.mapError(PgError.toStoreError("DeadLetters.list"))
    ),
  failing: (options = {}) =>
    relay(failing(sql, options)).pipe(
      Effect.map((rows) => rows.map(toFailing)),
      Effect.mapError(PgError.toStoreError("DeadLetters.failing"))
    ),
  redrive: (selection, by, limit) =>
    relay(redrive(sql, selection, by, Listing.limitOf({ limit }))).pipe(
      Effect.mapError(PgError.toStoreError("DeadLetters.redrive"))
    ),
  skip: (id, reason, by) =>
    relay(skip(sql, id, Refusal.printable(reason), Refusal.printable(by))).pipe(
      Effect.mapError(PgError.toStoreError("DeadLetters.skip"))
    )
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row extends PgDeliveries.EventRow {
  readonly letter: string
  readonly position: number
  readonly consumer: string
  readonly attempts: number
  readonly error: string
  readonly died_at: number
}

interface FailingRow extends PgDeliveries.EventRow {
  readonly consumer: string
  readonly position: number
  readonly attempts: number
  readonly error: string | null
  readonly due_at: number
  readonly held: boolean
  readonly late: boolean
}

const eventOf = (sql: SqlClient): Fragment => sql`cross join lateral (
  select e.id, e.tenant, e.type, e.entity, e.key, e.direction, e.revision::float8 as revision, e.version,
    e.payload::text as payload from tidemark.event e where e.seq = d.seq and e.tenant = d.tenant offset 0) e`

/** One row with the number of the consumer that is asked for, or one row. */
const asking = (sql: SqlClient, consumer: string | undefined): Fragment =>
  consumer === undefined
    ? sql`(select 1) as i`
    : sql`(select c.id as consumer from tidemark.consumer c where c.name = ${consumer} offset 0) as i`

const list = (sql: SqlClient, { before, consumer, id, type, ...options }: DeadLetters.ListOptions) => {
  const asked: ReadonlyArray<Fragment> = [
    consumer === undefined && type === undefined && id === undefined ? sql`d.place > 0` : sql`true`,
    ...(id === undefined ? [] : [sql`d.id = ${uuid.test(id) ? id : nobody}::uuid`]),
    ...(before === undefined ? [] : [sql`d.place < ${String(before)}::bigint`]),
    ...(consumer === undefined ? [] : [sql`d.consumer = i.consumer`]),
    ...(type === undefined ? [] : [sql`d.type = ${type}`])
  ]
  return sql<Row>`select d.id::text as letter, d.place::float8 as position, c.name as consumer, d.attempts, d.error,
      ${Param.millis(sql, "d.died_at")} as died_at, e.*
    from ${asking(sql, consumer)} cross join lateral (select * from tidemark.dead_letter d where ${sql.and(asked)}
      order by d.place desc limit ${String(Listing.limitOf(options))}::int) d
    join tidemark.consumer c on c.id = d.consumer ${eventOf(sql)}
    order by d.place desc`
}

/** In the order of the index that holds what fails. What waits for another one of its key has no date. */
const failing = (sql: SqlClient, { after, consumer, type, ...options }: DeadLetters.FailingOptions) => {
  const last = after === undefined ? undefined : DeadLetters.fromId(after)
  const asked: ReadonlyArray<Fragment> = [
    sql.literal(DeliveryTables.failing("d.")),
    // Written as `<`, it would be the condition of another index.
    sql`d.due_at <> 'infinity'`,
    ...(consumer === undefined ? [] : [sql`d.consumer = i.consumer`]),
    ...(type === undefined ? [] : [sql`d.type = ${type}`]),
    ...(last === undefined
      ? []
      : [
          sql`(d.consumer, d.seq) > (coalesce((select c.id from tidemark.consumer c where c.name = ${last.consumer}), 0),
            ${String(last.position)}::bigint)`
        ])
  ]
  return sql<FailingRow>`select c.name as consumer, d.seq::float8 as position, d.attempts, d.error,
      ${Param.millis(sql, "d.due_at")} as due_at, d.held, d.late, e.*
    from ${asking(sql, consumer)} cross join lateral (select * from tidemark.delivery d where ${sql.and(asked)}
      order by d.consumer, d.seq limit ${String(Listing.limitOf(options))}::int) d
    join tidemark.consumer c on c.id = d.consumer ${eventOf(sql)}
    order by d.consumer, d.seq`
}

/**
 * Whoever deletes a dead letter makes its delivery: the other one finds it gone. The
 * epoch goes on from where it was, so that claims from before it died stay fenced.
 */
const redrive = (
  sql: SqlClient,
  selection: DeadLetters.Selection,
  by: string,
  limit: number
): Effect.Effect<number, SqlError> => {
  const asked =
    selection._tag === "Ids"
      ? sql`d.id::text = any(${Param.texts(selection.ids)}::text[])`
      : selection._tag === "Type"
        ? sql`d.type = ${selection.type}`
        : sql`d.place > 0`
  return Effect.map(
    sql<{ count: number }>`
      with gone as (
        delete from tidemark.dead_letter d where d.id = any(array(select d.id from tidemark.dead_letter d
          join tidemark.consumer c on c.id = d.consumer and c.status <> 'Retired'
          where ${asked} order by d.place limit ${String(limit)}::int)) returning d.*
      ), made as (
        insert into tidemark.delivery (tenant, consumer, key_id, seq, type, direction, version, epoch, late, redriven_by)
        select g.tenant, g.consumer, g.key_id, g.seq, g.type, g.direction, g.version, g.epoch, true,
          ${Refusal.printable(by)} from gone g returning 1
      )
      select count(*)::int as count, (select pg_notify(${DeliveryFunctions.channel}, '') from gone limit 1) from made`,
    ([row]) => row!.count
  )
}

const skip = Effect.fnUntraced(function* (
  sql: SqlClient,
  id: string,
  reason: string,
  by: string
): Effect.fn.Return<boolean, SqlError> {
  const waiting = DeadLetters.fromId(id)
  if (waiting !== undefined) {
    const { consumer, position } = waiting
    const [row] = yield* sql<{ is_skipped: boolean }>`
      select tidemark.delivery_skip(${consumer}, ${String(position)}::bigint, ${reason}, ${by}) as is_skipped`
    return row!.is_skipped
  }
  if (!uuid.test(id)) return false
  const gone = yield* sql`
    with gone as (delete from tidemark.dead_letter d where d.id = ${id}::uuid returning d.*)
    insert into tidemark.receipt (tenant, consumer, seq, attempts, reason, settled_by)
    select g.tenant, g.consumer, g.seq, g.attempts, ${reason}, ${by} from gone g returning 1 as one`
  return gone.length > 0
})

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** An id that nothing has. */
const nobody = "00000000-0000-0000-0000-000000000000"

const toDeadLetter = (row: Row): DeadLetters.DeadLetter => ({
  id: row.letter,
  position: row.position,
  consumer: row.consumer,
  event: PgDeliveries.toEvent(row),
  attempts: row.attempts,
  error: row.error,
  diedAt: row.died_at
})

const toFailing = (row: FailingRow): DeadLetters.Failing => ({
  id: DeadLetters.idOf(row),
  consumer: row.consumer,
  position: row.position,
  event: PgDeliveries.toEvent(row),
  attempts: row.attempts,
  error: row.error ?? undefined,
  dueAt: row.due_at,
  isHeld: row.held,
  isLate: row.late
})
