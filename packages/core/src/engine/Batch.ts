/**
 * A piece of a page, and all that is here of its records.
 *
 * Gathering happens outside the unit of work, while the one before commits: what
 * it finds may be old by then, and a plan made from it can only lose its
 * compare-and-set and be made again.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Observation from "../model/Observation.ts"
import type * as Page from "../model/Page.ts"
import * as ChangeSource from "../ports/ChangeSource.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as Ledger from "../ports/Ledger.ts"
import * as Quarantine from "../ports/Quarantine.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as Plan from "../rules/Plan.ts"
import * as Refusal from "../rules/Refusal.ts"
import type * as Sync from "./Sync.ts"

/** @category models @since 0.1.0 */
export interface Batch<out A, out C> {
  readonly observations: ReadonlyArray<Observation.Observation<A, C>>
  readonly mark: { readonly position: C } | undefined
}

/** A batch with what planning needs. @category models @since 0.1.0 */
export interface Gathered<A, C> extends Batch<A, C> {
  readonly states: ReadonlyMap<Observation.ExternalId, Plan.State<A>>
  readonly resolutions: ReadonlyMap<Observation.ExternalId, Plan.Resolution<A>>
  readonly plan: Plan.Plan<A>
}

/**
 * Pieces of at most `size` observations; the mark stays behind the last one. For
 * an external sink no record comes twice in a piece: what was sent once cannot be
 * unfolded when it is refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const split = <A, C>(
  page: Page.Page<A, C>,
  size: number,
  kind: "Transactional" | "External"
): ReadonlyArray<Batch<A, C>> => {
  const pieces: Array<Array<Observation.Observation<A, C>>> = []
  let ids = new Set<Observation.ExternalId>()
  for (const observation of page.observations) {
    const piece = pieces.at(-1)
    const isRepeated = kind === "External" && ids.has(observation.externalId)
    if (piece === undefined || piece.length >= size || isRepeated) {
      pieces.push([observation])
      ids = new Set()
    } else piece.push(observation)
    ids.add(observation.externalId)
  }
  if (pieces.length === 0) return [{ observations: [], mark: page.mark }]
  return pieces.map((observations, index) => ({
    observations,
    mark: index === pieces.length - 1 ? page.mark : undefined
  }))
}

/**
 * Finds what is here of the batch's records, reads by id those that are only
 * hinted at, and plans. Each record is read at most once per batch.
 *
 * @category combinators
 * @since 0.1.0
 */
export const gather = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  batch: Batch<A, C>
): Effect.fn.Return<
  Gathered<A, C>,
  ChangeSource.SourceError | ChangeSink.SinkError | StoreError,
  Ledger.Ledger | Quarantine.Quarantine | R
> {
  const { observations } = batch
  const states = yield* find(sync, idsOf(observations))
  const plan = Plan.make(sync.rules, observations, states)
  const hints = idsOf(observations.filter((_, index) => plan.decisions[index]!._tag === "Resolve"))
  if (!Arr.isReadonlyArrayNonEmpty(hints)) return { ...batch, states, resolutions: new Map(), plan }
  if (sync.source.fetch === undefined) {
    return yield* new ChangeSource.SourceError({
      reason: "Invalid",
      source: sync.source.label,
      message: `it emits versions of another domain than ${sync.source.domain} and cannot read records by id`
    })
  }
  const fetched = yield* sync.source.fetch(hints)
  const resolutions = new Map(
    hints.map((id): readonly [Observation.ExternalId, Plan.Resolution<A>] => {
      const found = fetched.get(id)
      return [id, found === undefined ? { _tag: "Missing" } : { _tag: "Found", ...found }]
    })
  )
  const resolved = observations.map((one, index) =>
    plan.decisions[index]!._tag === "Resolve" ? resolve(one, fetched.get(one.externalId)) : one
  )
  const found = new Map([...states, ...(yield* find(sync, hints))])
  return {
    ...batch,
    observations: resolved,
    states: found,
    resolutions,
    plan: Plan.make(sync.rules, resolved, found, resolutions)
  }
})

/** A hint whose record was found is a read of the whole record; else it stays a hint. */
const resolve = <A, C>(
  hint: Observation.Observation<A, C>,
  found: ChangeSource.Fetched<A> | undefined
): Observation.Observation<A, C> => {
  if (found === undefined) return hint
  const { eventId, externalId, origin, position } = hint
  return { _tag: "Upsert", externalId, position, origin, ...(eventId === undefined ? {} : { eventId }), ...found }
}

/**
 * What is here of some records. The ledger is read first and the sink second, so
 * that a pair that does not belong together has an old token and loses.
 *
 * @category combinators
 * @since 0.1.0
 */
export const find = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  ids: ReadonlyArray<Observation.ExternalId>
): Effect.fn.Return<
  ReadonlyMap<Observation.ExternalId, Plan.State<A>>,
  ChangeSink.SinkError | StoreError,
  Ledger.Ledger | Quarantine.Quarantine
> {
  if (!Arr.isReadonlyArrayNonEmpty(ids)) return new Map()
  const entries = yield* (yield* Ledger.Ledger).find(sync.subscription, ids)
  const refused = yield* (yield* Quarantine.Quarantine).find(sync.subscription, ids)
  const rows = yield* sync.sink.find(sync.subscription, ids)
  return new Map(
    ids.map((id) => [id, { entry: entries.get(id), row: rows.get(id), refused: refused.get(id) ?? [] }] as const)
  )
})

/** Distinct ids that a store can be asked for, sorted. @category combinators @since 0.1.0 */
export const idsOf = (
  observations: Iterable<{ readonly externalId: Observation.ExternalId }>
): ReadonlyArray<Observation.ExternalId> => {
  const ids = new Set<Observation.ExternalId>()
  for (const { externalId } of observations) if (Refusal.isStorable(externalId)) ids.add(externalId)
  return Array.from(ids).toSorted()
}
