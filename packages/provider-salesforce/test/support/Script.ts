/**
 * A server on this machine that answers what a test says, and remembers what it was asked.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Credentials from "../../src/Credentials.ts"
import * as SalesforceClient from "../../src/SalesforceClient.ts"

export interface Asked {
  readonly method: string
  /** Path and query as sent. */
  readonly url: string
  readonly token: string | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
  /** How many requests came before. */
  readonly index: number
}

export interface Answered {
  readonly status?: number
  readonly headers?: { readonly [name: string]: string }
  /** Objects are written as JSON. */
  readonly body?: string | object
  /** Bytes of the body after which the connection is cut. */
  readonly cutAfter?: number
}

export interface Script {
  readonly url: string
  readonly asked: ReadonlyArray<Asked>
}

export const serverTime = "Fri, 01 May 2026 08:00:00 GMT"

const bodyOf = (request: Http.IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (piece: string) => (body += piece))
    request.on("end", () => resolve(body))
  })

const send = (response: Http.ServerResponse, answered: Answered) => {
  const text = typeof answered.body === "object" ? JSON.stringify(answered.body) : (answered.body ?? "")
  const bytes = Buffer.from(text)
  response.sendDate = false
  response.writeHead(answered.status ?? 200, {
    "content-type": typeof answered.body === "object" ? "application/json" : "text/html",
    "content-length": bytes.length,
    date: serverTime,
    ...answered.headers
  })
  if (answered.cutAfter === undefined) response.end(bytes)
  else response.write(bytes.subarray(0, answered.cutAfter), () => response.destroy())
}

export const serve = (
  answer: (asked: Asked) => Answered | Promise<Answered>
): Effect.Effect<Script, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly server: Http.Server; readonly script: Script }>((resume) => {
        const asked: Array<Asked> = []
        const server = Http.createServer((request, response) => {
          void bodyOf(request).then(async (body) => {
            const one: Asked = {
              method: request.method ?? "",
              url: request.url ?? "",
              token: request.headers.authorization?.replace("Bearer ", ""),
              headers: request.headers,
              body,
              index: asked.length
            }
            asked.push(one)
            send(response, await answer(one))
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ server, script: { url: `http://127.0.0.1:${port}`, asked } }))
        })
      }),
      ({ server }) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    ({ script }) => script
  )

/** Small delays, so that repetitions cost no time. */
export const limits = { retries: 3, retryDelay: "1 millis", retryDelayMax: "5 millis" } as const

export const bearer = Credentials.bearer(Redacted.make("00D000000000001!secret.session"))

/** A client of a scripted server. */
export const client = (
  answer: (asked: Asked) => Answered | Promise<Answered>,
  options: Partial<SalesforceClient.Options> = {}
) =>
  Effect.gen(function* () {
    const script = yield* serve(answer)
    const client = yield* SalesforceClient.make({ url: script.url, credentials: bearer, limits, ...options })
    return { script, client }
  })

export const run = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.provide(effect, Layer.fresh(NodeHttpClient.layerUndici), { local: true })))
