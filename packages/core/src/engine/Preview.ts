/**
 * The pipeline of a run without the commit: what it would do, and why.
 *
 * What a batch would leave is kept for the batches after it, for at most
 * `overlayMax` records; past that bound a record that comes again is planned
 * against what is really here, and the previews say so.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as CursorRule from "../model/CursorRule.ts"
import type * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import type * as ChangeSource from "../ports/ChangeSource.ts"
import * as Lanes from "../ports/Lanes.ts"
import type * as Ledger from "../ports/Ledger.ts"
import type * as Quarantine from "../ports/Quarantine.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as Plan from "../rules/Plan.ts"
import * as Batch from "./Batch.ts"
import * as Reading from "./Reading.ts"
import * as Session from "./Session.ts"
import type * as Sync from "./Sync.ts"

/** Records whose planned state is remembered. @category constants @since 0.1.0 */
export const overlayMax = 10_000

/** What one batch would do. @category models @since 0.1.0 */
export interface Preview<A, C> {
  /** A hint whose record was found is the read of it. */
  readonly observations: ReadonlyArray<Observation.Observation<A, C>>
  /** One per observation, in order; none is `Resolve`. */
  readonly decisions: ReadonlyArray<Plan.Decision>
  readonly moves: ReadonlyArray<Plan.Move<A>>
  /** Whether every earlier decision of this preview was still remembered. */
  readonly isExact: boolean
}

/**
 * What previews would leave, by record. Mutable: one overlay, given to the lanes of
 * a subscription one after the other, lets each see what those before it would do.
 *
 * @category models
 * @since 0.1.0
 */
export type Overlay<A> = Map<Observation.ExternalId, Plan.State<A>>

/** @category constructors @since 0.1.0 */
export const stream = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  lane: Lane.Lane,
  overlay: Overlay<A>
): Stream.Stream<
  Preview<A, C>,
  ChangeSource.SourceError | ChangeSink.SinkError | StoreError | CursorRule.CursorError,
  Lanes.Lanes | Ledger.Ledger | Quarantine.Quarantine | R
> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const standing = yield* (yield* Lanes.Lanes).peek(lane)
      const from = standing === undefined ? undefined : yield* Session.startOf(sync, standing.checkpoint)
      return Reading.pages(sync, lane, from).pipe(
        Stream.flatMap((page) => Stream.fromArray(Batch.split(page, sync.batchSize, sync.sink._tag))),
        Stream.mapEffect((batch) => Batch.gather(sync, batch, 0)),
        Stream.mapEffect((gathered) => preview(sync, overlay, gathered))
      )
    })
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const preview = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  overlay: Overlay<A>,
  { observations, resolutions, states }: Batch.Gathered<A, C>
): Effect.fn.Return<Preview<A, C>, ChangeSource.SourceError, R> {
  const planned = new Map(Array.from(states, ([id, state]) => [id, overlay.get(id) ?? state] as const))
  const first = Plan.make(sync.rules, observations, planned, resolutions)
  // What said enough over the state that is here may be a hint over the one a batch before would leave.
  const hints = Batch.idsOf(observations.filter((_, index) => first.decisions[index]!._tag === "Resolve"))
  const plan = Arr.isReadonlyArrayNonEmpty(hints)
    ? Plan.make(sync.rules, observations, planned, new Map([...resolutions, ...(yield* Batch.resolve(sync, hints))]))
    : first
  const moves = new Map(plan.moves.map((move) => [move.advance.externalId, move] as const))
  const touched = new Set([...moves.keys(), ...plan.refused.keys()])
  const isExact = overlay.size + touched.size <= overlayMax
  for (const id of touched) {
    if (!isExact && !overlay.has(id)) continue
    overlay.set(id, after(planned.get(id) ?? Plan.noState, moves.get(id), plan.refused.get(id) ?? []))
  }
  return { observations: plan.readings, decisions: plan.decisions, moves: plan.moves, isExact }
})

/** The state a plan would leave of a record. A record that is new has no local id yet. */
const after = <A>(
  before: Plan.State<A>,
  move: Plan.Move<A> | undefined,
  refused: Plan.State<A>["refused"]
): Plan.State<A> => {
  if (move === undefined) return { ...before, refused }
  const { expected, ...entry } = move.advance
  const { write } = move
  const localId = entry.localId ?? ""
  return {
    entry: { ...entry, localId, token: expected + 1 },
    row: write === undefined ? before.row : write._tag === "Put" ? { localId, record: write.record } : undefined,
    refused
  }
}
