/**
 * Up to which place the outbox can be read: behind the horizon stands the first
 * event of a transaction that may still be committed.
 *
 * An event takes its place when it is appended, while its record or the counter of
 * its key is locked; so places rise within a key, but not with the commits of
 * others. Ids of transactions tell which may still be committed, but they are no
 * order: a transaction that began early may append the second event of a key whose
 * first one was committed by a younger one. So before its first append a transaction
 * marks the place that was given out last, with a lock that it shares with nobody
 * and that ends with it, whatever becomes of it. A reader asks, in this order, for
 * the place that was given out last, for the lowest mark, and then, in a statement of
 * its own, for the events up to the lower of both: whoever has a place up to there
 * had marked before, and who has no mark any more has ended, and can be seen.
 *
 * Nothing but a transaction that appended holds the horizon back.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Horizon {
  /** Up to here nothing is committed any more that is not there by now. */
  readonly horizon: number
  /** The last place that was given out, to whomever. */
  readonly newest: number
  /** The server's process whose transaction the horizon waits for; 0 for a prepared one. */
  readonly holder: number | null
}

// -----------------------------------------------------------------------------
// statements
// -----------------------------------------------------------------------------

/** The upper bits of the marks among the advisory locks; the others are a place. */
const family = 7461n
const bits = 48n

const newest = "select case when s.is_called then s.last_value else 0 end from tidemark.event_seq_seq s"

/** @category statements @since 0.1.0 */
export const functions: ReadonlyArray<string> = [
  // The setting lasts as long as the lock: to the end of the transaction, or until the savepoint is taken back.
  `create function tidemark.event_mark() returns void language plpgsql as $$
     begin
       if coalesce(current_setting('tidemark.marked', true), '') = '' then
         perform pg_advisory_xact_lock_shared(${family << bits} | (${newest})), set_config('tidemark.marked', 'on', true);
       end if;
     end $$`,
  `create function tidemark.event_horizon(out horizon bigint, out newest bigint, out holder int)
     language plpgsql as $$
     declare mark bigint;
     begin
       if current_setting('transaction_isolation') <> 'read committed' then
         raise exception 'the horizon is of the past in a transaction that is %', current_setting('transaction_isolation')
           using errcode = '25001', hint = 'read events in transactions that are read committed';
       end if;
       newest := (${newest});
       select m.place, coalesce(m.pid, 0) into mark, holder from (
         select (l.classid::bigint << 32 | l.objid::bigint) - ${family << bits} as place, l.pid from pg_catalog.pg_locks l
         where l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = ${family}
           and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())) m
       where m.place < newest order by m.place limit 1;
       horizon := coalesce(mark, newest);
     end $$`
]

/** What readers and appenders need. @category constants @since 0.1.0 */
export const grants = [["select", "sequence tidemark.event_seq_seq"]] as const

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/**
 * In a statement of its own, before the one that reads events. Fails in a
 * transaction that sees one state of the database all along.
 *
 * @category readers
 * @since 0.1.0
 */
export const current = (sql: SqlClient): Effect.Effect<Horizon, SqlError> =>
  Effect.map(
    sql<Horizon>`select h.horizon::float8 as horizon, h.newest::float8 as newest, h.holder from tidemark.event_horizon() h`,
    ([row]) => row!
  )
