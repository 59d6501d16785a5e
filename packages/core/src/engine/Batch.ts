/**
 * A piece of a page, and all that is here of its records.
 *
 * Gathering happens outside the unit of work, while the one before commits: what
 * it finds may be old by then. What a batch of the same run has moved since is
 * found again; after another lane's commit a plan can only lose its
 * compare-and-set and be made again.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Entry from "../model/Entry.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Page from "../model/Page.ts"
import type * as Row from "../model/Row.ts"
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
  /** Batches of the run that were committed when gathering began: what they left is seen. */
  readonly since: number
  readonly states: ReadonlyMap<Observation.ExternalId, Plan.State<A>>
  readonly resolutions: ReadonlyMap<Observation.ExternalId, Plan.Resolution<A>>
  readonly plan: Plan.Plan<A, C>
}

/** What a plan does to a record that has its local id. @category models @since 0.1.0 */
export interface Move<A> extends Plan.Move<A> {
  readonly advance: Entry.Advance
}

/** @category errors @since 0.1.0 */
export type GatherError = ChangeSource.SourceError | ChangeSink.SinkError | StoreError
/** @category context @since 0.1.0 */
export type GatherContext<R> = Ledger.Ledger | Quarantine.Quarantine | R

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
 * hinted at, and those that are `wanted`, and plans. Each record is read at most
 * once per batch.
 *
 * @param since batches of the run that are committed by now
 * @category combinators
 * @since 0.1.0
 */
export const gather = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  { mark, observations }: Batch<A, C>,
  since: number,
  wanted: ReadonlySet<Observation.ExternalId> = new Set()
): Effect.fn.Return<Gathered<A, C>, GatherError, GatherContext<R>> {
  const states = yield* find(sync, idsOf(observations))
  const plan = yield* planInTurns(sync, observations, states)
  const hints = idsOf(
    observations.filter((one, index) => plan.decisions[index]!._tag === "Resolve" || wanted.has(one.externalId))
  )
  const batch = { observations, mark, since }
  if (!Arr.isReadonlyArrayNonEmpty(hints)) return { ...batch, states, resolutions: new Map(), plan }
  const resolutions = yield* resolve(sync, hints)
  const found = new Map([...states, ...(yield* find(sync, hints))])
  return { ...batch, states: found, resolutions, plan: Plan.make(sync.rules, observations, found, resolutions) }
})

/** Observations planned at a stretch: a millisecond or two. */
const turn = 100

/** The batch that commits meanwhile goes on between two turns. */
const planInTurns = Effect.fnUntraced(function* <A extends object, C, R>(
  { rules }: Sync.Sync<A, C, R>,
  observations: ReadonlyArray<Observation.Observation<A, C>>,
  states: ReadonlyMap<Observation.ExternalId, Plan.State<A>>
): Effect.fn.Return<Plan.Plan<A, C>> {
  const draft = Plan.begin<A, C>(rules, states, new Map())
  for (const [index, observation] of observations.entries()) {
    if (index % turn === 0) yield* Effect.yieldNow
    Plan.observe(draft, observation)
  }
  yield* Effect.yieldNow
  return Plan.end(draft)
})

/**
 * The batch with what is here of some of its records now.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refresh = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  gathered: Gathered<A, C>,
  ids: ReadonlyArray<Observation.ExternalId>,
  since: number
): Effect.fn.Return<Gathered<A, C>, GatherError, GatherContext<R>> {
  if (ids.length === 0) return gathered
  const states = new Map([...gathered.states, ...(yield* find(sync, ids))])
  const plan = Plan.make(sync.rules, gathered.observations, states, gathered.resolutions)
  return plan.decisions.some((decision) => decision._tag === "Resolve")
    ? yield* gather(sync, gathered, since)
    : { ...gathered, since, states, plan }
})

/**
 * Reads records by id. Fails when the source cannot, or answers in another domain
 * than its own.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resolve = Effect.fnUntraced(function* <A extends object, C, R>(
  { rules, source }: Sync.Sync<A, C, R>,
  hints: ChangeSink.Ids
): Effect.fn.Return<ReadonlyMap<Observation.ExternalId, Plan.Resolution<A>>, ChangeSource.SourceError, R> {
  const fail = (reason: "Invalid" | "Malformed", message: string) =>
    new ChangeSource.SourceError({ reason, source: source.label, message })
  if (source.fetch === undefined) {
    const message = `it emits versions of another domain than ${source.domain} and cannot read records by id`
    return yield* fail("Invalid", message)
  }
  const fetched = yield* source.fetch(hints)
  const resolutions = new Map<Observation.ExternalId, Plan.Resolution<A>>()
  for (const id of hints) {
    const found = fetched.get(id)
    if (found !== undefined && found.version.domain !== rules.domain) {
      return yield* fail("Malformed", `it reads ${id} by id at a version of ${found.version.domain}`)
    }
    resolutions.set(id, found === undefined ? { _tag: "Missing" } : { _tag: "Found", ...found })
  }
  return resolutions
})

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
  // A record that no store can hold is in quarantine at most, under the id it is held by.
  const held = new Map(ids.map((id) => [id, Refusal.heldId(id)] as const))
  const whole = ids.filter((id) => Refusal.idFault(id) === undefined)
  const isAny = Arr.isReadonlyArrayNonEmpty(whole)
  const ledger = yield* Ledger.Ledger
  const entries: ReadonlyMap<Observation.ExternalId, Entry.Entry> = isAny
    ? yield* ledger.find(sync.subscription, whole)
    : new Map()
  const refused = yield* (yield* Quarantine.Quarantine).find(
    sync.subscription,
    Arr.map(ids, (id) => held.get(id)!)
  )
  const rows: ReadonlyMap<Observation.ExternalId, Row.Row<A>> = isAny
    ? yield* sync.sink.find(sync.subscription, whole)
    : new Map()
  return new Map(
    ids.map(
      (id) => [id, { entry: entries.get(id), row: rows.get(id), refused: refused.get(held.get(id)!) ?? [] }] as const
    )
  )
})

/**
 * Moves with a local id each: records that were never here get a new one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const name = Effect.fnUntraced(function* <A>(
  moves: ReadonlyArray<Plan.Move<A>>
): Effect.fn.Return<ReadonlyArray<Move<A>>, StoreError, Ledger.Ledger> {
  const nameless = moves.filter(({ advance }) => advance.localId === undefined).length
  const localIds = (nameless === 0 ? [] : yield* (yield* Ledger.Ledger).localIds(nameless)).values()
  return moves.map((move) => {
    const localId = move.advance.localId ?? localIds.next().value
    if (localId === undefined) throw new Error("the ledger made fewer local ids than it was asked for")
    return { ...move, advance: { ...move.advance, localId } }
  })
})

/** Distinct ids, sorted. @category combinators @since 0.1.0 */
export const idsOf = (
  observations: Iterable<{ readonly externalId: Observation.ExternalId }>
): ReadonlyArray<Observation.ExternalId> => {
  const ids = new Set<Observation.ExternalId>()
  for (const { externalId } of observations) ids.add(externalId)
  return Array.from(ids).toSorted()
}
