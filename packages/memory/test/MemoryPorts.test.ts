/** The ledger's rows, the audit trail, quarantine, the outbox, and intents. */
import { describe, it } from "@effect/vitest"
import * as assert from "node:assert/strict"
import type * as Event from "@tidemark/core/model/Event"
import * as FieldPatch from "@tidemark/core/model/FieldPatch"
import * as Lane from "@tidemark/core/model/Lane"
import * as Run from "@tidemark/core/model/Run"
import * as Version from "@tidemark/core/model/Version"
import * as Write from "@tidemark/core/model/Write"
import * as Intents from "@tidemark/core/ports/Intents"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import * as RunRecorder from "@tidemark/core/ports/RunRecorder"
import * as Memory from "@tidemark/memory/Memory"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import {
  accounts,
  advance,
  failureOf,
  id,
  live,
  makeGate,
  makeSignal,
  processOf,
  subscriptionOf,
  tenant,
  transact
} from "./support.ts"

const local = Effect.provide(Memory.layer(), { local: true })

describe("ledger", () => {
  it.effect("makes local ids in sequence", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      assert.deepEqual(yield* ledger.localIds(2), ["local-1", "local-2"])
      assert.deepEqual(yield* ledger.localIds(1), ["local-3"])
    }).pipe(local)
  )

  it.effect("takes the local id it is given", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      yield* transact(ledger.advance(accounts, [{ ...advance("a", 0), localId: "mine" }]))
      yield* transact(ledger.advance(accounts, [{ ...advance("a", 1), localId: "yours" }]))
      const found = yield* ledger.find(accounts, [id("a"), id("b")])
      assert.deepEqual(
        [...found.values()].map((entry) => entry.localId),
        ["yours"]
      )
    }).pipe(local)
  )
})

describe("runs", () => {
  const open = (epoch: number, lane = live) =>
    Effect.flatMap(RunRecorder.RunRecorder, (recorder) => recorder.open({ lane, epoch, trigger: "Manual" }))
  const record = (runId: string) =>
    Effect.flatMap(RunRecorder.RunRecorder, (recorder) =>
      transact(
        recorder.record({
          runId,
          lane: live,
          items: [
            {
              sequence: 0,
              externalId: id("a"),
              origin: "Poll",
              version: undefined,
              outcome: {
                _tag: "Applied",
                operation: "Created",
                localId: "local-1",
                revision: 1,
                patch: FieldPatch.empty
              }
            }
          ],
          counts: { ...Run.noCounts, read: 2, created: 1, unchanged: 1 },
          patchToText: () => '{"name":{"after":"A"}}'
        })
      )
    )
  const close = (runId: string, status: Run.Status) =>
    Effect.flatMap(RunRecorder.RunRecorder, (recorder) =>
      recorder.close({ runId, lane: live, status, error: undefined })
    )

  it.effect("the counts of a run are the sum of its batches, and items keep patches as JSON", () =>
    Effect.gen(function* () {
      const runId = yield* open(1)
      yield* record(runId)
      yield* record(runId)
      yield* close(runId, "Succeeded")
      const [run] = yield* Memory.runs(accounts)
      assert.deepEqual([run?.status, run?.counts.read, run?.counts.created], ["Succeeded", 4, 2])
      const items = yield* Memory.items(accounts)
      assert.deepEqual(
        items.map(({ outcome }) => outcome._tag === "Applied" && outcome.patch),
        [{ name: { after: "A" } }, { name: { after: "A" } }]
      )
    }).pipe(local)
  )

  it.effect("a closed run stays as it was closed, whatever comes later", () =>
    Effect.gen(function* () {
      const runId = yield* open(1)
      yield* close(runId, "Failed")
      yield* close(runId, "Succeeded")
      yield* record(runId)
      const [run] = yield* Memory.runs(accounts)
      assert.deepEqual([run?.status, run?.counts.read], ["Failed", 0])
      assert.deepEqual(yield* Memory.items(accounts), [])
    }).pipe(local)
  )

  it.effect("opening a run abandons running ones of the lane with a lower epoch and no others", () =>
    Effect.gen(function* () {
      const cdc = Lane.make(accounts, "cdc")
      const [old, other] = [yield* open(1), yield* open(1, cdc)]
      const current = yield* open(2)
      assert.deepEqual(
        (yield* Memory.runs(accounts)).map((run) => [run.id, run.status]),
        [
          [old, "Abandoned"],
          [other, "Running"],
          [current, "Running"]
        ]
      )
    }).pipe(local)
  )

  it.effect("a batch of a run that does not exist is refused", () =>
    Effect.gen(function* () {
      const error = yield* failureOf(record("nothing"))
      assert.equal(error.reason, "Refused")
    }).pipe(local)
  )
})

describe("quarantine", () => {
  const refusal = (externalId: string, isSuperseded = false): Quarantine.Refusal => ({
    runId: "run-1",
    externalId: id(externalId),
    version: Version.make({ domain: "test", value: "1", observedAt: 0 }),
    fingerprint: "f",
    rejection: new Write.Rejection({ code: "Invalid", message: "no" }),
    observation: {},
    isSuperseded
  })

  it.effect("what was put waits until it is closed, unless it was superseded from the start", () =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine.Quarantine
      yield* transact(quarantine.put(accounts, [refusal("a"), refusal("b", true), refusal("a")]))
      const found = yield* quarantine.find(accounts, [id("a"), id("b")])
      assert.deepEqual([...found.keys()], ["a"])
      const [first, second] = found.get(id("a"))!
      yield* transact(quarantine.close(accounts, [first!.id], "Superseded"))
      assert.deepEqual((yield* quarantine.find(accounts, [id("a")])).get(id("a")), [second])
      assert.equal((yield* Memory.quarantine(accounts)).length, 3)
    }).pipe(local)
  )

  it.effect("refusals of one subscription are nothing to another", () =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine.Quarantine
      const contacts = subscriptionOf("acme", "contact")
      yield* transact(quarantine.put(accounts, [refusal("a")]))
      assert.equal((yield* quarantine.find(contacts, [id("a")])).size, 0)
      const [row] = yield* Memory.quarantine(accounts)
      yield* transact(quarantine.close(contacts, [row!.id], "Superseded"))
      assert.equal((yield* quarantine.find(accounts, [id("a")])).size, 1)
    }).pipe(local)
  )
})

describe("outbox", () => {
  const event = (eventId: string, payload: string): Event.Event => ({
    id: eventId,
    tenant,
    type: "account_created",
    entity: "account",
    key: "a",
    revision: 1,
    version: 1,
    direction: "change",
    payload
  })
  const append = (one: Event.Event) => Effect.flatMap(Outbox.Outbox, (outbox) => transact(outbox.append(tenant, [one])))

  it.effect("appending an id again changes nothing, and is refused with another content", () =>
    Effect.gen(function* () {
      yield* append(event("1", "x"))
      yield* append(event("1", "x"))
      const error = yield* failureOf(append(event("1", "y")))
      assert.deepEqual([error._tag, error.reason], ["StoreError", "Refused"])
      yield* append(event("2", "x"))
      assert.deepEqual(
        (yield* Memory.events(tenant)).map((one) => one.id),
        ["1", "2"]
      )
    }).pipe(local)
  )

  it.effect("two transactions that append one id at once append it once", () =>
    Effect.gen(function* () {
      const database = yield* Memory.makeDatabase
      const gate = yield* makeGate("UnitOfWork.commit:before")
      const signal = yield* makeSignal("Outbox.append")
      const first = yield* append(event("1", "x")).pipe(processOf(database, gate.hook), Effect.forkChild)
      yield* gate.reached
      const second = yield* append(event("1", "x")).pipe(processOf(database, signal.hook), Effect.forkChild)
      yield* signal.reached
      yield* gate.open
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.equal((yield* Memory.events(tenant).pipe(processOf(database))).length, 1)
    })
  )

  it.effect("an event of another tenant is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(append({ ...event("1", "x"), tenant: subscriptionOf("other").tenant }))
      assert.deepEqual([error._tag, error.reason], ["StoreError", "Refused"])
    }).pipe(local)
  )
})

describe("intents", () => {
  const intent = (externalId: string): Intents.Intent => ({ externalId: id(externalId), token: 1, decision: {} })
  const cdc = Lane.make(accounts, "cdc")

  it.effect("are found by record whatever lane opened them, and listed and settled by lane", () =>
    Effect.gen(function* () {
      const intents = yield* Intents.Intents
      yield* transact(intents.open(live, [intent("b"), intent("a"), intent("c")]))
      yield* transact(intents.open(cdc, [intent("d")]))
      assert.deepEqual([...(yield* intents.find(accounts, [id("a"), id("d"), id("e")]))], ["a", "d"])
      assert.deepEqual(
        (yield* intents.list(live, 2)).map((one) => one.externalId),
        ["a", "b"]
      )
      yield* transact(intents.settle(live, [id("a"), id("d")]))
      assert.deepEqual([...(yield* intents.find(accounts, [id("a"), id("d")]))], ["d"])
    }).pipe(local)
  )

  it.effect("a second intent of a record is refused", () =>
    Effect.gen(function* () {
      const intents = yield* Intents.Intents
      yield* transact(intents.open(live, [intent("a")]))
      const error = yield* failureOf(transact(intents.open(cdc, [intent("a")])))
      assert.equal(error.reason, "Refused")
    }).pipe(local)
  )
})
