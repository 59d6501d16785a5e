/**
 * Makes a plan true inside an open unit of work: the ledger first, by
 * compare-and-set, then the sink for those that won.
 *
 * Records that lost are looked up and planned again, now seeing what the winner
 * committed. What the sink refuses is found by `Sift`.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Entry from "../model/Entry.ts"
import * as Event from "../model/Event.ts"
import type * as Observation from "../model/Observation.ts"
import * as Write from "../model/Write.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as Ledger from "../ports/Ledger.ts"
import type * as Quarantine from "../ports/Quarantine.ts"
import type { StoreError } from "../ports/StoreError.ts"
import type * as UnitOfWork from "../ports/UnitOfWork.ts"
import type * as Gate from "../rules/Gate.ts"
import * as Plan from "../rules/Plan.ts"
import * as Batch from "./Batch.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How often a record may lose its compare-and-set in one unit of work. @category constants @since 0.1.0 */
export const lossesMax = 5

/** By the place of an observation in its batch; nothing where there is nothing to say. @category models @since 0.1.0 */
export type ByPlace<T> = ReadonlyArray<T | undefined>

/** What became of some observations, before the audit knows. @category models @since 0.1.0 */
export interface Applied<A, C> {
  /** By place in the batch. */
  readonly decisions: ByPlace<Plan.Decision>
  /** What an observation was taken for; where there is nothing, for itself. */
  readonly readings: ByPlace<Observation.Observation<A, C>>
  /** What was settled of the record. */
  readonly settled: ByPlace<Gate.Known>
  readonly localIds: ReadonlyMap<Observation.ExternalId, string>
  readonly findings: ReadonlyMap<Observation.ExternalId, ReadonlyArray<Plan.Change>>
  /** Refusals that became void. */
  readonly voided: ReadonlyArray<string>
}

/** Something in the writes is refused; with one record among them, it is that one. @category errors @since 0.1.0 */
export class Refused extends Data.TaggedError("Refused")<{
  readonly rejection: Write.Rejection
  /** By record, where the sink told which ones. */
  readonly named?: Named
}> {}

/** @category models @since 0.1.0 */
export type Named = ReadonlyMap<Observation.ExternalId, Write.Rejection>

/**
 * What was found before the unit of work began is too old, or not all that is
 * needed: gather again, and read the `wanted` records by id.
 *
 * @category errors
 * @since 0.1.0
 */
export class Outdated extends Data.TaggedError("Outdated")<{
  readonly wanted?: ReadonlyArray<Observation.ExternalId>
}> {}

/** @category errors @since 0.1.0 */
export type ApplyError = ChangeSink.SinkError | StoreError | UnitOfWork.TransactionError | Refused | Outdated

/** @category models @since 0.1.0 */
export type Context = Ledger.Ledger | Quarantine.Quarantine | UnitOfWork.UnitOfWork | UnitOfWork.Transaction

/** Observations by their place in the batch. @category models @since 0.1.0 */
export type Indexed<A, C> = ReadonlyArray<readonly [index: number, observation: Observation.Observation<A, C>]>

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Applies all of a batch, or fails as a whole.
 *
 * @category combinators
 * @since 0.1.0
 */
export const all = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  gathered: Batch.Gathered<A, C>
): Effect.Effect<Applied<A, C>, ApplyError, Context> =>
  applyPlan(sync, sink, gathered, toIndexed(gathered.observations), gathered.plan)

/** What a plan comes to when all of its moves win. @category constructors @since 0.1.0 */
export const foresee = <A, C>(
  { decisions, readings, settled }: Plan.Plan<A, C>,
  moves: ReadonlyArray<Batch.Move<A>>
): Applied<A, C> => {
  const localIds = new Map<Observation.ExternalId, string>()
  const findings = new Map<Observation.ExternalId, ReadonlyArray<Plan.Change>>()
  for (const { advance, findings: found } of moves) {
    localIds.set(advance.externalId, advance.localId)
    findings.set(advance.externalId, found)
  }
  return { decisions, readings, settled, localIds, findings, voided: moves.flatMap((move) => move.voided) }
}

/** An applied batch in the making. @category models @since 0.1.0 */
export interface Draft<A, C> extends Applied<A, C> {
  readonly decisions: Array<Plan.Decision | undefined>
  readonly readings: Array<Observation.Observation<A, C> | undefined>
  readonly settled: Array<Gate.Known | undefined>
  readonly localIds: Map<Observation.ExternalId, string>
  readonly findings: Map<Observation.ExternalId, ReadonlyArray<Plan.Change>>
  readonly voided: Array<string>
}

/** @category constructors @since 0.1.0 */
export const draft = <A, C>(): Draft<A, C> => ({
  decisions: [],
  readings: [],
  settled: [],
  localIds: new Map(),
  findings: new Map(),
  voided: []
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const toIndexed = <A, C>(observations: ReadonlyArray<Observation.Observation<A, C>>): Indexed<A, C> =>
  observations.map((one, index) => [index, one] as const)

/** The moves of a plan, and the ledger rows they have won. */
interface Advanced<A> {
  readonly moves: ReadonlyArray<Batch.Move<A>>
  readonly won: ReadonlyMap<Observation.ExternalId, Entry.Entry>
}

/**
 * Applies a plan; `first` are moves of it that were tried already. Fails as a whole
 * when something is refused.
 *
 * @category combinators
 * @since 0.1.0
 */
export const applyPlan = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  gathered: Batch.Gathered<A, C>,
  all: Indexed<A, C>,
  initial: Plan.Plan<A, C>
): Effect.fn.Return<Applied<A, C>, ApplyError, Context> {
  const applied = draft<A, C>()
  let some = all
  let plan = initial
  for (let losses = 0; losses <= lossesMax; losses++) {
    yield* note(applied, some, plan)
    const { moves, won } = yield* advance(sync, plan)
    const winners = moves.filter((move) => won.has(move.advance.externalId))
    for (const { advance, findings, voided } of winners) {
      applied.findings.set(advance.externalId, findings)
      applied.voided.push(...voided)
    }
    for (const [id, localId] of yield* write(sync, sink, winners, won)) applied.localIds.set(id, localId)
    if (winners.length === moves.length) return applied
    const lost = new Set(moves.map((move) => move.advance.externalId).filter((id) => !won.has(id)))
    some = some.filter(([, one]) => lost.has(one.externalId))
    const states = yield* Batch.find(sync, Array.from(lost).toSorted())
    plan = Plan.make(
      sync.rules,
      some.map(([, one]) => one),
      states,
      gathered.resolutions
    )
  }
  return yield* new Outdated({})
})

const advance = Effect.fnUntraced(function* <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  plan: Plan.Plan<A, C>
): Effect.fn.Return<Advanced<A>, ApplyError, Context> {
  const moves = yield* Batch.name(plan.moves)
  const advances = moves.map((move) => move.advance)
  if (!Arr.isReadonlyArrayNonEmpty(advances)) return { moves, won: new Map() }
  const ledger = yield* Ledger.Ledger
  return { moves, won: yield* orRefused(ledger.advance(sync.subscription, advances)) }
})

/** What a plan says of each observation. Fails when it cannot say it yet. */
const note = <A, C>(
  applied: Draft<A, C>,
  some: Indexed<A, C>,
  { decisions, readings, settled }: Plan.Plan<A, C>
): Effect.Effect<void, Outdated> => {
  const wanted = some.filter((_, place) => decisions[place]!._tag === "Resolve").map(([, one]) => one.externalId)
  if (wanted.length > 0) return Effect.fail(new Outdated({ wanted }))
  for (const [place, [index]] of some.entries()) {
    applied.decisions[index] = decisions[place]
    applied.readings[index] = readings[place]
    applied.settled[index] = settled[place]
  }
  return Effect.void
}

/** Writes what won, and answers the local id of each record. */
const write = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  winners: ReadonlyArray<Batch.Move<A>>,
  won: ReadonlyMap<Observation.ExternalId, Entry.Entry>
): Effect.fn.Return<ReadonlyMap<Observation.ExternalId, string>, ApplyError, Context> {
  const localIds = new Map(Array.from(won, ([id, entry]) => [id, entry.localId] as const))
  const writes = winners.flatMap((move) => toWrite(sync, move))
  if (!Arr.isReadonlyArrayNonEmpty(writes)) return localIds
  const answers = yield* orRefused(sink.write(sync.subscription, writes))
  const names = yield* renamed(sink.label, writes, answers)
  const advances = Array.from(names, ([id, localId]): Entry.Advance => {
    const { token, ...entry } = won.get(id)!
    return { ...entry, expected: token, localId }
  })
  if (Arr.isReadonlyArrayNonEmpty(advances)) yield* (yield* Ledger.Ledger).advance(sync.subscription, advances)
  return new Map([...localIds, ...names])
})

/**
 * The records whose local id the sink knows better. Fails when it refused one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const renamed = Effect.fnUntraced(function* <A>(
  label: string,
  writes: ReadonlyArray<Write.Write<A>>,
  answers: Write.Answers
): Effect.fn.Return<ReadonlyMap<Observation.ExternalId, string>, Refused> {
  if (answers.length !== writes.length) {
    return yield* Effect.die(new Error(`${label} answered ${answers.length} of ${writes.length} writes`))
  }
  const names = new Map<Observation.ExternalId, string>()
  const named = new Map<Observation.ExternalId, Write.Rejection>()
  for (const [index, answer] of answers.entries()) {
    const { externalId, localId } = writes[index]!
    if (Result.isFailure(answer)) {
      named.set(externalId, answer.failure)
      continue
    }
    const known = answer.success.localId
    if (known !== undefined && known !== localId) names.set(externalId, known)
  }
  const [rejection] = named.values()
  return rejection === undefined ? names : yield* new Refused({ rejection, named })
})

/** The sink's part of a move. @category combinators @since 0.1.0 */
export const toWrite = <A, C, R>(sync: Sync.Sync<A, C, R>, move: Batch.Move<A>): ReadonlyArray<Write.Write<A>> => {
  if (move.write === undefined) return []
  const { externalId, localId, revision } = move.advance
  const idempotencyKey = Event.id(sync.subscription, externalId, revision, "write")
  return [{ ...move.write, externalId, localId, revision, idempotencyKey }]
}

/** The fault of a record, told from what ends the unit of work. @category combinators @since 0.1.0 */
export const orRefused = <T, E extends ChangeSink.SinkError | StoreError, R>(
  effect: Effect.Effect<T, E, R>
): Effect.Effect<T, E | Refused, R> =>
  Effect.catchIf(
    effect,
    (error) => error.reason === "Refused",
    (error) => Effect.fail(new Refused({ rejection: toRejection(error) }))
  )

/** @category constructors @since 0.1.0 */
export const toRejection = (error: ChangeSink.SinkError | StoreError): Write.Rejection =>
  new Write.Rejection({ code: error.code ?? "Refused", message: error.message })
