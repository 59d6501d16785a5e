/**
 * The other place: whoever calls it with an idempotency key has one effect, however
 * often it calls. Each first call is a line of the history; later ones are counted.
 *
 * Calls and answers are JSON lines over TCP. A call of a key that is refused fails
 * until all are accepted.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import type * as History from "../Handled.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What was handled, as a line of the history has it, without the time. */
export interface Handled extends History.Line {
  readonly attempt: number
  readonly pid: number
}

interface Call {
  readonly id: number
  readonly idempotencyKey: string
  readonly handled: Handled
}

interface Answer {
  readonly id: number
  readonly isAccepted: boolean
}

export class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}

export interface Target {
  readonly port: number
  /** Effects, by consumer. */
  readonly counts: ReadonlyMap<string, number>
  /** Accepts what it refused. */
  readonly accept: () => void
}

export interface Caller {
  readonly call: (idempotencyKey: string, handled: Handled) => Effect.Effect<void, Refused>
}

// -----------------------------------------------------------------------------
// serving
// -----------------------------------------------------------------------------

/** Serves as long as the scope is open, and writes the lines to a file. */
export const serve = Effect.fnUntraced(function* (options: {
  readonly file: string
  readonly isRefused: (handled: Handled) => boolean
}): Effect.fn.Return<Target, never, Scope.Scope> {
  const file = yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(options.file, "a")),
    (file) => Effect.sync(() => fs.closeSync(file))
  )
  const known = new Set<string>()
  const counts = new Map<string, number>()
  let isAccepting = false
  const answer = ({ handled, id, idempotencyKey }: Call): Answer => {
    if (!isAccepting && options.isRefused(handled)) return { id, isAccepted: false }
    if (!known.has(idempotencyKey)) {
      known.add(idempotencyKey)
      fs.writeSync(file, `${JSON.stringify({ t: new Date().toISOString(), ...handled })}\n`)
      counts.set(handled.consumer, (counts.get(handled.consumer) ?? 0) + 1)
    }
    return { id, isAccepted: true }
  }
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    // A caller that is killed resets its connection: what it called for is done.
    socket.on("error", () => socket.destroy())
    onLines(socket, (line) => socket.write(`${JSON.stringify(answer(JSON.parse(line) as Call))}\n`))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  return {
    port: (server.address() as net.AddressInfo).port,
    counts,
    accept: () => {
      isAccepting = true
    }
  }
})

// -----------------------------------------------------------------------------
// calling
// -----------------------------------------------------------------------------

/** A connection that lives as long as the scope. When it is lost, so is whoever needs it. */
export const connect = Effect.fnUntraced(function* (port: number): Effect.fn.Return<Caller, never, Scope.Scope> {
  const waiting = new Map<number, (isAccepted: boolean) => void>()
  const socket = yield* Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const socket = net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.setNoDelay(true)
      socket.once("error", (error) => resume(Effect.die(error)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  onLines(socket, (line) => {
    const { id, isAccepted } = JSON.parse(line) as Answer
    waiting.get(id)?.(isAccepted)
    waiting.delete(id)
  })
  let last = 0
  return {
    call: (idempotencyKey, handled) =>
      Effect.callback<void, Refused>((resume) => {
        const id = ++last
        waiting.set(id, (isAccepted) =>
          resume(isAccepted ? Effect.void : Effect.fail(new Refused({ message: `${handled.key} is refused for now` })))
        )
        socket.write(`${JSON.stringify({ id, idempotencyKey, handled } satisfies Call)}\n`)
        return Effect.sync(() => waiting.delete(id))
      })
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const onLines = (socket: net.Socket, use: (line: string) => void): void => {
  let rest = ""
  socket.setEncoding("utf8")
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) use(line)
  })
}
