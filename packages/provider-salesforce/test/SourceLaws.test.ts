// Goal: the source keeps the laws of sources over real HTTP, against an org with the quirks of the real one.
// Method: each case has an org of its own, in which records are created, edited, deleted and undeleted, some in
// transactions that stay open; once with whole records, and once with addresses so short that records are read in
// parts. The lane that reads everything again keeps them as well. Few cases each, RUNS sets more.
// Guarantees: L02, L03, L04, L06, L07, L10, W06, W67, W72.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { verifySource } from "@tidemark/laws/SourceLaws"
import type * as SourceLaws from "@tidemark/laws/SourceLaws"
import {
  type Canonical,
  Credentials,
  SalesforceClient,
  SalesforceCursor,
  SalesforceFull,
  SalesforceSource
} from "@tidemark/provider-salesforce"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import { describe, it } from "vitest"

type Upstream = SourceLaws.Made<Canonical.Record, SalesforceCursor.SalesforceCursor, never>["upstream"]

const { RUNS, SEED } = process.env
const fields = ["Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "BillingCity"]

const records: fc.Arbitrary<Canonical.Record> = fc.record({
  Name: fc.constantFrom("Quay", "Harbour"),
  Industry: fc.constantFrom(null, "Energy", "Retail"),
  AnnualRevenue: fc.constantFrom(null, 0, 1200),
  NumberOfEmployees: fc.constantFrom(null, 7),
  BillingCity: fc.constantFrom(null, "Malmö")
})

/** A record that was deleted comes back from the recycle bin. */
const upstreamOf = ({ control }: Simulator.Simulator): Upstream => {
  const known = new Map<string, { readonly id: string; readonly isGone: boolean }>()
  const entity = "Account"
  return {
    put: (name, record, lateMs) =>
      Effect.gen(function* () {
        const there = known.get(name)
        const [made] = yield* control.mutate({
          ops:
            there === undefined
              ? [{ op: "create", entity, fields: record, lateMs }]
              : [
                  ...(there.isGone ? [{ op: "undelete" as const, entity, id: there.id, lateMs }] : []),
                  { op: "update", entity, id: there.id, fields: record, lateMs }
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
    visible: Effect.map(
      control.state,
      ({ entities }) =>
        new Map(
          Object.entries(entities[entity] ?? {}).map(([id, values]) => [
            id,
            Object.fromEntries(fields.map((field) => [field, values[field]])) as Canonical.Record
          ])
        )
    )
  }
}

const usual = { records, settle: "20 seconds", tick: "1 second", runs: 12, layer: NodeHttpClient.layerUndici } as const

const stage = Effect.fnUntraced(function* (addressMax?: number) {
  const org = yield* Simulator.make({ seed: 1, accounts: 0, shortPages: true })
  const credentials = Credentials.bearer(Redacted.make(org.token))
  const client = yield* SalesforceClient.make({ url: org.url, credentials })
  const source = yield* SalesforceSource.make({ client, object: "Account", fields, addressMax })
  return { client, source, upstream: upstreamOf(org) }
})

const liveLaws = (addressMax?: number) =>
  verifySource({ ...usual, make: stage(addressMax), deletions: true, at: SalesforceCursor.millis })

const fullLaws = verifySource({
  ...usual,
  make: Effect.flatMap(stage(), ({ upstream, ...read }) =>
    Effect.map(SalesforceFull.make({ ...read, every: "1 second", pageSize: 2 }), (source) => ({ source, upstream }))
  ),
  deletions: false
})

describe.each([
  ["the source of an object", liveLaws()],
  ["the source of an object whose fields are read in parts", liveLaws(300)],
  ["the source of all of an object's records", fullLaws]
])("%s", (_, laws) => {
  for (const law of laws) {
    it(law.name, () =>
      law.check({
        ...(RUNS === undefined ? {} : { runs: Number(RUNS) }),
        ...(SEED === undefined ? {} : { seed: Number(SEED) })
      })
    )
  }
})
