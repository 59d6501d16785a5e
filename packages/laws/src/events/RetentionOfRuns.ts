/**
 * What an operator relies on when what is old is removed: runs at hand, and refusals
 * that wait.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Expiry from "@tidemark/core/ports/Expiry"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Law from "../Law.ts"
import * as Made from "../store/Made.ts"
import * as Store from "../Store.ts"
import type { RetentionStore } from "./RetentionStore.ts"

/** @category laws @since 0.1.0 */
export const auditLaw = <R>(store: RetentionStore<R>): Law.Law =>
  Store.law(store, {
    id: "L31",
    claim:
      "a run goes with its items once it is closed, old and not the last of its lane, a refusal once it is closed and old",
    runs: 40,
    arbitrary: fc.record({
      runs: fc.array(
        fc.record({
          lane: fc.constantFrom("live", "full"),
          items: fc.nat(4),
          isOld: fc.constantFrom(true, true, false),
          isClosed: fc.constantFrom(true, true, true, false)
        }),
        { maxLength: 6 }
      ),
      refusals: fc.array(fc.record({ isOld: fc.boolean(), isClosed: fc.boolean() }), { maxLength: 5 }),
      limit: fc.integer({ min: 1, max: 4 })
    }),
    holds: (given) => atHand(store, given)
  })

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Given {
  readonly runs: ReadonlyArray<{
    readonly lane: string
    readonly items: number
    readonly isOld: boolean
    readonly isClosed: boolean
  }>
  readonly refusals: ReadonlyArray<{ readonly isOld: boolean; readonly isClosed: boolean }>
  readonly limit: number
}

const atHand = Effect.fnUntraced(function* <R>(store: RetentionStore<R>, { limit, refusals, runs }: Given) {
  const subscription = yield* Store.subscription(store.name)
  const { tenant } = subscription
  const recorder = yield* RunRecorder.RunRecorder
  const quarantine = yield* Quarantine.Quarantine
  const made: Array<{ readonly id: string; readonly place: number; readonly items: number }> = []
  const waits: Array<number> = []
  for (const isOld of [true, false]) {
    for (const [place, run] of runs.entries()) {
      if (run.isOld !== isOld) continue
      const lane = Lane.make(subscription, run.lane)
      const { epoch } = yield* Made.claim(subscription, { lane })
      const runId = yield* recorder.open({ lane, epoch, trigger: "Manual" })
      const items = Array.from({ length: run.items }, (_, sequence) => itemOf(sequence))
      yield* Made.transact(
        subscription,
        recorder.record({ runId, lane, items, counts: Run.noCounts, patchToText: JSON.stringify })
      )
      if (run.isClosed) yield* recorder.close({ runId, lane, status: "Succeeded", error: undefined })
      made.push({ id: runId, place, items: run.items })
    }
    for (const [place, refusal] of refusals.entries()) {
      if (refusal.isOld !== isOld) continue
      const of = Made.refusal("00000000-0000-4000-8000-000000000000", `r${place}`, place)
      yield* Made.transact(subscription, quarantine.put(subscription, [of]))
      const open = yield* quarantine.list(tenant, { externalId: of.externalId })
      if (refusal.isClosed) {
        const ids = open.map(({ id }) => id) as [string]
        yield* Made.transact(subscription, quarantine.close(subscription, ids, "Redriven"))
      }
      if (!refusal.isClosed || !isOld) waits.push(place)
    }
    if (isOld) yield* store.pass(Duration.hours(2))
  }
  // One that a later run of its lane found open is abandoned, and closed by then.
  const stays = made.filter(({ place }, at) => {
    const { isClosed, isOld, lane } = runs[place]!
    const next = made.slice(at + 1).find((later) => runs[later.place]!.lane === lane)
    const isClosedOld = isOld && (isClosed || (next !== undefined && runs[next.place]!.isOld))
    return next === undefined || !isClosedOld
  })
  for (const part of ["runs", "refusals"] as const) yield* removeAll(part, limit)
  const left = yield* recorder.list(tenant, { limit: 100 })
  yield* Law.same("the runs that are left", left.map(({ id }) => id).toSorted(), stays.map(({ id }) => id).toSorted())
  for (const { id, items, place } of made) {
    const kept = stays.some((run) => run.id === id)
    yield* Law.same(`the items of run ${place}`, (yield* recorder.items(tenant, id)).length, kept ? items : 0)
  }
  const kept = yield* quarantine.list(tenant, { isWithClosed: true, limit: 100 })
  const names = kept.map(({ externalId }) => String(externalId)).toSorted()
  yield* Law.same("the refusals that are left", names, waits.map((place) => `r${place}`).toSorted())
})

const removeAll = Effect.fnUntraced(function* (part: Expiry.Part, limit: number) {
  const expiry = yield* Expiry.Expiry
  let from: number | undefined = 0
  for (let pieces = 0; from !== undefined; pieces++) {
    yield* Law.requires(pieces < 1_000, () => "pieces do not end")
    const piece: Expiry.Piece = yield* expiry.remove({ part, age: Duration.hours(1), limit, from })
    const rows = Object.values(piece.removed).reduce((a, b) => a + b, 0)
    yield* Law.requires(rows <= limit, () => `a piece of at most ${limit} rows removed ${rows}`)
    from = piece.next
  }
})

const itemOf = (sequence: number): Run.Item => ({
  sequence,
  externalId: Made.id(`i${sequence}`),
  origin: "Poll",
  version: undefined,
  outcome: { _tag: "Skipped", reason: "Unchanged" }
})
