// Goal: an object whose fields do not fit an address is read whole over real HTTP, while it is edited.
// Method: the simulator's object of 650 custom fields. Before a query for another part a record is edited in fields
// of the first and of the last part.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Credentials from "../src/Credentials.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import * as SalesforceSource from "../src/SalesforceSource.ts"
import * as Reading from "./support/Reading.ts"

const object = "Wide_Reading__c"
const [first, last] = ["Measured_Value_Of_Channel_000__c", "Measured_Value_Of_Channel_649__c"]

const run = <A>(effect: Effect.Effect<A, unknown, never>) => Effect.runPromise(effect)

describe("an object of 650 fields", () => {
  it("is read whole, and no record is a mixture of two", { timeout: 60_000 }, () =>
    run(
      Effect.gen(function* () {
        const org = yield* Simulator.make({ seed: 1, accounts: 0, oddObjects: true })
        const credentials = Credentials.bearer(Redacted.make(org.token))
        const client = yield* SalesforceClient.make({ url: org.url, credentials })
        const values = Effect.map(org.control.state, ({ entities }) => entities[object]!)
        const ids = Object.keys(yield* values)
        for (const id of ids) yield* both(org, id, 0)
        let edits = 0
        // The same number stands in both fields at every time.
        const edit = Effect.suspend(() => both(org, ids[(edits * 7) % ids.length]!, (edits += 1)))
        const edited: SalesforceClient.SalesforceClient["Service"] = {
          ...client,
          pages: (soql, asked) =>
            Stream.concat(
              soql.includes(" IN (") ? Stream.drain(Stream.fromEffect(Effect.orDie(edit))) : Stream.empty,
              client.pages(soql, asked)
            )
        }
        const source = yield* SalesforceSource.make({ client: edited, object })
        const pages = yield* Reading.read(source, { from: undefined, settle: 60 })
        const told = Reading.observations(pages)
        assert.ok(edits >= 8, `${edits} edits`)
        for (const one of told) {
          assert.equal(one._tag, "Upsert")
          if (one._tag !== "Upsert") continue
          assert.equal(Object.keys(one.record).length, 650 + 7)
          assert.equal(one.record[first], one.record[last], `${one.externalId} was torn`)
        }
        const quiet = yield* SalesforceSource.make({ client, object })
        const now = yield* values
        const copy = yield* Reading.read(quiet, { from: undefined, settle: 60 })
        assert.deepEqual(
          new Map(
            Reading.observations(copy).map(
              (one) => [one.externalId, one._tag === "Upsert" && one.record[first]] as const
            )
          ),
          new Map(Object.entries(now).map(([id, record]) => [id, record[first]] as const))
        )
      }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
    )
  )
})

const both = (org: Simulator.Simulator, id: string, value: number) =>
  Effect.andThen(
    org.control.advance(1000),
    org.control.mutate({ ops: [{ op: "update", entity: object, id, fields: { [first]: value, [last]: value } }] })
  )
