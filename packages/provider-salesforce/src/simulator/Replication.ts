/**
 * The replication feeds (REST API guide, "sObject Get Updated", "sObject Get
 * Deleted"): Ids that changed in a window, and up to when the list is complete.
 *
 * **Guarantees**
 *
 * - a change stamped before `latestDateCovered` is in the list of its window, or
 *   never will be: transactions that are still open hold `latestDateCovered` back;
 * - a window the server has forgotten is refused, never answered in part.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Catalog from "./Catalog.ts"
import * as Instant from "./Instant.ts"
import * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** In ms, both ends included. @category models @since 0.1.0 */
export interface Window {
  readonly start: number
  readonly end: number
}

type Answered<A> = Result.Result<A, Refusal.Refusal>

/** How far back `updated` reaches, in ms. @category constants @since 0.1.0 */
export const updatedMs = 30 * Instant.day

/** Most Ids in an answer. @category constants @since 0.1.0 */
export const idsMax = 600_000

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * The window two parameters name. With `ignoresSeconds`, `12:30:15` means
 * `12:30:00`, as the guide says.
 *
 * @category constructors
 * @since 0.1.0
 */
export const window = (start: string | null, end: string | null, ignoresSeconds: boolean): Answered<Window> => {
  const [from, to] = [start, end].map((text) => (text === null ? undefined : Instant.parse(text)))
  if (from === undefined || to === undefined) {
    const [name, text] = from === undefined ? ["start", start] : ["end", end]
    return Refusal.fail(
      400,
      text === null ? "MISSING_ARGUMENT" : "INVALID_REPLICATION_DATE",
      text === null ? `The required parameter '${name}' is missing` : `Invalid date for '${name}': ${text.slice(0, 80)}`
    )
  }
  if (to < from) return refuse("endDate cannot be before startDate")
  if (to - from <= Instant.minute) return refuse("endDate must be at least one minute greater than startDate")
  return Result.succeed(
    ignoresSeconds ? { start: Instant.toMinute(from), end: Instant.toMinute(to) } : { start: from, end: to }
  )
}

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/** Records created, changed or undeleted in the window that are there now. @category reading @since 0.1.0 */
export const updated = (world: World.World, entity: Catalog.Entity, window: Window): Answered<object> => {
  const refused = refusal(world, entity, window, updatedMs)
  if (refused !== undefined) return refused
  const ids: Array<string> = []
  for (const { visible } of world.stores.get(entity.name)?.list ?? []) {
    if (visible !== undefined && !Store.isDeleted(visible) && isWithin(window, visible.stamp)) ids.push(visible.id)
  }
  if (ids.length > idsMax) return exceeded
  return Result.succeed({ ids, latestDateCovered: latestDateCovered(world, window) })
}

/** Records deleted in the window that are still deleted, purged ones included. @category reading @since 0.1.0 */
export const deleted = (world: World.World, entity: Catalog.Entity, window: Window): Answered<object> => {
  const refused = refusal(world, entity, window, World.binMs)
  if (refused !== undefined) return refused
  const records: Array<{ readonly id: string; readonly deletedDate: string }> = []
  const list = (id: string, at: number) => {
    if (isWithin(window, at)) records.push({ id, deletedDate: Instant.toRest(at) })
  }
  for (const [{ visible }, store] of world.bin) {
    if (store.entity === entity && visible !== undefined) list(visible.id, visible.stamp)
  }
  for (const { deletedAt, entity: name, id } of world.purged) if (name === entity.name) list(id, deletedAt)
  if (records.length > idsMax) return exceeded
  return Result.succeed({
    deletedRecords: records,
    earliestDateAvailable: Instant.toRest(Instant.toMinute(world.now - World.binMs)),
    latestDateCovered: latestDateCovered(world, window)
  })
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const refuse = (message: string) => Refusal.fail(400, "INVALID_REPLICATION_DATE", message)

const exceeded = Refusal.fail(400, "EXCEEDED_ID_LIMIT", `exceeded ${idsMax} ids`)

const refusal = (world: World.World, entity: Catalog.Entity, { start }: Window, reachMs: number) => {
  if (!entity.isReplicated) {
    return Refusal.fail(400, "INVALID_TYPE", `sObject type '${entity.name}' is not replicateable`)
  }
  return start < Instant.toMinute(world.now - reachMs)
    ? refuse(`startDate cannot be more than ${reachMs / Instant.day} days ago`)
    : undefined
}

const isWithin = ({ end, start }: Window, at: number): boolean => at >= start && at <= end

const latestDateCovered = (world: World.World, { end }: Window): string =>
  Instant.toRest(Instant.toSecond(Math.min(end, World.settledAt(world))))
