/**
 * What the engine relies on in quarantine, outbox, intents and the audit trail:
 * L11, L24, L36, L37, W71.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const recordLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L15",
    claim: "a refusal waits, with its version and print, until it is closed; one void from the start never does",
    runs: 60,
    arbitrary: refusals,
    holds: (steps) => waits(store, steps)
  }),
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
// internal: quarantine
// -----------------------------------------------------------------------------

const refusals = fc.array(
  fc.oneof(
    fc.record({
      _tag: fc.constant("Put" as const),
      name: fc.constantFrom("a", "b"),
      value: fc.integer({ min: 1, max: 3 }),
      isSuperseded: fc.boolean()
    }),
    fc.record({ _tag: fc.constant("Close" as const), place: fc.nat(3) })
  ),
  { maxLength: 8 }
)

const waits = Effect.fnUntraced(function* <R>(
  store: Store.Store<R>,
  steps: ReadonlyArray<
    | { readonly _tag: "Put"; readonly name: string; readonly value: number; readonly isSuperseded: boolean }
    | { readonly _tag: "Close"; readonly place: number }
  >
) {
  const subscription = yield* Store.subscription(store.name)
  const quarantine = yield* Quarantine.Quarantine
  const runId = yield* Made.openRun(subscription, (yield* Made.claim(subscription)).epoch)
  const ids = [Made.id("a"), Made.id("b")] as const
  const found = Effect.map(quarantine.find(subscription, ids), (open) =>
    [...open].flatMap(([id, all]) => all.map((one) => ({ name: id, ...one })))
  )
  let open: ReadonlyArray<{ readonly name: string; readonly value: number }> = []
  let puts = 0
  for (const step of steps) {
    if (step._tag === "Put") {
      const refusal = Made.refusal(runId, step.name, step.value, step.isSuperseded)
      yield* Made.transact(subscription, quarantine.put(subscription, [refusal]))
      puts += 1
      if (!step.isSuperseded) open = [...open, { name: step.name, value: step.value }]
    } else {
      const waiting = yield* found
      const one = waiting[step.place]
      if (one === undefined) continue
      yield* Made.transact(subscription, quarantine.close(subscription, [one.id]))
      const at = open.findIndex(({ name, value }) => name === one.name && `print-${value}` === one.fingerprint)
      open = open.filter((_, place) => place !== at)
    }
    const actual = (yield* found).map(({ fingerprint, name, version }) => ({ name, fingerprint, version }))
    const expected = open.map(({ name, value }) => ({
      name,
      fingerprint: `print-${value}`,
      version: Made.version(value)
    }))
    yield* Law.same("what waits", texts(actual), texts(expected))
  }
  const { refusals } = yield* store.read(subscription)
  yield* Law.same(
    "all that was kept",
    [refusals.length, refusals.filter(({ isOpen }) => isOpen).length],
    [puts, open.length]
  )
  const { connection, entity, id, tenant } = subscription
  const foreign = Subscription.make({ id, tenant: `${tenant}-other`, connection, entity })
  yield* Law.same("what another tenant finds", (yield* quarantine.find(foreign, ids)).size, 0)
})

const texts = (all: ReadonlyArray<unknown>): ReadonlyArray<string> => all.map(Law.show).toSorted()

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
      const batch = { runId: run.id, lane, items, counts, patchToJson: () => ({}) }
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
