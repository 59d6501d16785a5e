// Goal: what is parked waits for its parent alone, and what a schema did not know is there once it does.
// Method: single cases over the store's own constraint of parents, and over contracts. Guarantees: K21, S28, S29, L16.
import * as Parking from "@tidemark/core/engine/Parking"
import * as Redrive from "@tidemark/core/engine/Redrive"
import * as Sync from "@tidemark/core/engine/Sync"
import * as CursorRule from "@tidemark/core/model/CursorRule"
import * as Extras from "@tidemark/core/model/Extras"
import * as Observation from "@tidemark/core/model/Observation"
import * as Page from "@tidemark/core/model/Page"
import * as Version from "@tidemark/core/model/Version"
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Quarantine from "@tidemark/core/ports/Quarantine"
import type * as Contract from "@tidemark/core/rules/Contract"
import type * as FieldDiffer from "@tidemark/core/rules/FieldDiffer"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { describe, it } from "@effect/vitest"
import assert from "node:assert/strict"
import { id, subscriptionOf } from "./support.ts"

const local = Effect.provide(Memory.layer(), { local: true })

/** A feed of records of an entity, in this order. A record may have more than its schema says. */
const feed = <A extends object>(options: {
  readonly schema: FieldDiffer.RecordSchema<A>
  readonly entity: string
  readonly told: ReadonlyArray<readonly [id: string, record: object]>
  readonly parent?: MemorySink.Options<A>["parent"]
  readonly contract?: Contract.Options
}) =>
  Effect.gen(function* () {
    const { contract, entity, parent, schema, told } = options
    const sink = yield* MemorySink.make<A>({ label: entity, ...(parent === undefined ? {} : { parent }) })
    const observations = told.map(([externalId, record], position) =>
      Observation.upsert({
        id: externalId,
        position,
        record: record as A,
        version: Version.make({ domain: "place", value: String(position).padStart(4, "0"), observedAt: position })
      })
    )
    const source = ChangeSource.plain<A, number>({
      label: `crm/${entity}`,
      domain: "place",
      account: Effect.succeed("crm"),
      rule: CursorRule.make<number>({ codec: Schema.Int, positions: "Unique", resume: "Exclusive" }),
      read: ({ from = -1 }) => Stream.succeed(Page.make(observations.filter(({ position }) => position! > from)))
    })
    const common = { subscription: subscriptionOf("acme", entity), schema, source, sink, events: true }
    return Sync.make(contract === undefined ? common : { ...common, contract })
  })
const run = <A extends object>(options: Parameters<typeof feed<A>>[0]) =>
  Effect.map(Effect.flatMap(feed(options), Sync.run), (summary) =>
    summary instanceof Lanes.Busy ? assert.fail("busy") : summary
  )
const waiting = Effect.gen(function* () {
  const all = yield* (yield* Quarantine.Quarantine).list(subscriptionOf("acme").tenant)
  return all.toReversed().map(({ attempts, externalId, rejection }) => `${externalId} ${rejection.code} ${attempts}`)
})
const idsOf = (entity: string) =>
  Effect.map(Memory.rows(subscriptionOf("acme", entity)), (rows) => [...rows.keys()].join(" "))

const Contact = Schema.Struct({ name: Schema.String, account: Schema.NullOr(Schema.String) })
type Contact = typeof Contact.Type
const contacts = (...told: ReadonlyArray<readonly [id: string, account: string | null]>) => ({
  schema: Contact,
  entity: "contact",
  told: told.map(([externalId, account]) => [externalId, { name: externalId, account }] as const),
  parent: ({ account }: Contact) => (account === null ? undefined : { entity: "account", id: id(account) })
})
const accounts = (...ids: ReadonlyArray<string>) => ({
  schema: Contact,
  entity: "account",
  told: ids.map((one) => [one, { name: one, account: null }] as const)
})

describe("parking", () => {
  it.effect("K21 a child waits for a parent of another feed, and each run tries it once more", () =>
    Effect.gen(function* () {
      const told = contacts(["c1", "a1"], ["c2", null], ["c3", "a1"])
      const first = yield* run(told)
      assert.deepEqual([first.status, first.counts.created, first.counts.parked], ["Partial", 1, 2])
      assert.deepEqual(yield* waiting, ["c1 ParentMissing 2", "c3 ParentMissing 2"])
      yield* run(told)
      assert.deepEqual(yield* waiting, ["c1 ParentMissing 3", "c3 ParentMissing 3"])
      yield* run(accounts("a1"))
      yield* run(told)
      assert.deepEqual([yield* idsOf("contact"), yield* waiting], ["c1 c2 c3", []])
      const created = (yield* Memory.events(subscriptionOf("acme").tenant)).filter(
        ({ type }) => type === "contact_created"
      )
      assert.equal(created.length, 3)
    }).pipe(local)
  )

  it.effect("K21 what has waited too long is left to a redrive", () =>
    Effect.gen(function* () {
      const told = contacts(["c1", "a1"])
      yield* run(told)
      yield* TestClock.adjust(Duration.sum(Parking.ageMax, Duration.seconds(1)))
      yield* run(accounts("a1"))
      yield* run(told)
      assert.deepEqual(yield* waiting, ["c1 ParentMissing 2"])
      yield* Effect.flatMap(feed(told), (sync) => Redrive.run(sync))
      assert.deepEqual(yield* waiting, [])
    }).pipe(local)
  )

  it.effect("L16 no number of parked records stops a lane", () =>
    Effect.gen(function* () {
      const { counts } = yield* run(contacts(...Array.from({ length: 300 }, (_, n) => [`c${n}`, "a1"] as const)))
      assert.deepEqual([counts.read, counts.parked], [300, 300])
    }).pipe(local)
  )
})

const Deal = Schema.Struct({
  name: Schema.String,
  stage: Schema.NullOr(Schema.Literals(["open", "won"])),
  extras: Extras.Extras
})
const deals = (record: object, contract?: Contract.Options) => ({
  schema: Deal,
  entity: "deal",
  told: [["d1", { name: "n", stage: "open", ...record }]] as const,
  ...(contract === undefined ? {} : { contract })
})
const recordOf = Effect.map(Memory.rows<object>(subscriptionOf("acme", "deal")), (rows) => rows.get(id("d1"))?.record)

describe("a contract", () => {
  it.effect("S28 what is not known is kept and counted", () =>
    Effect.gen(function* () {
      const told = { Region__c: "north", stage: "lost" }
      const { counts, status } = yield* run(deals(told))
      assert.deepEqual([counts.created, counts.unknownFields, counts.unknownValues, status], [1, 1, 1, "Succeeded"])
      assert.deepEqual(yield* recordOf, { name: "n", stage: null, extras: { Region__c: "north", stage: "lost" } })
    }).pipe(local)
  )

  it.effect("S28 what was refused is applied by a redrive once the schema names it", () =>
    Effect.gen(function* () {
      const strict = { unknownFields: "Quarantine", unknownValues: "Quarantine" } as const
      const told = deals({ Region__c: "north", stage: "lost" }, strict)
      const { counts } = yield* run(told)
      assert.equal(counts.quarantined, 1)
      assert.deepEqual(yield* waiting, ["d1 UnknownValue 1"])
      const Wider = Schema.Struct({
        ...Deal.fields,
        stage: Schema.NullOr(Schema.Literals(["open", "won", "lost"])),
        Region__c: Schema.NullOr(Schema.String)
      })
      const summary = yield* Effect.flatMap(feed({ ...told, schema: Wider }), (sync) => Redrive.run(sync))
      assert.ok(!(summary instanceof Lanes.Busy) && summary.applied === 1)
      assert.deepEqual(yield* recordOf, { name: "n", stage: "lost", Region__c: "north", extras: {} })
      assert.deepEqual(yield* waiting, [])
    }).pipe(local)
  )

  it.effect("S29 when a field changes its type in all records the brake stops the lane, whatever is kept", () =>
    Effect.gen(function* () {
      for (const change of [{ name: 7 }, { stage: 7 }, { stage: { label: "open" } }, { extras: [] }]) {
        const told = Array.from({ length: 60 }, (_, n) => [`d${n}`, { name: "n", stage: "open", ...change }] as const)
        const error = yield* Effect.flip(run({ schema: Deal, entity: "deal", told }).pipe(local))
        assert.ok(error instanceof Lanes.Stopped)
      }
    })
  )
})
