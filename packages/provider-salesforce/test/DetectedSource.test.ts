// Goal: the copy is what the detection says, whatever happens upstream between runs.
// Method: the engine over memory and the simulator; records come, change, leave, go and come back; after each run the
// copy is compared with a model made of what readers could see then.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import * as Lane from "@tidemark/core/model/Lane"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Matching from "@tidemark/core/rules/Matching"
import { Memory, MemorySink } from "@tidemark/memory"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as HttpClient from "effect/http/HttpClient"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Detected from "../src/Detected.ts"
import type * as DetectedRecord from "../src/DetectedRecord.ts"
import * as DetectedSource from "../src/DetectedSource.ts"
import * as SalesforceDeletes from "../src/SalesforceDeletes.ts"
import * as Probe from "./support/Probe.ts"

const seeds = Array.from(
  { length: Number(process.env["RUNS"] ?? 3) },
  (_, index) => Number(process.env["SEED"] ?? 1) + index
)
const settle = Duration.minutes(5)
const mapping = {
  word: Detection.field("Word__c", { transforms: ["lowercase", "emptyToNull"] }),
  money: "Money__c",
  count: Detection.field("Count__c", { transforms: ["toDecimalText"] }),
  at: "At__c",
  kind: Detection.constant("probe")
}
type Options = Partial<Detection.Options<"salesforce">>
type Row = Matching.Row
type Client = Parameters<typeof Detected.compile>[0]

/** What `mapping` makes of a record, said once more. */
const mapped = (row: Row) => ({
  word: row["Word__c"] === null ? null : String(row["Word__c"]).toLowerCase(),
  money: row["Money__c"],
  count: row["Count__c"] === null ? null : String(row["Count__c"]),
  at: row["At__c"] === null ? null : new Date(String(row["At__c"])).toISOString(),
  kind: "probe"
})

const source = Effect.fnUntraced(function* (
  client: Client,
  options: Options,
  change: (detected: Detected.Detected) => Detected.Detected = (same) => same
) {
  const one = Detection.poll({ provider: "salesforce", object: Probe.object, mapping, window: { settle }, ...options })
  const { detected } = yield* Detected.compile(client, { detected: one })
  return yield* DetectedSource.make({ client, detected: change(detected) })
})

type Make = typeof source
type Deletes = typeof DetectedSource.deletes

const subscriptionOf = (account: string) =>
  Subscription.make({
    id: "salesforce/probe",
    tenant: "default",
    connection: { provider: "salesforce", account },
    entity: "probe"
  })

/** Runs of both lanes, each over a source of its own, into one copy. */
const runs = Effect.fnUntraced(function* (
  { client, org }: Effect.Success<ReturnType<typeof Probe.stage>>,
  options: Options,
  make: Make,
  deletesOf: Deletes
) {
  const subscription = subscriptionOf(org.orgId)
  const sink = yield* MemorySink.make<DetectedRecord.Record>({ label: "probe" })
  const run = Effect.gen(function* () {
    const made = yield* make(client, options)
    const deletes = yield* deletesOf({ client, source: made })
    const common = { subscription, schema: made.schema, sink, settle, batchSize: 20, events: true }
    const live = yield* Sync.run(Sync.make({ ...common, source: made }), { lane: Lane.live(subscription) })
    yield* Sync.run(Sync.make({ ...common, source: deletes }), { lane: SalesforceDeletes.lane(subscription) })
    assert.ok("counts" in live)
    return live
  })
  const copy = Effect.map(
    Memory.rows<DetectedRecord.Record>(subscription),
    (rows) => new Map([...rows].map(([id, row]) => [id as string, row.record]))
  )
  const visible = Effect.map(org.control.state, ({ entities }) => Object.entries(entities[Probe.object] ?? {}))
  return { copy, run, visible, subscription }
})

// -----------------------------------------------------------------------------
// what happens upstream
// -----------------------------------------------------------------------------

type Op = {
  readonly op: "create" | "update" | "delete" | "undelete" | "purge"
  readonly pick: number
  readonly row: Row
}

/** Some rounds of changes, of few records, so that they come and go. */
const rounds = fc.array(
  fc.array(
    fc.record({
      op: fc.constantFrom<Op["op"]>("create", "update", "update", "update", "delete", "undelete", "undelete", "purge"),
      pick: fc.nat(11),
      row: Probe.record()
    }),
    { maxLength: 14 }
  ),
  { minLength: 5, maxLength: 7 }
)

const player = ({ org }: Effect.Success<ReturnType<typeof Probe.stage>>) => {
  const ids: Array<string> = []
  const state = new Map<string, "Here" | "Bin" | "Gone">()
  const deleted = new Set<string>()
  const entity = Probe.object
  const allowed = { create: undefined, update: "Here", delete: "Here", undelete: "Bin", purge: "Bin" } as const
  const play = Effect.fnUntraced(function* ({ op, pick, row }: Op) {
    const id = ids[pick % Math.max(ids.length, 1)]
    if (op === "create" || id === undefined) {
      const [made] = yield* org.control.mutate({ ops: [{ op: "create", entity, fields: row as never }] })
      ids.push(made!.id)
      return void state.set(made!.id, "Here")
    }
    if (allowed[op] !== state.get(id)) return
    yield* org.control.mutate({
      ops: [op === "update" ? { op, entity, id, fields: row as never } : { op, entity, id }]
    })
    if (op === "delete") deleted.add(id)
    state.set(id, op === "delete" ? "Bin" : op === "purge" ? "Gone" : "Here")
    // What came back may be another one by now.
    if (op === "undelete" && pick % 2 === 0)
      yield* org.control.mutate({ ops: [{ op: "update", entity, id, fields: row as never }] })
  })
  return { deleted, play }
}

/** Whether the copy is, after each run, what the detection says. */
const isInStep = Effect.fnUntraced(function* (
  seed: number,
  leaves: Detection.Leaves,
  filter: Filter.Filter,
  make: Make = source,
  deletesOf: Deletes = DetectedSource.deletes
) {
  const stage = yield* Probe.stage(seed)
  const { deleted, play } = player(stage)
  const client = telling(stage.client, deleted)
  const { copy, run, visible } = yield* runs({ ...stage, client }, { leaves, filters: [filter] }, make, deletesOf)
  const changes = fc.sample(rounds, { numRuns: 1, seed })[0]!
  const kept = new Map<string, unknown>()
  for (const round of changes) {
    for (const op of round) yield* play(op)
    yield* stage.org.control.advance(40_000)
    yield* run
    const seen = yield* visible
    for (const id of kept.keys()) if (!seen.some(([one]) => one === id)) kept.delete(id)
    for (const [id, row] of seen) {
      if (Matching.matches(filter, row)) kept.set(id, mapped(row))
      else if (leaves === "Delete") kept.delete(id)
    }
    assert.deepEqual(new Map([...(yield* copy)].toSorted()), new Map([...kept].toSorted()))
  }
  yield* stage.org.control.advance(Duration.toMillis(Duration.minutes(6)))
  const { counts } = yield* run
  assert.deepEqual([counts.created, counts.updated, counts.deleted], [0, 0, 0])
})

/** Its feed of deletions lists what came back as well: whether Salesforce does is not said. */
const telling = (client: Client, deleted: ReadonlySet<string>): Client => ({
  ...client,
  deleted: (object, window) =>
    Effect.map(client.deleted(object, window), ({ serverTime, value }) => {
      const told = new Set(value.records.map(({ id }) => id))
      const more = [...deleted].filter((id) => !told.has(id)).map((id) => ({ id, deletedAt: value.latestDateCovered }))
      return { serverTime, value: { ...value, records: [...value.records, ...more] } }
    })
})

const live = <A, E>(effect: Effect.Effect<A, E, Memory.Services | HttpClient.HttpClient | Scope.Scope>) =>
  Effect.runPromise(
    Effect.scoped(effect).pipe(Effect.provide(Layer.mergeAll(Memory.layer(), NodeHttpClient.layerUndici)))
  )

/** Asked of the org, evaluated here, and some of each. */
const filters: ReadonlyArray<readonly [name: string, filter: Filter.Filter]> = [
  ["that the org evaluates", Filter.or(Filter.gte("Money__c", 1), Filter.eq("Flag__c", true))],
  ["that is evaluated here", Filter.ne("Word__c", "x")],
  ["of both", Filter.and(Filter.not(Filter.isNull("Money__c")), Filter.ne("Pick__c", "Hot"))]
]

const isCaught = async (
  law: (seed: number) => Effect.Effect<unknown, unknown, Memory.Services | HttpClient.HttpClient | Scope.Scope>
) => {
  for (let seed = 1; seed <= 20; seed++) {
    const caught = await live(law(seed)).then(
      () => undefined,
      (error: unknown) => error
    )
    if (caught instanceof assert.AssertionError) return
    if (caught !== undefined) throw caught
  }
  assert.fail("the wrong source passed")
}

describe("the copy of a detection", () => {
  for (const [name, filter] of filters) {
    it.each(seeds)(`is the records that match, with leavers deleted: a filter ${name} (seed %i)`, (seed) =>
      live(isInStep(seed, "Delete", filter))
    )
    it.each(seeds)(`is the records as they last matched, with leavers kept: a filter ${name} (seed %i)`, (seed) =>
      live(isInStep(seed, "Keep", filter))
    )
  }

  it("would keep leavers, if the org were asked for what matches", () =>
    isCaught((seed) =>
      isInStep(seed, "Delete", filters[0]![1], (client, options) =>
        source(client, options, ({ compiled, describe }) => ({
          describe,
          compiled: { ...compiled, pushed: compiled.rest }
        }))
      )
    ))
  it("would lose what came back from the bin and is kept, if it were not looked for", () =>
    isCaught((seed) =>
      isInStep(seed, "Keep", Filter.eq("Flag__c", true), source, (options) =>
        Effect.map(SalesforceDeletes.make({ client: options.client, source: options.source.records }), (all) => ({
          ...all,
          fetch: options.source.fetch
        }))
      )
    ))
})
