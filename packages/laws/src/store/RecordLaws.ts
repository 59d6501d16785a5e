/**
 * What the engine relies on in outbox, intents and the audit trail: L11, L24, L37,
 * W71.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"
import { quarantineLaws } from "./QuarantineLaws.ts"

/** @category laws @since 0.1.0 */
export const recordLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  ...quarantineLaws(store),
  Store.law(store, {
    id: "L24",
    claim: "an event is there once, in the order of writing, however often it is appended",
    runs: 60,
    arbitrary: fc.array(fc.record({ name: fc.constantFrom("a", "b"), isTakenBack: fc.boolean() }), { maxLength: 8 }),
    holds: (appends) =>
      Effect.gen(function* () {
        const { tenant, ...rest } = yield* Store.subscription(store.name)
        const subscription = { tenant, ...rest }
        const outbox = yield* Outbox.Outbox
        const expected: Array<string> = []
        for (const [place, { isTakenBack, name }] of appends.entries()) {
          // Each append repeats the event that the last one of the name wrote, if it was committed.
          const last = expected.findLast((id) => id.startsWith(`${tenant}/${name}/`))
          const events = [
            ...(last === undefined ? [] : [Made.event(tenant, name, Number(last.split("/").at(-1)))]),
            Made.event(tenant, name, place)
          ]
          const append = outbox.append(tenant, events as [(typeof events)[number]]) // there is always one
          const body = isTakenBack ? Effect.andThen(append, Effect.fail("taken back" as const)) : append
          yield* Effect.ignore(Made.transact(subscription, body))
          if (!isTakenBack) expected.push(events.at(-1)!.id)
        }
        const { events } = yield* store.read(subscription)
        yield* Law.same(
          "the events",
          events.map(({ id }) => id),
          expected
        )
      })
  }),
  Store.law(store, {
    id: "W71",
    claim: "a decision about to be sent is kept as it was made until it is settled, and is the record's only one",
    runs: 40,
    arbitrary: intents,
    holds: (steps) => intended(store, steps)
  }),
  Store.law(store, {
    id: "L37",
    claim: "the counts of a run are the sum of its batches, and a closed run stays as it was closed",
    runs: 40,
    arbitrary: fc.array(runStep, { maxLength: 10 }),
    holds: (steps) => audited(store, steps)
  })
]

// -----------------------------------------------------------------------------
// internal: intents
// -----------------------------------------------------------------------------

const intents = fc.array(
  fc.record({
    isOpening: fc.boolean(),
    lane: fc.constantFrom("live", "second"),
    name: fc.constantFrom("a", "b", "c"),
    isTakenBack: fc.constantFrom(false, false, true)
  }),
  { maxLength: 10 }
)

const intended = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  steps: ReadonlyArray<{
    readonly isOpening: boolean
    readonly lane: string
    readonly name: string
    readonly isTakenBack: boolean
  }>
) {
  const subscription = yield* Store.subscription(store.name)
  const port = yield* Intents.Intents
  const open = new Map<string, { readonly lane: string; readonly token: number }>()
  const decisionOf = (token: number) => ({ b: token, a: [null, "x"] })
  for (const [place, { isOpening, isTakenBack, lane: name, name: record }] of steps.entries()) {
    const lane = Lane.make(subscription, name)
    const id = Made.id(record)
    const token = place + 1
    const call = isOpening
      ? port.open(lane, [{ externalId: id, token, decision: decisionOf(token) }])
      : port.settle(lane, [id])
    const body = isTakenBack ? Effect.andThen(call, Effect.fail({ reason: "TakenBack" })) : call
    const result = yield* Effect.result(Made.transact(subscription, body))
    const known = open.get(record)
    const reason = result._tag === "Failure" ? result.failure.reason : undefined
    yield* Law.same(
      "how it ended",
      reason,
      isOpening && known !== undefined ? "Refused" : isTakenBack ? "TakenBack" : undefined
    )
    if (reason !== undefined) continue
    if (isOpening) open.set(record, { lane: name, token })
    else if (known?.lane === name) open.delete(record)
  }
  const found = yield* port.find(subscription, [Made.id("a"), Made.id("b"), Made.id("c")])
  yield* Law.same("open intents of any lane", [...found].toSorted(), [...open.keys()].toSorted())
  for (const name of ["live", "second"]) {
    const own = [...open].filter(([, { lane }]) => lane === name).toSorted(([a], [b]) => (a < b ? -1 : 1))
    const expected = own.map(([id, { token }]) => ({ externalId: id, token, decision: decisionOf(token) }))
    const lane = Lane.make(subscription, name)
    yield* Law.same(`open intents of ${name}`, yield* port.list(lane, 10), expected)
    yield* Law.same("the first of them", yield* port.list(lane, 1), expected.slice(0, 1))
  }
})

// -----------------------------------------------------------------------------
// internal: runs
// -----------------------------------------------------------------------------

const runStep = fc.oneof(
  fc.constant({ _tag: "Open" as const }),
  fc.record({ _tag: fc.constant("Record" as const), back: fc.nat(1), read: fc.nat(3) }),
  fc.record({
    _tag: fc.constant("Close" as const),
    back: fc.nat(1),
    status: fc.constantFrom("Succeeded" as const, "Failed" as const, "Fenced" as const)
  })
)

type RunStep =
  | { readonly _tag: "Open" }
  | { readonly _tag: "Record"; readonly back: number; readonly read: number }
  | { readonly _tag: "Close"; readonly back: number; readonly status: Run.Status }

const audited = Effect.fnUntraced(function* <R>(store: Store.Store<R>, steps: ReadonlyArray<RunStep>) {
  const subscription = yield* Store.subscription(store.name)
  const lane = Lane.live(subscription)
  const recorder = yield* RunRecorder.RunRecorder
  const runs: Array<{ id: string; status: Run.Status; read: number }> = []
  for (const step of steps) {
    if (step._tag === "Open") {
      const { epoch } = yield* Made.claim(subscription)
      const id = yield* Made.openRun(subscription, epoch)
      for (const run of runs) if (run.status === "Running") run.status = "Abandoned"
      runs.push({ id, status: "Running", read: 0 })
      continue
    }
    const run = runs.at(-1 - step.back)
    if (run === undefined) continue
    if (step._tag === "Record") {
      const counts = { ...Run.noCounts, read: step.read, unchanged: step.read }
      const items = Arr.makeBy(step.read + 1, (sequence): Run.Item => ({
        sequence,
        externalId: Made.id("a"),
        origin: "Poll",
        outcome: { _tag: "Skipped", reason: "Unchanged" },
        version: undefined
      })).slice(0, step.read)
      const batch = { runId: run.id, lane, items, counts, patchToText: () => "{}" }
      yield* Made.transact(subscription, recorder.record(batch))
      if (run.status === "Running") run.read += step.read
    } else {
      yield* recorder.close({ runId: run.id, lane, status: step.status, error: undefined })
      if (run.status === "Running") run.status = step.status
    }
  }
  const recorded = yield* store.read(subscription)
  const actual = recorded.runs.map(({ counts, status }) => ({ status, read: counts["read"], sum: counts["unchanged"] }))
  yield* Law.same(
    "the runs",
    actual,
    runs.map(({ read, status }) => ({ status, read, sum: read }))
  )
})
