// Goal: the audit, the quarantine, the outbox and the intents keep what they are given, in the transaction it belongs to.
// Method: each port by its laws, as the application's role; texts that no database text can hold. Guarantees: L24, L37.
import { it } from "@effect/vitest"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Version from "@tidemark/core/model/Version"
import * as Write from "@tidemark/core/model/Write"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import type * as Event from "@tidemark/core/model/Event"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Stage from "./support/Stage.ts"

const { externalId, subscription } = Stage
const lane = Lane.live(subscription)
const version = Version.make({ domain: "crm/stamp", value: "7", observedAt: 12, at: 11 })
/** NUL, halves of surrogate pairs, quotes, and what JSON and arrays are made of. */
const hostile = "a\0b \ud800 \udc00x '\"\\ {,} \u2028 \u{1F600}"

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Stage.make
  return { owner, one: yield* Stage.process(appUrl), other: yield* Stage.process(appUrl) }
})

const open = (epoch: number, of: Lane.Lane = lane) =>
  Effect.flatMap(RunRecorder.RunRecorder, (recorder) => recorder.open({ lane: of, epoch, trigger: "Manual" }))

const record = (batch: Partial<RunRecorder.Batch> & { readonly runId: string }) =>
  Effect.flatMap(RunRecorder.RunRecorder, (recorder) =>
    Stage.transact(
      recorder.record({
        lane,
        items: [],
        counts: Run.noCounts,
        patchToText: (patch) =>
          JSON.stringify(
            Object.fromEntries(Object.entries(patch).map(([field, { after }]) => [field, { after: String(after) }]))
          ),
        ...batch
      })
    )
  )

const close = (runId: string, status: Run.Status, error?: string) =>
  Effect.flatMap(RunRecorder.RunRecorder, (recorder) => recorder.close({ runId, lane, status, error }))

const rejection = new Write.Rejection({ code: "Invalid", message: hostile })
const items: ReadonlyArray<Run.Item> = [
  {
    sequence: 0,
    externalId: externalId("a"),
    origin: "Poll",
    version,
    outcome: {
      _tag: "Applied",
      operation: "Created",
      localId: "l1",
      revision: 1,
      patch: { title: { before: undefined, after: hostile } }
    }
  },
  { sequence: 1, externalId: externalId("b"), origin: "Cdc", version, outcome: { _tag: "Skipped", reason: "Stale" } },
  {
    sequence: 2,
    externalId: externalId("c"),
    origin: "Poll",
    version: undefined,
    outcome: { _tag: "Quarantined", rejection }
  },
  { sequence: 3, externalId: externalId("d"), origin: "Poll", version, outcome: { _tag: "Rejected", rejection } }
]

describe("run recorder", () => {
  it.live("the counts of a run are the sum of its batches, and each item is there once, whatever its texts", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const runId = yield* one(open(1))
        const counts = { ...Run.noCounts, read: 4, created: 1, stillQuarantined: 2, drifted: 9 }
        yield* one(record({ runId, items, counts }))
        yield* one(record({ runId, counts }))
        const [run] = yield* owner`select read::int, created::int, still_quarantined::int, drifted::int, status
          from tidemark.run`
        assert.deepEqual(run, { read: 8, created: 2, still_quarantined: 4, drifted: 18, status: "Running" })
        const rows = yield* owner<{ patch: { title: { after: string } } | null; message: string | null }>`
          select external_id, operation, outcome, reason, revision::int, local_id, patch, message, origin,
            version ->> 'value' as version from tidemark.item order by sequence`
        assert.deepEqual(
          rows.map((row) =>
            Object.values({ ...row, message: undefined, patch: undefined }).filter((it) => it !== undefined)
          ),
          [
            ["a", "Created", "Applied", null, 1, "l1", "Poll", "7"],
            ["b", "NoOp", "Skipped", "Stale", null, null, "Cdc", "7"],
            ["c", "NoOp", "Quarantined", "Invalid", null, null, "Poll", null],
            ["d", "NoOp", "Rejected", "Invalid", null, null, "Poll", "7"]
          ]
        )
        assert.equal(rows[0]!.patch!.title.after, hostile)
        assert.match(rows[2]!.message!, /a\\u0000b \\ud800/)
      })
    )
  )

  it.live("a closed run stays as it was closed, and a batch recorded for it leaves nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const runId = yield* one(open(1))
        yield* one(close(runId, "Failed", `because ${hostile}`))
        yield* one(close(runId, "Succeeded"))
        yield* one(record({ runId, items, counts: { ...Run.noCounts, read: 4 } }))
        const [run] = yield* owner<{ status: string; read: number; error: string }>`
          select status, read::int, error, closed_at is not null as is_closed from tidemark.run`
        assert.deepEqual({ ...run, error: "" }, { status: "Failed", read: 0, error: "", is_closed: true })
        assert.match(run!.error, /^because a\\u0000b/)
        assert.equal((yield* owner`select from tidemark.item`).length, 0)
        const unknown = yield* one(Effect.flip(record({ runId: "00000000-0000-4000-8000-000000000000" })))
        assert.equal(unknown.reason, "Refused")
      })
    )
  )

  it.live("opening a run closes earlier ones of its lane as abandoned, and no others", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        yield* one(open(1))
        yield* one(open(1, Lane.make(subscription, "backfill/1")))
        yield* one(open(3))
        yield* one(open(2))
        const runs = yield* owner<{ lane: string; epoch: number; status: string }>`
          select lane, epoch::int as epoch, status from tidemark.run order by lane, epoch`
        assert.deepEqual(
          runs.map(({ epoch, lane, status }) => `${lane} ${epoch} ${status}`),
          ["backfill/1 1 Running", "live 1 Abandoned", "live 2 Running", "live 3 Running"]
        )
      })
    )
  )
})

const refusal = (id: string, change: Partial<Quarantine.Refusal> = {}): Quarantine.Refusal => ({
  runId: "00000000-0000-4000-8000-000000000001",
  externalId: externalId(id),
  version,
  fingerprint: "f",
  rejection,
  observation: { title: hostile, [hostile]: [1e300, -0.5, null] },
  isSuperseded: false,
  ...change
})

describe("quarantine", () => {
  it.live("what was refused waits in order until it is closed, with the observation as it came", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const newer = Version.make({ domain: "crm/stamp", value: "8", observedAt: 13 })
        const ports = Effect.gen(function* () {
          const quarantine = yield* Quarantine.Quarantine
          yield* Stage.transact(
            quarantine.put(subscription, [
              refusal("a"),
              refusal("b", { isSuperseded: true }),
              refusal("a", { version: newer, fingerprint: "g" })
            ])
          )
          const found = yield* quarantine.find(subscription, [externalId("a"), externalId("b"), externalId("c")])
          const waiting = found.get(externalId("a"))!
          assert.deepEqual([...found.keys()], ["a"])
          assert.deepEqual(
            waiting.map(({ fingerprint, version }) => ({ fingerprint, version })),
            [
              { fingerprint: "f", version },
              { fingerprint: "g", version: newer }
            ]
          )
          yield* Stage.transact(quarantine.close(subscription, [waiting[0]!.id], "Superseded"))
          const left = yield* quarantine.find(subscription, [externalId("a")])
          assert.deepEqual(left.get(externalId("a")), [waiting[1]])
        })
        yield* one(ports)
        const rows = yield* owner<{ status: string; observation: string; is_closed: boolean }>`
          select status, observation, closed_at is not null as is_closed from tidemark.quarantine order by seq`
        assert.deepEqual(
          rows.map(({ is_closed, status }) => [status, is_closed]),
          [
            ["Superseded", true],
            ["Superseded", true],
            ["Open", false]
          ]
        )
        for (const { observation } of rows) assert.deepEqual(JSON.parse(observation), refusal("a").observation)
      })
    )
  )
})

const event = (revision: number, change: Partial<Event.Event> = {}): Event.Event => ({
  id: `e${revision}`,
  tenant: subscription.tenant,
  type: "note_edited",
  entity: "note",
  key: "crm/a1/a",
  revision,
  version: 1,
  direction: "change",
  payload: { revision, changedFields: ["title"] },
  ...change
})

const append = (...events: readonly [Event.Event, ...Array<Event.Event>]) =>
  Effect.flatMap(Outbox.Outbox, (outbox) => outbox.append(subscription.tenant, events))

describe("outbox", () => {
  it.live("an event exists if its transaction committed, and appending it again changes nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        yield* one(Effect.exit(Stage.transact(Effect.andThen(append(event(1)), Effect.fail("taken back")))))
        assert.equal((yield* owner`select from tidemark.event`).length, 0)
        yield* one(Stage.transact(append(event(2), event(1))))
        yield* one(Stage.transact(append(event(1), event(2), event(3))))
        const rows = yield* owner<{ id: string }>`select id, revision::int, payload from tidemark.event order by seq`
        assert.deepEqual(
          rows.map(({ id }) => id),
          ["e1", "e2", "e3"]
        )
      })
    )
  )

  it.live("an event is kept and known again whatever its payload holds, and however its keys are ordered", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, owner } = yield* stage
        const hostile = event(1, { payload: { text: "\u0000 \ud800", "": [1e300, null] } })
        yield* one(Stage.transact(append(hostile, event(2, { payload: { a: 1, b: 2 } }))))
        yield* one(Stage.transact(append(hostile, event(2, { payload: { b: 2, a: 1 } }))))
        const other = yield* one(Effect.exit(Stage.transact(append(event(2, { payload: { a: 1, b: 3 } })))))
        assert.match(String(other), /another event has the id e2/)
        const rows = yield* owner<{ payload: string }>`
          select payload::text as payload from tidemark.event order by seq`
        assert.deepEqual(JSON.parse(rows[0]!.payload), hostile.payload)
        assert.equal(rows.length, 2)
      })
    )
  )

  for (const [name, known] of [
    ["new events", []],
    ["events beside one that is there", [event(0)]]
  ] as const) {
    it.live(`${name} are waited for in the order of their keys, whatever the order they come in`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { one, other, owner } = yield* stage
          yield* Effect.forEach(known, (event) => one(Stage.transact(append(event))))
          const hasWritten = Deferred.makeUnsafe<void>()
          const mayGoOn = Deferred.makeUnsafe<void>()
          const first = yield* Effect.forkChild(
            one(
              Stage.transact(
                append(event(1)).pipe(
                  Effect.andThen(Deferred.succeed(hasWritten, undefined)),
                  Effect.andThen(Deferred.await(mayGoOn)),
                  Effect.andThen(append(event(2)))
                )
              )
            )
          )
          yield* Deferred.await(hasWritten)
          const second = yield* Effect.forkChild(other(Stage.transact(append(event(2), event(1), ...known))))
          yield* Stage.waiting(owner)
          yield* Deferred.succeed(mayGoOn, undefined)
          yield* Fiber.join(first)
          yield* Fiber.join(second)
          assert.equal((yield* owner`select from tidemark.event`).length, 2 + known.length)
        })
      )
    )
  }

  it.live("another content under the same id is refused, also while the first is being written", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one, other, owner } = yield* stage
        const hasWritten = Deferred.makeUnsafe<void>()
        const mayEnd = Deferred.makeUnsafe<void>()
        const first = yield* Effect.forkChild(
          one(
            Stage.transact(
              append(event(1)).pipe(
                Effect.andThen(Deferred.succeed(hasWritten, undefined)),
                Effect.andThen(Deferred.await(mayEnd))
              )
            )
          )
        )
        yield* Deferred.await(hasWritten)
        const second = yield* Effect.forkChild(
          other(Effect.exit(Stage.transact(append(event(1, { payload: { other: true } })))))
        )
        yield* Stage.waiting(owner)
        yield* Deferred.succeed(mayEnd, undefined)
        yield* Fiber.join(first)
        const exit = yield* Fiber.join(second)
        assert.ok(Exit.isFailure(exit))
        assert.match(String(exit), /another event has the id e1/)
        assert.deepEqual(
          yield* one(
            Effect.exit(Stage.transact(append(event(9, { tenant: Stage.subscriptionOf("other").tenant }))))
          ).pipe(Effect.map(Exit.isFailure)),
          true
        )
        assert.equal((yield* owner`select from tidemark.event`).length, 1)
      })
    )
  )
})

describe("intents", () => {
  it.live("an open intent is found by every lane, listed by its own, and gone once settled", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { one } = yield* stage
        const other = Lane.make(subscription, "backfill/1")
        const intent = (id: string, token: number): Intents.Intent => ({
          externalId: externalId(id),
          token,
          decision: { text: hostile }
        })
        yield* one(
          Effect.gen(function* () {
            const intents = yield* Intents.Intents
            yield* Stage.transact(intents.open(lane, [intent("b", 2), intent("a", 1)]))
            yield* Stage.transact(intents.open(other, [intent("c", 3)]))
            assert.deepEqual(yield* intents.list(lane, 10), [intent("a", 1), intent("b", 2)])
            assert.deepEqual(yield* intents.list(lane, 1), [intent("a", 1)])
            const found = yield* intents.find(subscription, ["a", "c", "x"].map(externalId) as [never])
            assert.deepEqual([...found].toSorted(), ["a", "c"])
            const again = yield* Effect.flip(Stage.transact(intents.open(other, [intent("a", 9)])))
            assert.equal(again.reason, "Refused")
            yield* Stage.transact(intents.settle(lane, [externalId("a"), externalId("c")]))
            assert.deepEqual(yield* intents.list(lane, 10), [intent("b", 2)])
            assert.deepEqual(yield* intents.list(other, 10), [intent("c", 3)])
          })
        )
      })
    )
  )
})
