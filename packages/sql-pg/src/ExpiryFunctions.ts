/**
 * What removing what is old may do, and how each piece is found.
 *
 * Removal looks at all tenants: a policy of its own shows it what may go, and what
 * keeps that from going, in a transaction whose setting `tidemark.scope` is
 * `retention`. It is the owner's, and that of the role that is named for it: who is
 * neither has the tenant's policy alone.
 *
 * Events and messages are walked in the order of their places, up to the first piece
 * that ends with a young one. What was written by a unit of work that took long
 * stands among younger ones, and may go some time later.
 *
 * @since 0.1.0
 */
import * as DeliveryFunctions from "./DeliveryFunctions.ts"
import * as DeliveryTables from "./DeliveryTables.ts"

// -----------------------------------------------------------------------------
// indexes and policies
// -----------------------------------------------------------------------------

/** @category statements @since 0.1.0 */
export const indexes: ReadonlyArray<string> = [
  `create index dead_letter_event on tidemark.dead_letter (seq)`,
  // As in the lists of `Migrations`: only who says `seq > -1`, from which `seq > 0` does not follow, may use it.
  `create index run_lane on tidemark.run (tenant, subscription, lane, partition, seq) where seq > -1`,
  `create index run_closed on tidemark.run (closed_at) where closed_at is not null`,
  `create index quarantine_closed on tidemark.quarantine (closed_at) where status <> 'Open'`
]

/** Under the policy of the tenant, and that of removal. @category constants @since 0.1.0 */
export const tables = ["tidemark.run", "tidemark.item", "tidemark.quarantine", "tidemark.inbox"] as const

/** What says whether another row may go. */
const witnesses: ReadonlyArray<string> = ["tidemark.delivery", "tidemark.dead_letter"]

/** All that removal looks at. @category constants @since 0.1.0 */
export const retentionTables: ReadonlyArray<string> = [...tables, ...DeliveryTables.relayTables]

/** @category statements @since 0.1.0 */
export const policies: ReadonlyArray<string> = [
  // As `visible_tenant`, where the relay has nothing to look for.
  `create function tidemark.kept_tenant() returns text language plpgsql stable as $$
     begin return case when tidemark.is_retention() then null else tidemark.current_tenant() end; end $$`,
  ...tables.flatMap((table) => [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `create policy tenant on ${table} using (tenant = (select tidemark.kept_tenant()))
       with check (tenant = (select tidemark.kept_tenant()))`
  ]),
  ...retentionTables.map((table) =>
    witnesses.includes(table)
      ? `create policy retention on ${table} for select to current_user using ((select tidemark.is_retention()))`
      : `create policy retention on ${table} to current_user using ((select tidemark.is_retention())) with check (false)`
  )
]

/** What removes for all tenants. @category constants @since 0.1.0 */
export const retentionGrants = [
  ["usage", "schema tidemark"],
  ["select", "tidemark.migration, tidemark.consumer, tidemark.delivery, tidemark.dead_letter"],
  [
    "select, delete",
    "tidemark.event, tidemark.receipt, tidemark.inbox, tidemark.run, tidemark.item, tidemark.quarantine"
  ],
  [
    "execute",
    `function tidemark.expire_events, tidemark.expire_receipts, tidemark.expire_messages, tidemark.expire_runs,
       tidemark.expire_refusals`
  ]
] as const

// -----------------------------------------------------------------------------
// pieces
// -----------------------------------------------------------------------------

const open = `perform set_config('tidemark.scope', 'retention', true)`
const before = `before constant timestamptz := clock_timestamp() - age * interval '1 millisecond';`
const answer = `returns table (first int, second int, next float8) language plpgsql ${DeliveryFunctions.planned} as $$
   #variable_conflict use_column`

/** Nobody asks whether there is any: a plan made while the table is empty would look at all of it. */
const isDead = `(select true from tidemark.dead_letter d where d.seq = e.seq limit 1)`
const isMissed = `(select true from tidemark.consumer c where c.status <> 'Retired' and not c.is_ready
  and e.seq > c.given and e.seq <= c.upto and e.type = any(c.missed) limit 1)`
const isOwed = `(select true from tidemark.consumer c cross join lateral (
    select d.seq from tidemark.delivery d where d.consumer = c.id and d.tenant = e.tenant
      and d.key_id = ${DeliveryFunctions.keyId("e")} and d.seq = e.seq offset 0) d
  where c.status <> 'Retired' limit 1)`

/**
 * The lock is the one that appends share: while it is held nobody registers, and who
 * has registered is seen by the statements after it.
 */
const events = `create function tidemark.expire_events(age float8, start bigint, most int) ${answer}
   declare ${before} going bigint[]; last bigint; seen int; is_old boolean; width int;
   begin
     ${open};
     perform pg_advisory_xact_lock_shared(${DeliveryFunctions.registrationLock});
     select greatest(1, most / (1 + count(*)))::int into width from tidemark.consumer;
     select array_agg(s.seq order by s.seq) filter (where s.is_done), max(s.seq), count(*), bool_and(s.is_old)
     into going, last, seen, is_old
     from (select e.seq, e.appended_at < before as is_old, e.appended_at < before and ${isDead} is null
           and ${isMissed} is null and ${isOwed} is null as is_done
         from (select e.seq, e.tenant, e.entity, e.key, e.type, e.appended_at from tidemark.event e
           where e.seq > start order by e.seq limit most offset 0) e) s;
     next := case when seen = most and is_old then last end;
     if cardinality(going) > width then
       going := going[1:width];
       next := going[width];
     end if;
     delete from tidemark.event e where e.seq = any(going);
     get diagnostics first = row_count;
     second := case when going is null then 0 else tidemark.expire_receipts(going) end;
     return next;
   end $$`

/** Their index knows ranges alone, and is read by bitmap. */
const receipts = `create function tidemark.expire_receipts(places bigint[]) returns int language plpgsql
   set enable_seqscan = off set enable_bitmapscan = on set plan_cache_mode = force_generic_plan as $$
   declare gone int;
   begin
     ${open};
     delete from tidemark.receipt r
     where r.seq >= places[1] and r.seq <= places[cardinality(places)] and r.seq = any(places);
     get diagnostics gone = row_count;
     return gone;
   end $$`

/** Whether there is an event of the message's id, or of what follows the consumer's name in it. */
const isOfEvent = `(select true from tidemark.event e where e.tenant = m.tenant
  and e.id = any(array[m.id, substr(m.id, strpos(m.id, '/') + 1)]) limit 1)`

const messages = `create function tidemark.expire_messages(age float8, start bigint, most int) ${answer}
   declare ${before} going bigint[]; last bigint; seen int; is_old boolean;
   begin
     ${open};
     select array_agg(s.place) filter (where s.is_done), max(s.place), count(*), bool_and(s.is_old)
     into going, last, seen, is_old
     from (select m.place, m.received_at < before as is_old,
           coalesce(m.finished_at < before, false) and ${isOfEvent} is null as is_done
         from (select m.place, m.tenant, m.id, m.received_at, m.finished_at from tidemark.inbox m
           where m.place > start order by m.place limit most offset 0) m) s;
     next := case when seen = most and is_old then last end;
     delete from tidemark.inbox m where m.place = any(going);
     get diagnostics first = row_count;
     second := 0;
     return next;
   end $$`

/** The bound is worked out here: among the conditions on items it would not be let past their policy, into the index. */
const dueRuns = `(select r.ctid as spot, r.tenant, r.id, r.item_from,
  coalesce(r.item_to, 9223372036854775807) as item_to from tidemark.run r where r.ctid = any(due) offset 0)`

/** Items first: the run goes with the last of them. */
const runs = `create function tidemark.expire_runs(age float8, start bigint, most int) ${answer}
   declare ${before} due tid[]; items tid[]; done tid[];
   begin
     ${open};
     select array_agg(r.spot) into due
     from (select r.ctid as spot from tidemark.run r
       where r.closed_at is not null and r.closed_at < before and (select true from tidemark.run n
         where n.tenant = r.tenant and n.subscription = r.subscription and n.lane = r.lane
           and n.partition = r.partition and n.seq > r.seq and n.seq > -1 limit 1)
       order by r.closed_at limit most) r;
     select array_agg(s.spot) into items
     from (select i.spot from ${dueRuns} r
       cross join lateral (select i.ctid as spot from tidemark.item i
         where i.tenant = r.tenant and i.seq > r.item_from and i.seq <= r.item_to
           and i.run = r.id order by i.seq limit most) i
       limit most) s;
     delete from tidemark.item i where i.ctid = any(items);
     get diagnostics second = row_count;
     select array_agg(s.spot) into done
     from (select r.spot from ${dueRuns} r
       where (select true from tidemark.item i where i.tenant = r.tenant and i.seq > r.item_from
         and i.seq <= r.item_to and i.run = r.id limit 1) is null
       limit most - second) s;
     delete from tidemark.run r where r.ctid = any(done);
     get diagnostics first = row_count;
     next := case when cardinality(due) > first or cardinality(due) = most then 0 end;
     return next;
   end $$`

const refusals = `create function tidemark.expire_refusals(age float8, start bigint, most int) ${answer}
   declare ${before} due tid[];
   begin
     ${open};
     select array_agg(q.spot) into due
     from (select q.ctid as spot from tidemark.quarantine q where q.status <> 'Open' and q.closed_at < before
       order by q.closed_at limit most) q;
     delete from tidemark.quarantine q where q.ctid = any(due);
     get diagnostics first = row_count;
     second := 0;
     next := case when cardinality(due) = most then 0 end;
     return next;
   end $$`

/** @category statements @since 0.1.0 */
export const functions: ReadonlyArray<string> = [
  receipts,
  events,
  messages,
  runs,
  refusals,
  // Who may not see all of it would find nothing, and take that for an answer.
  `revoke execute on function tidemark.expire_events, tidemark.expire_receipts, tidemark.expire_messages,
     tidemark.expire_runs, tidemark.expire_refusals from public`
]
