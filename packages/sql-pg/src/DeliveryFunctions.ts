/**
 * What is done to deliveries in one call of the server.
 *
 * Each statement of a function sees what was committed before it began. Where two
 * statements follow one another, the second one is there to see what the locks of
 * the first one waited for, or keep from happening.
 *
 * - An append takes the shared form of a lock whose exclusive form a registration
 *   takes, and then looks for consumers: it knows every one that registered before.
 *   It marks its place for readers, see `PgHorizon`.
 * - A claim locks what is due and then asks what stands before it. What is behind is
 *   put off for good only under a lock on one that stands before it, so that who
 *   settles that one comes later, and finds it. Where that lock is not free, it is
 *   put off by `patience`.
 * - Whoever deletes a delivery makes the first of its key due, in a later statement
 *   of the same transaction: it waits for claims that are putting that one off.
 *
 * @since 0.1.0
 */

/** Of the advisory locks of appends and registrations. @category constants @since 0.1.0 */
export const registrationLock = "7461, 2"

/** Who listens on it hears of commits that made deliveries. @category constants @since 0.1.0 */
export const channel = "tidemark"

/** How long a delivery waits when the one before it is being settled. */
const patience = "interval '100 milliseconds'"
/** Most times a claim looks again when what it found stands behind others. */
const roundsMax = 32
/** Most rows that a claim locks at a time when it meets many that stand behind others. */
const widthMax = 1_000
/** Most tenants of a consumer that a claim walks over, and fewest that it tries. */
const tenantsMax = 10_000
const tenantsMin = 64

/** The key of a row of `event`, as deliveries have it. @category fragments @since 0.1.0 */
export const keyId = (row: string): string => `hashtextextended(${row}.key, hashtextextended(${row}.entity, 0))`

/**
 * Plans are made once, often while the tables are empty: then a scan looks as good
 * as a look-up. Every access here is a look-up in an index, or by the place of the row.
 *
 * @category fragments
 * @since 0.1.0
 */
export const planned = ["seqscan", "bitmapscan", "hashjoin", "mergejoin"]
  .map((name) => `set enable_${name} = off`)
  .concat("set plan_cache_mode = force_generic_plan", "set jit = off", "set lock_timeout = '10s'")
  .join(" ")

// -----------------------------------------------------------------------------
// append
// -----------------------------------------------------------------------------

const eventColumns = "tenant, id, type, entity, key, payload, direction, revision, version"
const given = `select $1, i.id, i.type, i.entity, i.key, i.payload::json, i.direction, i.revision, i.version
  from (select unnest($2) as id, unnest($3) as type, unnest($4) as entity, unnest($5) as key, unnest($6) as payload,
    unnest($7) as direction, unnest($8) as revision, unnest($9) as version) as i`
const eventParameters = "text, text[], text[], text[], text[], text[], text[], float8[], float8[]"

/** Makes deliveries of the events of `added`. */
const deliver = `insert into tidemark.delivery (tenant, consumer, key_id, seq, type, direction, version)
  select a.tenant, c.id, ${keyId("a")}, a.seq, a.type, a.direction, a.version
  from added a join tidemark.consumer c
    on c.status <> 'Retired' and a.type = any(c.types) and c.after < a.seq`

const returning = "returning tenant, id, seq, type, entity, key, direction, version"

const wake = `get diagnostics made = row_count;
  if made > 0 then perform pg_notify('${channel}', ''); end if;`

/**
 * Inserts events that are likely to be new, and their deliveries: all of them, or
 * none where one is there already, and answers which. The lock outlives the part
 * that is taken back. `event_insert_new` inserts those that are not there, and
 * answers their ids.
 */
const append = [
  `create function tidemark.event_insert(${eventParameters}) returns boolean language plpgsql as $$
     declare made bigint;
     begin
       perform pg_advisory_xact_lock_shared(${registrationLock});
       perform tidemark.event_mark();
       begin
         if exists (select from tidemark.consumer c where c.status <> 'Retired' and c.types && $3) then
           with added as (insert into tidemark.event (${eventColumns}) ${given} ${returning}) ${deliver};
           ${wake}
         else
           insert into tidemark.event (${eventColumns}) ${given};
         end if;
         return true;
       exception when unique_violation then
         return false;
       end;
     end $$`,
  `create function tidemark.event_insert_new(${eventParameters}) returns text[] language plpgsql as $$
     declare made bigint; ids text[];
     begin
       perform pg_advisory_xact_lock_shared(${registrationLock});
       perform tidemark.event_mark();
       with added as (insert into tidemark.event (${eventColumns}) ${given} on conflict do nothing ${returning}),
         owed as (${deliver} returning 1)
       select array_agg(a.id), (select count(*) from owed) into ids, made from added a;
       if made > 0 then perform pg_notify('${channel}', ''); end if;
       return coalesce(ids, '{}');
     end $$`
]

// -----------------------------------------------------------------------------
// claim
// -----------------------------------------------------------------------------

/** Whether `p` stands before `d`. What is late is beside its key. */
const isBefore = `p.tenant = d.tenant and p.consumer = d.consumer and p.key_id = d.key_id and p.seq < d.seq and not p.late`

/** The next tenant of consumer `h` behind `after` that has anything with a date, and its first date. */
const nextTenant = (consumer: string, after: string): string => `(select d.tenant, d.due_at from tidemark.delivery d
  where d.consumer = ${consumer} and d.direction = way and d.due_at < 'infinity' and d.tenant > ${after}
  order by d.tenant, d.due_at limit 1)`

/** Tenants whose turn it is, from the one behind `turn` around to it. */
const walk = `with recursive host as (
    select c.id, h.value -> 'versions' as known from jsonb_array_elements(hosted) h
    cross join lateral (select c.id from tidemark.consumer c
      where c.name = h.value ->> 'consumer' and c.status = 'Active' and c.is_ready offset 0) c
  ), walk as (
    select h.id, h.known, s.place, s.bound, n.tenant, n.due_at, 1 as step from host h
    cross join (values (1, turn, null::text collate "C"), (2, '', turn)) as s (place, after, bound)
    cross join lateral ${nextTenant("h.id", "s.after")} n where n.tenant <= coalesce(s.bound, n.tenant)
    union all
    select w.id, w.known, w.place, w.bound, n.tenant, n.due_at, w.step + 1 from walk w
    cross join lateral ${nextTenant("w.id", "w.tenant")} n
    where w.step < ${tenantsMax} and n.tenant <= coalesce(w.bound, n.tenant)
  )
  select array_agg(w.id), array_agg(w.tenant), array_agg(w.known) into ids, tenants, known
  from (select w.id, w.tenant, w.known from walk w where w.due_at <= present
    order by w.place, w.tenant, w.id limit greatest(owed, ${tenantsMin})) w`

const lockDue = `select array_agg(c.spot) into locked from (
    select c.spot from (select unnest(ids) as id, unnest(tenants) as tenant, unnest(known) as known) t
    cross join lateral (select d.ctid as spot from tidemark.delivery d
      where d.consumer = t.id and d.direction = way and d.tenant = t.tenant and d.due_at < 'infinity'
        and d.due_at <= present and (t.known ->> d.type)::int >= d.version
      order by d.due_at, d.seq limit ceil(width::float8 / cardinality(ids))::bigint for update skip locked) c
    limit width) c`

const judge = `select array_agg(j.spot) filter (where j.is_head), array_agg(j.spot) filter (where not j.is_head)
    into heads, behind
  from (select d.ctid as spot, d.late or not exists (select from tidemark.delivery p where ${isBefore}) as is_head
    from tidemark.delivery d where d.ctid = any(locked) offset 0) j`

/** The nearest one before it is locked; mostly it is in `behind` too, and is locked already. */
const lockBefore = `select array_agg(b.spot) filter (where b.is_safe), array_agg(b.spot) filter (where b.is_safe is null)
    into safe, unsafe
  from (select d.ctid as spot, (select true from tidemark.delivery p where ${isBefore}
      order by p.seq desc limit 1 for key share skip locked) as is_safe
    from tidemark.delivery d where d.ctid = any(behind) offset 0) b`

const putOff = (spots: string, until: string): string =>
  `update tidemark.delivery d set held = false, due_at = ${until} where d.ctid = any(${spots})`

const leased = `with leased as (
    update tidemark.delivery d set epoch = d.epoch + 1, attempts = d.attempts + 1, held = true,
      due_at = clock_timestamp() + lease * interval '1 millisecond'
    where d.ctid = any(heads) returning d.tenant, d.consumer, d.seq, d.epoch, d.attempts, d.late
  )
  select l.tenant, c.name, l.seq::float8, l.epoch, l.attempts, l.late, e.id, e.type, e.entity, e.key, e.direction,
    e.revision::float8, e.version, e.payload::text
  from leased l join tidemark.consumer c on c.id = l.consumer
  cross join lateral (select e.* from tidemark.event e where e.seq = l.seq and e.tenant = l.tenant offset 0) e`

const claim = `create function tidemark.delivery_claim(hosted jsonb, way text, most int, lease float8, turn text)
   returns table (tenant text, consumer text, place float8, epoch int, attempt int, late boolean, id text, type text,
     entity text, key text, direction text, revision float8, version int, payload text)
   language plpgsql ${planned} as $$
   #variable_conflict use_column
   declare
     present constant timestamptz := clock_timestamp();
     owed int := most; width int := most;
     ids int[]; tenants text[]; known jsonb[]; locked tid[]; heads tid[]; behind tid[]; safe tid[];
     unsafe tid[];
   begin
     perform set_config('tidemark.scope', 'relay', true);
     for round in 1..${roundsMax} loop
       ${walk};
       exit when ids is null;
       ${lockDue};
       if locked is null then
         -- They are held by others, or of versions that are not known here: whose turn is next?
         exit when cardinality(ids) < greatest(owed, ${tenantsMin});
         turn := tenants[cardinality(ids)];
         continue;
       end if;
       ${judge};
       width := owed;
       if behind is not null then
         ${lockBefore};
         ${putOff("safe", "'infinity'")};
         if unsafe is not null then
           ${putOff("unsafe", `present + ${patience}`)};
         end if;
         width := least(${widthMax}, 2 * cardinality(locked));
       end if;
       if heads is not null then
         heads := heads[1:owed];
         return query ${leased};
         owed := owed - cardinality(heads);
       end if;
       exit when owed <= 0;
     end loop;
   end $$`

/** The first of the next key behind a place, whatever its date. */
const nextKey = (consumer: string, tenant: string, key: string): string => `(
  select d.consumer, d.tenant, d.key_id, d.due_at, d.ctid as spot from tidemark.delivery d
  where (d.consumer, d.tenant, d.key_id) > (${consumer}, ${tenant}, ${key}) and not d.late
  order by d.consumer, d.tenant, d.key_id, d.seq limit 1)`

/**
 * Makes first ones of their key due that have no date, of at most `most` keys from a
 * place on. Answers how many, and the last key it looked at; no key at the end.
 */
const sweep = `create function tidemark.delivery_sweep(a_consumer int, a_tenant text, a_key bigint, most int)
   returns table (repaired int, consumer int, tenant text, key text) language plpgsql ${planned} as $$
   #variable_conflict use_column
   declare spots tid[]; walked int; mended int := 0; l_tenant text; l_consumer int; l_key bigint;
   begin
     perform set_config('tidemark.scope', 'relay', true);
     with recursive walk as (
       select n.*, 1 as step from ${nextKey("a_consumer", 'a_tenant collate "C"', "a_key")} n
       union all
       select n.*, w.step + 1 from walk w cross join lateral ${nextKey("w.consumer", "w.tenant", "w.key_id")} n
       where w.step < most
     )
     select count(*), array_agg(w.spot) filter (where w.due_at = 'infinity'),
       (array_agg(w.tenant order by w.step desc))[1], (array_agg(w.consumer order by w.step desc))[1],
       (array_agg(w.key_id order by w.step desc))[1]
     into walked, spots, l_tenant, l_consumer, l_key from walk w;
     if spots is not null then
       select array_agg(f.spot) into spots from (select d.ctid as spot from tidemark.delivery d
         where d.ctid = any(spots) and d.due_at = 'infinity' for update skip locked) f;
       update tidemark.delivery d set due_at = clock_timestamp() where d.ctid = any(spots);
       get diagnostics mended = row_count;
     end if;
     if walked < most then
       return query select mended, null::int, null::text, null::text;
     else
       return query select mended, l_consumer, l_tenant, l_key::text;
     end if;
   end $$`

// -----------------------------------------------------------------------------
// settlement
// -----------------------------------------------------------------------------

/** The numbers of the consumers that are named. */
const numbered = `select jsonb_object_agg(c.name, c.id) into known from tidemark.consumer c
  where c.name = any(consumers)`

/** Claims `g` with the consumer's number and the key, in the order in which they are given. */
const claims = (columns: string, where = "true"): string => `(
  select g.*, (known ->> g.consumer)::int as consumer_id, e.key_id from (select * from (
    select generate_subscripts(tenants, 1) as n, unnest(tenants) as tenant, unnest(consumers) as consumer,
      unnest(seqs)::bigint as seq, unnest(epochs) as epoch ${columns}) g where ${where} offset 0) g
  cross join lateral (select ${keyId("e")} as key_id from tidemark.event e
    where e.seq = g.seq and e.tenant = g.tenant offset 0) e
  offset 0) as g`

/**
 * Whether `d` is what `g` claimed, and nobody claimed or settled it since. Equality
 * of the first column would let the whole index be walked for the sake of its order.
 */
const isHeld = `d.tenant = g.tenant and d.consumer = any(array[g.consumer_id]) and d.key_id = g.key_id and d.seq = g.seq
  and d.epoch = g.epoch and d.held`

const verdicts = ", unnest(verdicts) as verdict, unnest(afters) as after, unnest(errors) as error"

/** All of them in one order, before they part by verdict: else two that hold the same could wait for each other. */
const lockHeld = `perform l.spot from ${claims("")} cross join lateral (
    select d.ctid as spot from tidemark.delivery d where ${isHeld} for update) l`

const finish = `with gone as (
    delete from tidemark.delivery d using ${claims(verdicts, "g.verdict in ('Ack', 'DeadLetter')")} where ${isHeld}
    returning g.n, g.verdict, g.error as reason, d.*
  ), acked as (
    insert into tidemark.receipt (tenant, consumer, seq, attempts, settled_by)
    select r.tenant, r.consumer, r.seq, r.attempts, r.redriven_by from gone r where r.verdict = 'Ack'
  ), died as (
    insert into tidemark.dead_letter (tenant, consumer, seq, key_id, epoch, attempts, type, direction, version, error)
    select r.tenant, r.consumer, r.seq, r.key_id, r.epoch, r.attempts, r.type, r.direction, r.version, r.reason
    from gone r where r.verdict = 'DeadLetter' order by r.n
  )
  select array_agg(r.n), array_agg(r.tenant) filter (where not r.late),
    array_agg(r.consumer) filter (where not r.late), array_agg(r.key_id) filter (where not r.late)
  into done, gone_tenants, gone_consumers, gone_keys from gone r`

const giveBack = `with back as (
    update tidemark.delivery d set held = false, error = coalesce(g.error, d.error),
      attempts = case when g.verdict = 'Release' then d.attempts - 1 else d.attempts end,
      due_at = clock_timestamp() + coalesce(g.after, 0) * interval '1 millisecond'
    from ${claims(verdicts, "g.verdict in ('Retry', 'Release')")} where ${isHeld} returning g.n
  )
  select coalesce(done, '{}') || coalesce(array_agg(b.n), '{}') into done from back b`

/** Makes the first of each key that lost one due, in two statements: see above. */
const promote = (tenants: string, consumers: string, keys: string): string => `
  select array_agg(f.spot) into spots
  from (select distinct k.consumer, k.tenant collate "C" as tenant, k.key_id
    from (select unnest(${tenants}) as tenant, unnest(${consumers}) as consumer, unnest(${keys}) as key_id) k
    order by 1, 2, 3) k
  cross join lateral (select d.ctid as spot from tidemark.delivery d
    where d.tenant = k.tenant and d.consumer = k.consumer and d.key_id = k.key_id and not d.late
    order by d.seq limit 1 for update) f;
  if spots is not null then
    update tidemark.delivery d set due_at = clock_timestamp() where d.ctid = any(spots) and d.due_at = 'infinity';
  end if`

const settle = `create function tidemark.delivery_settle(scope text, tenants text[], consumers text[], verdicts text[],
     errors text[], seqs float8[], epochs float8[], afters float8[]) returns int[] language plpgsql ${planned} as $$
   #variable_conflict use_column
   declare done int[]; known jsonb; gone_tenants text[]; gone_consumers int[]; gone_keys bigint[]; spots tid[];
   begin
     if scope is not null then perform set_config('tidemark.scope', scope, true); end if;
     ${numbered};
     if 'Retry' = any(verdicts) or 'Release' = any(verdicts) then
       ${lockHeld};
     end if;
     ${finish};
     if 'Retry' = any(verdicts) or 'Release' = any(verdicts) then
       ${giveBack};
     end if;
     if gone_keys is not null then
       ${promote("gone_tenants", "gone_consumers", "gone_keys")};
     end if;
     return coalesce(done, '{}');
   end $$`

/** Settles one delivery without its handler, the first of its key or a late one. */
const skip = `create function tidemark.delivery_skip(a_consumer text, a_seq bigint, why text, who text)
   returns boolean language plpgsql ${planned} as $$
   #variable_conflict use_column
   declare gone_tenants text[]; gone_consumers int[]; gone_keys bigint[]; spots tid[];
   begin
     with one as (
       select e.tenant, c.id, ${keyId("e")} as key_id from tidemark.event e cross join tidemark.consumer c
       where e.seq = a_seq and c.name = a_consumer and c.status <> 'Retired' offset 0
     ), gone as (
       delete from tidemark.delivery d using one o where d.tenant = o.tenant and d.consumer = any(array[o.id])
         and d.key_id = o.key_id and d.seq = a_seq
         and (d.late or not exists (select from tidemark.delivery p where ${isBefore})) returning d.*
     ), noted as (
       insert into tidemark.receipt (tenant, consumer, seq, attempts, reason, settled_by)
       select g.tenant, g.consumer, g.seq, g.attempts, why, who from gone g
     )
     select array_agg(g.tenant), array_agg(g.consumer), array_agg(g.key_id)
     into gone_tenants, gone_consumers, gone_keys from gone g;
     if gone_keys is null then return false; end if;
     ${promote("gone_tenants", "gone_consumers", "gone_keys")};
     return true;
   end $$`

const renew = `create function tidemark.delivery_renew(tenants text[], consumers text[], seqs float8[], epochs float8[],
     lease float8) returns int[] language plpgsql ${planned} as $$
   #variable_conflict use_column
   declare done int[]; known jsonb;
   begin
     perform set_config('tidemark.scope', 'relay', true);
     ${numbered};
     with kept as (
       update tidemark.delivery d set due_at = clock_timestamp() + lease * interval '1 millisecond'
       from ${claims("")} where ${isHeld} returning g.n
     )
     select array_agg(k.n) into done from kept k;
     return coalesce(done, '{}');
   end $$`

/** @category statements @since 0.1.0 */
export const functions: ReadonlyArray<string> = [
  ...append,
  claim,
  sweep,
  settle,
  skip,
  renew,
  // Who may not see all deliveries would find none, and take that for an answer.
  `revoke execute on function tidemark.delivery_claim, tidemark.delivery_sweep, tidemark.delivery_renew,
     tidemark.delivery_skip from public`
]
