/** Bodies that nobody reads cost a bounded time and size, and a connection only where they are too much. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import assert from "node:assert/strict"
import type * as Http from "node:http"
import { describe, it } from "vitest"
import * as AnswerBody from "../src/AnswerBody.ts"
import * as GuardedHttpClient from "../src/GuardedHttpClient.ts"
import { run, serve } from "./support/Server.ts"

/** Asks twice, and discards each body. */
const twice = (answer: (response: Http.ServerResponse) => void, limits: AnswerBody.Limits) =>
  run(
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const server = yield* serve((_, response) => {
        response.on("close", () => {
          if (!response.writableFinished) Deferred.doneUnsafe(closed, Effect.void)
        })
        answer(response)
      })
      const discarded = Effect.flatMap(HttpClient.HttpClient, (http) =>
        Effect.flatMap(http.get(server.url), (response) => AnswerBody.discard(response, limits))
      )
      const [first, second] = yield* Effect.provide(
        Effect.all([discarded, Effect.andThen(turn, discarded)]),
        GuardedHttpClient.layer({ configured: [server.url] })
      )
      if (!first) yield* Deferred.await(closed)
      return { first, second, connected: server.connected() }
    })
  )

/** The client frees a connection when the turn of events ends. */
const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

describe("a body that nobody reads", () => {
  it("leaves its connection to the next request", async () => {
    const limits = { most: 10, within: "10 seconds" } as const
    assert.deepEqual(await twice((response) => response.end("0123456789"), limits), {
      first: true,
      second: true,
      connected: 1
    })
  })

  it("is cut off where it is too long, though it never ends", async () => {
    const endless = (response: Http.ServerResponse) => {
      const piece = Buffer.alloc(64 * 1024)
      const write = (): void => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once("drain", write)
      }
      write()
    }
    const outcome = await twice(endless, { most: 100_000, within: "10 seconds" })
    assert.deepEqual(outcome, { first: false, second: false, connected: 2 })
  })

  it("is cut off where it stalls", async () => {
    const outcome = await twice((response) => void response.write("0"), { most: 100, within: "20 millis" })
    assert.deepEqual(outcome, { first: false, second: false, connected: 2 })
  })
})
