// Goal: what a person or the engine does about a failed read follows from its reason, and no read goes in circles.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Lane, Subscription } from "@tidemark/core"
import { Duration, Effect, Exit, Redacted, Result, Stream } from "effect"
import { type HttpClient, HttpServerResponse } from "effect/http"
import { describe, expect, it } from "vitest"
import * as ContactSource from "../src/ContactSource.ts"
import * as Directory from "./support/Directory.ts"

const lane = Lane.live(
  Subscription.make({
    id: "contacts",
    tenant: "default",
    connection: { provider: "directory", account: "acme" },
    entity: "contact"
  })
)
const everything = { lane, from: undefined, settle: Duration.seconds(1) }

const run = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient>) =>
  Effect.runPromise(Effect.provide(effect, NodeHttpClient.layerUndici))

const reading = (prepare: (directory: Directory.Directory) => void, token?: Redacted.Redacted) =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* Directory.make
        prepare(directory)
        const { url } = directory
        const source = yield* ContactSource.make({ url, token: token ?? directory.token, limit: 2 })
        return yield* Effect.result(Stream.runCollect(source.read(everything)))
      })
    )
  )

const reasonOf = (result: Awaited<ReturnType<typeof reading>>) =>
  Result.isFailure(result) ? result.failure.reason : "no failure"

describe("a failed read", () => {
  it.each([
    [403, "Forbidden"],
    [410, "PositionLost"],
    [429, "RateLimited"],
    [503, "Unavailable"],
    [404, "Invalid"]
  ])("status %i is %s", async (status, reason) => {
    expect(reasonOf(await reading(({ answer }) => answer(HttpServerResponse.empty({ status }))))).toBe(reason)
  })

  it("a wrong token is Unauthorized, and is in no message", async () => {
    const result = await reading(() => undefined, Redacted.make("another"))
    expect(reasonOf(result)).toBe("Unauthorized")
    expect(JSON.stringify(result)).not.toContain("another")
  })

  it("says how long to wait, when the directory does", async () => {
    const response = HttpServerResponse.empty({ status: 429, headers: { "retry-after": "7" } })
    const result = await reading(({ answer }) => answer(response))
    expect(Result.isFailure(result) && result.failure.retryAfter).toBe(7_000)
  })

  it.each([
    ["an answer that is no JSON is Malformed", "Malformed", HttpServerResponse.text("<html>")],
    ["an answer of another shape is Malformed", "Malformed", HttpServerResponse.jsonUnsafe({ contacts: [] })],
    [
      "more after nothing, again and again, is NotAdvancing",
      "NotAdvancing",
      HttpServerResponse.jsonUnsafe({ now: 0, contacts: [], more: true })
    ]
  ])("%s", async (_, reason, response) => {
    expect(reasonOf(await reading(({ answer }) => answer(response)))).toBe(reason)
  })

  it("nobody listening is Unavailable", async () => {
    const source = ContactSource.make({ url: "http://127.0.0.1:9", token: Redacted.make("a"), limit: 2 })
    const exit = await run(Effect.exit(Effect.flatMap(source, ({ account }) => account)))
    expect(Exit.isFailure(exit) && JSON.stringify(exit)).toContain("Unavailable")
  })

  it("a contact that cannot be read does not keep the others back", async () => {
    const result = await reading(({ spoil }) => spoil("c1"))
    expect(Result.getOrThrow(result).flatMap(({ observations }) => observations)).toMatchObject([
      { _tag: "Unreadable", externalId: "c1", raw: { name: 7 } }
    ])
  })
})
