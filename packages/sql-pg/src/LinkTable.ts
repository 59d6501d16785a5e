/**
 * The table of links.
 *
 * Its key is what a link is: both places and the type, so two sessions that write
 * one link meet at one row. Each way to look for links has an index of its own that
 * ends with the type and the place in the list: a list is read in its order,
 * and nothing beside it.
 *
 * @since 0.1.0
 */

const text = `text collate "C" not null`

/** @category statements @since 0.1.0 */
export const tables: ReadonlyArray<string> = [
  `create table tidemark.link (tenant ${text}, source_id ${text}, source_entity ${text}, source_system ${text},
     target_id ${text}, target_entity ${text}, target_system ${text}, type ${text}
       check (type in ('reference', 'identity', 'other')),
     metadata json not null, place bigint generated always as identity, linked_at timestamptz not null default now(),
     primary key (tenant, source_id, target_id, source_entity, target_entity, source_system, target_system, type))
     with (fillfactor = 80)`,
  // Every row is in them. Which one may be used is said by a condition that always holds, see the lists of `Migrations`:
  // who looks for records says `place > -1`, from which `place > 0` does not follow.
  `create index link_source on tidemark.link (tenant, source_id, source_entity, source_system, type, place)
     where place > -1`,
  `create index link_target on tidemark.link (tenant, target_id, target_entity, target_system, type, place)
     where place > -1`,
  `create index link_type on tidemark.link (tenant, type, place) where place > 0`
]

/**
 * Removes links, one look-up each: whenever the plan for all of them together was
 * made, it would be one for a table as small as it was then. Arrays are in the order
 * of the key.
 *
 * @category statements
 * @since 0.1.0
 */
export const functions: ReadonlyArray<string> = [
  `create function tidemark.link_remove(text, text[], text[], text[], text[], text[], text[], text[]) returns void
   language plpgsql as $$
     begin
       for n in 1..cardinality($2) loop
         delete from tidemark.link r where r.tenant = $1 and r.source_id = $2[n] and r.target_id = $3[n]
           and r.source_entity = $4[n] and r.target_entity = $5[n] and r.source_system = $6[n]
           and r.target_system = $7[n] and r.type = $8[n];
       end loop;
     end $$`
]

/** @category constants @since 0.1.0 */
export const grants = [["select, insert, update, delete", "tidemark.link"]] as const
