// Goal: the source of a detection keeps the laws of sources, with records that come to match and cease to.
// Method: what is put upstream matches or not; what a reader should have is what matches.
// Guarantees: L02, L03, L04, L06, L07, L10, W06, W67, W72.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Detection from "@tidemark/core/model/Detection"
import * as Filter from "@tidemark/core/model/Filter"
import { verifySource } from "@tidemark/laws/SourceLaws"
import type * as SourceLaws from "@tidemark/laws/SourceLaws"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Detected from "../src/Detected.ts"
import type * as DetectedRecord from "../src/DetectedRecord.ts"
import * as DetectedSource from "../src/DetectedSource.ts"
import * as SalesforceCursor from "../src/SalesforceCursor.ts"
import * as Probe from "./support/Probe.ts"

type Upstream = SourceLaws.Made<DetectedRecord.Record, SalesforceCursor.SalesforceCursor, never>["upstream"]

const { RUNS, SEED } = process.env

const records: fc.Arbitrary<DetectedRecord.Record> = fc.record({
  word: fc.constantFrom("a", "b", "c", null),
  count: fc.constantFrom(null, 1, 2)
})
const filter = Filter.and(Filter.ne("Word__c", "b"), Filter.not(Filter.isNull("Count__c")))
const isWanted = ({ count, word }: DetectedRecord.Record) => word !== "b" && count !== null

const detection = Detection.poll({
  provider: "salesforce",
  object: Probe.object,
  mapping: { word: "Word__c", count: "Count__c" },
  filters: [filter],
  leaves: "Delete"
})

/** A record that was deleted comes back from the recycle bin. */
const upstreamOf = ({ control }: Effect.Success<ReturnType<typeof Probe.stage>>["org"]): Upstream => {
  const known = new Map<string, { readonly id: string; readonly isGone: boolean }>()
  const entity = Probe.object
  return {
    put: (name, record, lateMs) =>
      Effect.gen(function* () {
        const there = known.get(name)
        const fields = { Name: "x", Word__c: record["word"] as string, Count__c: record["count"] as number }
        const [made] = yield* control.mutate({
          ops:
            there === undefined
              ? [{ op: "create", entity, fields, lateMs }]
              : [
                  ...(there.isGone ? [{ op: "undelete" as const, entity, id: there.id, lateMs }] : []),
                  { op: "update", entity, id: there.id, fields, lateMs }
                ]
        })
        known.set(name, { id: made!.id, isGone: false })
      }),
    remove: (name) =>
      Effect.suspend(() => {
        const { id } = known.get(name)!
        known.set(name, { id, isGone: true })
        return control.mutate({ ops: [{ op: "delete", entity, id }] })
      }),
    pass: control.advance,
    now: Effect.map(control.now, Date.parse),
    visible: Effect.map(control.state, ({ entities }) => {
      const all = Object.entries(entities[entity] ?? {}).map(
        ([id, row]) => [id, { word: row["Word__c"]!, count: row["Count__c"]! } as DetectedRecord.Record] as const
      )
      return new Map(all.filter(([, record]) => isWanted(record)))
    })
  }
}

const laws = verifySource({
  make: Effect.gen(function* () {
    const { client, org } = yield* Probe.stage(1)
    const { one } = yield* Detected.compile(client, { one: detection })
    return { source: yield* DetectedSource.make({ client, detected: one }), upstream: upstreamOf(org) }
  }),
  records,
  settle: "20 seconds",
  tick: "1 second",
  deletions: true,
  at: SalesforceCursor.millis,
  runs: 8,
  layer: NodeHttpClient.layerUndici
})

describe("the source of a detection", () => {
  for (const law of laws) {
    it(law.name, () =>
      law.check({
        ...(RUNS === undefined ? {} : { runs: Number(RUNS) }),
        ...(SEED === undefined ? {} : { seed: Number(SEED) })
      })
    )
  }
})
