/**
 * The world on a port of this machine.
 *
 * Requests are handled one at a time, in the order their bodies arrive; one whose
 * signature is to be verified, when that is done. What one changes is in the
 * history before it is answered.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as App from "./App.ts"
import * as Fate from "./Fate.ts"
import type * as Journal from "./Journal.ts"
import * as Message from "./Message.ts"
import * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Router from "./Router.ts"
import * as SimulatorError from "./SimulatorError.ts"

// -----------------------------------------------------------------------------
// constants
// -----------------------------------------------------------------------------

/** Largest body of a request, in bytes. @category constants @since 0.1.0 */
export const bodyMax = 16 * 1024 * 1024

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Listens on the loopback address; port 0 is any free one. Gives the address,
 * without a slash at its end, and the org the same. Open connections are cut when
 * the scope ends. Fails with `Listen`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  org: Org.Org,
  journal: Journal.Journal,
  port: number
): Effect.Effect<string, SimulatorError.SimulatorError, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<http.Server, SimulatorError.SimulatorError>((resume) => {
        const server = http.createServer(
          { maxHeaderSize: 128 * 1024, keepAliveTimeout: 65_000 },
          (incoming, outgoing) =>
            receive(org, incoming, outgoing, (request) => {
              const delivery = Router.answer(org, request)
              journal.write(Org.drain(org))
              return delivery
            })
        )
        server.once("error", (cause) => resume(Effect.fail(unavailable(port, cause))))
        server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      close
    ),
    (server) => {
      const address = server.address()
      org.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : port}`
      return org.url
    }
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const unavailable = (port: number, cause: unknown) =>
  new SimulatorError.SimulatorError({
    reason: "Listen",
    message: `Port ${port} of 127.0.0.1 cannot be listened on: choose another one, or 0 for any.`,
    cause
  })

const close = (server: http.Server) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

type Answer = (request: Message.Request) => Fate.Delivery

const receive = (org: Org.Org, incoming: http.IncomingMessage, outgoing: http.ServerResponse, answer: Answer): void => {
  const chunks: Array<Buffer> = []
  let length = 0
  incoming.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length <= bodyMax) chunks.push(chunk)
  })
  // A client that went away gets no answer.
  incoming.on("error", () => outgoing.destroy())
  incoming.on("end", () => {
    const method = incoming.method === "HEAD" ? "GET" : (incoming.method ?? "GET")
    const body = Buffer.concat(chunks).toString("utf8")
    const request = Message.request(method, incoming.url ?? "/", plain(incoming.headers), body)
    if (request === undefined) return deliver(outgoing, refused(Refusal.notFound))
    if (length > bodyMax) return deliver(outgoing, refused(tooLarge))
    const ready = prepared(org.app, request)
    if (ready === undefined) return deliver(outgoing, answer(request))
    ready.then(
      (request) => deliver(outgoing, answer(request)),
      () => outgoing.destroy()
    )
  })
}

// Keys are made and signatures verified before the request's turn; `undefined` when there is nothing to wait for.
const prepared = (app: App.App, request: Message.Request): Promise<Message.Request> | undefined => {
  if (request.path[0] === "__app") return App.prepare(app).then(() => request)
  const assertion = App.assertion(request)
  return assertion === undefined
    ? undefined
    : App.isSigned(app, assertion).then((isSigned) => ({ ...request, isSigned }))
}

const tooLarge = Refusal.make(413, "REQUEST_TOO_LARGE", `The body is longer than ${bodyMax} bytes`)

const refused = (refusal: Refusal.Refusal): Fate.Delivery => Fate.whole(Message.refused(refusal))

const plain = (headers: http.IncomingHttpHeaders): Message.Request["headers"] =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value])
  )

const deliver = (outgoing: http.ServerResponse, { ending, reply }: Fate.Delivery): void => {
  if (ending === "reset") {
    outgoing.socket?.resetAndDestroy()
    return
  }
  const body = Buffer.from(reply.body, "utf8")
  outgoing.sendDate = false
  outgoing.writeHead(reply.status, {
    ...reply.headers,
    ...(reply.status === 204 ? {} : { "Content-Length": String(body.length) })
  })
  if (ending === "whole") {
    outgoing.end(body)
    return
  }
  outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => {
    if (ending === "cut") outgoing.socket?.resetAndDestroy()
  })
}
