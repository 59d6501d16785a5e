/** A server on this machine that answers what a test says, and counts what it was asked. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export interface Server {
  readonly url: string
  readonly asked: () => number
  /** Connections that were made. */
  readonly connected: () => number
}

export const serve = (answer: Http.RequestListener): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly http: Http.Server; readonly server: Server }>((resume) => {
        let asked = 0
        let connected = 0
        const http = Http.createServer((request, response) => {
          asked++
          request.resume()
          request.on("end", () => answer(request, response))
        })
        http.on("connection", () => connected++)
        http.listen(0, "127.0.0.1", () => {
          const { port } = http.address() as AddressInfo
          const server = { url: `http://127.0.0.1:${port}`, asked: () => asked, connected: () => connected }
          resume(Effect.succeed({ http, server }))
        })
      }),
      ({ http }) =>
        Effect.callback<void>((resume) => {
          http.close(() => resume(Effect.void))
          http.closeAllConnections()
        })
    ),
    ({ server }) => server
  )

export const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))
