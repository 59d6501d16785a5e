/**
 * `simulator salesforce`: an org on this machine, for as long as somebody holds
 * its standard input open.
 */
import { Faults, Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"

const count = (name: string, otherwise: number, description: string) =>
  Flag.Int(name).pipe(Flag.withDescription(description), Flag.withDefault(otherwise))

const option = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withDescription(description), Flag.optional)

const given = <Name extends string, A>(name: Name, value: Option.Option<A>): { readonly [name in Name]?: A } =>
  Option.isSome(value) ? ({ [name]: value.value } as { readonly [name in Name]: A }) : {}

export const simulator = Command.make(
  "simulator",
  {
    provider: Argument.Literals("provider", ["salesforce"]).pipe(Argument.withDescription("Whose API to simulate")),
    port: count("port", 0, "Port on 127.0.0.1; 0 for any free one"),
    seed: count("seed", 1, "Everything follows from it"),
    accounts: count("accounts", 3000, "Accounts at the start"),
    contacts: count("contacts", 0, "Contacts at the start"),
    opportunities: count("opportunities", 0, "Opportunities at the start"),
    tie: count("tie", 0, "Accounts that share one stamp"),
    start: Flag.String("start").pipe(
      Flag.withDescription("What the clock shows first, such as 2026-05-01T08:00:00Z"),
      Flag.optional
    ),
    oddObjects: Flag.Boolean("odd-objects").pipe(
      Flag.withDescription("Objects without stamps, feeds or queries, and one of 650 fields"),
      Flag.withDefault(false)
    ),
    fault: Flag.Literals("fault", Faults.kinds).pipe(
      Flag.withDescription("A fault met again and again; may be given several times"),
      Flag.atLeast(0)
    ),
    dailyLimit: option("daily-limit", "Calls in 24 hours, refused beyond; else none is refused"),
    sessionMs: option("session-ms", "How long sessions live; else until they are made to end"),
    locatorMs: option("locator-ms", "How long addresses of pages live; else two days"),
    rotation: Flag.Boolean("rotation").pipe(
      Flag.withDescription("Refresh tokens are good for one use"),
      Flag.withDefault(false)
    ),
    clientId: Flag.String("client-id").pipe(Flag.withDescription("The claim iss of assertions"), Flag.optional),
    username: Flag.String("username").pipe(Flag.withDescription("The user, and the claim sub"), Flag.optional),
    publicKey: Flag.FileText("public-key").pipe(
      Flag.withDescription("PEM file with the key that verifies assertions; else a pair is made for GET /__app"),
      Flag.optional
    ),
    history: Flag.Directory("history").pipe(
      Flag.withDescription("Where to append upstream.jsonl and visible.jsonl"),
      Flag.optional
    ),
    shortPages: Flag.Boolean("short-pages").pipe(
      Flag.withDescription("Pages are often shorter than asked for"),
      Flag.withDefault(false)
    ),
    realtime: Flag.Boolean("realtime").pipe(
      Flag.withDescription("The clock goes on by itself; else only when it is told to"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (flags) {
    const { accounts, contacts, opportunities, seed, tie } = flags
    const population = { accounts, contacts, opportunities, seed, tie }
    const { apiVersion, token, url } = yield* Simulator.make({
      ...population,
      port: flags.port,
      oddObjects: flags.oddObjects,
      realtime: flags.realtime,
      rotation: flags.rotation,
      shortPages: flags.shortPages,
      faults: flags.fault,
      ...given("start", flags.start),
      ...given("history", flags.history),
      ...given("dailyLimit", flags.dailyLimit),
      ...given("sessionMs", flags.sessionMs),
      ...given("locatorMs", flags.locatorMs),
      ...given("clientId", flags.clientId),
      ...given("username", flags.username),
      ...given("publicKey", flags.publicKey)
    })
    yield* Console.log(JSON.stringify({ url, token, apiVersion }))
    yield* endOfInput
  }, Effect.scoped)
).pipe(Command.withDescription("Serve a simulated provider until standard input closes"))

const endOfInput = Effect.callback<void>((resume) => {
  process.stdin.resume()
  process.stdin.once("end", () => resume(Effect.void))
  process.stdin.once("error", () => resume(Effect.void))
})
