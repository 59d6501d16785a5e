/**
 * A server on this machine that gets messages, verifies each by means of its own, and
 * answers what a test says.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as crypto from "node:crypto"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export interface Got {
  readonly id: string
  readonly timestamp: number
  /** How many signatures it has. */
  readonly signatures: number
  /** By secret of the receiver, as texts. */
  readonly isGenuine: (secret: string) => boolean
  readonly method: string
  readonly url: string
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  readonly json: { readonly id: string; readonly key: string; readonly revision: number; readonly data: unknown }
  /** How many came before. */
  readonly index: number
}

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly got: ReadonlyArray<Got>
}

/** A status, or whatever is done with the response. */
export type Answer = number | ((response: Http.ServerResponse) => void)

const gotOf = (request: Http.IncomingMessage, raw: Buffer, index: number): Got => {
  const { headers } = request
  const header = (name: string) => String(headers[name])
  const given = header("webhook-signature").split(" ")
  return {
    id: header("webhook-id"),
    timestamp: Number(header("webhook-timestamp")),
    signatures: given.length,
    isGenuine: (secret) => {
      const key = Buffer.from(secret.replace("whsec_", ""), "base64")
      const signed = Buffer.concat([Buffer.from(`${header("webhook-id")}.${header("webhook-timestamp")}.`), raw])
      return given.includes(`v1,${crypto.createHmac("sha256", key).update(signed).digest("base64")}`)
    },
    method: request.method ?? "",
    url: request.url ?? "",
    headers,
    text: raw.toString("utf8"),
    json: JSON.parse(raw.toString("utf8")) as Got["json"],
    index
  }
}

export const serve = (answer: (got: Got) => Answer): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly http: Http.Server; readonly receiver: Receiver }>((resume) => {
        const got: Array<Got> = []
        const http = Http.createServer((request, response) => {
          const pieces: Array<Buffer> = []
          request.on("data", (piece: Buffer) => pieces.push(piece))
          request.on("end", () => {
            const one = gotOf(request, Buffer.concat(pieces), got.length)
            got.push(one)
            const answered = answer(one)
            if (typeof answered === "number") response.writeHead(answered).end()
            else answered(response)
          })
        })
        http.listen(0, "127.0.0.1", () => {
          const { port } = http.address() as AddressInfo
          resume(Effect.succeed({ http, receiver: { url: `http://127.0.0.1:${port}`, port, got } }))
        })
      }),
      ({ http }) =>
        Effect.callback<void>((resume) => {
          http.close(() => resume(Effect.void))
          http.closeAllConnections()
        })
    ),
    ({ receiver }) => receiver
  )
