/**
 * Makes a plan true inside an open unit of work: the ledger first, by
 * compare-and-set, then the sink for those that won.
 *
 * Records that lost are looked up and planned again, now seeing what the winner
 * committed. Records the sink refuses are found by halving, under savepoints, and
 * tried once more after the rest.
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
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Plan from "../rules/Plan.ts"
import * as Batch from "./Batch.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** How often a record may lose its compare-and-set in one unit of work. @category constants @since 0.1.0 */
export const lossesMax = 5

/** What became of some observations, before the audit knows. @category models @since 0.1.0 */
export interface Applied {
  /** By place in the batch. */
  readonly decisions: ReadonlyMap<number, Plan.Decision>
  readonly localIds: ReadonlyMap<Observation.ExternalId, string>
  readonly findings: ReadonlyMap<Observation.ExternalId, ReadonlyArray<Plan.Change>>
  /** Refusals that became void. */
  readonly voided: ReadonlyArray<string>
}

/** Something in the writes is refused; with one record among them, it is that one. @category errors @since 0.1.0 */
export class Refused extends Data.TaggedError("Refused")<{ readonly rejection: Write.Rejection }> {}

/** What was found before the unit of work began is too old: gather again. @category errors @since 0.1.0 */
export class Outdated extends Data.TaggedError("Outdated")<{}> {}

/** @category errors @since 0.1.0 */
export type ApplyError = ChangeSink.SinkError | StoreError | UnitOfWork.TransactionError | Refused | Outdated

/** @category models @since 0.1.0 */
export type Context = Ledger.Ledger | Quarantine.Quarantine | UnitOfWork.UnitOfWork | UnitOfWork.Transaction

type Indexed<A, C> = ReadonlyArray<readonly [index: number, observation: Observation.Observation<A, C>]>

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
): Effect.Effect<Applied, ApplyError, Context> =>
  applyPlan(
    sync,
    sink,
    gathered,
    gathered.observations.map((one, index) => [index, one] as const),
    gathered.plan
  )

/**
 * Applies all of a batch but what the sink refuses, which is decided as refused.
 *
 * @category combinators
 * @since 0.1.0
 */
export const allButRefused = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  gathered: Batch.Gathered<A, C>
): Effect.fn.Return<Applied, ApplyError, Context> {
  const uow = yield* UnitOfWork.UnitOfWork
  const rules = sync.rules
  let applied: Applied = { decisions: new Map(), localIds: new Map(), findings: new Map(), voided: [] }
  const waiting = new Map<number, Write.Rejection>()

  /** One savepoint. Answers the refusal, if there is one. */
  const attempt = Effect.fnUntraced(function* (some: Indexed<A, C>) {
    const plan = Plan.make(
      rules,
      some.map(([, one]) => one),
      gathered.states,
      gathered.resolutions
    )
    const result = yield* uow.transact(sync.subscription.tenant, applyPlan(sync, sink, gathered, some, plan)).pipe(
      Effect.map(Result.succeed),
      Effect.catchTag("Refused", (refused) => Effect.succeed(Result.fail(refused)))
    )
    if (Result.isFailure(result)) return result.failure.rejection
    applied = merge(applied, result.success)
    return undefined
  })

  /** The changes of one record, one by one: a later one may apply although an earlier one is refused. */
  const unfold = Effect.fnUntraced(function* (some: Indexed<A, C>) {
    for (const one of some) {
      const rejection = yield* attempt([one])
      if (rejection !== undefined) waiting.set(one[0], rejection)
      else if (applied.decisions.get(one[0])?._tag === "Change") {
        for (const [index] of some) giveUp(index)
      }
    }
  })

  const giveUp = (index: number) => {
    const rejection = waiting.get(index)
    if (rejection === undefined) return
    waiting.delete(index)
    applied = merge(applied, { ...nothing, decisions: new Map([[index, { _tag: "Refuse", rejection }]]) })
  }

  const halve = (records: ReadonlyArray<Indexed<A, C>>): Effect.Effect<void, ApplyError, Context> =>
    Effect.gen(function* () {
      const some = records.flat().toSorted(([a], [b]) => a - b)
      if (records.length === 1 && some.length > 1) return yield* unfold(some)
      const rejection = yield* attempt(some)
      if (rejection === undefined) return
      if (records.length === 1) return void waiting.set(some[0]![0], rejection)
      const middle = Math.ceil(records.length / 2)
      yield* halve(records.slice(0, middle))
      yield* halve(records.slice(middle))
    })

  const indexed = gathered.observations.map((one, index) => [index, one] as const)
  const records = Array.from(Map.groupBy(indexed, ([, one]) => one.externalId).values())
  if (records.length > 0) yield* halve(records)
  for (const index of Array.from(waiting.keys()).toSorted((a, b) => a - b)) {
    const rejection = yield* attempt([[index, gathered.observations[index]!]])
    if (rejection === undefined) waiting.delete(index)
    else giveUp(index)
  }
  return applied
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nothing: Applied = { decisions: new Map(), localIds: new Map(), findings: new Map(), voided: [] }

const merge = (a: Applied, b: Applied): Applied => ({
  decisions: new Map([...a.decisions, ...b.decisions]),
  localIds: new Map([...a.localIds, ...b.localIds]),
  findings: new Map([...a.findings, ...b.findings]),
  voided: [...a.voided, ...b.voided]
})

const applyPlan = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  gathered: Batch.Gathered<A, C>,
  some: Indexed<A, C>,
  plan: Plan.Plan<A>
): Effect.fn.Return<Applied, ApplyError, Context> {
  const ledger = yield* Ledger.Ledger
  const decisions = new Map(some.map(([index], place) => [index, plan.decisions[place]!] as const))
  const localIds = new Map<Observation.ExternalId, string>()
  const findings = new Map<Observation.ExternalId, ReadonlyArray<Plan.Change>>()
  const voided: Array<string> = []
  let moves = plan.moves
  for (let losses = 0; Arr.isReadonlyArrayNonEmpty(moves); losses++) {
    if (losses > lossesMax) return yield* new Outdated()
    const won = yield* ledger
      .advance(
        sync.subscription,
        Arr.map(moves, (move) => move.advance)
      )
      .pipe(Effect.catchIf(isRefused, refuse))
    const winners = moves.filter((move) => won.has(move.advance.externalId))
    for (const { advance, findings: found, voided: closed } of winners) {
      findings.set(advance.externalId, found)
      voided.push(...closed)
    }
    for (const [id, localId] of yield* write(sync, sink, winners, won)) localIds.set(id, localId)
    const lost = new Set(
      moves.filter((move) => !won.has(move.advance.externalId)).map((move) => move.advance.externalId)
    )
    if (lost.size === 0) break
    const again = some.filter(([, one]) => lost.has(one.externalId))
    const states = yield* Batch.find(sync, Array.from(lost).toSorted())
    const replanned = Plan.make(
      sync.rules,
      again.map(([, one]) => one),
      states,
      gathered.resolutions
    )
    if (replanned.decisions.some((decision) => decision._tag === "Resolve")) return yield* new Outdated()
    again.forEach(([index], place) => decisions.set(index, replanned.decisions[place]!))
    moves = replanned.moves
  }
  return { decisions, localIds, findings, voided }
})

/** Writes what won, and answers the local id of each record. */
const write = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.Transactional<A>,
  winners: ReadonlyArray<Plan.Move<A>>,
  won: ReadonlyMap<Observation.ExternalId, Entry.Entry>
): Effect.fn.Return<ReadonlyMap<Observation.ExternalId, string>, ApplyError, Context> {
  const localIds = new Map(Array.from(won, ([id, entry]) => [id, entry.localId] as const))
  const writes = winners.flatMap((move) => toWrite(sync, move, won.get(move.advance.externalId)!.localId))
  if (!Arr.isReadonlyArrayNonEmpty(writes)) return localIds
  const answers = yield* sink.write(sync.subscription, writes).pipe(Effect.catchIf(isRefused, refuse))
  if (answers.length !== writes.length) {
    return yield* Effect.die(new Error(`${sink.label} answered ${answers.length} of ${writes.length} writes`))
  }
  const renamed: Array<Entry.Advance> = []
  for (const [index, answer] of answers.entries()) {
    if (Result.isFailure(answer)) return yield* new Refused({ rejection: answer.failure })
    const { localId } = answer.success
    const entry = won.get(writes[index]!.externalId)!
    if (localId === undefined || localId === entry.localId) continue
    localIds.set(entry.externalId, localId)
    renamed.push({ ...entry, expected: entry.token, localId })
  }
  if (Arr.isReadonlyArrayNonEmpty(renamed)) {
    yield* (yield* Ledger.Ledger).advance(sync.subscription, renamed)
  }
  return localIds
})

/** The sink's part of a move. @category combinators @since 0.1.0 */
export const toWrite = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  move: Plan.Move<A>,
  localId: string
): ReadonlyArray<Write.Write<A>> => {
  if (move.write === undefined) return []
  const { externalId, revision } = move.advance
  const idempotencyKey = Event.id(sync.subscription, externalId, revision, "write")
  return [{ ...move.write, externalId, localId, revision, idempotencyKey }]
}

const isRefused = (error: ChangeSink.SinkError | StoreError): boolean => error.reason === "Refused"

const refuse = (error: ChangeSink.SinkError | StoreError) => Effect.fail(new Refused({ rejection: toRejection(error) }))

/** @category constructors @since 0.1.0 */
export const toRejection = (error: ChangeSink.SinkError | StoreError): Write.Rejection =>
  new Write.Rejection({ code: error.code ?? "Refused", message: error.message })
