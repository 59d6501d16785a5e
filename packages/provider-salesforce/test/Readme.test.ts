// Goal: the programs of the package's pages do what the pages say, against the simulator.
import * as ConfigProvider from "effect/ConfigProvider"
import { expect, it } from "vitest"

import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Credentials, SalesforceClient, SalesforceSource } from "@tidemark/provider-salesforce"
import * as Lane from "@tidemark/core/model/Lane"
import * as Subscription from "@tidemark/core/model/Subscription"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import { Config, Console, Duration, Effect, Stream } from "effect"

const program = Effect.gen(function* () {
  const client = yield* SalesforceClient.make({
    url: yield* Config.String("SALESFORCE_URL"), // https://NAME.my.salesforce.com
    credentials: Credentials.bearer(yield* Config.Redacted("SALESFORCE_TOKEN"))
  })
  const source = yield* SalesforceSource.make({ client, object: "Account", fields: ["Name", "Industry"] })
  const account = yield* source.account
  const connection = { provider: "salesforce", account }
  const subscription = Subscription.make({ id: "accounts", tenant: "default", connection, entity: "account" })
  const pages = source.read({ lane: Lane.live(subscription), from: undefined, settle: Duration.minutes(5) })
  yield* Stream.runForEach(pages, (page) =>
    Console.log(page.observations.length, "records, then", page.mark?.position ?? page.observations.at(-1)?.position)
  )
}).pipe(Effect.provide(NodeHttpClient.layerUndici))

const simulated = Effect.gen(function* () {
  const org = yield* Simulator.make({ seed: 1, accounts: 3000, faults: ["429"] })
  yield* org.control.mutate({ ops: [{ op: "create", entity: "Account", fields: { Name: "New" } }] })
  yield* org.control.advance(60_000)
  yield* Console.log(org.url, org.token, yield* org.control.now)
})

/** Runs what is to be read on a page, and answers what it printed. */
const printed = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const console: Console.Console = { ...globalThis.console, log: (...words) => void lines.push(words.join(" ")) }
  return Effect.map(Effect.provideService(effect, Console.Console, console), () => lines)
}

it("the program of the page prints each page of records, and where it ends", async () => {
  const lines = await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const { token, url } = yield* Simulator.make({ seed: 1, accounts: 30 })
        const config = ConfigProvider.fromUnknown({ SALESFORCE_URL: url, SALESFORCE_TOKEN: token })
        return yield* printed(Effect.provideService(program, ConfigProvider.ConfigProvider, config))
      })
    )
  )
  expect(lines[0]).toMatch(/^30 records, then /)
  expect(lines.at(-1)).toMatch(/^0 records, then /)
})

it("the program of the simulator's page prints where the org is", async () => {
  const lines = await Effect.runPromise(printed(Effect.scoped(simulated)))
  expect(lines[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+ \S+ \S+$/)
})
