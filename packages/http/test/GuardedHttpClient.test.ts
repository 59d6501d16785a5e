/**
 * Connections go to public addresses, whatever a name resolves to, and to what a
 * person configured by its address.
 *
 * Method: a server on loopback that counts requests, and resolvers that answer what
 * a test says.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import assert from "node:assert/strict"
import type * as net from "node:net"
import { describe, it } from "vitest"
import * as GuardedHttpClient from "../src/GuardedHttpClient.ts"
import { run, serve } from "./support/Server.ts"

/** Asks for an address: `"answered"`, or the code of the failure. */
const outcome = (address: string, layer: Layer.Layer<HttpClient.HttpClient>) =>
  Effect.flatMap(HttpClient.HttpClient, (http) => http.get(address)).pipe(
    Effect.as("answered"),
    Effect.catch((error) => Effect.succeed(codeOf(error))),
    Effect.provide(Layer.fresh(layer), { local: true })
  )

const codeOf = (error: unknown): string => {
  const { cause, code, reason } = error as {
    readonly cause?: unknown
    readonly code?: string
    readonly reason?: unknown
  }
  if (typeof code === "string") return code
  const inner = reason ?? cause
  return inner === undefined ? String(error) : codeOf(inner)
}

const refused = "ENOTPUBLIC"

/** Answers one list after the other, the last one for ever. */
const resolver = (...answers: ReadonlyArray<ReadonlyArray<string>>) => {
  const asked: Array<string> = []
  const resolve: GuardedHttpClient.Resolve = (hostname) =>
    Effect.sync(() => answers[Math.min(asked.push(hostname), answers.length) - 1]!)
  return { asked, resolve }
}

describe("a guarded client", () => {
  it.each([
    ["this machine", ["127.0.0.1"]],
    ["this machine in IPv6", ["::1"]],
    ["this machine, mapped", ["::ffff:127.0.0.1"]],
    ["a private network", ["10.0.0.1"]],
    ["the metadata of a cloud", ["169.254.169.254"]],
    ["a public address and this machine", ["1.1.1.1", "127.0.0.1"]],
    ["what is no address", ["127.1"]],
    ["nothing", []]
  ])("does not connect to a name that resolves to %s", (_, addresses) =>
    run(
      Effect.gen(function* () {
        const server = yield* serve((_, response) => void response.end("[]"))
        const { port } = new URL(server.url)
        const { asked, resolve } = resolver(addresses)
        const layer = GuardedHttpClient.layer({ configured: ["https://acme.example"], resolve })
        assert.equal(yield* outcome(`http://rebind.example:${port}/`, layer), refused)
        assert.deepEqual(asked, ["rebind.example"])
        assert.equal(server.asked(), 0)
      })
    )
  )

  it("looks at the addresses it connects to, and not at those of a moment before", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve((_, response) => void response.end("[]"))
        const address = `http://rebind.example:${new URL(server.url).port}/`
        // What looks a name up before it connects is answered twice.
        const twice = resolver(["1.1.1.1"], ["127.0.0.1"])
        assert.deepEqual(yield* twice.resolve("rebind.example"), ["1.1.1.1"])
        assert.equal(yield* outcome(address, unguarded(twice.resolve)), "answered")
        assert.equal(server.asked(), 1)
        const again = resolver(["1.1.1.1"], ["127.0.0.1"])
        yield* again.resolve("rebind.example")
        const layer = GuardedHttpClient.layer({ configured: [], resolve: again.resolve })
        assert.equal(yield* outcome(address, layer), refused)
        assert.equal(server.asked(), 1)
      })
    ))

  it.each(["127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "localhost"])(
    "does not connect to %s when only a name was configured",
    (host) =>
      run(
        Effect.gen(function* () {
          const server = yield* serve((_, response) => void response.end("[]"))
          const { port } = new URL(server.url)
          const layer = GuardedHttpClient.layer({ configured: ["https://acme.example"] })
          assert.equal(yield* outcome(`http://${host}:${port}/`, layer), refused)
          assert.equal(server.asked(), 0)
          assert.equal(yield* outcome(`http://127.0.0.1:${port}/`, NodeHttpClient.layerUndici), "answered")
        })
      )
  )

  it("connects to this machine where that was configured by its address, and to no other private one", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve((_, response) => void response.end("[]"))
        const { port } = new URL(server.url)
        const { resolve } = resolver(["127.0.0.1"])
        const layer = GuardedHttpClient.layer({ configured: [server.url], resolve })
        for (const [host, expected] of [
          ["127.0.0.1", "answered"],
          ["localhost", "answered"],
          ["rebind.example", refused],
          ["127.0.0.2", refused]
        ] as const) {
          assert.equal(yield* outcome(`http://${host}:${port}/`, layer), expected, host)
        }
        const other = GuardedHttpClient.layer({ configured: [server.url], resolve: resolver(["10.0.0.1"]).resolve })
        assert.equal(yield* outcome(`http://localhost:${port}/`, other), refused)
      })
    ))

  it("does not follow a redirection, wherever it leads", () =>
    run(
      Effect.gen(function* () {
        const server = yield* serve((_, response) => {
          response.writeHead(307, { location: "http://169.254.169.254/latest/meta-data/" }).end()
        })
        const answer = Effect.flatMap(HttpClient.HttpClient, (http) => http.get(server.url))
        const layer = GuardedHttpClient.layer({ configured: [server.url] })
        assert.equal((yield* Effect.provide(answer, Layer.fresh(layer), { local: true })).status, 307)
        assert.equal(server.asked(), 1)
      })
    ))
})

/** Connects to whatever the name resolves to then. */
const unguarded = (resolve: GuardedHttpClient.Resolve): Layer.Layer<HttpClient.HttpClient> => {
  const lookup: net.LookupFunction = (hostname, options, callback) =>
    void Effect.runPromise(resolve(hostname)).then(([address]) =>
      options.all === true ? callback(null, [{ address: address!, family: 4 }]) : callback(null, address!, 4)
    )
  return NodeHttpClient.layerUndiciOptions({ connect: { lookup } })
}
