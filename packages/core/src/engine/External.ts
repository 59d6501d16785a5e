/**
 * Batches for a sink outside the engine's database.
 *
 * What was decided is stored before the sink is called, and recorded as it was
 * stored: a crash between the call and its record sends the same write with the
 * same key again, and the audit and the events tell of it once.
 *
 * A batch is two units of work around the call: one that reserves the records'
 * ledger rows and opens intents, one that records the answers. Both are fenced.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Entry from "../model/Entry.ts"
import * as Run from "../model/Run.ts"
import * as Version from "../model/Version.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import * as Intents from "../ports/Intents.ts"
import * as Lanes from "../ports/Lanes.ts"
import * as Ledger from "../ports/Ledger.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Apply from "./Apply.ts"
import * as Batch from "./Batch.ts"
import * as Commit from "./Commit.ts"
import * as Decision from "./Decision.ts"
import type * as Session from "./Session.ts"
import * as Closing from "./Closing.ts"
import type * as Step from "./Step.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Commits a batch for an external sink.
 *
 * @category combinators
 * @since 0.1.0
 */
export const commit =
  <A extends object, C, R>(sync: Sync.Sync<A, C, R>, sink: ChangeSink.External<A>) =>
  (
    session: Session.Session<C>,
    { gathered: initial }: Step.Prepared<A, C>
  ): Effect.Effect<Closing.Report, Sync.SyncError, Sync.Ports | R> =>
    Effect.gen(function* () {
      yield* Commit.requireOrder(sync, session, initial)
      let gathered = yield* Commit.refresh(sync, session, initial)
      let isOutdated = false
      const reserved = yield* Effect.gen(function* () {
        if (isOutdated) gathered = yield* Batch.gather(sync, gathered, session.batches)
        isOutdated = true
        return yield* Commit.transact(sync, session, reserve(sync, session, gathered))
      }).pipe(Commit.retry)
      session.checkpoint = { ...session.checkpoint, batchNo: session.checkpoint.batchNo + 1 }
      const answers = yield* send(sync, sink, reserved)
      const settled = yield* Commit.transact(sync, session, settle(sync, session, gathered, reserved, answers)).pipe(
        Commit.retry,
        Effect.catchTag("Tripped", () => Commit.stop(session))
      )
      Commit.accept(session, settled, initial.since)
      return settled.report
    })

/**
 * Settles what an earlier run of the lane sent, or was about to send, when it
 * ended. Comes before anything is read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const resume = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.External<A>,
  session: Session.Session<C>
): Effect.Effect<void, Sync.SyncError, Sync.Ports | R> =>
  Effect.gen(function* () {
    const intents = yield* Intents.Intents
    while (true) {
      const open = yield* intents.list(session.lane, sync.batchSize)
      if (!Arr.isReadonlyArrayNonEmpty(open)) return
      const decisions = yield* Effect.forEach(open, (intent) => Decision.decode(sync, intent))
      const answers = yield* send(sync, sink, decisions)
      const counts = yield* Commit.transact(
        sync,
        session,
        Effect.gen(function* () {
          yield* close(sync, session, decisions, answers)
          const counts = yield* Decision.record(sync, session, decisions, answers)
          yield* fence(sync, session)
          return counts
        })
      ).pipe(Commit.retry)
      session.counts = Run.addCounts(session.counts, counts)
      session.sequence += counts.read
      session.checkpoint = { ...session.checkpoint, batchNo: session.checkpoint.batchNo + 1 }
    }
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Reserves the batch's records, and settles at once those that need no call. */
const reserve = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>
) {
  const ledger = yield* Ledger.Ledger
  const intents = yield* Intents.Intents
  const moves = yield* Batch.name(gathered.plan.moves)
  const decisions: Array<Decision.Decision<A>> = []
  if (Arr.isReadonlyArrayNonEmpty(moves)) {
    const ids = Arr.map(moves, (move) => move.advance.externalId)
    const won = yield* ledger.advance(
      sync.subscription,
      Arr.map(moves, (move) => (move.write === undefined ? move.advance : reservation(sync, gathered, move)))
    )
    const taken = yield* intents.find(sync.subscription, ids)
    if (won.size < moves.length || taken.size > 0) return yield* new Apply.Outdated({})
    for (const move of moves) {
      const entry = won.get(move.advance.externalId)!
      const index = gathered.observations.findIndex((one) => one.externalId === entry.externalId)
      for (const write of Apply.toWrite(sync, move)) {
        decisions.push(Decision.make(sync, gathered, index, { move, entry, write }))
      }
    }
    if (Arr.isArrayNonEmpty(decisions)) yield* intents.open(session.lane, Arr.map(decisions, Decision.encode))
  }
  yield* fence(sync, session)
  return decisions
})

/** The ledger row as it is, under a new token. */
const reservation = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  gathered: Batch.Gathered<A, C>,
  { advance }: Batch.Move<A>
): Entry.Advance => {
  const entry = gathered.states.get(advance.externalId)?.entry
  return entry === undefined
    ? {
        ...advance,
        revision: 0,
        version: Version.lowest(sync.source.domain),
        existence: "Weak",
        fingerprint: undefined
      }
    : { ...entry, expected: entry.token }
}

const fence = <A, C, R>(sync: Sync.Sync<A, C, R>, session: Session.Session<C>) =>
  Effect.flatMap(Lanes.Lanes, (lanes) =>
    Effect.andThen(
      UnitOfWork.flush,
      lanes.commit({
        claim: session.claim,
        checkpoint: { ...session.checkpoint, batchNo: session.checkpoint.batchNo + 1 },
        lease: sync.lease
      })
    )
  )

/** Sends writes, halving what is refused as a whole until it is known which of them is meant. */
const send = <A, C, R>(
  sync: Sync.Sync<A, C, R>,
  sink: ChangeSink.External<A>,
  decisions: ReadonlyArray<Decision.Decision<A>>
): Effect.Effect<Decision.Answers, ChangeSink.SinkError> =>
  Effect.gen(function* () {
    const writes = decisions.map((decision) => decision.write)
    if (!Arr.isReadonlyArrayNonEmpty(writes)) return new Map()
    const result = yield* Effect.result(sink.write(sync.subscription, writes))
    if (Result.isSuccess(result)) {
      if (result.success.length !== writes.length) {
        return yield* Effect.die(
          new Error(`${sink.label} answered ${result.success.length} of ${writes.length} writes`)
        )
      }
      return new Map(writes.map((write, index) => [write.externalId, result.success[index]!] as const))
    }
    if (result.failure.reason !== "Refused") return yield* result.failure
    if (writes.length === 1) {
      return new Map([[writes[0].externalId, Result.fail(Apply.toRejection(result.failure))] as const])
    }
    const middle = Math.ceil(decisions.length / 2)
    const first = yield* send(sync, sink, decisions.slice(0, middle))
    return new Map([...first, ...(yield* send(sync, sink, decisions.slice(middle)))])
  })

/** Brings the ledger to what was decided and closes the intents. A reserved revision is used up even when refused. */
const close = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  decisions: ReadonlyArray<Decision.Decision<A>>,
  answers: Decision.Answers
) {
  if (!Arr.isReadonlyArrayNonEmpty(decisions)) return
  const advances = Arr.map(decisions, ({ stored: { after, before }, token }): Entry.Advance => {
    const answer = answers.get(after.externalId)!
    return Result.isFailure(answer)
      ? { ...before, expected: token, revision: after.revision }
      : { ...after, expected: token, localId: answer.success.localId ?? after.localId }
  })
  const won = yield* (yield* Ledger.Ledger).advance(sync.subscription, advances)
  if (won.size < advances.length) return yield* Effect.die(new Error("a record with an open intent was advanced"))
  yield* (yield* Intents.Intents).settle(
    session.lane,
    Arr.map(advances, (advance) => advance.externalId)
  )
})

const settle = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  session: Session.Session<C>,
  gathered: Batch.Gathered<A, C>,
  decisions: ReadonlyArray<Decision.Decision<A>>,
  answers: Decision.Answers
) {
  yield* close(sync, session, decisions, answers)
  const applied = Decision.toApplied(gathered, decisions, answers)
  return yield* Closing.record(sync, session, gathered, applied)
})
