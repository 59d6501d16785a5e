/**
 * Deliveries as rows, see `DeliveryFunctions` for what each call does on the
 * server.
 *
 * Calls are for all tenants together and are committed before they answer; only
 * `acknowledge` joins the unit of work of its tenant. Times are the server's.
 *
 * @since 0.1.0
 */
import type * as Event from "@tidemark/core/model/Event"
import type * as Subscription from "@tidemark/core/model/Subscription"
import * as Consumers from "@tidemark/core/ports/Consumers"
import type * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Listing from "@tidemark/core/ports/Listing"
import * as Refusal from "@tidemark/core/rules/Refusal"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as DeliveryTables from "./DeliveryTables.ts"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** An event as statements answer it. @category models @since 0.1.0 */
export interface EventRow {
  readonly tenant: string
  readonly id: string
  readonly type: string
  readonly entity: string
  readonly key: string
  readonly direction: Event.Direction
  readonly revision: number
  readonly version: number
  /** JSON text. */
  readonly payload: string
}

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

/** @category conversions @since 0.1.0 */
export const toEvent = (row: EventRow): Event.Event => {
  const { direction, entity, id, key, payload, revision, type, version } = row
  const event = { id, tenant: row.tenant as Subscription.TenantId, type, direction, version, entity, key, revision }
  return { ...event, payload: JSON.parse(payload) }
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = (session: PgUnitOfWork.Session): Deliveries.Deliveries["Service"] => {
  const { apart, sql, write } = session
  // Where the next claim and the next sweep begin. Nothing is lost with them: they only share out the turns.
  const place: Place = { turn: "", swept: start }
  return {
    claim: (options) =>
      apart(claim(sql, place, options)).pipe(
        Effect.map((rows) => rows.map(toDelivery).toSorted((a, b) => a.position - b.position)),
        Effect.mapError(PgError.toStoreError("Deliveries.claim"))
      ),
    settle: (settlements) => {
      const sorted = Param.sorted(settlements, (a, b) => isBefore(a.held, b.held))
      return apart(settle(sql, "relay", sorted)).pipe(
        Effect.map((places) => places.map((n) => sorted[n - 1]!.held)),
        Effect.mapError(PgError.toStoreError("Deliveries.settle"))
      )
    },
    acknowledge: (held) => {
      const sorted = Param.sorted(held, isBefore)
      const settlements = sorted.map((one): Deliveries.Settlement => ({ held: one, verdict: { _tag: "Ack" } }))
      return write(held[0].tenant, settle(sql, null, settlements)).pipe(
        Effect.map((places) => places.map((n) => sorted[n - 1]!)),
        Effect.mapError(PgError.toStoreError("Deliveries.acknowledge"))
      )
    },
    renew: (held, lease) => {
      const sorted = Param.sorted(held, isBefore)
      return apart(
        sql<{ done: ReadonlyArray<number> }>`select tidemark.delivery_renew(${holders(sql, sorted)}::text[],
          ${seqs(sorted)}::float8[], ${epochs(sorted)}::float8[], ${millis(lease)}::float8) as done`
      ).pipe(
        Effect.map(([row]) => row!.done.map((n) => sorted[n - 1]!)),
        Effect.mapError(PgError.toStoreError("Deliveries.renew"))
      )
    },
    backlog: session.relay(backlog(sql)).pipe(Effect.mapError(PgError.toStoreError("Deliveries.backlog")))
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row extends EventRow {
  readonly consumer: string
  readonly place: number
  readonly epoch: number
  readonly attempt: number
  readonly late: boolean
}

/** A key of the table; none of a consumer has the number 0. */
interface Swept {
  readonly consumer: number
  readonly tenant: string
  /** As text: it has 64 bits. */
  readonly key: string
}

interface Place {
  /** The last tenant that was served. */
  turn: string
  swept: Swept
}

const start: Swept = { consumer: 0, tenant: "", key: "0" }
/** Most keys that a sweep looks at. */
const sweepMax = 500

const millis = (duration: Duration.Duration): string => String(Math.max(0, Duration.toMillis(duration)))

const isBefore = (a: Deliveries.Held, b: Deliveries.Held): boolean =>
  a.consumer !== b.consumer
    ? a.consumer < b.consumer
    : a.tenant !== b.tenant
      ? a.tenant < b.tenant
      : a.position < b.position

const holders = (sql: SqlClient, held: ReadonlyArray<Deliveries.Held>): Fragment =>
  sql`${Param.column(held, (one) => one.tenant)}::text[], ${Param.column(held, (one) => one.consumer)}`

const seqs = (held: ReadonlyArray<Deliveries.Held>) => Param.numbers(held.map(({ position }) => position))
const epochs = (held: ReadonlyArray<Deliveries.Held>) => Param.numbers(held.map(({ epoch }) => epoch))

/** A claim that finds nothing looks for what was forgotten, and once more where there was any. */
const claim = Effect.fnUntraced(function* (
  sql: SqlClient,
  place: Place,
  options: Deliveries.ClaimOptions
): Effect.fn.Return<ReadonlyArray<Row>, SqlError> {
  const claiming = Effect.suspend(
    () => sql<Row>`select * from tidemark.delivery_claim(${JSON.stringify(options.hosted)}::text::jsonb,
      ${options.direction}, ${String(Listing.limitOf(options))}::int, ${millis(options.lease)}::float8, ${place.turn})`
  )
  const rows = yield* claiming
  if (rows.length > 0) {
    place.turn = lastServed(rows, place.turn)
    return rows
  }
  return (yield* sweep(sql, place)) ? yield* claiming : rows
})

/** Turns go up from the one behind `turn`, and around. */
const lastServed = (rows: ReadonlyArray<Row>, turn: string): string => {
  const around = rows.filter(({ tenant }) => tenant <= turn)
  return (around.length > 0 ? around : rows).reduce((last, { tenant }) => (tenant > last ? tenant : last), "")
}

const sweep = Effect.fnUntraced(function* (sql: SqlClient, place: Place): Effect.fn.Return<boolean, SqlError> {
  const { consumer, key, tenant } = place.swept
  const [row] = yield* sql<
    { [Field in keyof Swept]: Swept[Field] | null } & { readonly repaired: number }
  >`select * from tidemark.delivery_sweep(${String(consumer)}::int, ${tenant}, ${key}::bigint, ${String(sweepMax)}::int)`
  place.swept =
    row!.tenant === null ? start : { tenant: row!.tenant, consumer: row!.consumer ?? 0, key: row!.key ?? "0" }
  return row!.repaired > 0
})

/** Answers places of the settlements that were accepted, from 1. */
const settle = (
  sql: SqlClient,
  scope: "relay" | null,
  settlements: ReadonlyArray<Deliveries.Settlement>
): Effect.Effect<ReadonlyArray<number>, SqlError> => {
  const held = settlements.map((one) => one.held)
  const verdicts = settlements.map((one) => one.verdict)
  const after = (verdict: Deliveries.Verdict) =>
    verdict._tag === "Retry" ? Math.max(0, Duration.toMillis(verdict.after)) : undefined
  return Effect.map(
    sql<{ done: ReadonlyArray<number> }>`select tidemark.delivery_settle(${scope}, ${holders(sql, held)}::text[],
      ${Param.column(verdicts, (verdict) => verdict._tag)}::text[],
      ${Param.column(verdicts, (verdict) => ("error" in verdict ? Refusal.printable(verdict.error) : undefined))}::text[],
      ${seqs(held)}::float8[], ${epochs(held)}::float8[], ${Param.numbers(verdicts.map(after))}::float8[]) as done`,
    ([row]) => row!.done
  )
}

const toDelivery = (row: Row): Deliveries.Delivery => ({
  tenant: row.tenant as Subscription.TenantId,
  consumer: row.consumer,
  position: row.place,
  epoch: row.epoch,
  attempt: row.attempt,
  isLate: row.late,
  event: toEvent(row)
})

/**
 * What has a date is counted from the index of what is due, the rest from the one
 * of keys: of each kind at most `Consumers.waitingMax` rows are judged.
 */
const backlog = (sql: SqlClient): Effect.Effect<ReadonlyArray<Deliveries.Backlog>, SqlError> => {
  const most = String(Consumers.waitingMax)
  const isBehind = sql`not d.late and exists (select from tidemark.delivery p where p.tenant = d.tenant
    and p.consumer = d.consumer and p.key_id = d.key_id and p.seq < d.seq and not p.late)`
  return sql<Deliveries.Backlog>`
    select c.name as consumer, w.direction, f.ready, f.delayed, f.held, least(f.behind + u.behind, ${most}::int) as behind,
      k.failing, l.dead, f.lag
    from tidemark.consumer c cross join (values ('change'), ('inbound'), ('outbound')) as w (direction)
    cross join lateral (
      select count(*) filter (where s.state = 'ready')::int as ready,
        count(*) filter (where s.state = 'delayed')::int as delayed,
        count(*) filter (where s.state = 'held')::int as held,
        count(*) filter (where s.state = 'behind')::int as behind,
        coalesce(greatest(0, extract(epoch from clock_timestamp()
          - min(s.due_at) filter (where s.state = 'ready')) * 1000), 0)::float8 as lag
      from (select d.due_at, case when ${isBehind} then 'behind' when d.due_at <= clock_timestamp() then 'ready'
            when d.held then 'held' else 'delayed' end as state
          from tidemark.delivery d where d.consumer = c.id and d.direction = w.direction and d.due_at < 'infinity'
          order by d.consumer, d.direction, d.tenant, d.due_at limit ${most}::int) s) f
    cross join lateral (select count(*)::int as behind from (select from tidemark.delivery d
      where d.consumer = c.id and d.direction = w.direction and d.due_at = 'infinity' limit ${most}::int) s) u
    cross join lateral (select count(*)::int as failing from (select from tidemark.delivery d
      where d.consumer = c.id and d.direction = w.direction and d.due_at <> 'infinity'
        and ${sql.literal(DeliveryTables.failing("d."))} order by d.consumer, d.seq limit ${most}::int) s) k
    cross join lateral (select count(*)::int as dead from (select from tidemark.dead_letter d
      where d.consumer = c.id and d.direction = w.direction limit ${most}::int) s) l
    where c.status <> 'Retired' and f.ready + f.delayed + f.held + f.behind + u.behind + l.dead > 0
    order by c.name, w.direction`
}
