/**
 * Consumers as rows.
 *
 * A registration takes the exclusive form of the lock that every append shares:
 * when it has it, every event that was appended before is committed and visible,
 * and every later one is appended by somebody who sees the consumer. So the place
 * of the last event tells exactly what is to be given afterwards, without asking
 * which transactions are still open.
 *
 * @since 0.1.0
 */
import * as Consumers from "@tidemark/core/ports/Consumers"
import type * as StoreError from "@tidemark/core/ports/StoreError"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import type { Fragment } from "effect/sql/Statement"
import * as DeliveryFunctions from "./DeliveryFunctions.ts"
import * as Param from "./Param.ts"
import * as PgError from "./PgError.ts"
import type * as PgUnitOfWork from "./PgUnitOfWork.ts"

/** @category constructors @since 0.1.0 */
export const make = ({ relay, sql }: PgUnitOfWork.Session): Consumers.Consumers["Service"] => ({
  register: (declaration) => relay(register(sql, declaration)).pipe(told("Consumers.register")),
  activate: (name, limit) =>
    relay(activate(sql, name, Math.min(Math.max(Math.trunc(limit) || 1, 1), scanMax))).pipe(told("Consumers.activate")),
  list: relay(sql<Row>`select ${columns(sql)} from tidemark.consumer c order by c.name`).pipe(
    Effect.map((rows) => rows.map(toConsumer)),
    Effect.mapError(PgError.toStoreError("Consumers.list"))
  ),
  change: (name, change, by) =>
    Effect.gen(function* () {
      const id = yield* relay(alter(sql, name, change, by))
      if (change._tag === "Retire") yield* drop(relay, sql, id)
      return yield* relay(byId(sql, id))
    }).pipe(told("Consumers.change"))
})

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** How long appends may be kept waiting by a registration that waits for one of them. */
const lockMillis = "2000"
/** Most events that one call of `activate` looks at. */
const scanMax = 10_000
/** Most deliveries of a retired consumer that are dropped in one transaction. */
const dropMax = 10_000

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Row {
  readonly id: number
  readonly name: string
  readonly types: Consumers.Declaration["types"]
  readonly start: string
  readonly status: Consumers.Status
  readonly registered_at: number
  readonly changed_by: string | null
  readonly changed_at: number | null
  readonly waiting: number
}

type Failure = Consumers.ConsumerError | SqlError

const columns = (sql: SqlClient): Fragment => {
  const most = String(Consumers.waitingMax)
  return sql`c.id, c.name, c.types, c.start,
    case when c.status = 'Active' and not c.is_ready then 'Registering' else c.status end as status,
    ${Param.millis(sql, "c.registered_at")} as registered_at, c.changed_by,
    ${Param.millis(sql, "c.changed_at")} as changed_at,
    least(${most}::int, (select count(*) from (select from tidemark.delivery d
        where d.consumer = c.id and c.status <> 'Retired' limit ${most}::int) s)
      + (select count(*) from (select from tidemark.dead_letter d where d.consumer = c.id limit ${most}::int) s))::int
      as waiting`
}

const told =
  (operation: string) =>
  <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, Consumers.ConsumerError | StoreError.StoreError> =>
    Effect.mapError(effect, (error) => (isSqlError(error) ? PgError.toStoreError(operation)(error) : error))

const refused = (reason: Consumers.ConsumerError["reason"], consumer: string, message: string) =>
  new Consumers.ConsumerError({ reason, consumer, message })

const exclusive = (sql: SqlClient): Effect.Effect<unknown, SqlError> =>
  Effect.andThen(
    sql`select set_config('lock_timeout', ${lockMillis}, true)`,
    sql`select pg_advisory_xact_lock(${sql.literal(DeliveryFunctions.registrationLock)})`
  )

/** The row of a consumer, locked: nobody else changes it until the commit. */
const locked = Effect.fnUntraced(function* (
  sql: SqlClient,
  name: string
): Effect.fn.Return<Known | undefined, Failure> {
  const [row] = yield* sql<Known>`select c.id, c.status, c.is_ready, c.types, c.given::float8 as given,
    c.upto::float8 as upto from tidemark.consumer c where c.name = ${name} for update`
  return row
})

interface Known {
  readonly id: number
  readonly status: Exclude<Consumers.Status, "Registering">
  readonly is_ready: boolean
  readonly types: Consumers.Declaration["types"]
  readonly given: number
  readonly upto: number
}

const known = Effect.fnUntraced(function* (sql: SqlClient, name: string): Effect.fn.Return<Known, Failure> {
  const row = yield* locked(sql, name)
  return row ?? (yield* refused("Unknown", name, `there is no consumer ${name}; register it first`))
})

const byId = (sql: SqlClient, id: number): Effect.Effect<Consumers.Consumer, SqlError> =>
  Effect.map(sql<Row>`select ${columns(sql)} from tidemark.consumer c where c.id = ${String(id)}::int`, ([row]) =>
    toConsumer(row!)
  )

// -----------------------------------------------------------------------------
// registration
// -----------------------------------------------------------------------------

/** Of a known one the row is locked first: `activate` may hold it, and then no append has to wait. */
const register = Effect.fnUntraced(function* (
  sql: SqlClient,
  { name, start, types }: Consumers.Declaration
): Effect.fn.Return<Consumers.Consumer, Failure> {
  const found = yield* locked(sql, name)
  if (found === undefined) yield* exclusive(sql)
  // Somebody else may have registered it meanwhile.
  const before = found ?? (yield* locked(sql, name))
  if (before?.status === "Retired") {
    return yield* refused("Taken", name, `the consumer ${name} retired; its name is not given again`)
  }
  if (before !== undefined && isSame(before.types, types)) return yield* byId(sql, before.id)
  if (before !== undefined) {
    if (found !== undefined) yield* exclusive(sql)
    // A type that is new to it counts from now on, also where it was not given yet what it missed.
    yield* sql`update tidemark.consumer set types = ${Param.texts(types)}::text[],
      missed = array(select m from unnest(missed) m where m = any(${Param.texts(types)}::text[]))
      where id = ${String(before.id)}::int`
    return yield* byId(sql, before.id)
  }
  const text = typeof start === "string" ? start : String(start.after)
  yield* sql`insert into tidemark.consumer (name, types, missed, start, after, given, upto)
    select ${name}, ${Param.texts(types)}::text[], ${Param.texts(types)}::text[], ${text}, s.after, s.after, s.last
    from (select l.last, case ${text} when 'Now' then l.last when 'Beginning' then 0
        else ${typeof start === "string" ? "0" : String(start.after)}::bigint end as after
      from (select coalesce(max(e.seq), 0) as last from tidemark.event e) l) s`
  return yield* byId(sql, (yield* known(sql, name)).id)
})

const isSame = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((type, place) => type === b[place])

/** Events up to the last one that was there when it registered, in the order of their places. */
const activate = Effect.fnUntraced(function* (
  sql: SqlClient,
  name: string,
  limit: number
): Effect.fn.Return<boolean, Failure> {
  const { id, is_ready: isReady, status } = yield* known(sql, name)
  if (status === "Retired") return yield* refused("Retired", name, `the consumer ${name} retired; it is owed nothing`)
  if (isReady) return true
  const [step] = yield* sql<{ is_done: boolean }>`
    with seen as (
      select e.* from tidemark.consumer c cross join lateral (select e.seq, e.tenant, e.entity, e.key, e.type,
          e.direction, e.version from tidemark.event e where e.seq > c.given and e.seq <= c.upto
        order by e.seq limit ${String(scanMax)}::int) e where c.id = ${String(id)}::int
    ), chosen as (
      select s.* from seen s join tidemark.consumer c on c.id = ${String(id)}::int and s.type = any(c.missed)
      order by s.seq limit ${String(limit)}::int
    ), made as (
      insert into tidemark.delivery (tenant, consumer, key_id, seq, type, direction, version)
      select s.tenant, ${String(id)}::int, ${sql.literal(DeliveryFunctions.keyId("s"))}, s.seq, s.type, s.direction,
        s.version from chosen s order by s.seq on conflict do nothing
    ), reached as (
      select case when (select count(*) from chosen) = ${String(limit)}::int then (select max(seq) from chosen)
        when (select count(*) from seen) = ${String(scanMax)}::int then (select max(seq) from seen) end as seq
    )
    update tidemark.consumer c set given = coalesce(r.seq, c.upto), is_ready = coalesce(r.seq, c.upto) >= c.upto
    from reached r where c.id = ${String(id)}::int returning c.is_ready as is_done`
  if (step!.is_done) yield* sql`select pg_notify(${DeliveryFunctions.channel}, '')`
  return step!.is_done
})

// -----------------------------------------------------------------------------
// changes
// -----------------------------------------------------------------------------

/** Answers the number of the consumer. An append under way may still make deliveries for one that retires: it is waited for. */
const alter = Effect.fnUntraced(function* (
  sql: SqlClient,
  name: string,
  change: Consumers.Change,
  by: string
): Effect.fn.Return<number, Failure> {
  const { id, status } = yield* known(sql, name)
  if (status === "Retired") {
    if (change._tag === "Retire") return id
    return yield* refused("Retired", name, `the consumer ${name} retired; it can only be looked at`)
  }
  const set = (fragment: Fragment) =>
    sql`update tidemark.consumer set ${fragment}, changed_by = ${by}, changed_at = clock_timestamp()
      where id = ${String(id)}::int`
  switch (change._tag) {
    case "Pause":
      if (status !== "Paused") yield* set(sql`status = 'Paused'`)
      break
    case "Resume":
      if (status !== "Paused") break
      yield* set(sql`status = 'Active'`)
      yield* sql`select pg_notify(${DeliveryFunctions.channel}, '')`
      break
    case "Rename":
      if (change.to !== name) yield* rename(sql, name, change.to, set)
      break
    case "Retire":
      yield* exclusive(sql)
      if (change.ifDone === true) yield* requireDone(sql, name, id)
      yield* set(sql`status = 'Retired'`)
  }
  return id
})

/** Nobody appends meanwhile, so what is not there does not come. */
const requireDone = Effect.fnUntraced(function* (
  sql: SqlClient,
  name: string,
  id: number
): Effect.fn.Return<void, Failure> {
  const found = yield* sql`select 1 as one from tidemark.delivery d where d.consumer = ${String(id)}::int limit 1`
  if (found.length === 0) return
  return yield* refused(
    "Owed",
    name,
    `deliveries wait for the consumer ${name}, and would be dropped: let them be handled, or give them up`
  )
})

const rename = Effect.fnUntraced(function* (
  sql: SqlClient,
  name: string,
  to: string,
  set: (fragment: Fragment) => Effect.Effect<unknown, SqlError>
): Effect.fn.Return<void, Failure> {
  const taken = refused("Taken", to, `the name ${to} belongs to another consumer; ${name} keeps its own`)
  if ((yield* locked(sql, to)) !== undefined) return yield* taken
  yield* set(sql`name = ${to}`).pipe(
    Effect.catch((error) => Effect.fail(PgError.sqlState(error) === "23505" ? taken : error))
  )
})

/** In pieces: nobody hands them out any more. */
const drop = (relay: PgUnitOfWork.Session["relay"], sql: SqlClient, id: number): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const piece = relay(sql<{ one: number }>`delete from tidemark.delivery d where d.ctid = any(array(
      select s.ctid from tidemark.delivery s where s.consumer = ${String(id)}::int limit ${String(dropMax)}::int))
      returning 1 as one`)
    while ((yield* piece).length > 0);
  })

const toConsumer = (row: Row): Consumers.Consumer => ({
  name: row.name,
  types: row.types,
  start: row.start === "Beginning" || row.start === "Now" ? row.start : { after: Number(row.start) },
  status: row.status,
  registeredAt: row.registered_at,
  changed: row.changed_by === null ? undefined : { by: row.changed_by, at: row.changed_at ?? 0 },
  waiting: row.waiting
})
