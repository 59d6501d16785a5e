/**
 * Finds what a sink refuses of a batch, and applies the rest.
 *
 * Records that the sink names are taken out at once; where it does not say which
 * ones it means, they are found by halving, under savepoints. What was refused is
 * tried once more after the rest: it may have waited for that.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Observation from "../model/Observation.ts"
import * as Write from "../model/Write.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Plan from "../rules/Plan.ts"
import * as Refusals from "../rules/Refusal.ts"
import * as Apply from "./Apply.ts"
import * as Batch from "./Batch.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

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
): Effect.fn.Return<Apply.Applied<A, C>, Apply.ApplyError, Apply.Context> {
  const job: Job<A, C, R> = { sync, sink, gathered, draft: Apply.draft(), waiting: new Map() }
  const records = Array.from(Map.groupBy(Apply.toIndexed(gathered.observations), ([, one]) => one.externalId).values())
  if (records.length > 0) yield* halve(job, records)
  yield* together(job)
  for (const index of Array.from(job.waiting.keys()).toSorted((a, b) => a - b)) {
    const result = yield* attempt(job, [[index, gathered.observations[index]!]], gathered.states)
    if (Result.isSuccess(result)) job.waiting.delete(index)
    else giveUp(job, index)
  }
  return job.draft
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** One batch whose refusals are being found. */
interface Job<A, C, R> {
  readonly sync: Sync.Sync<A, C, R>
  readonly sink: ChangeSink.Transactional<A>
  readonly gathered: Batch.Gathered<A, C>
  readonly draft: Apply.Draft<A, C>
  /** Refused once, to be tried again after the rest. By place in the batch. */
  readonly waiting: Map<number, Refusal<A, C>>
}

interface Refusal<A, C> {
  readonly rejection: Write.Rejection
  /** What the observation was taken for. */
  readonly reading: Observation.Observation<A, C>
}

/** Why an attempt failed. */
interface Failed<A, C> extends Refusal<A, C> {
  /** By record, where the sink told which ones it refuses. */
  readonly named: Apply.Named
  /** What its observations were taken for, in order; `reading` is that of the first. */
  readonly readings: ReadonlyArray<Observation.Observation<A, C>>
}

/** One savepoint. What it applied goes into the draft, unless something in it is refused. */
const attempt = Effect.fnUntraced(function* <A extends object, C, R>(
  { draft, gathered, sink, sync }: Job<A, C, R>,
  some: Apply.Indexed<A, C>,
  states: Batch.Gathered<A, C>["states"]
): Effect.fn.Return<Result.Result<Apply.Applied<A, C>, Failed<A, C>>, Apply.ApplyError, Apply.Context> {
  const observations = some.map(([, one]) => one)
  const plan = Plan.make(sync.rules, observations, states, gathered.resolutions)
  const uow = yield* UnitOfWork.UnitOfWork
  const result = yield* uow.transact(sync.subscription.tenant, Apply.applyPlan(sync, sink, gathered, some, plan)).pipe(
    Effect.map(Result.succeed),
    Effect.catchTag("Refused", ({ named = new Map(), rejection }) =>
      Effect.succeed(Result.fail({ rejection, named, reading: plan.readings[0]!, readings: plan.readings }))
    )
  )
  if (Result.isSuccess(result)) add(draft, result.success)
  return result
})

const halve = <A extends object, C, R>(
  job: Job<A, C, R>,
  records: ReadonlyArray<Apply.Indexed<A, C>>
): Effect.Effect<void, Apply.ApplyError, Apply.Context> =>
  Effect.gen(function* () {
    const some = records.flat().toSorted(([a], [b]) => a - b)
    const result = yield* attempt(job, some, job.gathered.states)
    if (Result.isSuccess(result)) return
    if (some.length === 1) return void job.waiting.set(some[0]![0], result.failure)
    if (records.length === 1) return yield* unfold(job, some)
    if (result.failure.named.size > 0) return yield* sift(job, records, some, result.failure)
    const middle = Math.ceil(records.length / 2)
    yield* halve(job, records.slice(0, middle))
    yield* halve(job, records.slice(middle))
  })

/** Takes out the records that were named. Of one with several changes, it is not known which are meant. */
const sift = <A extends object, C, R>(
  job: Job<A, C, R>,
  records: ReadonlyArray<Apply.Indexed<A, C>>,
  some: Apply.Indexed<A, C>,
  { named, readings }: Failed<A, C>
): Effect.Effect<void, Apply.ApplyError, Apply.Context> =>
  Effect.gen(function* () {
    const readingOf = new Map(some.map(([index], place) => [index, readings[place]!] as const))
    const rest: Array<Apply.Indexed<A, C>> = []
    const folded: Array<Apply.Indexed<A, C>> = []
    for (const record of records) {
      const [index, { externalId }] = record[0]!
      const rejection = named.get(externalId)
      if (rejection === undefined) rest.push(record)
      else if (record.length > 1) folded.push(record)
      else job.waiting.set(index, { rejection, reading: readingOf.get(index)! })
    }
    if (rest.length > 0) yield* halve(job, rest)
    for (const record of folded) yield* halve(job, [record])
  })

/**
 * Parked records may refer to each other, or to what was applied since: they are
 * tried again as one, less and less of them, and given up when all are named again.
 */
const together = Effect.fnUntraced(function* <A extends object, C, R>(
  job: Job<A, C, R>
): Effect.fn.Return<void, Apply.ApplyError, Apply.Context> {
  const { gathered, waiting } = job
  const idOf = (index: number) => gathered.observations[index]!.externalId
  const changes = Map.groupBy(gathered.observations, ({ externalId }) => externalId)
  let places = Array.from(waiting.keys())
    .filter((index) => Write.isParked(waiting.get(index)!.rejection) && changes.get(idOf(index))!.length === 1)
    .toSorted((a, b) => a - b)
  while (places.length > 0) {
    const some = places.map((index) => [index, gathered.observations[index]!] as const)
    const result = yield* attempt(job, some, gathered.states)
    if (Result.isSuccess(result)) return places.forEach((index) => waiting.delete(index))
    const { named } = result.failure
    const rest = places.filter((index) => !named.has(idOf(index)))
    if (named.size === 0) return
    if (rest.length === 0) return places.forEach((index) => giveUp(job, index))
    places = rest
  }
})

/**
 * The changes of one record, one by one, each over what the ones before it left: a
 * later one may apply although an earlier one is refused, which is then not tried
 * again.
 */
const unfold = Effect.fnUntraced(function* <A extends object, C, R>(
  job: Job<A, C, R>,
  some: Apply.Indexed<A, C>
): Effect.fn.Return<void, Apply.ApplyError, Apply.Context> {
  const { draft, gathered, sync } = job
  const id = some[0]![1].externalId
  let refused: ReadonlyArray<Refusals.Refused> = []
  let state = gathered.states.get(id) ?? Plan.noState
  for (const one of some) {
    const [index] = one
    const states = new Map([[id, { ...state, refused: [...state.refused, ...refused] }]])
    const result = yield* attempt(job, [one], states)
    if (Result.isFailure(result)) {
      job.waiting.set(index, result.failure)
      refused = [...refused, Refusals.of(sync.rules, result.failure.reading)]
      continue
    }
    if (draft.decisions[index]?._tag === "Refuse") {
      refused = [...refused, Refusals.of(sync.rules, draft.readings[index] ?? one[1])]
    }
    if (!result.success.findings.has(id)) continue
    const known = draft.settled[index]
    if (known !== undefined) refused = refused.filter((refusal) => !Refusals.isVoid(refusal, known))
    state = (yield* Batch.find(sync, [id])).get(id) ?? Plan.noState
    for (const [earlier] of some) giveUp(job, earlier)
  }
})

const giveUp = <A, C, R>({ draft, waiting }: Job<A, C, R>, index: number): void => {
  const refusal = waiting.get(index)
  if (refusal === undefined) return
  waiting.delete(index)
  draft.decisions[index] = { _tag: "Refuse", rejection: refusal.rejection }
  draft.readings[index] = refusal.reading
}

const add = <A, C>(draft: Apply.Draft<A, C>, applied: Apply.Applied<A, C>): void => {
  copy(draft.decisions, applied.decisions)
  copy(draft.readings, applied.readings)
  copy(draft.settled, applied.settled)
  for (const [id, localId] of applied.localIds) draft.localIds.set(id, localId)
  for (const [id, findings] of applied.findings) draft.findings.set(id, findings)
  draft.voided.push(...applied.voided)
}

const copy = <T>(to: Array<T | undefined>, from: Apply.ByPlace<T>): void =>
  from.forEach((one, index) => {
    if (one !== undefined) to[index] = one
  })
